"""What the process manager itself counts; the parts count in their own processes."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import Counter, Gauge

from cli.processes import Process, State

RESTARTS = Counter("kitchen_worker_restarts", "Times a process ended by itself and was started again", ["worker"])
READY = Gauge("kitchen_worker_ready", "Whether a process is running and ready", ["worker"])


def present(workers: Iterable[str]) -> None:
    """Show every process of the run at zero."""
    for worker in workers:
        RESTARTS.labels(worker)
        READY.labels(worker)


def observe(process: Process) -> None:
    """Take a change of a process."""
    worker = process.program.name
    READY.labels(worker).set(process.state is State.READY)
    if process.state is State.RESTARTING:
        RESTARTS.labels(worker).inc()
