"""RW3 to RW5 from the registers, at their instant and not a moment before; notices, corrections, retests, names."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from casework.registers import additives
from casework.registers.senders import sender
from domain.deductions import DeductionState
from domain.errors import BadInput, Forbidden, IllegalTransition
from domain.events import EventName, Lane
from domain.findings import FindingState
from domain.parties import BusinessForm
from domain.registers import AdditiveState, DueKind, NameState, SampleState
from domain.time import SHANGHAI, format_instant
from domain.warnings import State
from store.ports import WarningQuery
from store.registers import Book, Wanted
from tests.unit.casework.scene import INSPECTOR, MERCHANT, OTHER, START, SUPERVISOR, USCC, Scene, photo

MICRO = timedelta(microseconds=1)


def at(text: str) -> datetime:
    """An instant on Shanghai's clock."""
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).astimezone(UTC)


def tell(scene: Scene, kind: str, body: dict[str, Any], **changes: Any) -> list[Any]:
    return scene.office.take_observation(scene.envelope(kind, body, **changes), scene.now)


def certificate(scene: Scene, until: str, *, issued: str = "2025-11-25", person: str = "E01") -> list[Any]:
    body = {"person_ref": person, "name_masked": "王*", "issued_on": issued, "valid_until": until, "duty": "direct"}
    return tell(scene, "staff.certificate", body)


def shift(scene: Scene, start: str, end: str, *, person: str = "E01", **more: Any) -> list[Any]:
    body = {
        "person_ref": person,
        "start": format_instant(at(start)),
        "end": format_instant(at(end)),
        "duty": "direct",
        **more,
    }
    return tell(scene, "staff.shift", body)


def swept(scene: Scene, when: datetime) -> list[Any]:
    scene.now = when
    return [event for event in scene.office.sweep(when).events if event.name is EventName.WARNING_RAISED]


def warnings(scene: Scene, rule: str, uscc: str = USCC) -> list[Any]:
    with scene.store.reading() as uow:
        return [one for one in uow.warnings.query(WarningQuery(uscc=uscc, limit=100))[0] if one.rule == rule]


def notices(scene: Scene, name: EventName) -> int:
    with scene.store.writing() as uow:
        found = uow.outbox.claim(scene.now + timedelta(days=400), lanes=[Lane.NOTIFY], limit=1000, lease_until=scene.now)
    return sum(one.payload["data"]["event"] == name.value for one in found if one.target == "webhook")


RW3 = [
    ("2026-11-22", "2026-11-23T08:00", "2026-11-23T16:00", "2026-11-23T00:00", "rostered on the day: at its midnight"),
    ("2026-11-22", "2026-11-22T22:00", "2026-11-23T06:00", "2026-11-23T00:00", "on duty when it expires"),
    ("2026-11-22", "2026-11-25T09:30", "2026-11-25T18:00", "2026-11-25T09:30", "not rostered that day: at the first shift"),
    ("2026-11-30", "2026-12-01T10:00", "2026-12-01T18:00", "2026-12-01T00:00", "month end"),
    ("2026-12-31", "2027-01-01T10:00", "2027-01-01T18:00", "2027-01-01T00:00", "year end"),
    ("2028-02-28", "2028-02-29T10:00", "2028-02-29T18:00", "2028-02-29T00:00", "the leap day is a day of its own"),
]


@pytest.mark.parametrize(("until", "start", "end", "due", "why"), RW3, ids=[case[-1] for case in RW3])
def test_an_expired_certificate_is_raised_at_its_instant_and_not_a_microsecond_before(
    scene: Scene, until: str, start: str, end: str, due: str, why: str
) -> None:
    certificate(scene, until)
    shift(scene, start, end)
    assert swept(scene, at(due) - MICRO) == [], f"{until} is still a good day ({why})"
    (event,) = swept(scene, at(due))
    (warning,) = warnings(scene, "RW3")
    assert (warning.id, warning.subject, warning.violation_code) == (event.entity_id, "E01", "XV05")
    assert (warning.raised_at, warning.close_by) == (at(due), at(due) + timedelta(hours=24))
    assert warning.why.params["valid_until"] == until
    assert swept(scene, at(due) + timedelta(hours=1)) == [], "once"


