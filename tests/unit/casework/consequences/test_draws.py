"""The draw through the store: fair by its seed, rounded up, without those who may not be drawn or sent (C.3, C.6.2, F.15)."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from casework.consequences import draws, penalties, tasks
from casework.consequences.draws import DrawCase, DrawState, reveal
from credit.sampling import Unit
from tests.unit.casework.consequences.street import (
    LEADER,
    PUBLISHED,
    SECOND_INSPECTOR,
    command,
    found,
    ordered,
    publish,
    street,
)
from tests.unit.casework.scene import INSPECTOR, Scene

AFTER_DRAW = PUBLISHED + timedelta(minutes=11)
DAY = date(2026, 12, 7)
CASE = DrawCase(
    id="d",
    scheme="zhenhai",
    grade="blue",
    place="1902",
    seed="",
    commitment="",
    units=tuple(Unit(id=f"u{number}", known_since=date(2026, 1, 1)) for number in range(20)),
    wanted=4,
    each=1,
    apart_days=0,
    not_twice_in_months=0,
    weekly=False,
    span_began=date(2026, 12, 1),
    committed_on=DAY,
    ends_on=date(2026, 12, 31),
)


def test_over_many_seeds_everybody_is_drawn_equally_often() -> None:
    # 4 of 20 in 2,000 draws: 400 times each; five standard deviations of sqrt(2000 · 0.2 · 0.8) = 17.9 are 90
    drawn = Counter(unit for number in range(2000) for unit in reveal(replace(CASE, seed=f"seed-{number}"))["drawn"])
    assert sum(drawn.values()) == 8000
    assert set(drawn) == {unit.id for unit in CASE.units}
    assert all(310 <= times <= 490 for times in drawn.values())


def test_the_seed_alone_decides_whatever_order_the_units_stand_in() -> None:
    told = reveal(replace(CASE, seed="2026-12-blue"))
    turned = reveal(replace(CASE, seed="2026-12-blue", units=CASE.units[::-1]))
    assert told == turned
    by_hand = sorted((unit.id for unit in CASE.units), key=lambda one: hashlib.sha256(f"2026-12-blue|{one}".encode()).hexdigest())
    assert list(told["order"]) == by_hand
    assert told["drawn"] == tuple(by_hand[:4])
    assert reveal(replace(CASE, seed="2026-12-blue."))["order"] != told["order"]


@pytest.mark.parametrize(
    ("counts", "drawn", "why"),
    [
        ({"blue": 6, "yellow": 3, "red": 3, "green": 3}, {"blue": 2, "yellow": 2, "red": 3}, "ceil(1.2), ceil(1.5), all, none"),
        ({"blue": 1, "yellow": 4}, {"blue": 1, "yellow": 2}, "ceil(0.2) of one (F.15), exactly half"),
    ],
)
def test_the_share_is_rounded_up_in_integers(scene: Scene, counts: dict[str, int], drawn: dict[str, int], why: str) -> None:
    publish(scene, street(scene, counts))
    scene.office.sweep(AFTER_DRAW)
    assert {one.case.grade: len(one.case.drawn) for one in found(scene, "draws")} == drawn, why


def test_a_merchant_under_an_open_case_is_not_in_the_pool_and_the_draw_says_why(scene: Scene) -> None:
    graded = street(scene, {"yellow": 4})
    ordered(
        scene,
        penalties.file,
        "YE0002",
        actor=INSPECTOR,
        at=PUBLISHED,
        reason="涉嫌违法",
        values={"doc_no": "镇市监罚〔2026〕1号"},
    )
    publish(scene, graded)
    scene.office.sweep(AFTER_DRAW)
    (told,) = found(scene, "draws")
    assert told.case.excluded == {"YE0002": "open_case"}
    assert "YE0002" not in told.case.order
    assert len(told.case.drawn) == 2  # ceil(3 · 50 / 100) of those left


def test_whoever_was_drawn_this_month_is_not_drawn_again_when_more_are_graded(scene: Scene) -> None:
    graded = street(scene, {"blue": 5})
    publish(scene, graded)
    scene.office.sweep(AFTER_DRAW)
    more = street(scene, {"blue": 10})
    publish(scene, more, at=PUBLISHED + timedelta(hours=1))
    scene.office.sweep(PUBLISHED + timedelta(hours=2))
    visited = Counter(one.case.uscc for one in found(scene, "tasks"))
    assert sum(visited.values()) == 2  # ceil(10 · 20 / 100), one of them drawn before
    assert set(visited.values()) == {1}


def test_officers_in_conflict_are_sent_to_everybody_else_only(scene: Scene) -> None:
    graded = street(scene, {"red": 3})
    for officer in (INSPECTOR, SECOND_INSPECTOR):
        ordered(scene, tasks.declare_conflict, "RE0001", actor=officer, at=PUBLISHED, reason="亲属经营")
    publish(scene, graded)
    scene.office.sweep(AFTER_DRAW)
    sent = {one.case.uscc: (one.case.state.value, set(one.case.officers)) for one in found(scene, "tasks")}
    assert sent["RE0001"] == ("drawn", set())  # one supervisor is left, two must go: it waits for a leader
    assert sent["RE0000"][0] == "assigned"
    assert len(sent["RE0000"][1]) == 2


def test_a_lifted_conflict_bars_nobody_and_only_who_may_lifts_it(scene: Scene) -> None:
    (uscc,) = street(scene, {"red": 1})
    for officer in (INSPECTOR, SECOND_INSPECTOR):
        ordered(scene, tasks.declare_conflict, uscc, actor=officer, at=PUBLISHED, reason="亲属经营")
    for one in found(scene, "conflicts"):
        command(scene, "conflicts", one.case.id, "lift", LEADER, PUBLISHED, "已不再任职")
    publish(scene, {uscc: "red"})
    scene.office.sweep(AFTER_DRAW)
    assert {one.case.state.value for one in found(scene, "tasks")} == {"assigned"}


def test_nobody_learns_the_seed_before_the_draw_and_a_cancelled_draw_sends_nobody(scene: Scene) -> None:
    publish(scene, street(scene, {"blue": 3}))
    (planned,) = found(scene, "draws")
    assert (
        hashlib.sha256(planned.case.seed.encode()).hexdigest()
        == planned.case.commitment
        == draws.commitment_to(planned.case.seed)
    )
    command(scene, "draws", planned.case.id, "cancel", LEADER, PUBLISHED, "名单有误")
    scene.office.sweep(datetime.fromisoformat("2026-12-31T10:00:00+08:00"))
    assert [one.case.state for one in found(scene, "draws")] == [DrawState.CANCELLED]
    assert not found(scene, "tasks")
