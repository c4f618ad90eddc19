"""Starts, watches, restarts and stops the processes of one installation.

A program starts when all it needs are ready, and stops after all that need it have stopped. Every child is its own session, so
Ctrl-C reaches only us; it is tied to us (``cli.tether``), so that it is gone when we are, even after a kill -9.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import structlog

from cli import tether
from cli.datadir import write_json
from cli.readiness import Ready
from domain.errors import Unavailable

log = structlog.get_logger(__name__)

STOP_WITHIN_S = 4.5
FIRST_TRIES = 5
READY_WITHIN_S = 90.0
STEADY_AFTER_S = 30.0
SHORTEST_WAIT_S = 0.2
LONGEST_WAIT_S = 10.0
MAX_LOG_BYTES = 8 * 1024 * 1024
TEND_EVERY_S = 2.0


class State(StrEnum):
    """What a process is doing."""

    WAITING = "waiting"  # for those it needs
    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to run and how to tell that it runs.

    Attributes:
        command: program and arguments; the program is found on PATH.
        environment: variables on top of our own.
        needs: names of programs that must have been ready once before this one starts.
        ready: asked every 100 ms after the start.
        address: shown to people.
        grace_s: how long it may take to stop before it is killed.
    """

    name: str
    command: Sequence[str]
    ready: Ready
    needs: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    address: str = ""
    grace_s: float = 2.0


@dataclass(slots=True)
class Process:
    """A program as it runs now."""

    program: Program
    state: State = State.WAITING
    pid: int | None = None
    restarts: int = 0
    last_exit: int | None = None
    was_ready: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    child: asyncio.subprocess.Process | None = None