NOTHING = [
    ({"until": "2026-11-23"}, {}, "the last day itself is still good"),
    ({}, {"duty": "other"}, "not in contact with food"),
    ({}, {"cancelled": True}, "taken off the roster"),
]


@pytest.mark.parametrize(("paper", "more", "why"), NOTHING, ids=[case[-1] for case in NOTHING])
def test_what_is_no_violation_raises_nothing(scene: Scene, paper: dict[str, str], more: dict[str, Any], why: str) -> None:
    certificate(scene, paper.get("until", "2026-11-22"))
    shift(scene, "2026-11-23T08:00", "2026-11-23T16:00", **more)
    assert swept(scene, at("2026-11-23T23:59")) == [], why


def test_somebody_without_any_certificate_has_none_that_expired(scene: Scene) -> None:
    shift(scene, "2026-11-23T08:00", "2026-11-23T16:00")
    assert swept(scene, at("2026-11-24T00:00")) == []


def test_a_renewal_in_time_prevents_and_one_that_leaves_a_gap_does_not(scene: Scene) -> None:
    certificate(scene, "2026-11-22")
    shift(scene, "2026-11-23T08:00", "2026-11-23T16:00")
    certificate(scene, "2027-11-22", issued="2026-11-23")
    certificate(scene, "2026-11-22", person="E02")
    shift(scene, "2026-11-23T08:00", "2026-11-23T16:00", person="E02")
    certificate(scene, "2027-11-23", issued="2026-11-24", person="E02")
    (event,) = swept(scene, at("2026-11-23T00:00"))
    assert [one.subject for one in warnings(scene, "RW3")] == ["E02"], event


def test_a_renewal_that_comes_before_a_late_sweep_hides_nothing(scene: Scene) -> None:
    certificate(scene, "2026-11-22")
    shift(scene, "2026-11-23T08:00", "2026-11-23T16:00")
    scene.now = at("2026-11-23T09:00")  # nobody swept since midnight
    told = certificate(scene, "2027-11-23", issued="2026-11-24")
    assert EventName.WARNING_RAISED in {event.name for event in told}
    shift(scene, "2026-11-23T08:00", "2026-11-23T16:00", cancelled=True)
    assert len(warnings(scene, "RW3")) == 1


def test_the_next_shift_raises_again_after_closing_and_only_reminds_before(scene: Scene) -> None:
    certificate(scene, "2026-11-22")
    for day in ("23", "24", "25"):
        shift(scene, f"2026-11-{day}T08:00", f"2026-11-{day}T16:00")
    swept(scene, at("2026-11-23T00:00"))
    (first,) = warnings(scene, "RW3")
    swept(scene, at("2026-11-24T08:00"))
    assert [one.id for one in warnings(scene, "RW3")] == [first.id], "attached to the open one"
    scene.office.dismiss(first.id, INSPECTOR, "登记有误", scene.later(hours=1))
    assert len(swept(scene, at("2026-11-25T08:00"))) == 1, "still bad after closing"
    assert len(warnings(scene, "RW3")) == 2


def test_two_people_are_two_warnings(scene: Scene) -> None:
    for person in ("E01", "E02"):
        certificate(scene, "2026-11-22", person=person)
        shift(scene, "2026-11-23T08:00", "2026-11-23T16:00", person=person)
    assert len(swept(scene, at("2026-11-23T00:00"))) == 2


def test_a_renewed_certificate_is_evidence_closes_nothing_and_may_be_submitted_without_a_photo(scene: Scene) -> None:
    certificate(scene, "2026-11-22")
    shift(scene, "2026-11-23T08:00", "2026-11-23T16:00")
    swept(scene, at("2026-11-23T00:00"))
    (warning,) = warnings(scene, "RW3")
    with pytest.raises(BadInput):
        scene.office.submit(warning.id, MERCHANT, "已换证", [], scene.now)
    scene.later(hours=2)
    told = certificate(scene, "2027-11-22", issued="2026-11-23")
    assert EventName.WARNING_CORRECTED in {event.name for event in told}
    assert scene.office.submit(warning.id, MERCHANT, "已换证", [], scene.now).warning.state is State.SUBMITTED
    with scene.store.reading() as uow:
        assert [one.valid_until.isoformat() for one in uow.records.certificates(USCC, "E01")] == ["2026-11-22", "2027-11-22"]


