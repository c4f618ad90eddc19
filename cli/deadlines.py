"""``kitchen deadline repair`` and ``kitchen deadline publication``."""

from __future__ import annotations

from pathlib import Path

import configs
from cli.output import show_json
from credit.calendar import Deadline, repair_deadline
from credit.publication import publication as dates_of
from domain.time import local, parse_instant


def repair(received: str, config: Path | None) -> None:
    """Until when a complete application is decided."""
    _show(repair_deadline(parse_instant(received, "--received"), configs.calendar(config)))


def publication(month: str, config: Path | None) -> None:
    """When a month's ratings are published."""
    _show(dates_of(month, configs.calendar(config)).deadline)


def _show(deadline: Deadline) -> None:
    show_json({"by": local(deadline.by).isoformat(), "calendar": deadline.calendar.value})
