"""Outages and closures: who may tell them, what is told too late, and that a withdrawn one counts for nobody."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from casework.assessment_interruptions import Announcement, announce, told_in, withdraw
from casework.assessment_snapshot import take
from domain.errors import BadInput, Conflict, Forbidden, KitchenError, NotFound
from domain.parties import Actor, Role
from store.assessments import InterruptionKind
from tests.unit.casework.assessing import CAMERA, CUT, LEADER, MONTH, OFFICER, OWNER, USCC, Place, at, merchant, place, word

NOW = at(20, 9)
FARAWAY = Actor(id="u-faraway", role=Role.INSPECTOR, region="330225")
STAFF = Actor(id="u-staff", role=Role.STAFF, uscc=USCC)
OTHER = Actor(id="u-other", role=Role.MERCHANT, uscc="92330225MA2XHK067M")


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as found:
        found.register()
        yield found


def told(kind: str, begins: Any = None, ends: Any = None, **more: Any) -> Announcement:
    began_at, ended_at = begins or at(19, 8), ends or at(19, 20)
    return Announcement(kind=InterruptionKind(kind), began_at=began_at, ended_at=ended_at, reason="停电检修", **more)


LATER: dict[str, Any] = {"begins": at(25, 0), "ends": at(26, 0)}
SOON: dict[str, Any] = {"begins": at(21, 8), "ends": at(21, 20)}
WHO: list[tuple[str, Announcement, Actor, type[KitchenError] | None]] = [
    ("a supervisor tells of the platform's outage", told("platform"), LEADER, None),
    ("an inspector does not: it concerns everybody", told("platform"), OFFICER, Forbidden),
    ("an inspector tells of the power of their region", told("area", region="330211"), OFFICER, None),
    ("and of no other region", told("area", region="330211"), FARAWAY, Forbidden),
    ("and not of the whole country", told("area"), OFFICER, Forbidden),
    ("an outage that still lasts has no end to tell", told("area", at(20, 8), at(20, 20), region="330211"), OFFICER, BadInput),
    ("maintenance five days ahead", told("maintenance", **LATER), LEADER, None),
    ("maintenance 23 hours ahead counts for nothing", told("maintenance", **SOON), LEADER, BadInput),
    ("a shop tells that it closes", told("closure", **LATER, uscc=USCC), OWNER, None),
    ("of itself where it names nobody", told("closure", **LATER), OWNER, None),
    ("but not afterwards", told("closure", uscc=USCC), OWNER, BadInput),
    ("nor with a date that nobody can check", told("closure", uscc=USCC, announced_at=at(18, 8)), OWNER, Forbidden),
    ("an official has the paper that says when", told("closure", uscc=USCC, announced_at=at(18, 8)), OFFICER, None),
    ("another shop is nobody's business", told("closure", **LATER, uscc=USCC), OTHER, NotFound),
    ("an inspector from elsewhere does not know the shop", told("closure", **LATER, uscc=USCC), FARAWAY, NotFound),
    ("staff close nothing", told("closure", **LATER, uscc=USCC), STAFF, Forbidden),
    ("what ends before it began", told("area", at(19, 8), at(19, 8), region="330211"), OFFICER, BadInput),
]


def test_who_may_not_tell_what(here: Place) -> None:
    for why, what, who, refused in WHO:
        if refused is not None:
            with pytest.raises(refused):
                announce(here.store, what, who, NOW)
            assert told_in(here.store, at(1, 0), CUT, LEADER) == [], why


def test_what_is_told_stands_once_with_its_author(here: Place) -> None:
    for why, what, who in [(why, what, who) for why, what, who, refused in WHO if refused is None]:
        before = len(told_in(here.store, at(1, 0), CUT, LEADER))
        item = announce(here.store, what, who, NOW)
        assert (item.recorded_by, item.recorded_at) == (who.id, NOW), why
        assert announce(here.store, what, who, NOW + timedelta(hours=1)) == item, why  # telling again changes nothing
        assert len(told_in(here.store, at(1, 0), CUT, LEADER)) == before + 1, why
        with here.store.reading() as uow:
            (step,) = uow.audit.of("interruption", item.id)
        assert (step.actor, step.to_state, step.reason) == (who.id, "told", "停电检修"), why
        withdraw(here.store, item.id, "下一例", LEADER, NOW + timedelta(hours=2))  # the next may be about the same hours


def online(here: Place, cut_at: Any = CUT) -> Any:
    """What the camera's rate is frozen as."""
    with here.store.reading() as uow:
        lens = here.assessor.lens("zhenhai")
        return take(uow, lens, [merchant()], MONTH, cut_at=cut_at)[USCC].facts["indicators"]["I05"]


def test_an_outage_is_left_out_of_the_rate_until_it_is_withdrawn(here: Place) -> None:
    with here.store.writing() as uow:
        uow.devices.put(CAMERA)
        uow.commit()
    here.observe(*(word(day, 10 + quarter / 4) for day in range(1, 31) if day != 19 for quarter in range(40)))
    assert online(here) == "96.666666"  # 29 days of 30
    item = announce(here.store, told("area", at(19, 0), at(20, 0), region="3302"), LEADER, NOW)
    assert online(here) == "100"
    assert online(here, NOW) == "94.736842"  # whoever looks as of then does not know it: 18 days of 19
    gone = withdraw(here.store, item.id, "报错了地区", LEADER, at(22, 9))
    assert (gone.withdrawn_by, online(here)) == (LEADER.id, "96.666666")
    with pytest.raises(Conflict):
        withdraw(here.store, item.id, "再撤一次", LEADER, at(22, 10))
    again = announce(here.store, told("area", at(19, 0), at(20, 0), region="3302"), LEADER, at(23, 9))
    assert (again.id != item.id, online(here)) == (True, "100")


def test_only_who_may_tell_it_takes_it_back_and_says_why(here: Place) -> None:
    item = announce(here.store, told("closure", **LATER), OWNER, NOW)
    for who, refused in ((STAFF, Forbidden), (OTHER, NotFound), (FARAWAY, NotFound)):
        with pytest.raises(refused):
            withdraw(here.store, item.id, "不停业了", who, NOW)
    with pytest.raises(BadInput):
        withdraw(here.store, item.id, "  ", OWNER, NOW)
    withdraw(here.store, item.id, "不停业了", OWNER, NOW)
    with here.store.reading() as uow:
        assert [step.to_state for step in uow.audit.of("interruption", item.id)] == ["told", "withdrawn"]


def test_everybody_reads_what_concerns_them(here: Place) -> None:
    announce(here.store, told("area", region="330211"), OFFICER, NOW)
    announce(here.store, told("closure", **LATER), OWNER, NOW)
    for who, number in ((LEADER, 2), (OFFICER, 2), (OWNER, 2), (FARAWAY, 0)):
        assert len(told_in(here.store, at(1, 0), CUT, who)) == number, who
