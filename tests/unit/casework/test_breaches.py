"""What Xiangshan deducts from records alone: coverage, temperature, evaluations, trainings; counted by hand, once each."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from casework.indicators import Told, gather
from casework.indicators_breaches import (
    LIMITS,
    evaluation_items,
    excursions,
    missed_trainings,
    temperature_excursions,
    trace_coverage,
)
from casework.indicators_record import Absence, FailedItem
from casework.indicators_registers import licence_state
from cli.demo_people import seen
from credit.rating.kinds import compiled
from domain.ids import DeviceKind
from domain.observations import Kind, Observation
from domain.parties import Device
from store.assessments import Sold
from tests.unit.casework.assessing import CUT, USCC, at, configuration, merchant, record

BEGUN = at(10, 8)
SENSOR = Device(id="sen-0a1b2c3d", uscc=USCC, region="330225", kind=DeviceKind.SENSOR)
SHOP = merchant(scheme="xiangshan", region="330225")


def run(*celsius: tuple[float, int], zone: str = "cold") -> list[datetime]:
    """Episodes of readings a minute apart: so many minutes of each temperature."""
    told = [Decimal(str(value)) for value, minutes in celsius for _ in range(minutes)]
    return excursions([(BEGUN + timedelta(minutes=n), value) for n, value in enumerate(told)], LIMITS[zone])


def minute(n: int) -> datetime:
    return BEGUN + timedelta(minutes=n)


EPISODES: list[tuple[str, list[tuple[float, int]], str, list[int]]] = [
    ("8.0 is in range", [(8.0, 90)], "cold", []),
    ("30 minutes are 31 readings", [(5, 5), (8.1, 31), (5, 20)], "cold", [5]),
    ("29 minutes are none", [(5, 5), (8.1, 30), (5, 20)], "cold", []),
    ("7.6 does not break a run", [(8.1, 10), (7.6, 15), (8.1, 10)], "cold", [0]),
    ("7.5 does", [(8.1, 20), (7.5, 1), (8.1, 20)], "cold", []),
    ("7.9 does not begin one", [(7.9, 60)], "cold", []),
    ("9 calm minutes are the same episode", [(9, 40), (7, 10), (9, 40)], "cold", [0]),
    ("10 calm minutes end it", [(9, 40), (7, 11), (9, 40)], "cold", [0, 51]),
    ("calm in pieces does not end it", [(9, 40), (7, 6), (7.8, 1), (7, 6), (9, 40)], "cold", [0]),
    ("hot food below 60", [(59.9, 31)], "hot", [0]),
    ("hot food at 60", [(60, 90)], "hot", []),
    ("60.4 does not break a run of hot food", [(59.9, 15), (60.4, 5), (59.9, 15)], "hot", [0]),
    ("frozen above -12", [(-11.9, 31), (-13, 11)], "frozen", [0]),
    ("-12 is in range", [(-12, 90)], "frozen", []),
]


@pytest.mark.parametrize(("why", "readings", "zone", "began"), EPISODES, ids=[row[0] for row in EPISODES])
def test_an_excursion_is_one_episode(why: str, readings: list[tuple[float, int]], zone: str, began: list[int]) -> None:
    assert run(*readings, zone=zone) == [minute(n) for n in began], why


def test_a_gap_of_more_than_a_quarter_of_an_hour_is_a_silent_sensor() -> None:
    for gap, began in ((15, [minute(0)]), (16, [])):
        told = [(minute(n), Decimal(9)) for n in range(20)] + [(minute(19 + gap + n), Decimal(9)) for n in range(20)]
        assert excursions(told, LIMITS["cold"]) == began, gap


def warm(begins: datetime, minutes: int) -> list[Observation]:
    return [
        seen(Kind.SENSOR_TEMP, SHOP, begins + timedelta(minutes=n), {"celsius": 9, "zone": "cold"}, device=SENSOR.id)
        for n in range(minutes)
    ]


def test_an_episode_over_the_beginning_of_a_month_is_the_month_befores() -> None:
    readings = warm(at(1, -0.5), 90)  # from 23:30
    assert temperature_excursions(record(*readings, devices=[SENSOR])) == []
    october = record(*readings, devices=[SENSOR], month="2026-10", cut_at=at(1, 0, month=11))
    assert temperature_excursions(october) == []  # half an hour is not full at midnight: 23:30 to 23:59
    october = record(*warm(at(1, -0.75), 90), devices=[SENSOR], month="2026-10", cut_at=at(1, 0, month=11))
    assert [each["at"] for each in temperature_excursions(october)] == ["2026-10-31T23:15:00.000+08:00"]


COVERAGE: list[tuple[str, int, int, str | None]] = [
    ("19 of 20", 19, 20, None),
    ("94.9 of 100", 949, 1000, "94.9"),
    ("80 of 100", 80, 100, "80"),
    ("799 of 1000", 799, 1000, "79.9"),
    ("none of one", 0, 1, "0"),
]


@pytest.mark.parametrize(("why", "bound", "sales", "share"), COVERAGE, ids=[row[0] for row in COVERAGE])
def test_trace_coverage_is_the_share_of_sales_that_are_bound(why: str, bound: int, sales: int, share: str | None) -> None:
    sold = [Sold(USCC, "L1", "", bound), Sold(USCC, "L2", "", sales - bound)]
    found = trace_coverage(record(sold=sold, traced=frozenset({(USCC, "L1")})))
    assert [each["coverage"] for each in found] == ([] if share is None else [share]), why
    assert all(each["at"] == "2026-11-30" for each in found)


def test_a_lot_is_bound_by_the_record_of_who_made_it_and_by_nobody_elses() -> None:
    maker, stranger = "92330225MA2XHK067M", "91371102MA3RHF0196"
    for told_by, share in ((maker, []), (stranger, ["0"])):
        found = trace_coverage(record(sold=[Sold(USCC, "L1", maker, 9)], traced=frozenset({(told_by, "L1")})))
        assert [each["coverage"] for each in found] == share
    assert trace_coverage(record(sold=[])) == []  # who sells nothing lacks nothing


def item(entered: datetime, published: datetime, key: str = "premises.temperature", gravity: str = "general") -> FailedItem:
    return FailedItem(task_id="t1", key=key, gravity=gravity, at=entered, published_at=published, evidence=("photo-1",))


def test_a_failed_item_is_charged_in_one_month_whenever_it_was_published() -> None:
    late = item(at(30, 9), at(3, 9, month=12))
    november, december = record(evaluated=[late]), record(evaluated=[late], month="2026-12", cut_at=CUT + timedelta(days=31))
    assert evaluation_items(november) == []
    (charged,) = evaluation_items(december)
    assert (charged["severity"], charged["subject"]) == ("general", "t1/premises.temperature")
    soon = item(at(20, 9), at(22, 9))
    december = record(evaluated=[soon], month="2026-12", cut_at=CUT + timedelta(days=31))
    assert (len(evaluation_items(record(evaluated=[soon]))), evaluation_items(december)) == (1, [])


def test_a_missed_training_costs_two_points_however_many_were_missed() -> None:
    missed = [Absence(training_id=f"t{n}", attendance_id=f"a{n}", held_at=at(n, 9), recorded_at=at(n, 12)) for n in (5, 12)]
    assert [each["subject"] for each in missed_trainings(record(absences=missed))] == ["t5", "t12"]
    rating, origins = rated(absences=missed)
    assert rating.score == Decimal("98.00")  # 2 + 3 for the second, capped at 2 a month
    assert origins["violation:XV18|t5"]["evidence"] == ["a5"]


def rated(**changes: Any) -> tuple[Any, Any]:
    """What a shop comes to, from what was recorded."""
    scheme = configuration().ratings["xiangshan"]
    sourcing = configuration().assessments.of("xiangshan")
    readings = changes.pop("readings", [])
    known = record(*readings, merchant=SHOP, devices=[SENSOR], **changes)
    gathered = gather(known, Told(), scheme, sourcing, provincial_age=timedelta(days=35))
    assert not any(key.startswith("_") for each in gathered.facts["violations"] for key in each)
    return compiled(scheme).rate(gathered.facts), gathered.origins


def test_each_kind_costs_what_the_table_says_with_its_evidence() -> None:
    items = [item(at(3, 9), at(4, 9), "a.one", "minor"), item(at(3, 9), at(4, 9), "a.two", "major")]
    rating, origins = rated(
        evaluated=items,
        sold=[Sold(USCC, "L1", "", 90), Sold(USCC, "L2", "", 10)],
        traced=frozenset({(USCC, "L1")}),
        readings=[*warm(at(5, 8), 40), *warm(at(9, 8), 40)],
    )
    # XV16 0.5 + 5; XV14 at 90 %: 2; XV15: the first is waived, the second of the month costs 2 x 1.5
    assert rating.score == Decimal(100) - Decimal("5.5") - 2 - 3
    assert origins["violation:XV16|t1/a.two"]["evidence"] == ["t1", "photo-1"]
    assert origins["violation:XV14|trace"]["told"] == {"sales": "100", "bound": "90"}
    assert origins["violation:XV14|trace"]["evidence"] == ["L2"]


def test_an_excursion_of_an_earlier_month_takes_the_waiver_away() -> None:
    assert rated(readings=warm(at(5, 8), 40))[0].score == 100
    charged = [("XV15", "2026-06-05T08:00:00.000+08:00")]
    assert rated(readings=warm(at(5, 8), 40), charged=charged)[0].score == 98


LICENCES: list[tuple[str, str | None, str, str | None]] = [
    ("good for years", None, "2030-01-01", "ok"),
    ("30 days after the month", "granted", "2026-12-30", "ok"),
    ("29 days after", "granted", "2026-12-29", "expiring"),
    ("its last day is the month's", "granted", "2026-11-30", "expiring"),
    ("it ran out the day before", "granted", "2026-11-29", "expired"),
    ("taken away", "revoked", "2030-01-01", "expired"),
    ("for something else", "out_of_scope", "2030-01-01", "out_of_scope"),
    ("without a day", "granted", "soon", None),
]


@pytest.mark.parametrize(("why", "kind", "until", "value"), LICENCES, ids=[row[0] for row in LICENCES])
def test_the_licence_is_what_its_register_says(why: str, kind: str | None, until: str, value: str | None) -> None:
    body = {"type": "licence", "doc_no": "JY1", "decided_on": "2025-01-01", "source_department": "market", "valid_until": until}
    told = seen(Kind.CREDIT_RECORD, merchant(), at(2, 9), body | ({} if kind is None else {"kind": kind}))
    counted = licence_state(record(told))
    assert counted.value == value, why
    assert (counted.reason == "no_record") == (value is None)
