"""Pages, and what the sweep and the auditor ask: right at the edges, and answered by an index."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from domain.errors import BadInput
from domain.records import BatchState
from domain.rules import Level
from domain.warnings import State
from store.ports import Store, WarningQuery
from tests.contract.store.builders import CAMERA, NOW, OTHER_USCC, USCC, batch, warning
from tests.contract.store.raw import execute

TICK = timedelta(microseconds=1)


def _many(store: Store, number: int) -> list[str]:
    """Warnings three to an instant, so that pages end in the middle of a tie; their ids, newest first."""
    made = [
        warning(
            id=f"w{n:03}",
            open_key=str(n),
            raised_at=NOW + TICK * (n // 3),
            uscc=USCC if n % 2 else OTHER_USCC,
            region="330211" if n % 2 else "330225",
            level=Level.RED if n % 5 else Level.ORDINARY,
            state=State.CLOSED if n % 7 == 0 else State.RAISED,
        )
        for n in range(40)
    ]
    with store.writing() as unit:
        for item in made:
            unit.warnings.add(item)
        unit.commit()
    return [item.id for item in sorted(made, key=lambda item: (item.raised_at, item.id), reverse=True)]


@pytest.mark.parametrize("limit", [1, 2, 7, 39, 40, 500])
def test_pages_leave_nothing_out_and_show_nothing_twice(store: Store, limit: int) -> None:
    expected = _many(store, 40)
    seen, cursor, pages = [], None, 0
    while True:
        with store.reading() as unit:
            page, cursor = unit.warnings.query(WarningQuery(cursor=cursor, limit=limit))
        seen += [item.id for item in page]
        pages += 1
        if cursor is None:
            break
    assert seen == expected
    assert pages == -(-40 // limit)


def test_warnings_that_come_or_close_between_pages_move_no_page(store: Store) -> None:
    expected = _many(store, 40)
    with store.writing() as unit:
        first, cursor = unit.warnings.query(WarningQuery(limit=10))
        unit.warnings.add(warning(id="newer", open_key="newer", raised_at=NOW + timedelta(days=1)))
        unit.commit()
    with store.reading() as unit:
        rest, end = unit.warnings.query(WarningQuery(cursor=cursor, limit=100))
    assert [item.id for item in (*first, *rest)] == expected
    assert end is None


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        (WarningQuery(state="open"), lambda n: n % 7 != 0),
        (WarningQuery(state="closed"), lambda n: n % 7 == 0),
        (WarningQuery(state="dismissed"), lambda n: False),
        (WarningQuery(uscc=USCC), lambda n: n % 2 == 1),
        (WarningQuery(region="330225"), lambda n: n % 2 == 0),
        (WarningQuery(region="3302"), lambda n: True),
        (WarningQuery(region="3303"), lambda n: False),
        (WarningQuery(level="ordinary"), lambda n: n % 5 == 0),
        (WarningQuery(state="open", level="red", uscc=OTHER_USCC, region="33"), lambda n: n % 7 and n % 5 and n % 2 == 0),
    ],
)
def test_filters_narrow_a_listing(store: Store, query: WarningQuery, wanted: object) -> None:
    expected = [name for name in _many(store, 40) if wanted(int(name[1:]))]  # type: ignore[operator]
    with store.reading() as unit:
        page, cursor = unit.warnings.query(query)
    assert [item.id for item in page] == expected
    assert cursor is None


@pytest.mark.parametrize(
    "query",
    [
        WarningQuery(state="nonsense"),
        WarningQuery(level="orange"),
        WarningQuery(cursor="!"),
        WarningQuery(cursor="bm9uZQ"),
        WarningQuery(cursor="OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5Lng"),
        WarningQuery(cursor="é"),
    ],
)
def test_a_query_that_means_nothing_is_bad_input(store: Store, query: WarningQuery) -> None:
    with store.reading() as unit, pytest.raises(BadInput):
        unit.warnings.query(query)


def test_the_latest_of_a_key_is_found_open_or_not(store: Store) -> None:
    with store.writing() as unit:
        assert unit.warnings.latest_with_key(warning().open_key) is None
        unit.warnings.add(warning(id="old", state=State.CLOSED, raised_at=NOW - TICK))
        unit.warnings.add(warning(id="new", state=State.DISMISSED))
        assert unit.warnings.open_with_key(warning().open_key) is None
        assert unit.warnings.latest_with_key(warning().open_key) == warning(id="new", state=State.DISMISSED)


def test_due_is_what_has_come_and_nothing_that_is_closed_or_ahead(store: Store) -> None:
    cases = [  # id, next due, state, due?
        ("passed", NOW - TICK, State.RAISED, True),
        ("now", NOW, State.SUBMITTED, True),
        ("ahead", NOW + TICK, State.RAISED, False),
        ("never", None, State.RAISED, False),
        ("closed", NOW - TICK, State.CLOSED, False),
        ("controlled", NOW - 2 * TICK, State.CONTROLLED, True),
    ]
    with store.writing() as unit:
        for name, at, state, _ in cases:
            unit.warnings.add(warning(id=name, open_key=name, next_due_at=at, state=state))
        assert [item.id for item in unit.warnings.due(NOW, limit=10)] == ["controlled", "passed", "now"]
        assert [item.id for item in unit.warnings.due(NOW, limit=1)] == ["controlled"]


def test_the_auditor_counts_without_trusting_next_due_at(store: Store) -> None:
    cases = [  # id, changes, counted?
        ("forgotten", {"close_by": NOW - TICK}, True),
        ("exactly now is on time", {"close_by": NOW}, False),
        ("flagged", {"close_by": NOW - TICK, "closure_overdue": True}, False),
        ("closed", {"close_by": NOW - TICK, "state": State.CLOSED}, False),
        ("controlled counts as closed", {"close_by": NOW - TICK, "state": State.CONTROLLED}, False),
        ("ordinary has no such clock", {"close_by": NOW - TICK, "level": Level.ORDINARY}, False),
    ]
    with store.writing() as unit:
        for name, changes, _ in cases:
            unit.warnings.add(warning(id=name, open_key=name, **changes))
        assert unit.warnings.overdue_unflagged(NOW) == sum(counted for *_, counted in cases)
        assert unit.warnings.count_open() == {"red": 4, "ordinary": 1}


def test_camera_warnings_of_one_day_are_counted(store: Store) -> None:
    day = {"day_from": NOW, "day_until": NOW + timedelta(days=1)}
    cases = [
        ({"raised_at": NOW}, True),
        ({"raised_at": NOW + timedelta(days=1) - TICK}, True),
        ({"raised_at": NOW + timedelta(days=1)}, False),
        ({"raised_at": NOW - TICK}, False),
        ({"camera": "cam-ffffffff"}, False),
        ({"class_": "smoking"}, False),
        ({"uscc": OTHER_USCC}, False),
    ]
    with store.writing() as unit:
        for n, (changes, _) in enumerate(cases):
            fields = {"id": str(n), "open_key": str(n), "camera": CAMERA, "class_": "pest_or_pet", **changes}
            unit.warnings.add(warning(**fields))
        assert unit.warnings.counted(uscc=USCC, class_="pest_or_pet", camera=CAMERA, **day) == 2


def test_expired_batches_are_those_somebody_still_has_to_judge(store: Store) -> None:
    cases = [  # changes, to judge?, why
        ({"expires_at": NOW}, True, "the first instant it is no longer good"),
        ({"expires_at": NOW + TICK}, False, "still good"),
        ({"qty_g": Decimal("0.000")}, False, "nothing left"),
        ({"qty_g": Decimal("0.001")}, True, "a milligram is left"),
        ({"state": BatchState.QUARANTINED}, False, "quarantine is virtue"),
        ({"state": BatchState.DEPLETED}, False, "nothing left"),
        ({"expiry_judged_at": NOW}, False, "judged"),
        ({"state": BatchState.RECEIVED}, True, "in stock"),
    ]
    with store.writing() as unit:
        for n, (changes, _, _) in enumerate(cases):
            unit.batches.put(batch(lot=f"LOT-{n}", **changes))
        found = {item.lot for item in unit.batches.expired(NOW, limit=10)}
        assert found == {f"LOT-{n}" for n, (_, judge, _) in enumerate(cases) if judge}
        assert unit.batches.expired(NOW, limit=1)[0].lot in {"LOT-3", "LOT-7"}
        for n, (changes, _, _) in enumerate(cases):
            unit.batches.put(batch(lot=f"LOT-{n}", **{**changes, "expiry_judged_at": NOW}))
        assert not unit.batches.expired(NOW, limit=10)


PLANS = [
    ("SELECT * FROM warnings WHERE next_due_at <= {now} ORDER BY next_due_at LIMIT 100", "ix_warnings_next_due_at"),
    ("SELECT * FROM warnings WHERE open_key = 'x' AND state NOT IN ('closed', 'dismissed')", "uq_warnings_open_key"),
    (
        "SELECT * FROM warnings WHERE uscc = 'x' AND (raised_at, id) < ({now}, 'x') ORDER BY raised_at DESC, id DESC LIMIT 50",
        "ix_warnings_uscc_raised_at",
    ),
    ("SELECT * FROM batches WHERE judge_at <= {now} ORDER BY judge_at LIMIT 100", "ix_batches_judge_at"),
    ("SELECT * FROM outbox WHERE state = 'pending' ORDER BY id LIMIT 100", "ix_outbox_pending"),
]


@pytest.mark.parametrize(("statement", "index"), PLANS)
def test_what_is_asked_every_second_is_answered_by_an_index(
    store: Store, url: str, backend: str, statement: str, index: str
) -> None:
    now = "1795143753123457" if backend == "sqlite" else "'2026-11-20T03:02:33Z'::timestamptz"
    if backend == "sqlite":
        rows = execute(url, f"EXPLAIN QUERY PLAN {statement.format(now=now)}")
    else:  # an empty table is faster read through: ask what it would do if that were dear
        rows = execute(url, "SET LOCAL enable_seqscan = off", f"EXPLAIN {statement.format(now=now)}")
    assert index in " ".join(str(cell) for row in rows for cell in row)
