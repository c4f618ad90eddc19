"""``kitchen run log``: the embedded Kafka-protocol log, on loopback."""

from __future__ import annotations

from prometheus_client import REGISTRY

from cli.worker import Setting, show_metrics, stoppable
from streams.log import Log, LogCollector


async def run(setting: Setting, port: int) -> None:
    """Serve the log kept in ``DATA/log`` until told to stop."""
    async with stoppable("log") as stop, Log(setting.data / "log", port=port) as log:
        REGISTRY.register(LogCollector(log.metrics))
        show_metrics(setting)
        await stop.wait()