def test_the_merchant_is_told_thirty_seven_and_one_day_before(scene: Scene) -> None:
    certificate(scene, "2026-12-31")
    told = []
    for days in (31, 30, 29, 7, 6, 1, 0):
        scene.now = at("2027-01-01T00:00") - timedelta(days=days)
        scene.office.sweep(scene.now)
        told.append(notices(scene, EventName.CERTIFICATE_EXPIRES_SOON))
    assert told == [0, 1, 1, 2, 2, 3, 3]


LOTS = [
    ("raw", "2026-11-10", "2026-11-30T00:00", [72, 24], "short-lived raw material"),
    ("raw", "2026-10-01", "2026-11-30T00:00", [168, 72, 24], "keeps 30 days or longer"),
    ("product", "2026-11-20", "2026-11-30T00:00", [24], "product dated by day"),
    ("product", "2026-11-20", "2026-11-22T18:00", [2], "product dated by the hour"),
]


@pytest.mark.parametrize(("kind", "made", "expires", "hours", "why"), LOTS, ids=[case[-1] for case in LOTS])
def test_a_lot_is_announced_before_it_expires(
    scene: Scene, kind: str, made: str, expires: str, hours: list[int], why: str
) -> None:
    body = {"lot": "N1", "kind": kind, "name": "鸭胚", "qty_g": 500, "produced_on": made, "state": "in_store"}
    tell(scene, "batch.upsert", {**body, "expires_at": format_instant(at(expires))})
    for number, before in enumerate(hours):
        due = at(expires) - timedelta(hours=before)
        for when, expected in ((due - MICRO, number), (due, number + 1)):
            scene.now = when
            scene.office.sweep(when)
            assert notices(scene, EventName.LOT_EXPIRES_SOON) == expected, (why, before)


def test_what_is_set_apart_before_expiry_is_neither_announced_nor_raised(scene: Scene) -> None:
    tell(
        scene,
        "batch.upsert",
        {
            "lot": "N1",
            "kind": "raw",
            "name": "盐",
            "qty_g": 5,
            "expires_at": format_instant(at("2026-11-25T00:00")),
            "state": "in_store",
        },
    )
    tell(
        scene,
        "batch.move",
        {"lot": "N1", "from": "in_store", "to": "quarantined", "qty_g": 5},
        event_time=format_instant(scene.later(minutes=1)),
    )
    assert swept(scene, at("2026-11-26T00:00")) == []
    assert notices(scene, EventName.LOT_EXPIRES_SOON) == 0


def test_setting_apart_after_the_warning_is_shown_to_it(scene: Scene) -> None:
    expires = at("2026-11-25T00:00")
    tell(
        scene,
        "batch.upsert",
        {"lot": "N1", "kind": "raw", "name": "盐", "qty_g": 5, "expires_at": format_instant(expires), "state": "in_store"},
    )
    assert len(swept(scene, expires)) == 1
    scene.later(minutes=5)
    told = tell(scene, "batch.move", {"lot": "N1", "from": "in_store", "to": "quarantined", "qty_g": 5})
    assert EventName.WARNING_CORRECTED in {event.name for event in told}
    (warning,) = warnings(scene, "RW1")
    assert warning.state is State.RAISED, "a record closes nothing"


# additives: OTHER is a stall of sauced meat


def use(scene: Scene, additive: str, qty_g: str, *, kg: int = 10, lot: str = "P1", **more: Any) -> list[Any]:
    body = {"additive": additive, "lot": "A1", "product_lot": lot, "qty_g": float(qty_g), "product_qty_g": kg * 1000}
    body |= {"food_class": "08.03.01.02"} | more
    if not body["food_class"]:
        del body["food_class"]
    return tell(scene, "additive.use", body, uscc=OTHER, device_id="scl-ffffffff")


