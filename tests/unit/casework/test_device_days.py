"""Tallies of what cameras said: they say what the raw rows say, whatever came when, and a late word corrects them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from casework.assessment_days import DayCounter, forget
from casework.assessment_snapshot import status_days, take
from casework.indicators_days import online_spans, spans_of, status_day
from casework.indicators_devices import camera_online, days_of_data, kanban_days, scene_offline_days
from casework.indicators_record import clipped, merged
from domain.ids import DeviceKind
from domain.observations import Observation
from domain.parties import Device
from domain.time import midnight
from store.assessments import Seen, StatusWord
from tests.unit.casework.assessing import CAMERA, CUT, MONTH, USCC, Place, at, merchant, place, record, word

SILENCE = timedelta(minutes=15)
FIRST = date(2026, 11, 1)
COUNTED_AT = CUT + timedelta(hours=1)
MOMENTS = st.tuples(st.integers(0, 4 * 24 * 60), st.booleans())


@settings(deadline=None, max_examples=60)
@given(st.lists(MOMENTS, max_size=60, unique_by=lambda moment: moment[0]), st.integers(1, 180))
def test_the_days_together_are_the_time_as_a_whole(moments: list[tuple[int, bool]], silence_minutes: int) -> None:
    silence = timedelta(minutes=silence_minutes)
    begins = midnight(FIRST)
    words = [StatusWord(begins + timedelta(minutes=minute), online, CUT) for minute, online in sorted(moments)]
    whole = clipped(online_spans([(each.at, each.online) for each in words], silence), begins, begins + timedelta(days=4))
    days = [status_day(USCC, CAMERA.id, FIRST + timedelta(days=n), words, silence) for n in range(4)]
    assert merged(span for day in days for span in spans_of(day)) == whole


@settings(deadline=None, max_examples=60)
@given(st.lists(MOMENTS, max_size=40, unique_by=lambda moment: moment[0]), st.sets(st.integers(1, 4)))
def test_a_record_says_the_same_from_tallies_from_rows_and_from_both(moments: list[tuple[int, bool]], tallied: set[int]) -> None:
    words = [word(1 + minute // 1440, minute % 1440 / 60, online=online) for minute, online in moments if minute < 4 * 1440]
    raw = record(*words, cut_at=at(5, 0))
    said = [StatusWord(each.event_time, bool(each.body["online"]), each.received_at) for each in raw.seen]
    days = [status_day(USCC, CAMERA.id, date(2026, 11, day), said, SILENCE) for day in sorted(tallied)]
    both = replace(raw, days=days)
    if len(tallied) == 4:
        both = replace(both, seen=())
    for gauge in (camera_online, days_of_data, kanban_days):
        assert gauge(both) == gauge(raw), gauge
    assert scene_offline_days(both) == scene_offline_days(raw)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as found:
        found.register()
        with found.store.writing() as uow:
            uow.devices.put(CAMERA)
            uow.devices.put(Device(id="kan-0a1b2c3d", uscc=USCC, region="330211", kind=DeviceKind.KANBAN))
            uow.commit()
        yield found


def count(here: Place, now: datetime = COUNTED_AT) -> int:
    """Count what is over; how many pieces that took."""
    counter, pieces = DayCounter(here.store, SILENCE), 0
    while counter.piece(now):
        pieces += 1
        assert pieces < 200
    return pieces


def rate(here: Place, cut_at: datetime = CUT) -> str:
    with here.store.reading() as uow:
        return str(take(uow, here.assessor.lens("zhenhai"), [merchant()], MONTH, cut_at=cut_at)[USCC].facts["indicators"]["I05"])


def rows_read(here: Place, cut_at: datetime = CUT) -> int:
    """How many raw words a snapshot reads."""
    seen: dict[str, list[Seen]] = {USCC: []}
    with here.store.reading() as uow:
        devices = {USCC: uow.assessments.devices([USCC])}
        status_days(uow, devices, seen, SILENCE, at(1, 0), min(CUT, cut_at), cut_at)
    return len(seen[USCC])


def come(here: Place, observations: Iterable[Observation], now: datetime) -> None:
    """Words that come at an instant, as the intake stores them."""
    words = [replace(each, received_at=now) for each in observations]
    with here.store.writing() as uow:
        uow.observations.add_all(words)
        forget(uow, words, now)
        uow.commit()


def month_without(*dark: int) -> list[Observation]:
    return [word(day, 10 + quarter / 4) for day in range(1, 31) if day not in dark for quarter in range(40)]


def test_a_month_is_counted_once_and_no_row_is_read_again(here: Place) -> None:
    here.observe(*month_without(4, 5, 6))
    assert (rate(here), rows_read(here)) == ("90", 27 * 40)
    count(here)
    assert (rate(here), rows_read(here)) == ("90", 0)
    assert count(here) == 1  # a look at the merchants, and nothing to do
    assert here.assessor.live(USCC, CUT - timedelta(hours=1)) is not None


def test_a_late_word_corrects_the_tally_of_its_day_and_of_no_other(here: Place) -> None:
    here.observe(*month_without(4, 5))
    count(here, at(20, 1))
    assert rows_read(here, at(20, 0)) == 0
    come(here, [word(5, 10 + quarter / 4) for quarter in range(40)], at(20, 3))
    assert rows_read(here, at(20, 4)) > 0  # the rows of those days count until they are counted again
    assert rate(here) == "96.666666"
    count(here, at(21, 1))
    assert rate(here) == "96.666666"
    count(here)
    assert (rate(here), rows_read(here)) == ("96.666666", 0)


def test_a_word_after_the_cut_changes_the_tally_and_not_the_month(here: Place) -> None:
    here.observe(*month_without(4, 5, 6))
    count(here)
    come(here, [word(5, 10 + quarter / 4) for quarter in range(40)], CUT + timedelta(hours=3))
    assert rate(here) == "90"
    count(here, CUT + timedelta(days=1, hours=1))
    assert rate(here) == "90"  # the tally holds a word that came after the cut: the rows as of the cut count
    assert rate(here, CUT + timedelta(days=2)) == "93.333333"


def test_the_order_in_which_words_came_and_days_were_counted_does_not_matter(here: Place) -> None:
    words = [word(day, 10 + n / 6, online=(n + day) % 7 != 0) for day in range(1, 6) for n in range(60)]
    for part in (words[1::3], words[2::3], words[0::3]):
        come(here, reversed(part), at(12, 3))
        count(here, at(12, 5))
    tallied = rate(here, at(12, 6))
    with here.store.writing() as uow:
        for day in range(1, 7):
            uow.assessments.drop_device_days(USCC, CAMERA.id, words[0].kind, days=[f"2026-11-{day:02d}"])
        uow.commit()
    assert rows_read(here, at(12, 6)) == len(words)
    assert rate(here, at(12, 6)) == tallied


def test_another_silence_is_counted_anew(here: Place) -> None:
    here.observe(*month_without())
    count(here)
    counter = DayCounter(here.store, timedelta(minutes=5))
    while counter.piece(COUNTED_AT):
        pass
    assert rows_read(here) == len(month_without())  # counted by another limit: not used
    assert rate(here) == "100"
