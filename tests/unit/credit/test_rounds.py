"""The contract round and its cumulative points (domain.md C.5)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

import pytest

from credit.rounds import Round, points_in, round_of
from domain.deductions import DeductionState
from domain.errors import BadInput
from domain.time import SHANGHAI
from tests.unit.credit.builders import an_entry

FINAL = DeductionState.FINAL


@pytest.mark.parametrize(
    ("began", "day", "first", "last", "why"),
    [
        (date(2025, 3, 1), date(2025, 3, 1), date(2025, 3, 1), date(2026, 3, 1), "its first day"),
        (date(2025, 3, 1), date(2026, 2, 28), date(2025, 3, 1), date(2026, 3, 1), "its last day"),
        (date(2025, 3, 1), date(2026, 3, 1), date(2026, 3, 1), date(2027, 3, 1), "the next round"),
        (date(2024, 2, 29), date(2026, 2, 28), date(2026, 2, 28), date(2027, 2, 28), "begun on a leap day"),
        (date(2024, 2, 29), date(2028, 2, 29), date(2028, 2, 29), date(2029, 2, 28), "and on the leap day again"),
    ],
)
def test_a_round_lasts_twelve_months(began, day, first, last, why):
    assert round_of(began, day) == Round(began_on=first, ends_on=last), why


def test_a_contract_of_later_has_no_round_yet():
    with pytest.raises(BadInput):
        round_of(date(2026, 3, 1), date(2026, 2, 28))


def test_only_final_entries_of_the_round_count():
    def entry(points, at, state=FINAL):
        return an_entry("XV04", points, raised_at=at, state=state, id=f"{at}{points}")

    inside, first = datetime(2026, 11, 1, tzinfo=SHANGHAI), datetime(2026, 3, 1, tzinfo=SHANGHAI)
    before = datetime(2026, 2, 28, 23, 59, tzinfo=SHANGHAI)
    ledger = [entry("15", inside), entry("7.5", first), entry("20", before), entry("5", inside, DeductionState.PROPOSED)]
    told = round_of(date(2026, 3, 1), date(2026, 11, 20))
    assert points_in(told, [*ledger, ledger[0]]) == Decimal("22.5"), "15 and 7.5; told twice counts once"
    reversed_ = [replace(ledger[0], state=DeductionState.REVERSED), *ledger[1:]]
    assert points_in(told, reversed_) == Decimal("7.5"), "as if it had never been"
