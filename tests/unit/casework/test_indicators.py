"""What is counted from records, by hand: online rates with outages taken out, cases, papers, registers."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from casework.indicators import BREACHES, EVENTS, GAUGES
from casework.indicators_cases import (
    camera_violations,
    escalated_open,
    rectified_in_time,
    sampling_failed,
    violations_of,
)
from casework.indicators_devices import camera_online, cold_chain, days_of_data, scene_offline_days
from casework.indicators_record import common, merged, percent, without
from casework.indicators_records import certified_staff, consumer_rating, patrols_passed, validity, vouchered_batches
from casework.indicators_registers import penalties_on_notice, serious_listing
from cli.demo_people import case, seen
from configs.assessment_files import Breach, Event, Gauge
from domain.deductions import DeductionState
from domain.observations import Kind, Observation
from domain.time import SHANGHAI
from domain.warnings import State
from tests.unit.casework.assessing import CAMERA, CUT, at, configuration, interruption, merchant, record, word


def test_everything_that_may_be_named_can_be_counted() -> None:
    assert set(GAUGES) == set(Gauge)
    assert set(EVENTS) == set(Event)
    assert set(BREACHES) == set(Breach)


def all_month(*, without_days: frozenset[int] = frozenset()) -> list[Observation]:
    """A word each quarter of an hour from 10 to 20 h, every day but some."""
    return [word(day, 10 + quarter / 4) for day in range(1, 31) if day not in without_days for quarter in range(40)]


# 30 days of 10 hours are 300 hours.
ONLINE: list[tuple[str, frozenset[int], list[Any], str]] = [
    ("all of it", frozenset(), [], "100"),
    ("3 days of 30 dark", frozenset({4, 5, 6}), [], "90"),
    ("the platform was down on one of the 3: 27 of 29", frozenset({4, 5, 6}), [("platform", 4, {})], "93.103448"),
    ("the area's power failed, elsewhere: 27 of 30", frozenset({4, 5, 6}), [("area", 4, {"region": "330225"})], "90"),
    ("closed, told before: 27 of 27", frozenset({4, 5, 6}), [("closure", day, {}) for day in (4, 5, 6)], "100"),
]


@pytest.mark.parametrize(("why", "dark", "breaks", "share"), ONLINE, ids=[row[0] for row in ONLINE])
def test_the_online_rate_leaves_out_what_is_nobodys_fault(why: str, dark: frozenset[int], breaks: list[Any], share: str) -> None:
    spans = [interruption(kind, at(day, 0), at(day + 1, 0), **more) for kind, day, more in breaks]
    spans = [each for each in spans if each.concerns(merchant().uscc, merchant().region)]
    assert camera_online(record(*all_month(without_days=dark), interruptions=spans)).value == share, why


def test_maintenance_counts_only_if_announced_a_day_ahead() -> None:
    words = all_month(without_days=frozenset({9}))
    for hours, share in ((24, "100"), (23, "96.666666")):
        break_ = interruption("maintenance", at(9, 0), at(10, 0), announced=at(9, 0) - timedelta(hours=hours))
        assert camera_online(record(*words, interruptions=[break_])).value == share


def test_a_closure_told_afterwards_excuses_nothing() -> None:
    late = interruption("closure", at(9, 0), at(10, 0), announced=at(9, 1))
    assert camera_online(record(*all_month(without_days=frozenset({9})), interruptions=[late])).value == "96.666666"


def test_a_silent_camera_is_offline_after_a_quarter_of_an_hour() -> None:
    # one word at 10 h: 15 minutes of 300 hours are 1/1200
    assert camera_online(record(word(3, 10))).value == "0.083333"
    assert camera_online(record(word(3, 10), word(3, 10 + 5 / 60, online=False))).value == "0.027777"


def test_a_share_is_never_rounded_up_over_a_limit() -> None:
    assert percent(949_999_999, 1_000_000_000) == "94.999999"
    assert percent(timedelta(hours=95), timedelta(hours=100)) == "95"


def test_a_shop_closed_all_month_has_no_online_rate() -> None:
    closed = interruption("closure", at(1, 0), CUT, announced=at(1, 0) - timedelta(days=3))
    counted = camera_online(record(interruptions=[closed]))
    assert (counted.value, counted.reason) == (None, "closed_all_month")


def test_a_scene_offline_for_more_than_two_hours_is_one_violation_of_the_day() -> None:
    words = [each for each in all_month() if not (each.event_time >= at(7, 12) and each.event_time < at(7, 14.25))]
    words = [each for each in words if not (each.event_time >= at(8, 12) and each.event_time < at(8, 14))]
    # 7 November: silent from 12 h (the word of 11:45 holds until 12:00) to 14:15, 2 h 15; 8 November exactly 2 h: none
    assert [each["at"] for each in scene_offline_days(record(*words))] == ["2026-11-07"]


def sensor(day: int, hour: float, celsius: float, zone: str = "cold") -> Observation:
    return seen(Kind.SENSOR_TEMP, merchant(), at(day, hour), {"celsius": celsius, "zone": zone}, device="sen-00000001")


def test_the_cold_chain_counts_readings_in_range() -> None:
    readings = [
        sensor(1, 1, 8.0),
        sensor(1, 2, 8.1),
        sensor(1, 3, -12, "frozen"),
        sensor(1, 4, -11.9, "frozen"),
        sensor(1, 5, 30, "hot"),
    ]
    assert cold_chain(record(*readings)).value == "50"
    assert cold_chain(record()).reason == "no_cold_storage"


def test_days_with_data_and_excused_days_make_the_days_of_data() -> None:
    outage = interruption("platform", at(20, 0), at(22, 0))
    assert days_of_data(record(word(1, 10), word(1, 11), word(2, 10), interruptions=[outage])).value == 4


def cases(*raised: tuple[int, bool]) -> dict[str, Any]:
    found, entries = [], []
    for day, on_time in raised:
        ledger = configuration().schemes["zhenhai"]
        seen_with = {"camera": CAMERA.id, "class_": "no_mask", "on_time": on_time}
        warning, entry = case(merchant(), ledger, "CV02", "s", at(day, 12), history=entries, **seen_with)
        found.append(warning)
        entries.append(entry)
    return {"warnings": found, "deductions": entries}


def test_camera_violations_are_final_ones_by_day() -> None:
    known = cases((3, True), (3, True), (9, False))
    days = camera_violations(record(**known)).value["days"]
    assert [[(each["class"], each["severity"], each["count"]) for each in day] for day in days] == [
        [("no_mask", "general", 2)],
        [("no_mask", "general", 1)],
    ]


@pytest.mark.parametrize("state", [DeductionState.PROPOSED, DeductionState.WITHDRAWN, DeductionState.REVERSED])
def test_what_is_not_final_or_was_taken_back_is_as_if_it_had_never_been(state: DeductionState) -> None:
    known = cases((3, True))
    known["deductions"] = [replace(each, state=state) for each in known["deductions"]]
    assert camera_violations(record(**known)).value == {"days": []}


def test_what_became_final_after_the_cut_is_charged_to_the_month_it_did() -> None:
    known = cases((28, True))
    known["deductions"] = [replace(each, decided_at=at(2, 9, month=12)) for each in known["deductions"]]
    assert camera_violations(record(**known)).value == {"days": []}
    december = record(**known, month="2026-12", cut_at=CUT + timedelta(days=31))
    counted = camera_violations(december)
    assert len(counted.value["days"]) == 1
    assert counted.told["prior_period"] == "1"


def test_rectification_counts_warnings_whose_limit_passed_in_the_month() -> None:
    assert rectified_in_time(record(**cases((3, True), (9, False), (12, True)))).value == {"on_time": 2, "due": 3}
    assert rectified_in_time(record()).reason == "none_due"


def test_a_red_warning_open_at_the_end_of_the_month_is_seen() -> None:
    known = cases((3, True))
    open_ = [replace(each, state=State.RECTIFYING, closed_at=None) for each in known["warnings"]]
    assert escalated_open(record(warnings=open_)).value is True
    later = [replace(each, closed_at=CUT + timedelta(hours=1)) for each in known["warnings"]]
    assert escalated_open(record(warnings=later)).value is True
    assert escalated_open(record(**known)).value is False


def fact(kind: Kind, day: int, body: dict[str, Any], *, month: int = 11) -> Observation:
    return seen(kind, merchant(), at(day, 9, month=month), body)


def test_certificates_are_counted_by_days_of_work() -> None:
    paper = {"person_ref": "p1", "issued_on": "2025-11-10", "duty": "direct"}  # holds to 9 November 2026
    shift = {"person_ref": "p1", "duty": "direct"}
    shifts = [
        fact(Kind.STAFF_SHIFT, day, {**shift, "start": at(day, 9).isoformat(), "end": at(day, 18).isoformat()})
        for day in (9, 10, 11)
    ]
    assert certified_staff(record(fact(Kind.STAFF_CERTIFICATE, 1, paper), *shifts)).value == {"valid": 1, "staff": 3}


def test_ratings_of_one_device_and_day_count_once() -> None:
    stars = [
        fact(Kind.RATING_NEW, day, {"stars": n, "device_hash": who}) for day, who, n in ((1, "a", 1), (1, "b", 3), (2, "a", 5))
    ]
    again = seen(Kind.RATING_NEW, merchant(), at(1, 12), {"stars": 4, "device_hash": "a"})
    assert consumer_rating(record(*stars, again)).value == {"mean": "4", "n": 3}


def test_only_what_was_bought_needs_a_voucher() -> None:
    def lot(name: str, kind: str, **more: str) -> Observation:
        return fact(Kind.BATCH_UPSERT, 3, {"lot": name, "kind": kind, **more})

    found = vouchered_batches(record(lot("A", "raw", voucher_ref="V"), lot("B", "raw"), lot("C", "product")))
    assert found.value == {"with_voucher": 1, "batches": 2}


def test_a_patrol_told_too_late_counts_in_the_next_month() -> None:
    body = {"task_id": "t", "officers": ["a", "b"], "items": [], "result": "未发现问题", "mode": "online"}
    october = fact(Kind.INSPECTION_RESULT, 30, body, month=10)
    late = replace(october, received_at=at(3, 9))
    assert patrols_passed(record(october)).value is None
    assert patrols_passed(record(late)).value == {"pass": 1, "total": 1}


def credit(type_: str, on: str, **more: str) -> Observation:
    return fact(Kind.CREDIT_RECORD, 1, {"type": type_, "doc_no": more.pop("doc_no", "d1"), "decided_on": on, **more})


PENALTIES = [
    ("a low fine, two months old", [credit("penalty", "2026-10-01", severity="low_fine")], 1),
    ("a low fine, three months and a day old", [credit("penalty", "2026-08-31", severity="low_fine")], 0),
    ("repaired", [credit("penalty", "2026-10-01"), credit("repair", "2026-11-20")], 0),
    ("repaired after the month", [credit("penalty", "2026-10-01"), credit("repair", "2026-12-01")], 1),
]


@pytest.mark.parametrize(("why", "known", "count"), PENALTIES, ids=[row[0] for row in PENALTIES])
def test_penalties_count_while_they_are_on_public_notice(why: str, known: list[Observation], count: int) -> None:
    assert sum(penalties_on_notice(record(*known)).value.values()) == count, why


def test_a_listing_holds_until_its_removal() -> None:
    listed = credit("serious", "2026-01-05")
    assert serious_listing(record(listed)).value == "yes"
    assert serious_listing(record(listed, credit("serious", "2026-11-05", kind="removed"))).value == "no"


def test_spans_are_cut_and_laid_over_each_other() -> None:
    a, b, c, d = (at(1, hour).astimezone(SHANGHAI) for hour in (1, 2, 3, 4))
    assert merged([(c, d), (a, b), (b, c)]) == [(a, d)]
    assert without([(a, d)], [(b, c)]) == [(a, b), (c, d)]
    assert common([(a, c)], [(b, d)]) == timedelta(hours=1)


@pytest.mark.parametrize(
    ("issued_on", "last_day", "why"),
    [
        ("2025-11-20", "2026-11-19", "a year less a day"),
        ("2024-02-29", "2025-02-28", "the same day a year later is the 1st of March"),
        ("2023-03-01", "2024-02-29", "the day before, in a leap year"),
    ],
)
def test_a_certificate_holds_a_year_less_a_day(issued_on: str, last_day: str, why: str) -> None:
    paper = replace(word(1, 10), body={"issued_on": issued_on})
    assert validity(paper)[1].isoformat() == last_day, why


def sampling(number: int, conclusion: str, *, device: str, retest_of: str | None = None) -> Observation:
    body: dict[str, Any] = {"report_no": f"R{number}", "kind": "official", "conclusion": conclusion, "product": "卤牛肉"}
    about = {"lot": "L1"} if retest_of is None else {"lot": "L1", "retest_of": retest_of}
    return replace(seen(Kind.SAMPLING_RESULT, merchant(), at(number, 9), body | about), device_id=device)


@pytest.mark.parametrize(
    ("teller", "failed", "why"),
    [
        ("inspector/u-inspector", False, "an official entered the passing retest"),
        ("scl-0a1b2c3d", True, "the shop's own scale cannot take an official failure back (E.2)"),
        ("merchant/u-owner", True, "nor can the merchant"),
    ],
)
def test_only_an_official_takes_a_failed_sample_back(teller: str, failed: bool, why: str) -> None:
    told = [sampling(3, "fail", device="inspector/u-inspector"), sampling(9, "pass", device=teller, retest_of="R3")]
    assert sampling_failed(record(*told)).value is failed, why


def test_the_losers_of_an_incident_are_handed_over_with_its_winner() -> None:
    # XV10 (illegal additive) and XV19 are told of one fact: XV10 is charged, XV19 costs nothing, and its floor is still looked at
    ledger = configuration().schemes["xiangshan"]
    graver, winner = case(merchant(), ledger, "XV10", "s", at(3, 12), history=[])
    lighter, entry = case(merchant(), ledger, "XV19", "s", at(3, 13), history=[])
    lost = replace(
        entry,
        state=DeductionState.WITHDRAWN,
        incident_id=winner.incident_id,
        components={**entry.components, "lost_to": winner.id},
    )
    known = record(warnings=[graver, lighter], deductions=[winner, lost])
    own, past, entries, _ = violations_of(known, ledger)
    assert [(each["code"], each["incident_id"]) for each in own] == [
        ("XV10", winner.incident_id),
        ("XV19", winner.incident_id),
    ]
    assert ([each.id for each in entries], past) == ([winner.id, lost.id], [])
    taken_back = record(warnings=[graver, lighter], deductions=[replace(winner, state=DeductionState.REVERSED), lost])
    assert violations_of(taken_back, ledger)[0] == [], "without a winner there is nothing to lose to"
