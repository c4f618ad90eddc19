"""A month beside the one before: who rose, who fell, who is new, and only what the reader may see."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from casework.assessment_comparison import Change, compared
from domain.errors import NotFound
from tests.unit.casework.assessing import CLERK, CUT, GOOD, LEADER, OFFICER, TOLD_AT, USCC, Place, at, merchant, place

FALLEN, FRESH = "92330225MA2XHK067M", "91371102MA3RHF0196"
DECEMBER = "2026-12"
BAD = GOOD | {"I01": "no", "I04": "no", "I10": "no", "I16": {"done": 0, "required": 35}, "I21": "none", "I22": "none"}


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as found:
        found.register(merchant(), merchant(uscc=FALLEN, region="330225"))
        found.tell(GOOD)
        found.tell(GOOD, uscc=FALLEN)
        found.publish()
        found.register(merchant(uscc=FRESH, region="330225"))
        later = TOLD_AT + timedelta(days=31)
        found.tell(GOOD, month=DECEMBER, at=later)
        found.tell(BAD, month=DECEMBER, at=later, uscc=FALLEN)
        found.tell(GOOD, month=DECEMBER, at=later, uscc=FRESH)
        yield found


def test_a_month_beside_the_one_before_it(here: Place) -> None:
    run = here.run(CUT + timedelta(days=31, hours=10), month=DECEMBER)
    told = compared(here.assessor, run.id, CLERK)
    assert {change: count for change, count in told.changes.items() if count} == {Change.WORSE: 1, Change.SAME: 1, Change.NEW: 1}
    assert told.month_before == "2026-11"
    assert (sum(told.before.values()), sum(told.now.values())) == (2, 3)
    assert list(told.now)[:4] == ["green", "blue", "yellow", "red"]
    assert [row.change for row in told.rows] == [Change.WORSE, Change.NEW, Change.SAME]  # who fell stands first
    assert told.rows[0].difference is not None
    assert told.rows[0].difference < Decimal(-5)
    assert told.rows[1].difference is None
    assert len(compared(here.assessor, run.id, OFFICER).rows) == 1  # an inspector compares their own region
    with pytest.raises(NotFound):
        compared(here.assessor, "zhenhai-2020-01-v1", CLERK)


def test_a_correction_is_compared_with_the_version_it_corrects(here: Place) -> None:
    changes = {USCC: {"indicators.I01": "no", "indicators.I04": "no", "indicators.I05": "50", "indicators.I10": "no"}}
    corrected = here.assessor.correct("zhenhai-2026-11-v1", LEADER, "复核", at(20, 9, month=12), changes=changes)
    told = compared(here.assessor, corrected.id, CLERK)
    (row,) = told.rows
    assert (told.month_before, row.change) == ("2026-11", Change.WORSE)
    assert row.difference is not None
    assert row.difference < 0
