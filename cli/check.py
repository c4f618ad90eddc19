"""``kitchen check``: everything that is wrong with a configuration, at once."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import typer
from rich.console import Console

import configs
from cli.output import show_json


def check(directory: Path, *, as_json: bool) -> None:
    """Print every problem; exit status 1 if one is fatal."""
    problems = configs.check(directory)
    fatal = any(problem.fatal for problem in problems)
    if as_json:
        show_json({"directory": str(directory), "ok": not fatal, "problems": [asdict(problem) for problem in problems]})
    else:
        console = Console(soft_wrap=True, highlight=False)
        for problem in problems:
            console.print("error  " if problem.fatal else "warning", str(problem), markup=False)
        if not fatal:
            console.print(f"{directory}: the configuration is sound", markup=False)
    if fatal:
        raise typer.Exit(1)
