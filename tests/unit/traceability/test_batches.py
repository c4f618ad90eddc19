"""What remains of a lot (domain.md D.10, E052)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadInput, Code
from domain.observations import Kind, Observation
from domain.records import Batch, BatchKind, BatchState, Weighing
from traceability.batches import moved, sold, stated

S = BatchState
AT = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
LATER = AT + timedelta(hours=1)
USCC = "92330211MA2ABC125M"
LOT = Batch(
    uscc=USCC,
    lot="L1",
    kind=BatchKind.PRODUCT,
    name="卤牛肉",
    qty_g=Decimal(5000),
    expires_at=AT + timedelta(days=1),
    state=S.IN_STORE,
    event_time=AT,
    expiry_judged_at=AT,
)


def move(batch, qty_g, origin, target, at=LATER):
    return moved(batch, {"lot": "L1", "from": origin.value, "to": target.value, "qty_g": qty_g}, at)


MOVES = [
    (S.IN_STORE, 5000, S.IN_STORE, S.ON_SALE, 5000, S.ON_SALE, "all of it to the counter"),
    (S.IN_STORE, 2000, S.IN_STORE, S.ON_SALE, 5000, S.ON_SALE, "some on sale is on sale"),
    (S.ON_SALE, 2000, S.ON_SALE, S.IN_STORE, 5000, S.ON_SALE, "some taken back: the rest is still on sale"),
    (S.ON_SALE, 5000, S.ON_SALE, S.IN_STORE, 5000, S.IN_STORE, "all taken back"),
    (S.IN_STORE, 5000, S.IN_STORE, S.QUARANTINED, 5000, S.QUARANTINED, "all set apart: it is all still there"),
    (S.IN_STORE, 2000, S.IN_STORE, S.QUARANTINED, 3000, S.IN_STORE, "some set apart: the rest is judged"),
    (S.IN_STORE, 5000, S.IN_STORE, S.DESTROYED, 0, S.DESTROYED, "all destroyed"),
    (S.IN_STORE, 1000, S.IN_STORE, S.DESTROYED, 4000, S.IN_STORE, "some destroyed"),
    (S.QUARANTINED, 5000, S.QUARANTINED, S.DESTROYED, 0, S.DESTROYED, "what was set apart destroyed"),
    (S.QUARANTINED, 1000, S.QUARANTINED, S.ON_SALE, 1000, S.ON_SALE, "some of what was set apart is sold again"),
]


@pytest.mark.parametrize(("state", "qty_g", "origin", "target", "left", "after", "why"), MOVES)
def test_moving(state, qty_g, origin, target, left, after, why):
    result = move(replace(LOT, state=state), qty_g, origin, target)
    assert (result.qty_g, result.state) == (Decimal(left), after), why
    assert (result.event_time, result.expiry_judged_at) == (LATER, None), "its expiry is judged anew"


PARTLY_APART = replace(LOT, qty_g=Decimal(3000), apart_g=Decimal(2000), state=S.ON_SALE)

PARTS = [
    (LOT, 2000, S.IN_STORE, S.QUARANTINED, (3000, 2000, S.IN_STORE), "what is set apart is remembered"),
    (PARTLY_APART, 500, S.ON_SALE, S.QUARANTINED, (2500, 2500, S.ON_SALE), "it adds up"),
    (PARTLY_APART, 3000, S.ON_SALE, S.QUARANTINED, (5000, 0, S.QUARANTINED), "with the rest all of it is apart"),
    (PARTLY_APART, 3000, S.ON_SALE, S.DESTROYED, (2000, 0, S.QUARANTINED), "only what is apart remains"),
    (PARTLY_APART, 1500, S.QUARANTINED, S.DESTROYED, (3000, 500, S.ON_SALE), "destroyed: it cannot come back"),
    (PARTLY_APART, 1500, S.QUARANTINED, S.ON_SALE, (4500, 500, S.ON_SALE), "it comes back"),
    (PARTLY_APART, 1500, S.QUARANTINED, S.QUARANTINED, (3000, 2000, S.ON_SALE), "from one shelf to the other"),
    (replace(LOT, state=S.QUARANTINED), 1000, S.QUARANTINED, S.ON_SALE, (1000, 4000, S.ON_SALE), "the rest stays apart"),
    (
        replace(PARTLY_APART, state=S.QUARANTINED),
        5000,
        S.QUARANTINED,
        S.DESTROYED,
        (0, 0, S.DESTROYED),
        "an officer booked the lot as quarantined: the part set apart before belongs to it",
    ),
    (replace(PARTLY_APART, qty_g=Decimal(0), state=S.DEPLETED), 2000, S.QUARANTINED, S.ON_SALE, (2000, 0, S.ON_SALE), "sold out"),
]


@pytest.mark.parametrize(("batch", "qty_g", "origin", "target", "after", "why"), PARTS)
def test_what_is_set_apart_of_a_lot(batch, qty_g, origin, target, after, why):
    result = move(batch, qty_g, origin, target)
    assert (result.qty_g, result.apart_g, result.state) == after, why


@pytest.mark.parametrize(
    ("batch", "qty_g", "origin"),
    [
        (LOT, 5000.1, S.IN_STORE),
        (replace(LOT, qty_g=Decimal(0), state=S.DEPLETED), 0.001, S.ON_SALE),
        (replace(LOT, state=S.QUARANTINED), 5001, S.QUARANTINED),
        (replace(LOT, qty_g=Decimal(0), state=S.DESTROYED), 1, S.DESTROYED),
        (LOT, 1, S.QUARANTINED),
        (PARTLY_APART, 2001, S.QUARANTINED),
        (replace(PARTLY_APART, state=S.QUARANTINED), 5001, S.QUARANTINED),
    ],
)
def test_nothing_moves_that_is_not_there(batch, qty_g, origin):
    with pytest.raises(BadInput) as refusal:
        move(batch, qty_g, origin, S.ON_SALE)
    assert refusal.value.code is Code.BATCH_BELOW_ZERO


def test_quantities_are_what_the_sender_wrote():
    assert move(LOT, 0.1, S.IN_STORE, S.DESTROYED).qty_g == Decimal("4999.9")


def test_an_older_move_is_in_there_already():
    assert move(LOT, 99999, S.IN_STORE, S.ON_SALE, at=AT - timedelta(seconds=1)) is LOT


def a_statement(at=LATER, **body):
    known = {
        "lot": "L1",
        "kind": "product",
        "name": "卤牛肉",
        "qty_g": 4000.5,
        "expires_at": "2026-11-21T18:00:00+08:00",
        "state": "on_sale",
    }
    return Observation(
        event_id="e",
        kind=Kind.BATCH_UPSERT,
        uscc=USCC,
        device_id="gw-0a1b2c3d",
        event_time=at,
        received_at=at,
        seq=0,
        body={**known, **body},
        content_hash="",
    )


def test_a_statement_says_all_there_is():
    first = stated(None, a_statement(supplier_uscc=USCC))
    assert (first.qty_g, first.state, first.supplier_uscc) == (Decimal("4000.5"), S.ON_SALE, USCC)
    assert first.expires_at == datetime(2026, 11, 21, 10, tzinfo=UTC)
    again = stated(replace(first, expiry_judged_at=LATER), a_statement(state="quarantined"))
    assert (again.state, again.supplier_uscc, again.expiry_judged_at) == (S.QUARANTINED, "", None)


@pytest.mark.parametrize(("state", "apart_g"), [("on_sale", 2000), ("quarantined", 0)])
def test_a_statement_about_the_rest_forgets_nothing_set_apart(state, apart_g):
    assert stated(PARTLY_APART, a_statement(state=state)).apart_g == apart_g


def test_an_older_statement_does_not_overwrite_a_newer_one():
    assert stated(LOT, a_statement(at=AT - timedelta(seconds=1))) is LOT


def a_sale(net_g, at=LATER):
    return Weighing(
        event_id="e", uscc=USCC, device_id="scl-0a1b2c3d", at=at, trace_code="t", plu="p", lot="L1", net_g=net_g, amount_fen=1
    )


def test_a_sale_before_what_is_known_is_in_there_already():
    assert sold(LOT, a_sale(512, at=AT - timedelta(seconds=1))) is LOT


@pytest.mark.parametrize(
    ("state", "net_g", "left", "after"),
    [
        (S.ON_SALE, 512, 4488, S.ON_SALE),
        (S.ON_SALE, 5000, 0, S.DEPLETED),
        (S.ON_SALE, 5001, 0, S.DEPLETED),
        (S.QUARANTINED, 5000, 0, S.QUARANTINED),
    ],
)
def test_a_sale_leaves_less_and_never_less_than_nothing(state, net_g, left, after):
    result = sold(replace(LOT, state=state), a_sale(net_g))
    assert (result.qty_g, result.state) == (Decimal(left), after)
    assert result.event_time == AT, "a move told of later but made before the sale must still count"


places = st.sampled_from([S.IN_STORE, S.IN_USE, S.ON_SALE, S.QUARANTINED, S.DESTROYED])


@given(st.lists(st.tuples(st.integers(1, 6000), places, places), max_size=12))
def test_whatever_is_moved_a_lot_never_goes_below_nothing(moves):
    batch = LOT
    for n, (qty_g, origin, target) in enumerate(moves):
        with suppress(BadInput):
            batch = move(batch, qty_g, origin, target, at=AT + timedelta(minutes=n))
        assert batch.qty_g >= 0
        assert batch.apart_g >= 0
        assert batch.qty_g + batch.apart_g <= LOT.qty_g, "goods do not come out of nothing"
