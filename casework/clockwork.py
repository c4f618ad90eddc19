"""The sweep: what falls due by itself, without anybody doing anything (domain.md D.1, section 0.2).

Deadlines are values in SQL; the sweep asks what has passed and marks it, once. Running it twice, late, or in two processes
changes nothing more than running it once in time. Whether it missed anything is asked by ``audit_deadlines``, which reads
another index.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

import structlog

from alerts import deadlines, escalation, register_rules
from alerts.deadlines import Due
from casework import charging, intake, metrics, words
from casework.desk import Work
from casework.escalating import escalated
from casework.handling import change, event_of
from casework.lots import judge
from casework.outbound import tell_warning
from casework.registers.dues import pass_due as pass_due_record
from domain.errors import Code, KitchenError, Unavailable
from domain.events import Event, EventName
from domain.findings import Finding
from domain.parties import SYSTEM
from domain.records import SEGREGATED, Batch
from domain.registers import Due as RegisterDue
from domain.registers import DueKind
from domain.warnings import Warning
from store.ports import Crossed, UnitOfWork

log = structlog.get_logger(__name__)

T = TypeVar("T")

KEEP_SENT = timedelta(days=7)
KEEP_LETTERS: tuple[tuple[str | None, timedelta], ...] = (
    (Code.USCC_UNKNOWN.value, timedelta(days=7)),
    (None, timedelta(days=28)),
)
FIRST_REST, LONGEST_REST = timedelta(seconds=5), timedelta(minutes=5)
REMINDERS = {**deadlines.REMINDERS, **deadlines.RECTIFY_REMINDERS, Due.CONTROL_ENDED: 100}
FLAGS = {Due.RECTIFY_OVERDUE: EventName.RECTIFY_OVERDUE, Due.CLOSURE_OVERDUE: EventName.CLOSURE_OVERDUE}


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepReport:
    """What one sweep did.

    Attributes:
        events: what happened.
        batches: expired batches judged.
        dues: entries of the expiry index whose time had come.
        warnings: warnings that had something due.
        reviews: findings in review that had something due.
        forgotten: outbox entries sent long ago that were deleted.
        letters: dead letters kept long enough that were deleted.
        failed: items that could not be dealt with; they are tried again by a later sweep.
        more: the limit was reached, so another sweep should follow at once.
    """

    events: tuple[Event, ...] = ()
    batches: int = 0
    dues: int = 0
    warnings: int = 0
    reviews: int = 0
    forgotten: int = 0
    letters: int = 0
    failed: int = 0
    more: bool = False


class Shelf:
    """Items that failed lately, passed over for a while so that they neither starve the others nor fill the log.

    In memory only: a restart tries them at once. The first rest is five seconds, and doubles up to five minutes.
    """

    def __init__(self, *, most: int = 1000) -> None:
        self._most = most
        self._failures: dict[str, tuple[int, datetime]] = {}

    def choose(self, ask: Callable[[int], Sequence[T]], name: Callable[[T], str], now: datetime, *, limit: int) -> Sequence[T]:
        """At most ``limit`` items that are not resting.

        Args:
            ask: the most urgent items, at most so many.
        """
        resting = {item for item, (_, until) in self._failures.items() if until > now}
        return [item for item in ask(limit + len(resting)) if name(item) not in resting][:limit]

    def failed(self, item: str, now: datetime) -> None:
        """Let an item rest; with too many of them the one that failed longest ago is forgotten."""
        times = self._failures.pop(item, (0, now))[0] + 1
        self._failures[item] = times, now + min(FIRST_REST * 2 ** min(times - 1, 20), LONGEST_REST)
        if len(self._failures) > self._most:
            del self._failures[next(iter(self._failures))]

    def succeeded(self, item: str) -> None:
        """Forget its failures."""
        self._failures.pop(item, None)


def batch_name(batch: Batch) -> str:
    """What the sweep calls a batch."""
    return f"{batch.uscc}/{batch.lot}"


def due_name(due: RegisterDue) -> str:
    """What the sweep calls an entry of the expiry index."""
    return due.id


def own_id(item: Warning | Finding) -> str:
    """What the sweep calls a warning or a finding."""
    return item.id


def sweep_batches(shelf: Shelf, work: Work, now: datetime, *, limit: int) -> SweepReport:
    """Judge the batches that have expired since the last sweep."""
    found = shelf.choose(lambda most: work.uow.batches.expired(now, limit=most), batch_name, now, limit=limit)
    work.expect(batch.uscc for batch in found)
    work.tray.batches.expect((batch.uscc, batch.lot) for batch in found)
    work.tray.latest.expect(key for batch in found for key in register_rules.open_keys(batch.uscc, batch.lot))
    events, failed = _each(work, shelf, found, lambda batch: _pass_expiry(work, batch, now), name=batch_name, now=now)
    return SweepReport(events=events, batches=len(found), failed=failed, more=len(found) == limit)


def _pass_expiry(work: Work, offered: Batch, now: datetime) -> list[Event]:
    """Judge the batch as it is now: since it was offered somebody may have sold it, set it aside or judged it."""
    batch = work.tray.batches[offered.uscc, offered.lot]
    if batch is None or batch.qty_g <= 0 or batch.state in SEGREGATED:
        return []
    if batch.expiry_judged_at is not None or batch.expires_at > now:
        return []
    events = judge(work, batch, work.merchant(batch.uscc), now)
    work.uow.batches.put(replace(batch, expiry_judged_at=now))
    return events


def sweep_dues(shelf: Shelf, work: Work, now: datetime, *, limit: int) -> SweepReport:
    """Do what the expiry index of the registers says is due."""
    found = shelf.choose(lambda most: work.uow.records.dues(now, limit=most), due_name, now, limit=limit)
    work.expect(due.uscc for due in found)
    work.tray.batches.expect((due.uscc, due.subject) for due in found if due.kind is DueKind.LOT_NOTICE)
    events, failed = _each(work, shelf, found, lambda due: pass_due_record(work, due, now), name=due_name, now=now)
    return SweepReport(events=events, dues=len(found), failed=failed, more=len(found) == limit)


def sweep_warnings(shelf: Shelf, work: Work, now: datetime, *, limit: int) -> SweepReport:
    """Flag, remind, escalate and charge what has fallen due."""
    found = shelf.choose(lambda most: work.uow.warnings.due(now, limit=most), own_id, now, limit=limit)
    work.expect(warning.uscc for warning in found)
    work.tray.evidence.expect(warning.id for warning in found)
    _hold_ledgers(work, found, now)
    events, failed = _each(work, shelf, found, lambda warning: pass_due(work, warning, now), name=own_id, now=now)
    return SweepReport(events=events, warnings=len(found), failed=failed, more=len(found) == limit)


def _hold_ledgers(work: Work, found: Sequence[Warning], now: datetime) -> None:
    """Take the ledgers of those that will be charged, in one order: two sweeps that took them as they came would cross."""
    for uscc in sorted({warning.uscc for warning in found if deadlines.charge_due(warning, now)}):  # whatever is flagged on it
        work.uow.lock(f"ledger:{uscc}")


def sweep_reviews(shelf: Shelf, work: Work, now: datetime, *, limit: int) -> SweepReport:
    """Escalate findings nobody has reviewed in time, and drop those nobody ever will."""
    found = shelf.choose(lambda most: work.uow.findings.reviews_due(now, limit=most), own_id, now, limit=limit)
    events, failed = _each(work, shelf, found, lambda item: intake.pass_review_due(work, item.id, now), name=own_id, now=now)
    return SweepReport(events=events, reviews=len(found), failed=failed, more=len(found) == limit)


def sweep_outbox(work: Work, now: datetime, *, limit: int) -> SweepReport:
    """Forget what was sent more than seven days ago.

    A key names a version of a stored object (or an instant of ``now``), and a version comes once: what is replayed, from topics
    that keep 180 days, stops at the stored observation, finding or warning before it reaches the outbox. So the days only serve
    people who ask what was sent; what was given up stays.
    """
    forgotten = work.uow.outbox.drop_done(now - KEEP_SENT, limit=limit)
    return SweepReport(forgotten=forgotten, more=forgotten == limit)


def sweep_letters(work: Work, now: datetime, *, limit: int) -> SweepReport:
    """Drop refused messages after 28 days; those of a merchant nobody registered (E011) after seven."""
    dropped = 0
    for code, keep in KEEP_LETTERS:
        dropped += work.uow.dead_letters.drop_before(now - keep, code=code, limit=limit - dropped)
    return SweepReport(letters=dropped, more=dropped == limit)


def letters_wait(uow: UnitOfWork, now: datetime) -> bool:
    """Whether ``sweep_letters`` would find something."""
    return any(uow.dead_letters.has_before(now - keep, code=code) for code, keep in KEEP_LETTERS)


def _each(
    work: Work,
    shelf: Shelf,
    items: Sequence[T],
    effect: Callable[[T], list[Event]],
    *,
    name: Callable[[T], str],
    now: datetime,
) -> tuple[tuple[Event, ...], int]:
    """Deal with each item by itself: one that fails is undone, logged and put on the shelf, and holds up none of the others."""
    events: list[Event] = []
    failed = 0
    with work.uow.gathering():
        for item in items:
            try:
                with work.uow.savepoint():
                    done = effect(item)
            except (Unavailable, Crossed):
                raise  # nothing is wrong with the item: all of it is done again, at once
            except Exception as error:  # whatever is wrong with one merchant's item, the others' deadlines pass all the same
                failed += 1
                work.tray.forget()
                shelf.failed(name(item), now)
                metrics.SWEEP_FAILURES.inc()
                log.warning("sweep.item_failed", item=name(item), error=repr(error), exc_info=not isinstance(error, KitchenError))
            else:
                shelf.succeeded(name(item))
                events += done
        work.file()
    return tuple(events), failed


def pass_due(work: Work, warning: Warning, now: datetime) -> list[Event]:
    """Mark everything that has fallen due on one warning, tell people, and charge it if that is due too."""
    whats = deadlines.due(warning, work.desk.rules, now)
    if not whats:  # a changed rule moved an instant; without this the index would offer the warning for ever
        _reindex(work, warning)
        return []
    steps = escalation.due_steps(warning, now) if Due.ESCALATE in whats else ()
    flagged = deadlines.flag(warning, whats, work.desk.rules, steps=steps)
    events = [_event(what, flagged, now) for what in whats if what is not Due.ESCALATE]
    events += [escalated(flagged, number, now) for number in steps]
    stored = change(work, warning, flagged, events[0], SYSTEM, reason=", ".join(what.value for what in whats))
    for event in events[1:]:
        tell_warning(work, event, stored)
    ruling = charging.propose_if_due(work, stored, now)
    return [*events, *(ruling.events if ruling is not None else ())]


def _event(what: Due, warning: Warning, now: datetime) -> Event:
    if what in FLAGS:
        return event_of(FLAGS[what], warning, SYSTEM, now, escalation_level=warning.escalation_level)
    clock = words.RECTIFY if what in deadlines.RECTIFY_REMINDERS else "close"
    return event_of(EventName.WARNING_REMINDED, warning, SYSTEM, now, percent=REMINDERS[what], due=what.value, clock=clock)


def _reindex(work: Work, warning: Warning) -> None:
    next_due_at = deadlines.next_due_at(warning, work.desk.rules)
    fixed = replace(warning, next_due_at=next_due_at, version=warning.version + 1)
    work.uow.warnings.save(fixed, expected_version=warning.version)


def together(one: SweepReport, other: SweepReport) -> SweepReport:
    """Two reports as one."""
    return SweepReport(
        events=one.events + other.events,
        batches=one.batches + other.batches,
        dues=one.dues + other.dues,
        warnings=one.warnings + other.warnings,
        reviews=one.reviews + other.reviews,
        forgotten=one.forgotten + other.forgotten,
        letters=one.letters + other.letters,
        failed=one.failed + other.failed,
        more=one.more or other.more,
    )
