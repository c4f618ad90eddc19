"""``kitchen deadline repair`` and ``kitchen deadline publication``."""

from __future__ import annotations

from pathlib import Path

import configs
from cli.output import show_json
from credit.calendar import Deadline, repair_deadline
from credit.publication import publication as dates_of
from domain.errors import BadInput, Code
from domain.time import local, parse_instant

_FIRST_YEAR, _LAST_YEAR = 2000, 2199
"""Those the months of a publication may have."""


def repair(received: str, config: Path | None) -> None:
    """Until when a complete application is decided."""
    received_at = parse_instant(received, "--received")
    if not _FIRST_YEAR <= local(received_at).year <= _LAST_YEAR:
        raise BadInput(Code.TIME_IMPOSSIBLE, f"the year is outside {_FIRST_YEAR} to {_LAST_YEAR}", where="--received")
    _show(repair_deadline(received_at, configs.calendar(config)))


def publication(month: str, config: Path | None) -> None:
    """When a month's ratings are published."""
    _show(dates_of(month, configs.calendar(config)).deadline)


def _show(deadline: Deadline) -> None:
    show_json({"by": local(deadline.by).isoformat(), "calendar": deadline.calendar.value})
