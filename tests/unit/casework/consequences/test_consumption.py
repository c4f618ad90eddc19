"""The consumption-credit index through the store: whoever is among the best tenth of the trade earns the bonus (C.6.1, C.6.6)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from casework.assessment_snapshot import take
from casework.assessment_wiring import assessor_of
from casework.consequences import consumption
from configs import demo_directory
from domain.parties import BusinessForm
from domain.time import format_instant, month_of
from tests.unit.casework.consequences.street import street
from tests.unit.casework.scene import Scene, configuration

PATH = "professional.characteristic.consumption_top_tenth"


def rated(scene: Scene, uscc: str, stars: int, times: int) -> None:
    """So many ratings of so many stars, each of another device."""
    at = format_instant(scene.now - timedelta(days=2))
    bodies = [{"stars": stars, "tags": [], "device_hash": f"{number:064x}"} for number in range(times)]
    said = [replace(scene.envelope("rating.new", body, event_time=at), uscc=uscc) for body in bodies]
    scene.office.take_observations(said, scene.now)


@pytest.fixture
def trade(scene: Scene) -> Scene:
    """Eleven producers: the first with five stars, the second with four; nine with three; a twelfth nobody rates."""
    shops = street(scene, {"a": 12}, scheme="rizhao", form=BusinessForm.PRODUCER)
    for number, uscc in enumerate(shops):
        stars, times = {0: (5, 10), 1: (4, 10), 11: (5, 9)}.get(number, (3, 10))
        rated(scene, uscc, stars, times)
    scene.later(minutes=1)
    return scene


def told(scene: Scene) -> dict[str, bool]:
    with scene.store.reading() as uow:
        usccs = [one.uscc for one in uow.merchants.list() if one.scheme == "rizhao"]
        month = month_of(scene.now)
        facts = uow.assessments.facts_of(usccs, "rizhao", month=month, recorded_before=scene.now + timedelta(days=99))
    return {fact.uscc: fact.value for fact in facts if fact.fact == PATH}


def test_the_best_tenth_of_a_trade_is_told_to_the_assessment_and_the_unrated_have_no_place(trade: Scene) -> None:
    trade.office.sweep(trade.now)
    found = told(trade)
    assert [uscc for uscc, best in found.items() if best] == ["A0000", "A0001"]  # ceil(11 / 10) of those with a sample
    assert found["A0011"] is False  # nine ratings are no sample
    merchants = trade.office.bureau.ask(lambda work: [one for one in work.uow.merchants.list() if one.scheme == "rizhao"])
    known = trade.office.bureau.ask(lambda work: consumption.indices(work, merchants, trade.now))
    # 40 · 1 + 20 · (4 − 1) / 4 = 55 of 60
    assert (known["A0000"], known["A0001"], known["A0011"]) == (Decimal("100.00"), Decimal("91.67"), None)


def test_only_a_change_is_told_again_and_the_later_one_counts(trade: Scene) -> None:
    trade.office.sweep(trade.now)
    for uscc in ("A0002", "A0003"):
        rated(trade, uscc, 5, 99)
    trade.later(days=7)
    trade.office.sweep(trade.now)
    found = told(trade)
    assert [uscc for uscc, best in found.items() if best] == ["A0000", "A0002", "A0003"]  # three share the first place
    with trade.store.reading() as uow:
        facts = uow.assessments.facts_of(["A0005"], "rizhao", month=month_of(trade.now), recorded_before=trade.now)
    assert len([fact for fact in facts if fact.fact == PATH]) == 1


def test_the_bonus_reaches_the_rating(trade: Scene) -> None:
    trade.office.sweep(trade.now)
    assessor = assessor_of(trade.store, configuration(), demo_directory())
    with trade.store.reading() as uow:
        shops = [one for one in uow.merchants.list() if one.uscc in ("A0000", "A0005")]
        now = trade.now + timedelta(seconds=1)
        gathered = take(uow, assessor.lens("rizhao"), shops, month_of(now), cut_at=now)
    facts = {uscc: one.facts["professional"]["characteristic"]["consumption_top_tenth"] for uscc, one in gathered.items()}
    assert facts == {"A0000": True, "A0005": False}
