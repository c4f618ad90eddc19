"""What becomes of the undecided entries when another one falls (domain.md C.4, F.5)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit.ledger import propose, superseded
from credit.points import Circumstances
from credit.recount import recompute
from credit.score import STANDING
from domain.deductions import Deduction, DeductionState
from tests.unit.credit.builders import AT, WINDOW_END, XIANGSHAN, a_warning

S = DeductionState
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
Ledger = dict[str, Deduction]


def proposed(ledger: Ledger, code: str, *, number: int, on_time: bool = True, incident: str = "", **changes) -> Ledger:
    """The ledger after one more warning was charged."""
    known = {
        "id": f"w{number}",
        "subject": f"L{number}",
        "incident_id": incident or f"i{number}",
        "raised_at": AT + number * MINUTE,
    }
    siblings = [d for d in ledger.values() if incident and d.incident_id == incident]
    entry = propose(
        a_warning(code, **{**known, **changes.pop("warning", {})}),
        XIANGSHAN,
        history=ledger.values(),
        incident=siblings,
        now=AT + number * MINUTE,
        objection_until=WINDOW_END,
        on_time=on_time,
        deduction_id=f"d{number:02}",
        **changes,
    )
    losers = {d.id: d for d in superseded(entry, siblings, AT)}
    return {**ledger, entry.id: entry, **losers}


def built(codes, *, first=0, ledger=None):
    ledger = dict(ledger or {})
    for number, code in enumerate(codes, first):
        ledger = proposed(ledger, code, number=number)
    return ledger


def recounted(ledger: Ledger) -> Ledger:
    return {**ledger, **{d.id: d for d in recompute(ledger.values(), XIANGSHAN, objection_until=WINDOW_END + DAY)}}


def ended(ledger: Ledger, name: str, state: DeductionState = S.WITHDRAWN) -> Ledger:
    return {**ledger, name: replace(ledger[name], state=state)}


@pytest.mark.parametrize(
    ("codes", "before", "after", "why"),
    [
        (["XV04"] * 4, ["15", "22.5", "30", "30"], ["15", "22.5", "30"], "each moves up by one"),
        (["XV03"] * 3, ["0", "7.5", "10"], ["0", "7.5"], "the second is the first now: waived"),
        (["XV11"] * 2, ["0", "5"], ["0"], "likewise"),
        (["CV05"] * 6, ["3", "3", "3", "0", "0", "0"], ["3", "3", "3", "0", "0"], "three of a day are counted"),
        (["XV16"] * 3, ["2", "2", "2"], ["2", "2"], "nothing depends on the first"),
    ],
)
def test_the_others_are_counted_without_the_one_that_fell(codes, before, after, why):
    ledger = built(codes)
    assert [d.points for d in ledger.values()] == [Decimal(points) for points in before]
    rest = list(recounted(ended(ledger, "d00")).values())[1:]
    assert [d.points for d in rest] == [Decimal(points) for points in after], why


def test_what_a_cap_had_left_out_comes_back_under_it():
    ledger = built(["XV18"] * 2)
    assert [d.points for d in ledger.values()] == [2, 0]
    assert recounted(ended(ledger, "d00"))["d01"].points == 2


def test_a_final_entry_is_never_changed_but_counts_for_the_others():
    ledger = built(["XV04"] * 3)
    ledger = ended(ended(ledger, "d01", S.FINAL), "d00", S.REVERSED)
    after = recounted(ledger)
    assert after["d01"] is ledger["d01"]
    assert (after["d02"].ordinal, after["d02"].points, after["d02"].version) == (2, Decimal("22.5"), 2)


def test_no_more_is_charged_than_a_cap_allows_though_a_later_entry_is_final():
    ledger = built(["XV18"] * 3)
    ledger["d02"] = replace(ledger["d02"], state=S.FINAL, points=Decimal(2))
    assert recounted(ended(ledger, "d00"))["d01"].points == 0


def test_nothing_fell_and_nothing_changes():
    ledger = built(["XV04", "XV03", "XV03", "CV10", "XV18", "XV18"])
    assert recompute(ledger.values(), XIANGSHAN, objection_until=WINDOW_END) == ()


def test_what_one_sweep_proposed_keeps_its_order_whatever_the_ids_are():
    ledger = built(["XV04"] * 3)
    ledger = {name: replace(d, proposed_at=AT, id=name) for name, d in zip(["c", "b", "a"], ledger.values(), strict=True)}
    assert recounted(ledger) == ledger
    assert [d.ordinal for d in recounted(ended(ledger, "c")).values()][1:] == [1, 2]


def test_the_sibling_that_had_lost_stands_when_the_winner_fell():
    ledger = proposed({}, "XV03", number=0, on_time=False, incident="one")
    ledger = proposed(ledger, "XV04", number=1, on_time=False, incident="one")
    assert (ledger["d00"].state, ledger["d01"].state) == (S.WITHDRAWN, S.PROPOSED)
    revived = recounted(ended(ledger, "d01"))["d00"]
    assert (revived.state, revived.points, revived.decided_at, revived.note) == (S.PROPOSED, Decimal("7.5"), None, "")
    assert "lost_to" not in revived.components
    assert revived.objection_until == WINDOW_END + DAY, "its merchant may still object"


def test_a_sibling_stays_lost_while_a_graver_one_is_final():
    ledger = proposed({}, "XV04", number=0, incident="one")
    ledger = proposed(ended(ledger, "d00", S.FINAL), "XV03", number=1, incident="one")
    assert recounted(ledger)["d01"].state is S.WITHDRAWN
    assert recounted(ended(ledger, "d00", S.REVERSED))["d01"].state is S.PROPOSED


def test_what_was_set_off_against_a_final_sibling_is_charged_when_that_is_reversed():
    ledger = proposed({}, "XV03", number=0, on_time=False, incident="one")
    ledger = proposed(ended(ledger, "d00", S.FINAL), "XV04", number=1, incident="one")
    assert ledger["d01"].points == Decimal("7.5")
    assert recounted(ended(ledger, "d00", S.REVERSED))["d01"].points == 15


def test_an_entry_of_before_the_leniency_was_written_down_stays_waived():
    ledger = built(["XV03"])
    bare = {name: told for name, told in ledger["d00"].components.items() if name != "leniency"}
    ledger["d00"] = replace(ledger["d00"], components=bare)
    assert recounted(ledger) == ledger


cases = st.tuples(
    st.sampled_from(["XV01", "XV03", "XV04", "XV05", "XV11", "XV18", "CV05", "CV10"]),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["", "", "one", "two"]),
    st.sampled_from([0, 0, 15, 40]),
)


@given(st.lists(cases, min_size=1, max_size=9), st.data())
def test_it_is_as_if_the_withdrawn_entry_had_never_been(charges, data):
    def told(without: int | None = None) -> Ledger:
        ledger: Ledger = {}
        for number, (code, on_time, reported, incident, days) in enumerate(charges):
            if number != without:
                ledger = proposed(
                    ledger,
                    code,
                    number=number,
                    on_time=on_time,
                    incident=incident,
                    circumstances=Circumstances(self_reported=reported),
                    warning={"raised_at": AT + days * DAY},
                )
        return ledger

    ledger = told()
    fallen = data.draw(st.sampled_from([number for number in range(len(charges)) if ledger[f"d{number:02}"].state in STANDING]))
    after = recounted(ended(ledger, f"d{fallen:02}"))
    afresh = recounted(told(without=fallen))  # a sibling replaced in between was still counted for those proposed till then
    assert _standing(after) == _standing(afresh)
    assert recounted(after) == after


def _standing(ledger: Ledger):
    return {d.id: (d.state, d.points, d.ordinal, dict(d.components)) for d in ledger.values() if d.state in STANDING}
