"""A lot is what its facts come to, in whatever order and however often they are told."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from domain.errors import BadInput
from domain.observations import Kind, Observation
from domain.records import Batch
from domain.time import format_instant
from store import open_media, open_store
from tests.unit.casework.scene import HOUR, START, Scene, quick_directory, sqlite_url
from tests.unit.log.length import times

EXPOSED = ("received", "in_store", "in_use", "on_sale")
MINUTES = st.integers(0, 20)
END = START + 2 * HOUR
PHASES = [Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink]


@dataclass(frozen=True)
class _Outcome:
    """The lot without when it was judged, its open warnings, and how many sales and statements are stored."""

    batch: Batch | None
    open_keys: frozenset[str]
    stored: int


def _told(template: Path, facts: Sequence[Observation], tell: Callable[[Scene, Sequence[Observation]], None]) -> _Outcome:
    with quick_directory() as directory:
        shutil.copy(template, directory / "kitchen.db")
        store = open_store(sqlite_url(directory))
        scene = Scene(store, open_media(f"file://{directory}/media"))
        tell(scene, facts)
        scene.now = END
        scene.office.sweep(scene.now)
        with store.reading() as uow:
            batch = uow.batches.get(facts[0].uscc, "L1")
            told = {fact.event_id for fact in facts if fact.kind is not Kind.BATCH_MOVE}
            stored = len(uow.observations.known_all(told))
        keys = frozenset(warning.open_key for warning in scene.warnings() if warning.is_open)
        store.close()
    return _Outcome(None if batch is None else replace(batch, expiry_judged_at=None), keys, stored)


def _as_it_happens(scene: Scene, facts: Sequence[Observation]) -> None:
    for fact in facts:
        scene.office.sweep(fact.event_time - timedelta(microseconds=1))
        scene.now = fact.event_time
        _take(scene, fact)


def _afterwards(scene: Scene, facts: Sequence[Observation]) -> None:
    scene.now = END
    for fact in facts:
        _take(scene, fact)


def _afterwards_together(scene: Scene, facts: Sequence[Observation]) -> None:
    scene.office.take_observations(facts, END)


def _take(scene: Scene, fact: Observation) -> None:
    try:
        scene.office.take_observation(fact, scene.now)
    except BadInput as error:
        assert error.code == "E052"  # noqa: PT017 - it may or may not come


def _statement(scene: Scene, minute: int, state: str, kind: str, qty_g: int, expires: int) -> Observation:
    at = START + timedelta(minutes=minute)
    expires_at = format_instant(START + timedelta(minutes=expires))
    return scene.batch(at=at, state=state, kind=kind, qty_g=qty_g, expires_at=expires_at)


def _facts(draw: Any, states: Sequence[str], places: Sequence[str], *, most_g: int, expires: int) -> list[Observation]:
    scene = Scene(None, None, now=END)  # type: ignore[arg-type]
    kind = draw(st.sampled_from(["product", "raw"]))
    small = most_g == 5
    facts = []
    for minute in draw(st.lists(MINUTES, min_size=1, max_size=3)):
        qty_g = 90_000 if small else draw(st.sampled_from([600, 1500]))
        facts.append(_statement(scene, minute, draw(st.sampled_from(states)), kind, qty_g, expires))
    for minute in draw(st.lists(MINUTES, max_size=3)):
        places_ = draw(st.tuples(st.sampled_from(places), st.sampled_from(places)))
        facts.append(scene.move("L1", places_[0], places_[1], draw(st.integers(1, most_g)), at=START + timedelta(minutes=minute)))
    facts += [scene.weighing(at=START + timedelta(minutes=minute)) for minute in draw(st.lists(MINUTES, max_size=3))]
    return facts


def _orders(facts: list[Observation], draw: Any) -> tuple[list[Observation], list[Observation]]:
    """As it happened, and any other order with some facts told again."""
    again = draw(st.lists(st.sampled_from(facts), max_size=3))
    return sorted(facts, key=lambda fact: fact.event_time), draw(st.permutations([*facts, *again]))


@settings(max_examples=times(6), deadline=None, phases=PHASES)
@given(data=st.data())
def test_in_any_order_the_facts_of_a_lot_leave_the_same_lot_and_no_warning_less(
    registered_database: Path, data: st.DataObject
) -> None:
    """A warning more is one that was raised before what would have prevented it was told."""
    places = ("in_store", "in_use", "on_sale", "quarantined", "destroyed")
    facts = _facts(data.draw, (*EXPOSED, "quarantined", "destroyed"), places, most_g=1000, expires=10)
    one, other = _orders(facts, data.draw)
    in_order = _told(registered_database, one, _as_it_happens)
    shuffled = _told(registered_database, other, data.draw(st.sampled_from([_afterwards, _afterwards_together])))
    assert shuffled.batch == in_order.batch
    assert shuffled.open_keys >= in_order.open_keys
    assert shuffled.stored == in_order.stored


@settings(max_examples=times(6), deadline=None, phases=PHASES)
@given(data=st.data())
def test_in_any_order_the_facts_of_an_expired_lot_that_stays_exposed_raise_the_same_warnings(
    registered_database: Path, data: st.DataObject
) -> None:
    """The same open keys; when each was raised, by which fact, and with how much evidence may differ."""
    facts = _facts(data.draw, EXPOSED, ("in_store", "in_use", "on_sale"), most_g=5, expires=-1)
    one, other = _orders(facts, data.draw)
    in_order = _told(registered_database, one, _as_it_happens)
    shuffled = _told(registered_database, other, data.draw(st.sampled_from([_afterwards, _afterwards_together])))
    assert shuffled == in_order
    assert shuffled.open_keys
