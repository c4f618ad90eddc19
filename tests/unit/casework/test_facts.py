"""Facts of devices: the rows of domain.md E.4 that are decided where facts are stored, batches, sales and presence."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from domain.errors import BadInput, Code
from domain.events import EventName
from domain.findings import EvidenceKind
from domain.observations import Flag
from domain.records import BatchState
from domain.time import format_instant
from tests.unit.casework.scene import CAMERA, HOUR, INSPECTOR, MERCHANT, SCALE, USCC, Scene, names, photo


def _stored(scene: Scene) -> int:
    with scene.store.reading() as uow:
        return uow.observations.count()


def test_the_same_event_told_again_is_answered_as_replayed_and_has_no_effect(scene: Scene) -> None:
    scene.office.take_observation(scene.batch(qty_g=5000), scene.now)
    sale = scene.weighing()
    first = scene.office.take_observation(sale, scene.now)
    again = scene.office.take_observation(sale, scene.later(minutes=5))
    assert first[0].name is EventName.OBSERVATION_STORED
    assert [event.name for event in again] == [EventName.OBSERVATION_REPLAYED]
    assert scene.batch_of("L1").qty_g == 4500


def test_the_same_event_id_with_other_content_is_refused_as_e031(scene: Scene) -> None:
    sale = scene.weighing()
    scene.office.take_observation(sale, scene.now)
    with pytest.raises(BadInput) as refused:
        scene.office.take_observation(replace(sale, content_hash="f" * 64), scene.now)
    assert refused.value.code is Code.DUPLICATE_CONFLICT
    assert _stored(scene) == 1


def test_a_merchant_that_is_not_registered_is_refused_as_e011(scene: Scene) -> None:
    with pytest.raises(BadInput) as refused:
        scene.office.take_observation(
            scene.envelope("sensor.temp", {"celsius": 4, "zone": "cold"}, uscc="91350100M000100Y43"), scene.now
        )
    assert refused.value.code is Code.USCC_UNKNOWN


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("sensor.temp", {"celsius": 4.0, "zone": "cold"}),
        ("rating.new", {"stars": 5, "device_hash": "x"}),
        ("additive.use", {"additive": "unheard-of", "lot": "A1", "product_lot": "L1", "qty_g": 1, "product_qty_g": 100}),
    ],
    ids=["a reading", "a rating", "an additive nobody knows (E053) is for people, never a warning by itself"],
)
def test_a_kind_no_rule_reads_yet_is_stored(scene: Scene, kind: str, body: dict[str, object]) -> None:
    events = scene.office.take_observation(scene.envelope(kind, body), scene.now)
    assert events[0].name is EventName.OBSERVATION_STORED
    assert _stored(scene) == 1
    assert scene.warnings() == []


def test_a_suspect_weighing_is_kept_but_neither_takes_stock_nor_raises(scene: Scene) -> None:
    scene.office.take_observation(scene.batch(), scene.now)
    scene.later(hours=2)
    wrong = scene.weighing(amount_fen=99)
    assert Flag.SUSPECT in wrong.flags
    scene.office.take_observation(wrong, scene.now)
    with scene.store.reading() as uow:
        (kept,) = uow.weighings.by_trace_code(str(wrong.body["trace_code"]))
    assert kept.suspect
    assert scene.batch_of("L1").qty_g == 5000
    assert scene.warnings() == []


def test_a_trace_code_seen_on_two_sales_marks_the_second_as_e080(scene: Scene) -> None:
    one = scene.weighing()
    code = str(one.body["trace_code"])
    scene.office.take_observation(one, scene.now)
    scene.later(minutes=3)
    scene.office.take_observation(scene.weighing(trace_code=code, net_g=700, gross_g=710, amount_fen=2800), scene.now)
    with scene.store.reading() as uow:
        first, second = uow.weighings.by_trace_code(code)
    assert (first.code_conflict, second.code_conflict) == (False, True)


def test_one_sale_told_under_two_event_ids_is_no_conflict(scene: Scene) -> None:
    one = scene.weighing()
    scene.office.take_observation(one, scene.now)
    same = scene.envelope("scale.weigh", one.body)
    scene.office.take_observation(same, scene.now)
    with scene.store.reading() as uow:
        assert [sale.code_conflict for sale in uow.weighings.by_trace_code(str(one.body["trace_code"]))] == [False, False]


def test_a_move_below_zero_is_refused_as_e052_and_nothing_is_stored(scene: Scene) -> None:
    scene.office.take_observation(scene.batch(qty_g=100), scene.now)
    with pytest.raises(BadInput) as refused:
        scene.office.take_observation(scene.move("L1", "on_sale", "destroyed", 101), scene.now)
    assert refused.value.code is Code.BATCH_BELOW_ZERO
    assert (_stored(scene), scene.batch_of("L1").qty_g) == (1, 100)


def test_no_more_comes_back_than_was_set_apart(scene: Scene) -> None:
    scene.office.take_observation(scene.batch(qty_g=1000), scene.now)
    scene.office.take_observation(scene.move("L1", "on_sale", "quarantined", 300), scene.later(minutes=1))
    with pytest.raises(BadInput) as refused:
        scene.office.take_observation(scene.move("L1", "quarantined", "on_sale", 5000), scene.later(minutes=1))
    assert refused.value.code is Code.BATCH_BELOW_ZERO
    scene.office.take_observation(scene.move("L1", "quarantined", "on_sale", 300), scene.later(minutes=1))
    assert (scene.batch_of("L1").qty_g, scene.batch_of("L1").apart_g) == (1000, 0)


def test_a_move_told_before_its_lot_waits_for_it(scene: Scene) -> None:
    stated = scene.batch("NEW", qty_g=100, state="in_store")
    scene.later(minutes=1)
    scene.office.take_observation(scene.move("NEW", "in_store", "destroyed", 40), scene.now)
    assert _stored(scene) == 1
    scene.office.take_observation(stated, scene.now)
    assert scene.batch_of("NEW").qty_g == 60


def test_a_move_refused_as_e052_counts_after_all_when_what_came_before_it_is_told(scene: Scene) -> None:
    scene.office.take_observation(scene.batch(qty_g=100), scene.now)
    more = scene.batch(qty_g=500, at=scene.later(minutes=1))
    move = scene.move("L1", "on_sale", "destroyed", 400, at=scene.later(minutes=1))
    with pytest.raises(BadInput) as refused:
        scene.office.take_observation(move, scene.now)
    assert refused.value.code is Code.BATCH_BELOW_ZERO
    scene.office.take_observation(more, scene.now)
    assert scene.batch_of("L1").qty_g == 100
    scene.office.take_observation(move, scene.now)
    assert (scene.batch_of("L1").qty_g, _stored(scene)) == (100, 3), "told again it is stored, and counts once"


def test_a_sale_told_before_its_lot_is_deducted_and_judged_when_the_lot_is_told(scene: Scene) -> None:
    stated = scene.batch(expires_at=format_instant(scene.now + HOUR))
    lawful, late = scene.weighing(at=scene.later(minutes=30)), scene.weighing(at=scene.later(minutes=40))
    for sale in (late, lawful):
        scene.office.take_observation(sale, scene.now)
    events = scene.office.take_observation(stated, scene.now)
    assert names(events).count(EventName.WARNING_RAISED) == 1
    warning = scene.only_warning()
    assert (warning.violation_code, warning.event_time, warning.raised_at) == ("XV04", late.event_time, scene.now)
    assert scene.batch_of("L1").qty_g == 4000


@pytest.mark.parametrize(
    ("start", "to", "moved", "state", "left"),
    [
        ("in_store", "on_sale", 40, BatchState.ON_SALE, 100),
        ("on_sale", "quarantined", 40, BatchState.ON_SALE, 60),
        ("on_sale", "quarantined", 100, BatchState.QUARANTINED, 100),
        ("on_sale", "destroyed", 100, BatchState.DESTROYED, 0),
        ("quarantined", "destroyed", 40, BatchState.QUARANTINED, 60),
        ("quarantined", "in_store", 40, BatchState.IN_STORE, 40),
        ("on_sale", "in_store", 40, BatchState.ON_SALE, 100),
    ],
    ids=[
        "a part on sale puts the batch on sale",
        "a part set apart no longer remains",
        "all of it set apart sets the batch apart",
        "all of it destroyed leaves nothing",
        "what is set apart stays so while a part is destroyed",
        "only what is released is back in store",
        "of what is partly taken back the rest is still on sale",
    ],
)
def test_a_move_leaves_the_batch_where_its_rest_is(
    scene: Scene, start: str, to: str, moved: float, state: BatchState, left: float
) -> None:
    scene.office.take_observation(scene.batch(qty_g=100, state=start), scene.now)
    scene.later(minutes=1)
    scene.office.take_observation(scene.move("L1", start, to, moved), scene.now)
    batch = scene.batch_of("L1")
    assert (batch.state, batch.qty_g) == (state, Decimal(left))


def test_a_part_set_apart_comes_back(scene: Scene) -> None:
    scene.office.take_observation(scene.batch(qty_g=100), scene.now)
    for origin, to in (("on_sale", "quarantined"), ("quarantined", "on_sale")):
        scene.later(minutes=1)
        scene.office.take_observation(scene.move("L1", origin, to, 40), scene.now)
    assert (scene.batch_of("L1").state, scene.batch_of("L1").qty_g) == (BatchState.ON_SALE, 100)


def test_an_older_word_about_a_batch_does_not_overwrite_a_newer_one(scene: Scene) -> None:
    old = scene.batch(qty_g=100, state="on_sale", at=scene.now - 2 * HOUR)
    old_move = scene.move("L1", "on_sale", "destroyed", 10, at=scene.now - HOUR)
    scene.office.take_observation(scene.batch(qty_g=70, state="quarantined"), scene.now)
    scene.office.take_observation(old, scene.now)
    scene.office.take_observation(old_move, scene.now)
    batch = scene.batch_of("L1")
    assert (batch.qty_g, batch.state) == (70, BatchState.QUARANTINED)
    assert _stored(scene) == 3


def test_a_sale_of_an_expired_lot_raises_a_red_warning_with_its_record_as_evidence(scene: Scene) -> None:
    warning = scene.expired_sale()
    assert (warning.rule, warning.violation_code, warning.level.value) == ("RW2", "XV04", "red")
    assert warning.close_by == scene.now + timedelta(hours=24)
    (evidence,) = scene.evidence(warning.id)
    assert evidence.kind is EvidenceKind.RECORD
    assert b'"sold"' in scene.media.get(evidence.sha256)


@pytest.mark.parametrize(
    ("sold_at", "code"),
    [(timedelta(hours=1), "XV04"), (timedelta(hours=1, seconds=-1), None)],
    ids=["a sale at the very instant of expiry is one after it", "a sale before it, told at once, is lawful"],
)
def test_the_instant_of_expiry_decides(scene: Scene, sold_at: timedelta, code: str | None) -> None:
    scene.office.take_observation(scene.batch(), scene.now)
    scene.now += sold_at
    scene.office.take_observation(scene.weighing(), scene.now)
    assert [warning.violation_code for warning in scene.warnings()] == ([code] if code else [])


def test_late_data_never_backdates_a_warning(scene: Scene) -> None:
    made = scene.now
    scene.office.take_observation(scene.batch(), made)
    scene.later(days=5)
    late = scene.weighing(at=made + 2 * HOUR)
    assert Flag.LATE in late.flags
    scene.office.take_observation(late, scene.now)
    warning = scene.only_warning()
    assert (warning.event_time, warning.raised_at) == (made + 2 * HOUR, scene.now)
    assert warning.close_by == scene.now + timedelta(hours=24)


def test_goods_set_apart_by_the_merchant_before_the_warning_raise_none(scene: Scene) -> None:
    scene.office.take_observation(scene.batch(), scene.now)
    scene.later(minutes=90)
    scene.office.take_observation(scene.move("L1", "on_sale", "quarantined", 5000), scene.now)
    scene.office.sweep(scene.now)
    assert scene.warnings() == []


def test_a_batch_that_comes_in_expired_is_judged_at_once(scene: Scene) -> None:
    gone = format_instant(scene.now - HOUR)
    events = scene.office.take_observation(scene.batch(kind="raw", state="in_store", expires_at=gone), scene.now)
    assert EventName.WARNING_RAISED in names(events)
    assert scene.only_warning().violation_code == "XV01"


def test_a_stock_warning_grows_graver_when_the_lot_is_sold(scene: Scene) -> None:
    gone = format_instant(scene.now - HOUR)
    scene.office.take_observation(scene.batch(state="in_store", expires_at=gone), scene.now)
    assert scene.only_warning().violation_code == "XV03"
    scene.later(minutes=10)
    scene.office.take_observation(scene.weighing(), scene.now)
    warning = scene.only_warning()
    assert (warning.violation_code, len(scene.evidence(warning.id))) == ("XV04", 2)
    assert warning.close_by is not None
    assert warning.close_by < scene.now + timedelta(hours=24), "attaching moves no clock"


def test_closing_books_the_batch_as_set_apart_and_a_later_sale_raises_anew(scene: Scene) -> None:
    first = scene.expired_sale()
    scene.office.acknowledge(first.id, MERCHANT, scene.now)
    scene.office.submit(first.id, MERCHANT, "下架", [photo()], scene.now)
    scene.office.verify(first.id, INSPECTOR, ok=True, note="", now=scene.later(minutes=30))
    assert scene.batch_of("L1").state is BatchState.QUARANTINED
    scene.office.sweep(scene.later(minutes=1))
    assert len(scene.warnings()) == 1, "the sweep does not raise again what was just closed"
    scene.later(minutes=1)
    scene.office.take_observation(scene.weighing(), scene.now)
    assert len(scene.warnings()) == 2


def test_a_device_is_online_when_it_reports_and_offline_by_its_last_will(scene: Scene) -> None:
    said = scene.office.take_observation(scene.envelope("cam.status", {"online": True}), scene.now)
    assert [event.name for event in said] == [EventName.OBSERVATION_STORED, EventName.DEVICE_ONLINE]
    again = scene.office.take_observation(scene.envelope("cam.status", {"online": True}), scene.later(minutes=1))
    assert [event.name for event in again] == [EventName.OBSERVATION_STORED]
    scene.later(minutes=1)
    gone = scene.office.take_observation(scene.envelope("cam.status", {"online": False}), scene.now)
    assert gone[-1].name is EventName.DEVICE_OFFLINE
    old = scene.envelope("cam.status", {"online": True}, event_time=format_instant(scene.now - HOUR))
    assert len(scene.office.take_observation(old, scene.now)) == 1, "an older word changes nothing"
    with scene.store.reading() as uow:
        assert uow.devices.presence(CAMERA) == (False, scene.now)


def test_a_scale_that_sells_is_back_online(scene: Scene) -> None:
    scene.office.take_observation(scene.envelope("cam.status", {"online": False}, device_id=SCALE), scene.now)
    events = scene.office.take_observation(scene.weighing(), scene.later(minutes=1))
    assert events[1].name is EventName.DEVICE_ONLINE


def test_in_a_batch_the_refused_leave_no_trace_and_hold_up_nobody(scene: Scene) -> None:
    scene.office.take_observation(scene.batch("SMALL", qty_g=4), scene.now - HOUR)
    good, bad = scene.weighing(), scene.move("SMALL", "on_sale", "destroyed", 5)
    twice = scene.weighing()
    results = scene.office.take_observations([good, bad, twice, twice], scene.now)
    assert isinstance(results[1], BadInput)
    assert results[1].code is Code.BATCH_BELOW_ZERO
    replayed = results[3]
    assert isinstance(replayed, list)
    assert replayed[0].name is EventName.OBSERVATION_REPLAYED
    assert _stored(scene) == 3


def test_stock_is_less_by_what_was_sold_and_never_below_nothing(scene: Scene) -> None:
    scene.office.take_observation(scene.batch(qty_g=700), scene.now)
    for _ in range(2):
        scene.later(minutes=1)
        scene.office.take_observation(scene.weighing(), scene.now)
    assert (scene.batch_of("L1").qty_g, scene.batch_of("L1").state) == (0, BatchState.DEPLETED)
    scene.office.sweep(scene.later(hours=3))
    assert scene.warnings(uscc=USCC) == [], "what is sold out cannot expire in store"


def test_of_sale_after_sale_one_in_each_minute_becomes_evidence_and_every_one_is_stored(scene: Scene) -> None:
    warning = scene.expired_sale()
    version = warning.version
    start = scene.now
    scene.later(minutes=3)
    sales = [scene.weighing(at=start + timedelta(seconds=seconds)) for seconds in (10, 20, 30, 70, 80, 130)]
    results = scene.office.take_observations(sales, scene.now)
    attached = [EventName.WARNING_ATTACHED in names(told) for told in results if isinstance(told, list)]
    assert attached == [True, False, False, True, False, True]
    assert len(scene.evidence(warning.id)) == 1 + 3
    assert scene.only_warning().version == version + 3
    assert _stored(scene) == 2 + 6
    assert scene.batch_of("L1").qty_g == 5000 - 7 * 500


def test_a_sale_in_the_very_minute_of_a_closing_raises_anew(scene: Scene) -> None:
    first = scene.expired_sale()
    scene.office.take_observation(scene.weighing(at=scene.later(seconds=5)), scene.now)
    scene.office.file_case(first.id, INSPECTOR, "案", scene.later(seconds=5))
    scene.office.take_observation(scene.weighing(at=scene.later(seconds=5)), scene.now)
    assert len(scene.warnings()) == 2


def test_in_a_batch_each_fact_sees_those_before_it(scene: Scene) -> None:
    code = str(scene.weighing().body["trace_code"])
    scene.office.take_observation(scene.weighing("OTHER"), scene.now)  # the scale is online
    at = [scene.now - timedelta(seconds=10 - number) for number in range(6)]
    facts = [
        scene.batch(qty_g=5000, at=at[0]),
        scene.weighing(trace_code=code, at=at[1]),
        scene.move("L1", "on_sale", "quarantined", 1000, at=at[2]),
        scene.weighing(trace_code=code, net_g=700, gross_g=710, amount_fen=2800, at=at[3]),
        scene.move("L1", "on_sale", "quarantined", 2801, at=at[4]),
        scene.weighing(at=at[5]),
    ]
    refused = [isinstance(told, BadInput) for told in scene.office.take_observations(facts, scene.now)]
    assert refused == [False, False, False, False, True, False], "2800 g are left by then"
    assert scene.batch_of("L1").qty_g == 2300
    with scene.store.reading() as uow:
        assert [sale.code_conflict for sale in uow.weighings.by_trace_code(code)].count(True) == 1
