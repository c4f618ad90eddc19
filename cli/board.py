"""What the person in front of ``kitchen up`` sees: a live table on a terminal, plain lines elsewhere.

The plain lines end, once everything is ready, with a line that begins with ``READY`` and the page's address.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cli.processes import Process, State

_STYLES = {
    State.WAITING: "dim",
    State.STARTING: "yellow",
    State.READY: "green",
    State.RESTARTING: "bold yellow",
    State.FAILED: "bold red",
    State.STOPPED: "dim",
}
_OPEN = re.compile(r'^kitchen_warnings_open\{level="(\w+)"\} ([0-9.e+]+)$', re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """What stands above the table and stays."""

    title: str
    page: str
    mqtt: str
    data: str
    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    devices: Mapping[str, str] = field(default_factory=dict, repr=False)


class Board:
    """Shows a run; use as a context manager."""

    def __init__(self, heading: Heading, console: Console) -> None:
        self._heading, self._console = heading, console
        self._processes: Mapping[str, Process] = {}
        self._open: dict[str, int] | None = None
        self._live = Live(console=console, auto_refresh=False, transient=False) if console.is_terminal else None
        self._told: dict[str, tuple[State, int]] = {}

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        else:
            self._say(self._heading.title)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._live is not None:
            self._live.stop()

    def shows(self, processes: Mapping[str, Process]) -> None:
        """Name the processes to show."""
        self._processes = processes
        self.refresh()

    def changed(self, process: Process) -> None:
        """Show a change of one process."""
        if self._live is None and self._told.get(process.program.name) != (process.state, process.restarts):
            self._told[process.program.name] = (process.state, process.restarts)
            pid = f" pid {process.pid}" if process.pid else ""
            again = f", restarts {process.restarts}" if process.restarts else ""
            self._say(f"{process.program.name}: {process.state.value}{pid}{again}")
        self.refresh()

    def ready(self) -> None:
        """Say that everything is up."""
        if self._live is None:
            for line in _sign_in_lines(self._heading):
                self._say(line)
            self._say(f"READY {self._heading.page}")

    def counts(self, open_warnings: dict[str, int]) -> None:
        """Show how many warnings are open, by level."""
        if self._open != open_warnings:
            self._open = open_warnings
            if self._live is None and open_warnings:
                told = ", ".join(f"{count} {level}" for level, count in sorted(open_warnings.items()))
                self._say(f"open warnings: {told}")
            self.refresh()

    def refresh(self) -> None:
        """Draw again."""
        if self._live is not None:
            self._live.update(self._picture(), refresh=True)

    def _say(self, line: str) -> None:
        with suppress(OSError):  # a full disk behind the output does not end the run
            self._console.print(line, highlight=False, soft_wrap=True, markup=False)

    def _picture(self) -> RenderableType:
        table = Table(expand=False, pad_edge=False)
        for column in ("process", "state", "pid", "restarts", "address"):
            table.add_column(column, justify="right" if column in ("pid", "restarts") else "left")
        for name, process in self._processes.items():
            state = Text(process.state.value, style=_STYLES[process.state])
            table.add_row(name, state, str(process.pid or ""), str(process.restarts), process.program.address)
        lines = [Text(self._heading.title, style="bold"), *(Text(line) for line in _sign_in_lines(self._heading))]
        if self._open is not None:
            red = self._open.get("red", 0)
            lines.append(Text(f"open warnings: {sum(self._open.values())}, of them red: {red}", style="red" if red else ""))
        return Group(*lines, table, Text("Ctrl-C stops everything.", style="dim"))


def _sign_in_lines(heading: Heading) -> list[str]:
    lines = [f"page:    {heading.page}", f"mqtt:    {heading.mqtt}", f"data:    {heading.data}"]
    if heading.users:
        lines.append("users:   " + "   ".join(f"{login} / {password}" for login, password in heading.users.items()))
    if heading.devices:
        lines.append("devices: " + "   ".join(f"{name} / {password}" for name, password in heading.devices.items()))
    return lines


def open_warnings(metrics: str) -> dict[str, int]:
    """Open warnings by level, from a page of Prometheus metrics."""
    return {level: int(float(count)) for level, count in _OPEN.findall(metrics)}
