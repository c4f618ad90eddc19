"""``kitchen up`` and ``kitchen demo``: everything on one machine, until Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import structlog
from prometheus_client import disable_created_metrics, start_http_server
from rich.console import Console

from cli import metrics
from cli.board import Board, Heading, open_warnings
from cli.datadir import DataDirectory, port_is_free, write_json
from cli.installation import Prepared, prepare_demo, prepare_site
from cli.logs import set_up_logging
from cli.plan import LOOPBACK, Addresses, Plan, plan
from cli.processes import Process, Processes
from cli.readiness import get
from configs.endpoints import Endpoints, without_credentials

log = structlog.get_logger(__name__)


def up(
    data: Path, config: Path | None, addresses: Addresses, *, demo: bool, model: str = "default", devices: bool = True
) -> None:
    """Run an installation until it is told to stop.

    Raises:
        ConfigurationError: before anything is started, if it cannot work.
        Unavailable: if a part does not come up.
    """
    directory = DataDirectory(data.absolute())
    directory.prepare()
    with directory.locked():
        prepared = prepare_demo(directory, config) if demo else prepare_site(directory, config)
        (directory.run / "endpoints.json").unlink(missing_ok=True)
        endpoints = Endpoints.from_environment(os.environ, directory.root)
        asyncio.run(_run(prepared, addresses, endpoints, model=model, devices=devices))


async def _run(prepared: Prepared, addresses: Addresses, endpoints: Endpoints, *, model: str, devices: bool) -> None:
    data = prepared.data
    set_up_logging(data.logs / "manager.log")
    disable_created_metrics()  # type: ignore[no-untyped-call]
    await _until_free(addresses)
    planned = plan(prepared, addresses, endpoints, model=model, devices=devices)
    _tell_others(data, planned)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    with Board(_heading(prepared, planned), Console()) as board:

        def changed(process: Process) -> None:
            metrics.observe(process)
            board.changed(process)

        processes = Processes(planned.programs, logs=data.logs, table=data.run / "processes.json", changed=changed)
        metrics.present(processes.all)
        server, thread = start_http_server(planned.manager_metrics_port, addr=LOOPBACK)
        board.shows(processes.all)
        try:
            await _watch(processes, board, planned, stop)
        finally:
            await processes.stop()
            server.shutdown()
            thread.join()
            (data.run / "endpoints.json").unlink(missing_ok=True)


async def _watch(processes: Processes, board: Board, planned: Plan, stop: asyncio.Event) -> None:
    starting = asyncio.create_task(processes.start())
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait([starting, stopped], return_when=asyncio.FIRST_COMPLETED)
    if stopped.done():
        starting.cancel()
        return
    try:
        await starting  # raises if something did not come up
        board.ready()
        while not stop.is_set():
            status, page = await get(planned.metrics["casework"])
            if status == 200:
                board.counts(open_warnings(page))
            await asyncio.wait([stopped], timeout=1.0)
    finally:
        stopped.cancel()


async def _until_free(addresses: Addresses) -> None:
    """Give a run that has just been killed a moment to let go of its ports."""
    for _ in range(20):
        if port_is_free(addresses.host, addresses.port) and port_is_free(addresses.host, addresses.mqtt_port):
            return
        await asyncio.sleep(0.1)


def _tell_others(data: DataDirectory, planned: Plan) -> None:
    """Write down where everything is, for the other commands and for Prometheus (file_sd)."""
    shown = {part: without_credentials(url) for part, url in planned.endpoints.items()}
    write_json(data.run / "endpoints.json", {**shown, "web": planned.page, "metrics": dict(planned.metrics)})
    targets = [
        {"targets": [url.split("/")[2]], "labels": {"job": "kitchen", "process": name}} for name, url in planned.metrics.items()
    ]
    write_json(data.run / "prometheus-targets.json", targets)


def _heading(prepared: Prepared, planned: Plan) -> Heading:
    return Heading(
        title=f"明厨亮灶 Bright Kitchen: {prepared.configuration.site.name}",
        page=planned.page,
        mqtt=without_credentials(planned.mqtt),
        data=str(prepared.data.root),
        users=prepared.new_users,
        devices=prepared.new_devices,
    )
