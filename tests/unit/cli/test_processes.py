"""The process manager with small real processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from cli import processes as module
from cli.datadir import DataDirectory, kept_ports, port_is_free
from cli.processes import Process, Processes, Program, State, bound
from cli.readiness import answers, at_once, get, listens
from domain.errors import ConfigurationError, Unavailable

SLEEP = "import time; time.sleep(60)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"


def program(name: str, code: str = SLEEP, **more: object) -> Program:
    return Program(name=name, command=(sys.executable, "-c", code), **{"ready": at_once, **more})  # type: ignore[arg-type]


@asynccontextmanager
async def started(
    folder: Path, *programs: Program, changed: Callable[[Process], None] = lambda _: None
) -> AsyncIterator[Processes]:
    running = Processes(programs, logs=folder, table=folder / "processes.json", changed=changed)
    try:
        await running.start()
        yield running
    finally:
        await running.stop()


async def until(condition: Callable[[], bool], within_s: float = 10) -> None:
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - polls other processes
            await asyncio.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_a_program_starts_only_after_those_it_needs_are_ready(tmp_path: Path) -> None:
    seen: list[tuple[str, State]] = []
    door = tmp_path / "open"

    async def opened() -> bool:
        return door.exists()

    first = program(
        "first", f"import time, pathlib; time.sleep(.3); pathlib.Path({str(door)!r}).touch(); time.sleep(60)", ready=opened
    )
    async with started(
        tmp_path, program("second", needs=["first"]), first, changed=lambda p: seen.append((p.program.name, p.state))
    ):
        assert seen.index(("first", State.READY)) < seen.index(("second", State.STARTING))


async def test_a_killed_process_comes_back_and_the_table_counts_it(tmp_path: Path) -> None:
    async with started(tmp_path, program("one")) as running:
        process = running.all["one"]
        first_pid = process.pid
        assert first_pid is not None
        os.kill(first_pid, signal.SIGKILL)
        await until(lambda: process.restarts == 1 and process.state is State.READY)
        [row] = json.loads((tmp_path / "processes.json").read_text())
        assert row == {"name": "one", "pid": process.pid, "state": "ready", "restarts": 1, "last_exit": -9, "address": ""}
        assert process.pid != first_pid


async def test_a_killed_process_comes_back_though_the_disk_takes_neither_its_log_nor_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TEND_EVERY_S", 0.05)
    folder, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    folder.mkdir()
    async with started(folder, program("one")) as running:
        one = running.all["one"]
        assert one.pid is not None
        folder.rename(elsewhere)
        os.kill(one.pid, signal.SIGKILL)
        await until(lambda: one.state is State.RESTARTING and one.restarts >= 2)
        elsewhere.rename(folder)
        await until(lambda: one.state is State.READY)
        await until(lambda: json.loads((folder / "processes.json").read_text())[0]["pid"] == one.pid)


async def test_back_off_grows_while_a_process_keeps_dying(tmp_path: Path) -> None:
    times: list[float] = []

    def note(process: Process) -> None:
        if process.state is State.STARTING:
            times.append(asyncio.get_running_loop().time())

    async with started(tmp_path, program("dies", "import time; time.sleep(.05)"), changed=note):
        await until(lambda: len(times) >= 4)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert gaps[0] >= 0.4 - 0.05
    assert gaps[2] > gaps[1] > gaps[0]


async def test_a_process_that_never_starts_is_reported_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SHORTEST_WAIT_S", 0.001)

    async def never() -> bool:
        return False

    with pytest.raises(Unavailable, match=r"bad does not start \(exit 3\): the port is taken"):
        async with started(tmp_path, program("bad", "import sys; print('the port is taken'); sys.exit(3)", ready=never)):
            pass


async def test_stopping_goes_dependents_first_and_kills_the_deaf_within_five_seconds(tmp_path: Path) -> None:
    stopped: list[str] = []
    farewell = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); time.sleep(60)"

    async def heard() -> bool:
        return "deaf" in (tmp_path / "deaf.log").read_text()

    running = Processes(
        [
            program("log", farewell),
            program("deaf", DEAF, needs=["log"], grace_s=0.5, ready=heard),
            program("page", farewell, needs=["deaf"]),
        ],
        logs=tmp_path,
        table=tmp_path / "processes.json",
    )
    await running.start()
    pids = {name: process.pid for name, process in running.all.items()}

    async def watch(name: str) -> None:
        await running.all[name].gone.wait()
        stopped.append(name)

    watches = [asyncio.create_task(watch(name)) for name in running.all]
    begun = asyncio.get_running_loop().time()
    await running.stop()
    await asyncio.gather(*watches)
    assert asyncio.get_running_loop().time() - begun < 5
    assert stopped == ["page", "deaf", "log"]
    assert not any(pid and alive(pid) for pid in pids.values())


async def test_nothing_survives_a_kill_minus_nine_of_the_manager(tmp_path: Path) -> None:
    code = f"""
