"""Counts the loss table from both sides: what was told and acknowledged, and what is stored. Pure; the tests use it too.

Lost is what was acknowledged and is not stored, or was stored and did not lead to what follows from it. A duplicate is a second
effect of one cause; the same message received twice under one id is none. Early is a step before its instant; late is one more
than a second after it while the sweep ran, or more than ten seconds after the sweep's process was back.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import orjson

from alerts import deadlines
from alerts.deadlines import RECTIFY_REMINDERS, REMINDERS, Due
from domain.events import EventName, Lane
from domain.findings import Finding
from domain.ids import derived_id
from domain.parties import SYSTEM
from domain.rules import Rules
from domain.topics import Topic
from domain.warnings import AuditEntry, State, Warning
from tests.loss.chronicle import Kill, Outage
from tests.loss.ledger import Client, Fact, Row
from tests.loss.records import Records, Sent

PROMPT = timedelta(seconds=1)
UNJUDGED = frozenset({Due.CONTROL_ENDED, Due.ESCALATE})
"""Steps whose instant the warning does not tell any more once they are done; within minutes they do not come."""
AFTER_OUTAGE = timedelta(seconds=10)
ONCE = frozenset(
    {
        EventName.WARNING_RAISED.value,
        EventName.WARNING_NOTIFIED.value,
        EventName.WARNING_SUBMITTED.value,
        EventName.WARNING_CLOSED.value,
        EventName.WARNING_REMINDED.value,
        EventName.RECTIFY_OVERDUE.value,
        EventName.CLOSURE_OVERDUE.value,
        EventName.DEDUCTION_PROPOSED.value,
    }
)
"""Events that one cause brings about once; nothing is reopened or sent back in these runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line of evidence: what became of one fact or one effect."""

    row: Row
    at: datetime
    client: Client = Client.INSIDE
    published: int = 1
    acknowledged: int = 1
    stored: int = 1
    lost: int = 0
    duplicates: int = 0
    early: int = 0
    late: int = 0
    lateness_s: float | None = None
    what: str = ""

    @property
    def is_wrong(self) -> bool:
        """Whether one of the last four columns is not zero."""
        return bool(self.lost or self.duplicates or self.early or self.late)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """One row of the table."""

    published: int = 0
    acknowledged: int = 0
    stored: int = 0
    lost: int = 0
    duplicates: int = 0
    early: int = 0
    late: int = 0

    @classmethod
    def of(cls, items: Collection[Item]) -> Counts:
        """The sum over items."""
        return cls(**{name: sum(getattr(item, name) for item in items) for name in COLUMNS})

    @property
    def is_sound(self) -> bool:
        """Whether the last four columns are zero."""
        return not (self.lost or self.duplicates or self.early or self.late)


COLUMNS = tuple(item.name for item in fields(Counts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What both sides are judged under.

    Attributes:
        sweep_away: when no process swept, or the database it asks was away.
        known_at: when a lot (merchant, lot) was first seen in the database; the sweep cannot judge it before.
        received: notifications as the other end got them: route and what the message says of itself.
        ended_at: when everything had become quiet.
    """

    rules: Rules
    ended_at: datetime
    sweep_away: Sequence[Outage] = ()
    known_at: Mapping[tuple[str, str], datetime] = field(default_factory=dict)
    received: Sequence[tuple[str, Mapping[str, Any]]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Everything counted."""

    items: tuple[Item, ...]
    notes: dict[str, str] = field(default_factory=dict)

    def by_row(self) -> dict[str, Counts]:
        """Per kind of fact."""
        return {row.value: Counts.of(found) for row in Row if (found := [item for item in self.items if item.row is row])}

    def by_client(self) -> dict[str, Counts]:
        """Per kind of client."""
        return {who.value: Counts.of(found) for who in Client if (found := [item for item in self.items if item.client is who])}

    def by_victim(self, kills: Sequence[Kill]) -> dict[str, Counts]:
        """Each item counted to the kill nearest in time: the sums are those of the whole."""
        shares: dict[str, list[Item]] = {kill.victim: [] for kill in sorted(kills, key=lambda kill: kill.victim)}
        for item in self.items if kills else ():
            nearest = min(kills, key=lambda kill, at=item.at: abs(kill.at - at))  # type: ignore[misc]
            shares[nearest.victim].append(item)
        return {victim: Counts.of(found) for victim, found in shares.items()}

    def total(self) -> Counts:
        """Over everything."""
        return Counts.of(self.items)

    def wrong(self) -> list[Item]:
        """What must not be."""
        return [item for item in self.items if item.is_wrong]

    def longest_s(self, row: Row) -> float:
        """The largest lateness of a kind of step, outages included."""
        return max((item.lateness_s for item in self.items if item.row is row and item.lateness_s is not None), default=0.0)


def count(facts: Sequence[Fact], records: Records, scene: Scene) -> Tally:
    """The loss table of one run.

    Args:
        facts: what was told.
        records: what is stored, once all is quiet.
        scene: when which part was away, and what came out at the other end.
    """
    items = [
        *_facts(facts, records),
        *_stock(facts, records),
        *_raised(facts, records, scene),
        *_findings(records, scene),
        *_handled(facts, records),
        *_deadlines(records, scene),
        *_deductions(records, scene),
        *_events(records),
        *_notices(records, scene),
    ]
    return Tally(items=tuple(items))


def is_late(applied_at: datetime, due_at: datetime, away: Sequence[Outage]) -> bool:
    """Whether the sweep ran past the step's time: a second after its instant, or ten after it was back from an outage.

    Each stretch of sweeping is looked at by itself: a later outage does not excuse what an earlier stretch left undone.
    """
    back_at: datetime | None = None
    for outage in sorted(away, key=lambda one: one.since):
        if _ran_past(min(outage.since, applied_at), due_at, back_at):
            return True
        if outage.until is None or outage.until >= applied_at:
            return False
        back_at = outage.until if back_at is None else max(back_at, outage.until)
    return _ran_past(applied_at, due_at, back_at)


def _ran_past(until: datetime, due_at: datetime, back_at: datetime | None) -> bool:
    """Whether a stretch that began at ``back_at`` and lasted ``until`` was long enough for what was due."""
    limit = due_at + PROMPT
    return until > (limit if back_at is None else max(limit, back_at + AFTER_OUTAGE))


# what was told


def _facts(facts: Sequence[Fact], records: Records) -> Iterator[Item]:
    for fact in facts:
        if fact.row not in (Row.OBSERVATION, Row.SALE, Row.BATCH):
            continue
        stored = fact.id in records.observations and (fact.row is not Row.SALE or fact.id in records.weighings)
        acknowledged = fact.acknowledged_at is not None
        lost = acknowledged and not stored
        yield Item(
            row=fact.row,
            client=fact.client,
            at=fact.published_at,
            acknowledged=int(acknowledged),
            stored=int(stored),
            lost=int(lost),
            what=f"{fact.row.value} {fact.id} of {fact.uscc} {fact.lot}: acknowledged {fact.acknowledged_at}" if lost else "",
        )


def _stock(facts: Sequence[Fact], records: Records) -> Iterator[Item]:
    """A sale taken twice would take from its lot twice."""
    sold: dict[tuple[str, str], int] = defaultdict(int)
    for uscc, lot, net_g in records.weighings.values():
        sold[uscc, lot] += net_g
    for fact in facts:
        key = (fact.uscc, fact.lot)
        if fact.row is not Row.BATCH or fact.expires_at is not None or key not in records.batches:
            continue
        missing = Decimal(fact.grams) - sold[key] - records.batches[key]
        yield Item(
            row=Row.STOCK,
            client=fact.client,
            at=fact.published_at,
            lost=int(missing < 0),
            duplicates=int(missing > 0),
            what=f"lot {fact.lot}: {abs(missing)} g {'too much were' if missing > 0 else 'of its sales were not'} taken from it",
        )


def _raised(facts: Sequence[Fact], records: Records, scene: Scene) -> Iterator[Item]:
    """A lot that is expired when it is told of, or expires while it is on sale, is one warning."""
    warnings: dict[tuple[str, str], list[Warning]] = defaultdict(list)
    for warning in records.warnings:
        warnings[warning.uscc, warning.subject].append(warning)
    for fact in facts:
        if fact.row is not Row.BATCH or fact.expires_at is None:
            continue
        row = Row.RAISED if fact.expires_at <= fact.published_at else Row.EXPIRY
        found = warnings[fact.uscc, fact.lot]
        raised_at = min((warning.raised_at for warning in found), default=None)
        known_at = scene.known_at.get((fact.uscc, fact.lot))
        acknowledged = fact.acknowledged_at is not None
        swept = row is Row.EXPIRY and raised_at is not None and known_at is not None and known_at < raised_at
        due_at = max(fact.expires_at, known_at) if swept and known_at is not None else fact.expires_at
        yield Item(
            row=row,
            client=fact.client,
            at=raised_at or fact.published_at,
            acknowledged=int(acknowledged),
            stored=int(bool(found)),
            lost=int(acknowledged and not found),
            duplicates=max(0, len(found) - 1),
            early=int(raised_at is not None and raised_at < fact.expires_at),
            late=int(swept and raised_at is not None and is_late(raised_at, due_at, scene.sweep_away)),
            lateness_s=(raised_at - due_at).total_seconds() if swept and raised_at is not None else None,
            what=f"lot {fact.lot} expires {fact.expires_at}, published {fact.published_at}, known {known_at}, "
            f"raised {[warning.raised_at.isoformat() for warning in found]}",
        )


def _findings(records: Records, scene: Scene) -> Iterator[Item]:
    """What the vision worker found lies in the topic; each of them is stored, and one key has one open warning at a time."""
    told = {value["id"]: Finding.from_wire(value) for value in records.topics.get(Topic.FINDINGS.value, ())}
    for finding in told.values():
        stored = finding.id in records.findings
        yield Item(
            row=Row.FINDING, at=finding.detected_at, stored=int(stored), lost=int(not stored), what=f"finding {finding.id}"
        )
    of_key: dict[str, list[Warning]] = defaultdict(list)
    for warning in records.warnings:
        if warning.camera is not None:
            of_key[warning.open_key].append(warning)
    for key, warnings in of_key.items():
        warnings.sort(key=lambda warning: warning.raised_at)
        for one, other in pairwise(warnings):
            if (one.closed_at or scene.ended_at) > other.raised_at:
                yield Item(row=Row.FINDING, at=other.raised_at, published=0, acknowledged=0, stored=0, duplicates=1, what=key)


def _handled(facts: Sequence[Fact], records: Records) -> Iterator[Item]:
    steps = Counter((step.entity_id, step.to_state) for step in records.audit if step.entity == "warning" and _enters(step))
    for fact in facts:
        if fact.row not in (Row.SUBMISSION, Row.VERIFICATION):
            continue
        state = State.SUBMITTED if fact.row is Row.SUBMISSION else State.CLOSED
        entered = steps[fact.warning_id, state.value]
        stored = entered > 0
        if fact.row is Row.SUBMISSION:
            stored = derived_id("submission", fact.warning_id, fact.id, "0") in records.evidence and stored
        acknowledged = fact.acknowledged_at is not None
        yield Item(
            row=fact.row,
            client=fact.client,
            at=fact.published_at,
            acknowledged=int(acknowledged),
            stored=int(stored),
            lost=int(acknowledged and not stored),
            duplicates=max(0, entered - 1),
            what=f"{fact.row.value} {fact.id} of {fact.warning_id}: entered {state.value} {entered} times",
        )


def _enters(step: AuditEntry) -> bool:
    """Whether a step came into its state; an attached finding leaves the state as it is."""
    return step.from_state != step.to_state


# what follows by itself


def _applied_at(step: AuditEntry, records: Records) -> datetime:
    return records.committed_at.get(step.seq, step.at)


def _instant(what: Due, warning: Warning, rules: Rules) -> datetime | None:
    if what is Due.RECTIFY_OVERDUE:
        return warning.rectify_by
    if what in RECTIFY_REMINDERS and warning.rectify_by is not None:
        started_at = max(warning.rectify_by - warning.rectify_within, warning.notified_at or warning.raised_at)
        return started_at + (warning.rectify_by - started_at) * RECTIFY_REMINDERS[what] / 100
    if what not in REMINDERS and what is not Due.CLOSURE_OVERDUE:
        return None
    if warning.close_by is None:
        return None
    if what is Due.CLOSURE_OVERDUE:
        return warning.close_by
    return warning.close_by - rules.close_within * (100 - REMINDERS[what]) / 100


def _deadlines(records: Records, scene: Scene) -> Iterator[Item]:
    """Every step of the sweep against its instant, and what is due and was never done."""
    warnings = {warning.id: warning for warning in records.warnings}
    seen: Counter[tuple[str, str]] = Counter()
    for step in records.audit:
        if step.entity != "warning" or step.actor != SYSTEM.id:
            continue
        for word in step.reason.split(", "):
            if word not in set(Due) or word in UNJUDGED:
                continue
            seen[step.entity_id, word] += 1
            yield _deadline(Due(word), step, warnings[step.entity_id], records, scene, seen[step.entity_id, word])
    for warning in records.warnings:
        for what in deadlines.due(warning, scene.rules, scene.ended_at):
            at = _instant(what, warning, scene.rules) or scene.ended_at
            yield Item(row=Row.DEADLINE, at=at, stored=0, lost=1, what=f"{warning.id}: {what.value} of {at} was never done")


def _deadline(what: Due, step: AuditEntry, warning: Warning, records: Records, scene: Scene, times: int) -> Item:
    at = _instant(what, warning, scene.rules)
    assert at is not None
    applied_at = _applied_at(step, records)
    return Item(
        row=Row.DEADLINE,
        at=applied_at,
        duplicates=int(times > 1),
        early=int(step.at < at or (what in (Due.RECTIFY_OVERDUE, Due.CLOSURE_OVERDUE) and step.at == at)),
        late=int(is_late(applied_at, at, scene.sweep_away)),
        lateness_s=(applied_at - at).total_seconds(),
        what=f"{warning.id}: {what.value} of {at}, swept {step.at}, applied {applied_at}",
    )


def _deductions(records: Records, scene: Scene) -> Iterator[Item]:
    """One proposal for each warning that is to be charged, never before both of its clocks have passed."""
    proposed: dict[str, list[AuditEntry]] = defaultdict(list)
    ids = {_deduction_of(sent): _warning_of(sent) for sent in records.outbox if sent.target == Topic.DEDUCTIONS.value}
    for step in records.audit:
        if step.entity == "deduction" and not step.from_state:
            proposed[ids.get(step.entity_id, step.entity_id)].append(step)
    for warning in records.warnings:
        steps = proposed.pop(warning.id, [])
        if not steps and not deadlines.charge_due(warning, scene.ended_at):
            continue
        yield _deduction(warning, steps, records, scene)
    for entity_id, steps in proposed.items():
        yield Item(row=Row.DEDUCTION, at=steps[0].at, duplicates=len(steps), what=f"a deduction of no warning: {entity_id}")


def _deduction(warning: Warning, steps: Sequence[AuditEntry], records: Records, scene: Scene) -> Item:
    by_clock = max((at for at in (warning.close_by, warning.rectify_by) if at is not None), default=None)
    applied_at = min((_applied_at(step, records) for step in steps), default=None)
    closed = warning.closed_at is not None and applied_at is not None and applied_at >= warning.closed_at
    clocked = by_clock is not None and applied_at is not None and not closed
    return Item(
        row=Row.DEDUCTION,
        at=applied_at or warning.raised_at,
        stored=int(bool(steps)),
        lost=int(not steps),
        duplicates=max(0, len(steps) - 1),
        early=int(bool(clocked and steps[0].at <= by_clock)),  # type: ignore[operator]
        late=int(bool(clocked and is_late(applied_at, by_clock, scene.sweep_away))),  # type: ignore[arg-type]
        lateness_s=(applied_at - by_clock).total_seconds() if clocked else None,  # type: ignore[operator]
        what=f"{warning.id}: charged {applied_at}, close_by {warning.close_by}, rectify_by {warning.rectify_by}, "
        f"closed {warning.closed_at}",
    )


# what goes out


def _deduction_of(sent: Sent) -> str:
    return str(sent.payload.get("deduction", {}).get("id", ""))


def _warning_of(sent: Sent) -> str:
    about = sent.payload.get("warning") or {"id": sent.payload.get("deduction", {}).get("warning", "")}
    return str(about["id"])


def _canonical(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _events(records: Records) -> Iterator[Item]:
    """What the outbox says was sent lies in the topic, and one cause is one event."""
    lies = {name: {_canonical(value) for value in values} for name, values in records.topics.items()}
    causes: Counter[tuple[str, str, str]] = Counter()
    for sent in records.outbox:
        if sent.lane != Lane.KAFKA or sent.target not in (Topic.WARNINGS.value, Topic.DEDUCTIONS.value):
            continue
        event = str(sent.payload["event"])
        cause = (event, _warning_of(sent), str(sent.payload["data"].get("due", "")))
        causes[cause] += event in ONCE
        there = sent.target not in lies or _canonical(sent.payload) in lies[sent.target]
        done = sent.state == "done"
        yield Item(
            row=Row.EVENT,
            at=sent.created_at,
            acknowledged=int(done),
            stored=int(there),
            lost=int(not done or not there),
            duplicates=int(causes[cause] > 1),
            what=f"{cause}: entry {sent.id} is {sent.state}, {'lies' if there else 'does not lie'} in {sent.target}",
        )


def _notices(records: Records, scene: Scene) -> Iterator[Item]:
    """What the outbox says was accepted was received, and nothing else was."""
    received = Counter((route, _canonical(data)) for route, data in scene.received)
    known: set[tuple[str, bytes]] = set()
    for sent in records.outbox:
        if sent.lane != Lane.NOTIFY:
            continue
        identity = (sent.recipient, _canonical(sent.payload["data"]))
        done, there = sent.state == "done", identity in received
        yield Item(
            row=Row.NOTICE,
            at=sent.created_at,
            acknowledged=int(done),
            stored=int(there),
            lost=int(not done or not there),
            what=f"entry {sent.id} to {sent.recipient} is {sent.state}, {'received' if there else 'not received'}",
        )
        known.add(identity)
    for route, data in received.keys() - known:
        yield Item(row=Row.NOTICE, at=scene.ended_at, published=0, acknowledged=0, duplicates=1, what=f"{route}: {data.decode()}")
