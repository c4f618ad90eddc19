"""How a failure of ours looks on the command line: one clear line on standard error and exit status 1, no traceback."""

from __future__ import annotations

import sys
from typing import Any

import typer
from typer.core import TyperGroup

from domain.errors import KitchenError


class Kitchen(TyperGroup):
    """The group of all commands."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; a failure that the product names becomes one line."""
        try:
            return super().invoke(ctx)
        except KitchenError as error:
            print(f"kitchen: {error}", file=sys.stderr)
            raise typer.Exit(1) from None
        except BaseExceptionGroup as group:  # what a task of a worker raised
            ours = _first(group)
            if ours is None:
                raise
            print(f"kitchen: {ours}", file=sys.stderr)
            raise typer.Exit(1) from None
        except BrokenPipeError:  # the reader of our output has gone
            raise typer.Exit(1) from None


def _first(group: BaseExceptionGroup[BaseException]) -> KitchenError | None:
    """The first failure of ours in a group, if every one is ours."""
    ours, others = group.split(KitchenError)
    if others is not None or ours is None:
        return None
    error: BaseException = ours
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error if isinstance(error, KitchenError) else None
