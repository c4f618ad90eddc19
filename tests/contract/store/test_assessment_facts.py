"""What the monthly assessment reads says the same on both databases: words, tallies, sales, attempts, interruptions."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.errors import Conflict
from domain.observations import Kind
from store.assessments import DeviceDay, Interruption, InterruptionKind, Sold, StatusWord, Try
from store.ports import Store
from tests.contract.store.builders import CAMERA, NOW, OTHER_USCC, USCC, batch, observation, weighing

MINUTE = timedelta(minutes=1)
LATER = NOW + timedelta(hours=1)


def test_words_are_read_with_what_they_say(store: Store) -> None:
    said = [(True, 0), (False, 1), (True, 2)]
    with store.writing() as uow:
        for online, minute in said:
            at = NOW + minute * MINUTE
            body = {"online": online, "fps": 12.5}
            uow.observations.add(
                observation(event_id=f"w{minute}", kind=Kind.CAM_STATUS, body=body, event_time=at, received_at=at + MINUTE, seq=0)
            )
        uow.commit()
    with store.reading() as uow:
        found = list(uow.assessments.words([USCC, OTHER_USCC], since=NOW, until=NOW + 2 * MINUTE))
    device = found[0][1]
    assert found == [
        (USCC, device, StatusWord(NOW + minute * MINUTE, online, NOW + (minute + 1) * MINUTE)) for online, minute in said[:2]
    ]


def test_sales_are_counted_by_lot_with_who_supplied_it(store: Store) -> None:
    with store.writing() as uow:
        uow.batches.put(batch(lot="L1", supplier_uscc=OTHER_USCC))
        for number, (lot, suspect, late) in enumerate([("L1", False, 0), ("L1", True, 0), ("L1", False, 1), ("L2", False, 0)]):
            sale = weighing(event_id=f"s{number}", lot=lot, suspect=suspect, at=NOW, trace_code=f"T{number}")
            uow.weighings.add(sale)
            came = NOW + late * timedelta(days=1)
            uow.observations.add(observation(event_id=f"s{number}", kind=Kind.SCALE_WEIGH, event_time=NOW, received_at=came))
        uow.commit()
    with store.reading() as uow:
        found = uow.assessments.sold([USCC], since=NOW, until=LATER, received_before=LATER)
    assert found == [Sold(USCC, "L1", OTHER_USCC, 1), Sold(USCC, "L2", "", 1)]


def test_a_tally_is_replaced_passed_over_and_taken_away(store: Store) -> None:
    within = timedelta(minutes=15)
    tally = {"words": 3, "spans": [[0, 86_400_000_000]]}
    day = DeviceDay(
        uscc=USCC, device_id=CAMERA, kind=Kind.CAM_STATUS, day="2026-11-20", within=within, received_at=NOW, tally=tally
    )
    with store.writing() as uow:
        uow.assessments.put_device_days([day])
        uow.assessments.put_device_days([day])
        uow.commit()

    def known(**changes: object) -> list[DeviceDay]:
        asked: dict[str, object] = {"since": "2026-11-01", "until": "2026-12-01", "within": within, "received_before": LATER}
        with store.reading() as uow:
            return uow.assessments.device_days([USCC], Kind.CAM_STATUS, **asked | changes)  # type: ignore[arg-type]

    assert known() == [day]
    for changes in ({"received_before": NOW}, {"within": 2 * within}, {"until": "2026-11-20"}):
        assert known(**changes) == [], changes
    with store.writing() as uow:
        uow.assessments.drop_device_days(USCC, CAMERA, Kind.CAM_STATUS, days=["2026-11-20"])
        uow.commit()
    assert known() == []


def test_the_last_attempt_before_an_instant_counts(store: Store) -> None:
    tries = [Try(connector="c", uscc=uscc, at=NOW + n * MINUTE, outcome=f"o{n}") for n, uscc in ((0, USCC), (1, USCC), (2, ""))]
    with store.writing() as uow:
        for each in (*tries, tries[0]):
            uow.assessments.add_try(each)
        uow.commit()
    with store.reading() as uow:
        assert uow.assessments.tries("c", [USCC, ""], before=LATER) == {USCC: tries[1], "": tries[2]}
        assert uow.assessments.tries("c", [USCC, ""], before=NOW + MINUTE) == {USCC: tries[0]}
        assert uow.assessments.tries("other", [USCC], before=LATER) == {}


def test_an_interruption_stands_until_it_is_withdrawn_once(store: Store) -> None:
    told = Interruption(
        id="i",
        kind=InterruptionKind.AREA,
        uscc=None,
        region="3302",
        began_at=NOW,
        ended_at=LATER,
        announced_at=NOW,
        reason="停电",
        recorded_by="u",
        recorded_at=LATER,
    )
    gone = {"withdrawn_at": LATER + 2 * MINUTE, "withdrawn_by": "v", "withdrawn_why": "误报"}
    withdrawn = Interruption(**{name: getattr(told, name) for name in told.__slots__} | gone)
    with store.writing() as uow:
        assert uow.assessments.add_interruption(told)
        uow.commit()
    with store.writing() as uow:
        uow.assessments.withdraw_interruption(withdrawn)
        uow.commit()
    with store.reading() as uow:
        stands = [len(uow.assessments.interruptions(NOW, LATER, known_at=LATER + n * MINUTE)) for n in range(4)]
        assert uow.assessments.told_interruptions(NOW, LATER) == [withdrawn]
    assert stands == [0, 1, 1, 0]
    with store.writing() as uow, pytest.raises(Conflict):
        uow.assessments.withdraw_interruption(withdrawn)


def test_the_first_that_is_known_of_a_merchant(store: Store) -> None:
    with store.writing() as uow:
        for n, kind in ((3, Kind.CAM_STATUS), (1, Kind.SENSOR_TEMP), (0, Kind.SCALE_WEIGH)):
            uow.observations.add(observation(event_id=f"f{n}", kind=kind, event_time=NOW + n * MINUTE))
        uow.commit()
    with store.reading() as uow:
        assert uow.assessments.first_seen([USCC, OTHER_USCC]) == {USCC: NOW + MINUTE}
