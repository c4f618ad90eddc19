"""The bureau: every use case of what follows from credit, each in one transaction over state, trail and outbox.

Synchronous, like the office it belongs to. A person's command is carried out once: whoever was second is told, and looks again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

import structlog

from casework import metrics
from casework.consequences import catalogue, consumption, documents, weekly, windows
from casework.consequences.filing import Filed, seen_by
from casework.consequences.machine import Machine, Order, carry_out, find
from casework.consequences.terms import Terms
from casework.desk import Desk, Work
from domain.errors import KitchenError, NotFound, Unavailable
from domain.parties import Actor
from domain.warnings import AuditEntry
from store.ports import Crossed, Store
from store.registers import Wanted

log = structlog.get_logger(__name__)

T = TypeVar("T")
ATTEMPTS = 5


class Rests(Protocol):
    """Where items that failed lately rest."""

    def choose(self, ask: Callable[[int], Sequence[T]], name: Callable[[T], str], now: datetime, *, limit: int) -> Sequence[T]:
        """At most ``limit`` items that are not resting."""

    def failed(self, item: str, now: datetime) -> None:
        """Let an item rest."""

    def succeeded(self, item: str) -> None:
        """Forget its failures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What the clocks of one sweep did."""

    done: int = 0
    failed: int = 0
    more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A case as one reader sees it: what they may do to it, and its story."""

    filed: Filed[Any]
    commands: Sequence[str]
    history: Sequence[AuditEntry] = ()


class Bureau:
    """The use cases over one store.

    Args:
        store: the system of record.
        desk: of the office; its ``terms`` say what the site's consequences are.
    """

    def __init__(self, store: Store, desk: Desk) -> None:
        self._store, self._desk = store, desk
        self._week = ""
        self._announced: set[str] = set()

    @property
    def terms(self) -> Terms:
        """The site's terms. Raises Unavailable where the process was started without them."""
        if self._desk.terms is None:
            raise Unavailable("this process was started without the terms of credit consequences")
        return self._desk.terms

    def do(self, effect: Callable[[Work], T]) -> T:
        """Carry out a use case of one of the modules, in a transaction of its own."""
        for _ in range(ATTEMPTS - 1):
            with suppress(Crossed):
                return self._transact(effect)
        return self._transact(effect)

    def ask(self, question: Callable[[Work], T]) -> T:
        """Read, in one snapshot."""
        with self._store.reading() as uow:
            return question(Work(uow, self._desk))

    def command(self, name: str, case_id: str, command: str, order: Order) -> Told:
        """Carry out a person's command.

        Raises:
            NotFound: no such case or command, or none the actor may know of.
            IllegalTransition: not from that state.
            Forbidden: not by that role.
            BadInput: something the command needs is missing or wrong.
            Conflict: somebody else was first, or the token stands for another command.
        """
        machine = machine_named(name)
        filed = self.do(lambda work: carry_out(work, machine, case_id, command, order))
        return Told(filed=filed, commands=machine.commands(filed, order.actor))

    def tell(self, name: str, case_id: str, actor: Actor) -> Told:
        """A case with its story. Raises NotFound."""
        machine = machine_named(name)

        def question(work: Work) -> Told:
            filed = find(work, machine, case_id, actor)
            history = work.uow.audit.of(machine.life.entity, case_id)
            return Told(filed=filed, commands=machine.commands(filed, actor), history=history)

        return self.ask(question)

    def find(self, name: str, actor: Actor, wanted: Wanted) -> list[Told]:
        """The cases an actor may see, newest first."""
        machine = machine_named(name)
        narrowed = seen_by(actor, wanted)
        if narrowed is None:
            return []
        found = self.ask(lambda work: machine.cabinet.find(work.uow, narrowed))
        return [Told(filed=one, commands=machine.commands(one, actor)) for one in found if machine.visible(one, actor)]

    def sweep(self, shelf: Rests, now: datetime, *, limit: int) -> Swept:
        """Let the clocks of the registers do what has fallen due."""
        if self._desk.terms is None:
            return Swept()
        self._begin_week(now)
        with self._store.reading() as uow:
            dues = set(uow.registers.dues(now))
            opened = [run for run in uow.assessments.undone() if run.id not in self._announced and windows.is_open(run, now)]
        done = failed = 0
        more = False
        for run in shelf.choose(lambda _: opened, windows.name_of, now, limit=len(opened)):
            try:
                windows.announce(self.do, run, now)
            except Unavailable:
                raise
            except Exception as error:  # a month that cannot be told of holds up nothing else
                failed += 1
                shelf.failed(windows.name_of(run), now)
                metrics.SWEEP_FAILURES.inc()
                log.exception("sweep.window_failed", run=run.id, error=repr(error))
            else:
                self._announced.add(run.id)
        for machine in catalogue.MACHINES.values():
            if machine.cabinet.book not in dues:
                continue
            swept = self.do(lambda work, machine=machine: _sweep(work, machine, shelf, now, limit))  # type: ignore[misc]
            done, failed, more = done + swept.done, failed + swept.failed, more or swept.more
        return Swept(done=done, failed=failed, more=more)

    def _begin_week(self, now: datetime) -> None:
        """Keep the documents in force, plan the week's evaluations, rank the trades: weekly in each process, and once in all."""
        week = weekly.week_of(now)
        if self._week == week:
            return
        adopted = self.do(lambda work: documents.adopt(work, now))
        planned = self.do(lambda work: weekly.plan_week(work, now))
        ranked = consumption.refresh(self.ask, self.do, now)
        log.info("bureau.week_begun", week=week, documents=adopted, evaluations=planned, ranked=ranked)
        self._week = week

    def _transact(self, effect: Callable[[Work], T]) -> T:
        with self._store.writing() as uow:
            result = effect(Work(uow, self._desk))
            uow.commit()
            return result


def machine_named(name: str) -> Machine[Any]:
    """The lifecycle of that name. Raises NotFound."""
    machine = catalogue.MACHINES.get(name)
    if machine is None:
        raise NotFound(f"nothing is called {name[:40]!r}")
    return machine


def _sweep(work: Work, machine: Machine[Any], shelf: Rests, now: datetime, limit: int) -> Swept:
    def name(filed: Filed[Any]) -> str:
        return f"{machine.name}/{filed.case.id}"

    found = shelf.choose(lambda most: machine.cabinet.due(work.uow, now, limit=most), name, now, limit=limit)
    done = failed = 0
    for filed in found:
        try:
            with work.uow.savepoint():
                machine.pass_due(work, filed, now)
        except Unavailable:
            raise
        except Exception as error:  # one case that cannot be dealt with holds up no other
            failed += 1
            work.tray.forget()
            shelf.failed(name(filed), now)
            metrics.SWEEP_FAILURES.inc()
            log.warning("sweep.case_failed", case=name(filed), error=repr(error), exc_info=not isinstance(error, KitchenError))
        else:
            done += 1
            shelf.succeeded(name(filed))
    return Swept(done=done, failed=failed, more=done > 0 and len(found) == limit)
