"""``kitchen status``: the process table that ``kitchen up`` keeps in ``DATA/run/processes.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cli.datadir import DataDirectory, read_json
from cli.output import show_json, show_table
from domain.errors import ConfigurationError


def status(data: Path, *, as_json: bool) -> None:
    """Print the table.

    Raises:
        ConfigurationError: if nothing runs there.
    """
    directory = DataDirectory(data.absolute())
    endpoints = read_json(directory.run / "endpoints.json")
    if not endpoints or not directory.held():
        raise ConfigurationError(f"nothing is running in {directory.root}", hint="start `kitchen up` or `kitchen demo`")
    rows = processes(directory)
    if as_json:
        show_json({"page": endpoints.get("web"), "endpoints": endpoints, "processes": rows})
        return
    columns = ("name", "state", "pid", "restarts", "address")
    show_table(columns, ([row[column] if row[column] is not None else "" for column in columns] for row in rows))


def processes(directory: DataDirectory) -> list[dict[str, Any]]:
    """The rows of the process table; empty if there is none."""
    try:
        rows = json.loads((directory.run / "processes.json").read_text("utf-8"))
    except (OSError, ValueError):
        return []
    return list(rows)
