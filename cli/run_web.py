"""``kitchen run web``: the pages and the API alone, for more than one machine; the database must be PostgreSQL."""

from __future__ import annotations

from cli.serving import serve
from cli.wiring import wired
from cli.worker import Setting, show_metrics, stoppable
from domain.errors import ConfigurationError


async def run(setting: Setting, *, host: str, port: int) -> None:
    """Serve until told to stop.

    Raises:
        ConfigurationError: on SQLite, whose only owner is the casework process.
    """
    if setting.endpoints.database.startswith("sqlite"):
        raise ConfigurationError(
            "SQLite has one owner, the casework process",
            key="KITCHEN_DATABASE_URL",
            hint="set it to postgresql://…, or let `kitchen run casework --port` serve the pages",
        )
    async with stoppable("web") as stop, wired(setting, client_id="web") as parts:
        show_metrics(setting)
        await serve(parts, host=host, port=port, stop=stop)