class Processes:
    """The processes of one run.

    Args:
        programs: in no particular order; names are unique.
        logs: directory for their output, one file each, kept below ``MAX_LOG_BYTES``.
        table: JSON file that always shows name, pid, state and restarts.
        changed: called after each change of a process.
    """

    def __init__(
        self, programs: Sequence[Program], *, logs: Path, table: Path, changed: Callable[[Process], None] = lambda _: None
    ) -> None:
        self.all = {program.name: Process(program) for program in programs}
        self._logs, self._table, self._changed = logs, table, changed
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False
        self._table_is_old = False
        self.failure: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def start(self) -> None:
        """Start everything and return when all are ready.

        Raises:
            Unavailable: if a process does not come up; the message ends with the last line it wrote.
        """
        self._tasks = [asyncio.create_task(self._keep(process)) for process in self.all.values()]
        self._tasks.append(asyncio.create_task(self._tend_files()))
        everything = asyncio.ensure_future(self._all_ready())
        watched: set[asyncio.Future[Any]] = {everything, self.failure}
        try:
            await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
        finally:
            everything.cancel()
        if self.failure.done():
            raise Unavailable(self.failure.result())

    async def _all_ready(self) -> None:
        for process in self.all.values():
            await process.was_ready.wait()

    async def stop(self) -> None:
        """Stop everything, dependents first; what does not go in time is killed."""
        self._stopping = True
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_WITHIN_S):
                await asyncio.gather(*(self._end(process) for process in self.all.values()))
        for process in self.all.values():
            _signal_group(process, signal.SIGKILL)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for process in self.all.values():
            if process.child is not None:
                await process.child.wait()
            self._enter(process, State.STOPPED)

    async def _end(self, process: Process) -> None:
        dependents = [other for other in self.all.values() if process.program.name in other.program.needs]
        await asyncio.gather(*(other.gone.wait() for other in dependents))
        if process.child is not None and process.child.returncode is None:
            with suppress(ProcessLookupError):
                process.child.terminate()
            try:
                async with asyncio.timeout(process.program.grace_s):
                    await process.child.wait()
            except TimeoutError:
                log.warning("process.killed", process=process.program.name, after_s=process.program.grace_s)
        _signal_group(process, signal.SIGKILL)
        process.gone.set()

    async def _keep(self, process: Process) -> None:
        """Run one program for ever."""
        await asyncio.gather(*(self.all[name].was_ready.wait() for name in process.program.needs))
        failures, wait_s = 0, SHORTEST_WAIT_S
        while not self._stopping:
            lasted_s = await self._run_once(process)
            if self._stopping:
                return
            if not process.was_ready.is_set():
                failures += 1
                if failures >= FIRST_TRIES:
                    self._give_up(process)
                    return
            wait_s = SHORTEST_WAIT_S if lasted_s > STEADY_AFTER_S else min(wait_s * 2, LONGEST_WAIT_S)
            process.restarts += 1
            self._enter(process, State.RESTARTING)
            log.warning("process.ended", process=process.program.name, exit=process.last_exit, restart_in_s=wait_s)
            await asyncio.sleep(wait_s)

    def _give_up(self, process: Process) -> None:
        self._enter(process, State.FAILED)
        if not self.failure.done():
            said = last_line(self._logs / f"{process.program.name}.log")
            self.failure.set_result(f"{process.program.name} does not start (exit {process.last_exit}): {said}")

    async def _run_once(self, process: Process) -> float:
        """Start the program, see it become ready, wait for its end; returns how long it ran."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        try:
            child = process.child = await self._spawn(process.program)
        except OSError as error:  # no room for its log, no memory for one more process
            log.warning("process.not_started", process=process.program.name, error=str(error))
            return 0.0
        process.pid = child.pid
        self._enter(process, State.STARTING)
        ended = asyncio.create_task(child.wait())
        ready = asyncio.create_task(self._until_ready(process.program))
        try:
            await asyncio.wait([ended, ready], return_when=asyncio.FIRST_COMPLETED, timeout=READY_WITHIN_S)
            if ready.done() and not ended.done():
                process.was_ready.set()
                self._enter(process, State.READY)
            elif not ended.done():
                log.warning("process.not_ready", process=process.program.name, after_s=READY_WITHIN_S)
                _signal_group(process, signal.SIGKILL)
            process.last_exit = await ended
        finally:
            ready.cancel()
            ended.cancel()
        _signal_group(process, signal.SIGKILL)  # whatever it left behind
        process.pid = None
        return loop.time() - begun

    async def _spawn(self, program: Program) -> asyncio.subprocess.Process:
        path = self._logs / f"{program.name}.log"
        with path.open("ab") as output:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                "-IS",
                str(tether.__file__),
                str(os.getpid()),
                *program.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **program.environment},
                start_new_session=True,
            )

    async def _until_ready(self, program: Program) -> None:
        while not await program.ready():  # noqa: ASYNC110 - the answer comes from outside, there is nothing to wait on
            await asyncio.sleep(0.1)

    async def _tend_files(self) -> None:
        """Keep logs short, and write the table that a full disk did not take."""
        while True:
            await asyncio.sleep(TEND_EVERY_S)
            for process in self.all.values():
                with suppress(OSError):
                    bound(self._logs / f"{process.program.name}.log")
            if self._table_is_old:
                self._write_table()

    def _enter(self, process: Process, state: State) -> None:
        process.state = state
        self._write_table()
        self._changed(process)

    def _write_table(self) -> None:
        """Write the table; a disk that does not take it must not end what keeps the processes."""
        try:
            write_json(self._table, self.rows())
        except OSError as error:
            if not self._table_is_old:
                log.warning("process.table_not_written", error=str(error))
            self._table_is_old = True
        else:
            self._table_is_old = False

    def rows(self) -> list[dict[str, object]]:
        """The process table as JSON values."""
        return [
            {
                "name": process.program.name,
                "pid": process.pid,
                "state": process.state.value,
                "restarts": process.restarts,
                "last_exit": process.last_exit,
                "address": process.program.address,
            }
            for process in self.all.values()
        ]


def _signal_group(process: Process, number: signal.Signals) -> None:
    """Signal a child and whatever it started; it is the leader of its own session."""
    if process.pid is not None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)


def bound(path: Path, most_bytes: int = MAX_LOG_BYTES) -> None:
    """Move an open log's content to ``.1`` when it has grown too large; the writer appends and goes on in the emptied file."""
    with suppress(FileNotFoundError):
        if path.stat().st_size > most_bytes:
            path.with_suffix(".log.1").write_bytes(path.read_bytes())
            os.truncate(path, 0)


def last_line(path: Path) -> str:
    """The last thing a process said; the frame that Python draws around a group of errors does not count."""
    with suppress(OSError):
        lines = path.read_bytes()[-4000:].decode("utf-8", "replace").splitlines()
        for line in reversed(lines):
            said = line.strip(" |+-\t")
            if said:
                return said
    return "it said nothing"
