"""A process may die between any two statements: afterwards either everything of a use case is there, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from casework.office import Office
from domain.deductions import DeductionState
from domain.warnings import State
from store.ports import Store
from tests.unit.casework.scene import INSPECTOR, MERCHANT, Scene, configuration, photo, weekdays


class Died(BaseException):
    """The process ended here: nothing that catches what went wrong with one item may catch it."""


@dataclass
class Dying:
    """Counts the writes of a use case and dies before one of them."""

    dies_before: int
    written: int = 0
    seen: list[str] = field(default_factory=list)

    def write(self, name: str) -> None:
        self.written += 1
        self.seen.append(name)
        if self.written == self.dies_before:
            raise Died(name)


WRITES = {"add", "put", "save", "append", "set_state", "set_presence", "commit"}


class Watched:
    """A repository, or the unit of work itself, whose writes are announced first."""

    def __init__(self, inner: Any, dying: Dying, name: str = "") -> None:
        self._inner, self._dying, self._name = inner, dying, name

    def __getattr__(self, attribute: str) -> Any:
        value = getattr(self._inner, attribute)
        if attribute in WRITES:
            return self._announced(attribute, value)
        is_repository = not self._name and not callable(value)
        return Watched(value, self._dying, attribute) if is_repository else value

    def _announced(self, attribute: str, value: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self._dying.write(f"{self._name}.{attribute}")
            return value(*args, **kwargs)

        return call


class DyingStore:
    """The real store, whose writer dies at a chosen write."""

    def __init__(self, store: Store, dying: Dying) -> None:
        self._store, self._dying = store, dying

    @contextmanager
    def writing(self) -> Iterator[Any]:
        with self._store.writing() as uow:
            yield Watched(uow, self._dying)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def _dying_office(scene: Scene, dying: Dying) -> Office:
    known = configuration()
    store: Any = DyingStore(scene.store, dying)
    return Office(store, scene.media, rules=known.rules, schemes=known.schemes, routes=scene.routes, working_day=weekdays)


def _everything(scene: Scene) -> tuple[Any, ...]:
    with scene.store.reading() as uow:
        length = uow.audit.verify()
        observations = uow.observations.count()
        pending = uow.outbox.pending()[0]
    return scene.warnings(), scene.deductions(), scene.batch_of("L1"), length, observations, pending


def _sell_expired(scene: Scene) -> Callable[[Office], object]:
    scene.office.take_observation(scene.batch(), scene.now)
    scene.later(hours=2)
    sale = scene.weighing()
    return lambda office: office.take_observation(sale, scene.now)


def _take_many(scene: Scene) -> Callable[[Office], object]:
    scene.office.take_observation(scene.batch(), scene.now)
    scene.later(hours=2)
    sales = [scene.weighing() for _ in range(3)]
    return lambda office: office.take_observations(sales, scene.now)


def _close(scene: Scene) -> Callable[[Office], object]:
    warning = scene.expired_sale()
    scene.office.submit(warning.id, MERCHANT, "", [photo()], scene.now)
    return lambda office: office.verify(warning.id, INSPECTOR, ok=True, note="", now=scene.now)


def _submit(scene: Scene) -> Callable[[Office], object]:
    warning = scene.raised()
    return lambda office: office.submit(warning.id, MERCHANT, "", [photo()], scene.now)


def _sweep(scene: Scene) -> Callable[[Office], object]:
    warning = scene.raised()
    scene.office.delivered(warning.id, scene.now)
    scene.later(hours=25)
    return lambda office: office.sweep(scene.now)


def _dismiss_charged(scene: Scene) -> Callable[[Office], object]:
    warning = scene.raised()
    scene.office.delivered(warning.id, scene.now)
    scene.office.sweep(scene.later(hours=25))
    return lambda office: office.dismiss(warning.id, INSPECTOR, "误报", scene.now)


@pytest.mark.parametrize("prepare", [_sell_expired, _take_many, _close, _submit, _sweep, _dismiss_charged])
def test_dying_before_any_write_leaves_everything_as_it_was_and_trying_again_completes_it(
    scene: Scene, prepare: Callable[[Scene], Callable[[Office], object]]
) -> None:
    use_case = prepare(scene)
    before = _everything(scene)
    deaths = 0
    while True:
        dying = Dying(dies_before=deaths + 1)
        try:
            use_case(_dying_office(scene, dying))
        except Died:
            assert _everything(scene) == before, f"died before {dying.seen[-1]}"
            deaths += 1
        else:
            break
    assert deaths >= 4, "it died at every one of its writes, the commit among them"
    assert _everything(scene) != before


def test_after_dying_and_trying_again_there_is_one_of_each(scene: Scene) -> None:
    use_case = _close(scene)
    for death in (2, 5, 8):
        with pytest.raises(Died):
            use_case(_dying_office(scene, Dying(dies_before=death)))
    use_case(scene.office)
    assert scene.only_warning().state is State.CLOSED
    (entry,) = scene.deductions()
    assert entry.state is DeductionState.PROPOSED