def state_of(scene: Scene, additive: str) -> AdditiveState:
    with scene.store.reading() as uow:
        return next(one.state for one in uow.records.additives(OTHER) if one.name == additive)


ADDITIVES = [
    ("亚硝酸钠", "1.5", {}, AdditiveState.WITHIN, None, "at its limit"),
    ("亚硝酸钠", "1.5001", {}, AdditiveState.OVER_LIMIT, "XV07", "just over it"),
    ("亚硝酸钠（钾）", "1.5", {}, AdditiveState.WITHIN, None, "another way of writing it"),
    ("红曲红", "900", {}, AdditiveState.WITHIN, None, "as needed"),
    ("苯甲酸钠", "0.1", {}, AdditiveState.BEYOND_SCOPE, "XV06", "permitted nowhere in the class"),
    (
        "辣椒油树脂",
        "1",
        {"food_class": "08.03.01.01"},
        AdditiveState.BEYOND_SCOPE,
        "XV06",
        "permitted in the class beside it only",
    ),
    ("苏丹红", "0.1", {}, AdditiveState.PROHIBITED, "XV08", "no additive at all"),
    ("苯甲酸钠", "0.1", {"food_class": "07.01"}, AdditiveState.NOT_COVERED, None, "the table says nothing of bread"),
    (
        "苯甲酸钠",
        "0.5",
        {"ingredient": "酱油", "ingredient_qty_g": 500},
        AdditiveState.REVIEW,
        None,
        "as much as the soy sauce may bring",
    ),
    (
        "苯甲酸钠",
        "0.51",
        {"ingredient": "酱油", "ingredient_qty_g": 500},
        AdditiveState.BEYOND_SCOPE,
        "XV06",
        "more than it may bring",
    ),
]


@pytest.mark.parametrize(("name", "qty_g", "more", "state", "code", "why"), ADDITIVES, ids=[case[-1] for case in ADDITIVES])
def test_a_use_of_an_additive_is_judged_by_the_standard(
    scene: Scene, name: str, qty_g: str, more: dict[str, Any], state: AdditiveState, code: str | None, why: str
) -> None:
    use(scene, name, qty_g, **more)
    assert state_of(scene, name) is state, why
    assert [one.violation_code for one in warnings(scene, "RW4", OTHER)] == ([] if code is None else [code])
    with scene.store.reading() as uow:
        waiting = uow.findings.in_state(FindingState.REVIEW)
    assert len(waiting) == (1 if state is AdditiveState.REVIEW else 0), "carry-over is a person's to judge"


def test_preservatives_used_together_share_their_limits(scene: Scene) -> None:
    use(scene, "山梨酸钾", "0.375")  # half of 0.075 g/kg
    use(scene, "脱氢乙酸钠", "2.5")  # half of 0.5
    assert warnings(scene, "RW4", OTHER) == [], "exactly 1"
    use(scene, "脱氢乙酸钠", "0.01")
    (warning,) = warnings(scene, "RW4", OTHER)
    assert (warning.violation_code, warning.why.params["share"]) == ("XV07", "1.002")
    use(scene, "亚硝酸钠", "1.5")
    use(scene, "苏丹红", "0.1")
    (warning,) = warnings(scene, "RW4", OTHER)
    assert warning.violation_code == "XV08", "one lot is one warning, of its gravest fact"
    use(scene, "苯甲酸钠", "0.1", lot="P2")
    assert len(warnings(scene, "RW4", OTHER)) == 2


