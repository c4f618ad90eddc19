"""Facts told from outside: row by row, with what is wrong and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from casework.assessment_facts import FactImport, read_rows
from domain.errors import BadInput
from tests.unit.casework.assessing import CLERK, OWNER, TOLD_AT, USCC, configuration, merchant, place

HEADER = "uscc,fact,value,month,source,reason,observed_at\n"
OTHER = "92330225MA2XHK067M"

ROWS = [
    (f"{USCC},I19,certified,2026-11,台账,,", "", "a word of the scheme"),
    (f'{USCC},I16,"{{""done"": 3, ""required"": 4}}",2026-11,台账,,', "", "an object in a cell"),
    (f"{USCC},I08,,2026-11,台账,无冷藏,", "", "not applicable, with its reason"),
    (f"{USCC},I08,,2026-11,台账,,", "reason", "not applicable without one"),
    (f"{USCC},I19,gold,2026-11,台账,,", "value", "no word of the scheme"),
    (f"{USCC},I05,101,2026-11,台账,,", "value", "out of range"),
    (f"{USCC},I99,1,2026-11,台账,,", "fact", "no such fact"),
    (f"{USCC},I19,certified,2026-13,台账,,", "month", "no month"),
    (f"{USCC},I19,certified,2026-11,,,", "source", "nobody's word"),
    (f"{USCC[:-1]}X,I19,certified,2026-11,台账,,", "uscc", "a wrong check character"),
    ("91350100M000100Y43,I19,certified,2026-11,台账,,", "uscc", "not registered here"),
    (f"{USCC},I19,certified,2026-11,台账,,2027-01-01", "observed_at", "in the future"),
    (f"{OTHER},violations,[],2026-11,台账,,", "", "a scheme that deducts"),
    (f'{OTHER},violations,"[{{""code"": ""XV99"", ""at"": ""2026-11-01""}}]",2026-11,台账,,', "value", "an unknown code"),
    (f"{OTHER},I19,certified,2026-11,台账,,", "fact", "another scheme's fact"),
]


@pytest.fixture
def taker(tmp_path: Path):
    with place(tmp_path) as here:
        here.register(merchant(), merchant(uscc=OTHER, region="330225", scheme="xiangshan"))
        yield FactImport(here.store, configuration().ratings)


def test_each_row_is_judged_by_itself(taker: FactImport) -> None:
    data = (HEADER + "\n".join(row for row, _, _ in ROWS)).encode()
    found = taker.take(read_rows(data), CLERK, TOLD_AT)
    wrong = {number: column for number, (_, column, _) in enumerate(ROWS, 1) if column}
    assert {each.row: each.column for each in found.problems} == wrong
    assert (found.added, found.rows) == (len(ROWS) - len(wrong), len(ROWS))
    again = taker.take(read_rows(data), CLERK, TOLD_AT)
    assert (again.added, again.known) == (0, found.added)


def test_another_value_as_of_the_same_instant_is_refused_and_a_later_one_corrects(taker: FactImport) -> None:
    row = {"uscc": USCC, "fact": "I19", "value": "applied", "month": "2026-11", "source": "台账"}
    assert taker.take([row], CLERK, TOLD_AT).added == 1
    other = taker.take([row | {"value": "certified"}], CLERK, TOLD_AT)
    assert [(each.column, other.added) for each in other.problems] == [("observed_at", 0)]
    assert taker.take([row | {"value": "certified", "observed_at": "2026-11-20"}], CLERK, TOLD_AT).added == 1


def test_nobody_tells_facts_about_whom_they_may_not_know(taker: FactImport) -> None:
    row = {"uscc": OTHER, "fact": "contract_began_on", "value": "2026-01-01", "month": "2026-11", "source": "x"}
    assert [each.column for each in taker.take([row], OWNER, TOLD_AT).problems] == ["uscc"]


@pytest.mark.parametrize("data", [b"\xff", b"uscc,fact\n", b"[1, NaN]", b"[{]"])
def test_what_is_no_table_is_refused_whole(data: bytes) -> None:
    with pytest.raises(BadInput, match="E001"):
        read_rows(data)


def test_json_numbers_never_become_binary_floats(taker: FactImport) -> None:
    rows = read_rows(b'[{"uscc": "%s", "fact": "I05", "value": 94.99, "month": "2026-11", "source": "x"}]' % USCC.encode())
    assert taker.take(rows, CLERK, TOLD_AT).added == 1
    with taker._store.reading() as uow:
        (fact,) = uow.assessments.facts_of([USCC], "zhenhai", month="2026-11", recorded_before=TOLD_AT.replace(year=2027))
    assert fact.value == "94.99"
