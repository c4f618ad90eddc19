"""What surrounds every command: files closed to others, and a failure of ours as one clear line and exit status 1."""

from __future__ import annotations

import os
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from cli.language import spoken
from domain.errors import KitchenError

_OWNER_ONLY = 0o077


class Kitchen(TyperGroup):
    """The group of all commands."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; a failure that the product names becomes one line.

        What it or its children create is for its owner only: the log holds the devices' keys, the media people's pictures.
        """
        before = os.umask(_OWNER_ONLY)
        try:
            return super().invoke(ctx)
        except KitchenError as error:
            print(f"kitchen: {_told(error, ctx)}", file=sys.stderr)
            raise typer.Exit(1) from None
        except BaseExceptionGroup as group:  # what a task of a worker raised
            ours = _first(group)
            if ours is None:
                raise
            print(f"kitchen: {ours}", file=sys.stderr)
            raise typer.Exit(1) from None
        except BrokenPipeError:  # the reader of our output has gone
            raise typer.Exit(1) from None
        finally:
            os.umask(before)


def _told(error: KitchenError, ctx: Any) -> str:
    language = spoken(ctx)
    if language == "en":
        return str(error)
    from cli.sentences import error_in

    return error_in(error, language)


def _first(group: BaseExceptionGroup[BaseException]) -> KitchenError | None:
    """The first failure of ours in a group, if every one is ours."""
    ours, others = group.split(KitchenError)
    if others is not None or ours is None:
        return None
    error: BaseException = ours
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error if isinstance(error, KitchenError) else None