def test_a_restaurant_must_not_hold_nitrite(scene: Scene) -> None:
    with scene.store.writing() as uow:
        stall = uow.merchants.get(USCC)
        assert stall is not None
        uow.merchants.put(replace(stall, business_form=BusinessForm.CATERING))
        uow.commit()
    body = {"lot": "A9", "kind": "additive", "name": "亚硝酸钠", "qty_g": 500, "state": "in_store"}
    tell(scene, "batch.upsert", {**body, "expires_at": format_instant(START + timedelta(days=90))})
    (warning,) = warnings(scene, "RW4")
    assert (warning.subject, warning.violation_code, warning.why.code.value) == ("A9", "XV06", "additive_held")
    scene.office.submit(warning.id, MERCHANT, "已封存", [photo()], scene.later(minutes=1))
    with pytest.raises(BadInput):
        scene.office.verify(warning.id, INSPECTOR, ok=True, note="", now=scene.now)
    closed = scene.office.verify(warning.id, INSPECTOR, ok=True, note="已查看", now=scene.now, on_site=True)
    assert closed.warning.state is State.CLOSED


def test_an_unknown_name_is_asked_once_and_judged_again_when_somebody_answers(scene: Scene) -> None:
    asked = [event.name for event in (*use(scene, "防腐一号", "0.1"), *use(scene, "防腐 一号", "0.1", lot="P2"))]
    assert asked.count(EventName.ADDITIVE_UNMAPPED) == 1
    assert warnings(scene, "RW4", OTHER) == [], "never a red warning by itself (E053)"
    with pytest.raises(Forbidden):
        scene.office.clerk.resolve("防腐一号", "benzoate", MERCHANT, "", scene.now)
    answered = scene.office.clerk.resolve("防腐一号", "benzoate", SUPERVISOR, "标签写明", scene.later(minutes=1))
    assert (answered.state, answered.decided_by) == (NameState.RESOLVED, SUPERVISOR.id)
    assert {one.subject for one in warnings(scene, "RW4", OTHER)} == {"P1", "P2"}
    with pytest.raises(IllegalTransition):
        scene.office.clerk.resolve("防腐一号", "none", SUPERVISOR, "", scene.now)
    use(scene, "防腐一号", "0.1", lot="P3")
    assert len(warnings(scene, "RW4", OTHER)) == 3, "from now on it is known"


def test_a_use_waits_for_the_food_class_of_its_product(scene: Scene) -> None:
    use(scene, "苯甲酸钠", "0.1", food_class="")
    assert state_of(scene, "苯甲酸钠") is AdditiveState.NEEDS_CLASS
    body = {"lot": "P1", "kind": "product", "name": "卤鸭", "qty_g": 9000, "gb2760_class": "08.03.01.02", "state": "in_store"}
    body["expires_at"] = format_instant(START + timedelta(days=2))
    tell(scene, "batch.upsert", body, uscc=OTHER, device_id="scl-ffffffff")
    assert state_of(scene, "苯甲酸钠") is AdditiveState.BEYOND_SCOPE
    assert len(warnings(scene, "RW4", OTHER)) == 1


# samples


def sample(scene: Scene, conclusion: str = "fail", *, report: str = "S1", by: Any = None, **more: Any) -> list[Any]:
    body = {"report_no": report, "product": "卤鸭", "lot": "P1", "conclusion": conclusion, "kind": "official", **more}
    observation = scene.envelope("sampling.result", body)
    if by is not None:
        observation = replace(observation, device_id=sender(by))
    return scene.office.take_observation(observation, scene.now)


SAMPLES = [
    ({}, "XV09", "ordinary item"),
    ({"item_kind": "pathogen"}, "XV10", "pathogen"),
    ({"item_kind": "vetdrug"}, "XV10", "banned veterinary drug"),
    ({"items": [{"name": "罗丹明B", "judge": "fail"}]}, "XV08", "no food substance at all"),
]


@pytest.mark.parametrize(("more", "code", "why"), SAMPLES, ids=[case[-1] for case in SAMPLES])
def test_a_failed_official_sample_raises_at_once(scene: Scene, more: dict[str, Any], code: str, why: str) -> None:
    sample(scene, **more)
    (warning,) = warnings(scene, "RW5")
    assert (warning.violation_code, warning.subject, warning.raised_at) == (code, "P1", scene.now), why