import asyncio, sys
from pathlib import Path
from cli.processes import Processes, Program
from cli.readiness import at_once
async def main():
    folder = Path({str(tmp_path)!r})
    programs = [Program(name=n, command=(sys.executable, "-c", {DEAF!r}), ready=at_once) for n in ("a", "b")]
    running = Processes(programs, logs=folder, table=folder / "processes.json")
    await running.start()
    print("started", flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""
    manager = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    assert manager.stdout is not None
    assert await manager.stdout.readline() == b"started\n"
    pids = [row["pid"] for row in json.loads((tmp_path / "processes.json").read_text())]
    assert all(alive(pid) for pid in pids)
    manager.kill()
    await manager.wait()
    await until(lambda: not any(alive(pid) for pid in pids))


async def test_a_child_is_its_own_group_so_that_ctrl_c_reaches_only_the_manager(tmp_path: Path) -> None:
    async with started(tmp_path, program("one")) as running:
        pid = running.all["one"].pid
        assert pid is not None
        assert os.getpgid(pid) == pid != os.getpgid(0)


async def test_readiness_by_port_and_by_page() -> None:
    async def page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readuntil(b"\r\n\r\n")
        status = "200 OK" if line.startswith(b"GET /readyz ") else "503 Service Unavailable"
        writer.write(f"HTTP/1.1 {status}\r\nConnection: close\r\n\r\nbody".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(page, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    assert await listens("127.0.0.1", port)()
    assert await answers(f"http://127.0.0.1:{port}/readyz")()
    assert not await answers(f"http://127.0.0.1:{port}/")()
    assert await get(f"http://127.0.0.1:{port}/readyz") == (200, "body")
    server.close()
    await server.wait_closed()
    assert not await listens("127.0.0.1", port)()
    assert not await answers(f"http://127.0.0.1:{port}/readyz")()


def test_a_second_run_on_the_same_data_is_refused_by_name(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path)
    data.prepare()
    with data.locked(), pytest.raises(ConfigurationError, match=rf"process {os.getpid()}\).*--data"), data.locked():
        pass
    with data.locked():
        pass


def test_a_directory_is_held_as_long_as_its_process_lives_and_looking_changes_nothing(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path / "data")
    assert not directory.held()
    directory.prepare()
    assert not directory.held()
    with directory.locked():
        assert directory.held()
        assert (directory.run / "lock").read_text() == str(os.getpid())
    assert not directory.held()


def test_secrets_are_closed_to_others(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path / "new")
    data.prepare()
    assert data.secrets.stat().st_mode & 0o777 == 0o700


def test_ports_are_chosen_once_and_a_taken_one_anew(tmp_path: Path) -> None:
    import socket  # noqa: PLC0415

    first = kept_ports(tmp_path / "ports.json", ("kafka", "redis"))
    assert kept_ports(tmp_path / "ports.json", ("kafka", "redis")) == first
    with socket.socket() as taker:
        taker.bind(("127.0.0.1", first["kafka"]))
        taker.listen()
        assert not port_is_free("127.0.0.1", first["kafka"])
        second = kept_ports(tmp_path / "ports.json", ("kafka", "redis"))
    assert second["kafka"] != first["kafka"]
    assert second["redis"] == first["redis"]


def test_a_log_that_grows_is_set_aside_and_writing_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "one.log"
    with path.open("ab", buffering=0) as writer:
        writer.write(b"x" * 200)
        bound(path, most_bytes=100)
        writer.write(b"after")
    assert path.read_bytes() == b"after"
    assert (tmp_path / "one.log.1").read_bytes() == b"x" * 200
