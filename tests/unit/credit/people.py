"""Who acts in the tests of lifecycles, when, and by which calendar."""

from __future__ import annotations

from datetime import datetime, timedelta

from credit.calendar import Calendar
from domain.parties import SYSTEM, Actor, Role
from domain.time import SHANGHAI

USCC = "92330211MA2ABC125M"
MERCHANT = Actor(id="m", role=Role.MERCHANT, uscc=USCC)
STRANGER = Actor(id="s", role=Role.MERCHANT, uscc="92330225MA2XHK067M")
OFFICER = Actor(id="o1", role=Role.INSPECTOR, region="3302")
SECOND = Actor(id="o2", role=Role.INSPECTOR, region="3302")
LEADER = Actor(id="l", role=Role.SUPERVISOR)
CLOCK = SYSTEM
WEEKDAYS = Calendar(works=lambda day: day.weekday() < 5, covers=lambda _: True)


def at(month: int, day: int, hour: int = 9, minute: int = 0, *, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=SHANGHAI)


NOW = at(11, 16)  # a Monday
DAY = timedelta(days=1)