def test_a_failed_rapid_test_calls_for_an_official_sample_and_raises_nothing(scene: Scene) -> None:
    sample(scene, kind="rapid", report="R1")
    assert warnings(scene, "RW5") == []
    with scene.store.reading() as uow:
        (task,) = uow.registers.book(Book.TASKS).find(Wanted(uscc=USCC))
    assert task.details["about"]["report_no"] == "R1" if "about" in task.details else "R1" in str(task.details)


def _charged(scene: Scene) -> Any:
    (warning,) = warnings(scene, "RW5")
    scene.office.submit(warning.id, MERCHANT, "已停售", [photo()], scene.later(hours=1))
    closed = scene.office.verify(warning.id, INSPECTOR, ok=True, note="", now=scene.later(hours=1), on_site=True)
    assert closed.deduction is not None
    return closed.deduction


def _state(scene: Scene, report: str = "S1") -> SampleState:
    with scene.store.reading() as uow:
        found = uow.records.sample(USCC, report)
    assert found is not None
    return found.state


def test_a_failed_sample_costs_nothing_for_good_before_the_retest_window_has_passed(scene: Scene) -> None:
    sample(scene)
    entry = _charged(scene)
    with scene.store.reading() as uow:
        due = uow.records.due(DueKind.RETEST, USCC, "S1")
    assert due is not None
    until = due.due_at - MICRO
    assert until > entry.objection_until
    with pytest.raises(IllegalTransition):
        scene.office.confirm_deduction(entry.id, SUPERVISOR, until)
    scene.office.sweep(until)
    assert _state(scene) is SampleState.RETEST_OPEN, "the last moment is still open"
    scene.office.sweep(until + MICRO)
    assert _state(scene) is SampleState.CONFIRMED
    final = scene.office.confirm_deduction(entry.id, SUPERVISOR, until + timedelta(hours=1))
    assert final.deduction.state is DeductionState.FINAL


def test_a_passing_retest_takes_the_charge_back_but_only_from_an_official(scene: Scene) -> None:
    sample(scene)
    _charged(scene)
    sample(scene, "pass", report="S2", retest_of="S1")
    assert _state(scene) is SampleState.RETEST_OPEN, "a device cannot clear its own merchant"
    sample(scene, "pass", report="S3", retest_of="S1", by=INSPECTOR)
    assert _state(scene) is SampleState.OVERTURNED
    assert [one.state for one in scene.deductions()] == [DeductionState.WITHDRAWN]


def test_after_a_passing_retest_closing_the_warning_charges_nothing(scene: Scene) -> None:
    sample(scene)
    (warning,) = warnings(scene, "RW5")
    sample(scene, "pass", report="S3", retest_of="S1", by=INSPECTOR)
    scene.office.file_case(warning.id, INSPECTOR, "结案", scene.later(hours=1))
    assert scene.deductions() == []


def test_a_failing_retest_confirms_and_opens_no_second_warning(scene: Scene) -> None:
    sample(scene)
    entry = _charged(scene)
    sample(scene, "fail", report="S2", retest_of="S1", by=INSPECTOR)
    assert _state(scene) is SampleState.CONFIRMED
    assert len(warnings(scene, "RW5")) == 1
    after = entry.objection_until + timedelta(hours=1)
    assert scene.office.confirm_deduction(entry.id, SUPERVISOR, after).deduction.points == Decimal(entry.points)


def test_a_reopening_rests_on_new_evidence(scene: Scene) -> None:
    sample(scene)
    (warning,) = warnings(scene, "RW5")
    scene.office.file_case(warning.id, INSPECTOR, "立案", scene.later(hours=1))
    with scene.store.reading() as uow:
        before = len(uow.evidence.of(warning.id))
    scene.office.reopen(warning.id, INSPECTOR, "又发现同批产品", scene.later(hours=1), photos=[photo()])
    with scene.store.reading() as uow:
        kept = uow.evidence.of(warning.id)
    assert len(kept) == before + 2, "the officer's statement and a photo"


def test_names_are_compared_without_what_differs_between_hands() -> None:
    assert additives.plain_name("ε- 聚赖氨酸（盐酸盐）") == additives.plain_name("Ε-聚赖氨酸盐酸盐")
