"""The command: which figures, how much, and where the results go."""

from __future__ import annotations

import logging
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Final, cast

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from cli import clock
from cli.bench import report
from cli.bench.figure import Figure, Ground, Outcome, Size
from cli.bench.kafka_node import jars_named
from cli.bench.machine import describe
from cli.bench.rounds import measure
from cli.logs import set_up_logging
from cli.output import show_json
from domain.errors import ConfigurationError, Unavailable

FIGURES: Final = {
    "gateway": "gateway",
    "casework": "casework",
    "warnings": "warnings",
    "log": "log",
    "log-start": "log_start",
    "frames": "frames",
    "push": "push",
    "fanout": "fanout",
    "sweep": "sweep",
    "credit": "credit",
    "start": "start",
}
"""Name on the command line → module below ``cli.bench.figures``."""


def bench(
    *,
    only: Sequence[str] = (),
    size: Size = Size.FULL,
    model: str = "default",
    kafka_jars: Path | None = None,
    as_json: bool = False,
    markdown: Path | None = None,
) -> None:
    """Measure and print.

    Args:
        only: names of figures, also several in one word with commas; all if empty.
        size: how much is measured.
        model: what the detector is.
        kafka_jars: folder of Apache Kafka's jars.
        as_json: JSON on standard output instead of tables.
        markdown: a page whose results are replaced, or that is written.

    Raises:
        ConfigurationError: for a figure that does not exist.
        Unavailable: if a figure of the product could not be measured; the others are shown all the same.
    """
    names = chosen(only)
    jars = jars_named(kafka_jars, os.environ)
    set_up_logging(level=logging.ERROR)
    machine = describe(jars, clock.now())
    begun = time.perf_counter()
    outcomes = _measure(names, size, model, jars)
    run = report.Run(machine=machine, size=size, seconds=time.perf_counter() - begun, outcomes=outcomes)
    if as_json:
        show_json(report.as_json(run))
    else:
        report.show(run)
    if markdown is not None:
        report.write_markdown(run, markdown)
    if run.failed:
        raise Unavailable(f"not measured: {', '.join(run.failed)}")


def chosen(only: Sequence[str]) -> list[str]:
    """The figures to measure, in their usual order.

    Raises:
        ConfigurationError: for a figure that does not exist.
    """
    asked = {name.strip() for word in only for name in word.split(",") if name.strip()}
    if unknown := asked - FIGURES.keys():
        raise ConfigurationError(
            f"no such figure: {', '.join(sorted(unknown))}", key="bench", hint=f"one of {', '.join(FIGURES)}"
        )
    return [name for name in FIGURES if not asked or name in asked]


def figure_of(name: str) -> Figure:
    """The figure of a name; its module is imported now."""
    return cast("Figure", import_module(f"cli.bench.figures.{FIGURES[name]}"))


def _measure(names: Sequence[str], size: Size, model: str, jars: Path | None) -> list[Outcome]:
    outcomes = []
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: nothing is left behind
    with tempfile.TemporaryDirectory(prefix="kitchen-bench-") as root, _progress() as progress:
        task = progress.add_task("", total=len(names))
        for done, name in enumerate(names):
            figure = figure_of(name)
            scratch = Path(root) / name
            scratch.mkdir()
            ground = Ground(scratch=scratch, size=size, model=model, kafka_jars=jars, say=_teller(progress, task, name))
            outcomes.append(measure(figure, ground, _mover(progress, task, done)))
    return outcomes


def _progress() -> Progress:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())


def _teller(progress: Progress, task: TaskID, name: str) -> Callable[[str], None]:
    def say(what: str) -> None:
        progress.update(task, description=f"{name}: {what}")

    say("starting")
    return say


def _mover(progress: Progress, task: TaskID, done: int) -> Callable[[float], None]:
    def move(part: float) -> None:
        progress.update(task, completed=done + part)

    return move
