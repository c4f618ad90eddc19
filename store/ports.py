"""The ports of the system of record: what casework may ask of it. ``store.sql`` implements them on SQLite and PostgreSQL.

A unit of work is one transaction: state, audit and outbox commit together or not at all. Everything is synchronous; callers on
an event loop use a thread. Nothing here reads a clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.deductions import Deduction, DeductionState
from domain.errors import Conflict
from domain.events import DeadLetter, Delivery, Lane, PushSubscription
from domain.findings import Finding, FindingState, Review
from domain.observations import Observation
from domain.parties import Device, Merchant, Role, User
from domain.records import Batch, LotChange, Weighing
from domain.warnings import AuditEntry, Evidence, Warning
from store.assessments import Assessments
from store.operations import Operations
from store.records import ShopRecords
from store.registers import Registers


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A signed-in session; ``token_hash`` is the SHA-256 of the cookie or bearer token, which is never stored."""

    token_hash: str
    user_id: str
    csrf: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WarningQuery:
    """Filters of a warning listing. ``state``: a State value, ``open`` or None. ``region`` is a prefix. Newest first."""

    state: str | None = None
    uscc: str | None = None
    region: str | None = None
    level: str | None = None
    cursor: str | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditStep:
    """An audit entry before the store gives it its ``seq`` and chains it."""

    entity: str
    entity_id: str
    from_state: str
    to_state: str
    at: datetime
    actor: str
    actor_role: str
    reason: str = ""
    evidence_ids: tuple[str, ...] = ()


class Merchants(Protocol):
    """Supervised businesses."""

    def get(self, uscc: str) -> Merchant | None: ...
    def get_all(self, usccs: Iterable[str]) -> dict[str, Merchant]:
        """The same for several; those that are unknown are left out."""

    def put(self, merchant: Merchant) -> None:
        """Insert or replace."""

    def list(self) -> Sequence[Merchant]: ...


class Devices(Protocol):
    """Registered devices and whether they are there."""

    def get(self, device_id: str) -> Device | None: ...
    def put(self, device: Device) -> None:
        """Insert or replace; presence is kept."""

    def list(self, *, uscc: str | None = None) -> Sequence[Device]: ...
    def presence(self, device_id: str) -> tuple[bool, datetime] | None:
        """(online, since), or None if it was never heard of."""

    def presences(self) -> dict[str, bool]:
        """Whether it is there, for every device that was ever heard of."""

    def online_among(self, device_ids: Iterable[str]) -> set[str]:
        """Those of them that are known to be there."""

    def set_presence(self, device_id: str, *, online: bool, at: datetime) -> bool:
        """Record presence unless something later is known; True if it changed."""


class Users(Protocol):
    """People who sign in, and their sessions."""

    def get(self, user_id: str) -> User | None: ...
    def by_login(self, login: str) -> tuple[User, str] | None:
        """The user and the argon2 hash of the password."""

    def put(self, user: User, *, password_hash: str | None = None) -> None:
        """Insert or replace; without a hash the stored one is kept."""

    def list(self, *, role: Role | None = None, uscc: str | None = None) -> Sequence[User]: ...
    def of_merchants(self, usccs: Iterable[str]) -> Sequence[User]:
        """Those of several merchants, by id."""

    def add_session(self, session: Session) -> None: ...
    def session(self, token_hash: str) -> Session | None: ...
    def end_session(self, token_hash: str) -> None: ...
    def end_expired_sessions(self, now: datetime) -> int: ...


class Observations(Protocol):
    """Facts as they came in."""

    def known(self, event_id: str) -> str | None:
        """The content hash stored under this event id, if any."""

    def known_all(self, event_ids: Iterable[str]) -> dict[str, str]:
        """The content hashes stored under these event ids, for those that are known."""

    def add(self, observation: Observation) -> None:
        """Raises Conflict if the event id is known."""

    def add_all(self, observations: Iterable[Observation]) -> None:
        """All in one statement. Raises Conflict if an event id is known."""

    def count(self) -> int: ...


class Batches(Protocol):
    """Lots and what remains of them."""

    def get(self, uscc: str, lot: str) -> Batch | None: ...
    def look(self, uscc: str, lot: str) -> Batch | None:
        """The same without locking it, for whoever only reads it."""

    def get_all(self, lots: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Batch]:
        """The same for several, by merchant and lot; those that are unknown are left out."""

    def put(self, batch: Batch) -> None: ...
    def expired(self, now: datetime, *, limit: int) -> Sequence[Batch]:
        """Batches past their expiry whose expiry nobody has judged, soonest expired first.

        That is: ``expires_at <= now``, stock left, not segregated, ``expiry_judged_at`` None. Inside ``writing()`` those that
        another transaction holds are left out, and the others are locked.
        """

    def list(self, uscc: str) -> Sequence[Batch]: ...


class Weighings(Protocol):
    """Sales on scales."""

    def add(self, weighing: Weighing) -> None: ...
    def add_all(self, weighings: Iterable[Weighing]) -> None:
        """All in one statement. Raises Conflict if an event id is known."""

    def by_trace_code(self, trace_code: str) -> Sequence[Weighing]: ...
    def by_trace_codes(self, trace_codes: Iterable[str]) -> dict[str, list[Weighing]]:
        """The same for several; each asked for is there, with an empty list if it has none."""

    def of_lots(self, lots: Iterable[tuple[str, str]]) -> dict[tuple[str, str], list[Weighing]]:
        """Every sale of these lots that counts, earliest first; suspect ones are left out."""

    def last_of_lots(self, lots: Iterable[tuple[str, str]]) -> dict[tuple[str, str], datetime]:
        """When these lots were last sold from; those that never were are left out."""


class LotChanges(Protocol):
    """What was told of lots besides their sales, whether or not it could be applied yet."""

    def add(self, change: LotChange) -> None:
        """Adding it again changes nothing."""

    def of_lots(self, lots: Iterable[tuple[str, str]]) -> dict[tuple[str, str], list[LotChange]]:
        """Every change of these lots, earliest first."""


class Findings(Protocol):
    """Findings and what became of them."""

    def get(self, finding_id: str) -> tuple[Finding, FindingState] | None: ...
    def known_all(self, finding_ids: Iterable[str]) -> set[str]:
        """Those of them that are known."""

    def add(
        self, finding: Finding, state: FindingState, *, warning_id: str | None = None, review: Review | None = None
    ) -> None: ...
    def set_state(self, finding_id: str, state: FindingState, *, warning_id: str | None = None) -> None:
        """Change the state; leaving ``review`` stops its clock."""

    def review(self, finding_id: str) -> Review | None:
        """The clock it was queued with, if it ever was."""

    def set_review(self, finding_id: str, review: Review) -> None: ...
    def reviews_due(self, now: datetime, *, limit: int) -> Sequence[Finding]:
        """Findings in review whose clock has something due, longest due first. Served by an index; locked as batches are."""

    def in_state(
        self, state: FindingState, *, uscc: str | None = None, region: str | None = None, limit: int = 100
    ) -> Sequence[Finding]:
        """Those in one state of a merchant, or of a region (six digits, or a prefix), the one to be reviewed first first."""


class Warnings(Protocol):
    """Warnings. At most one open one per ``open_key``, by the database's own unique index."""

    def get(self, warning_id: str) -> Warning | None: ...
    def look(self, warning_id: str) -> Warning | None:
        """The same without locking it, for whoever only reads it."""

    def add(self, warning: Warning) -> None:
        """Raises Conflict if an open warning with the same key exists."""

    def save(self, warning: Warning, *, expected_version: int) -> None:
        """Write a changed warning; its version must have grown. Raises Conflict if the stored version is another."""

    def open_with_key(self, open_key: str) -> Warning | None: ...
    def latest_with_key(self, open_key: str) -> Warning | None:
        """The most recently raised one, open or not."""

    def latest_with_keys(self, open_keys: Iterable[str]) -> dict[str, Warning]:
        """The same for several; those that have none are left out."""

    def query(self, query: WarningQuery) -> tuple[Sequence[Warning], str | None]:
        """One page, newest first, and the cursor of the next."""

    def due(self, now: datetime, *, limit: int) -> Sequence[Warning]:
        """Open warnings something may be due for, longest due first: those with ``next_due_at <= now``.

        Inside ``writing()`` those that another transaction holds are left out, and the others are locked.
        Served by an index, not by a scan: ``next_due_at`` must be set on the warning before ``add`` and ``save``.
        """

    def count_open(self) -> dict[str, int]:
        """Open warnings by level."""

    def overdue_unflagged(self, now: datetime) -> int:
        """For the independent auditor: open red warnings past close_by that no sweep has flagged.

        A controlled warning counts as closed for ``close_by`` (D.1). Does not read ``next_due_at``, which it audits.
        """

    def undelivered(self, raised_before: datetime) -> int:
        """Open red warnings raised before an instant of which no merchant is known to have been told."""

    def counted(self, *, uscc: str, class_: str, camera: str, day_from: datetime, day_until: datetime) -> int:
        """Camera warnings of that class and camera raised in [day_from, day_until) (F.2: at most 3 are counted)."""


class EvidenceItems(Protocol):
    """Evidence attached to warnings."""

    def add(self, evidence: Evidence) -> bool:
        """False if the same warning has the same sha256 for the same finding/attempt already."""

    def get(self, evidence_id: str) -> Evidence | None: ...
    def of(self, warning_id: str) -> Sequence[Evidence]: ...
    def of_many(self, warning_ids: Sequence[str]) -> dict[str, list[Evidence]]: ...


class Audit(Protocol):
    """The append-only, hash-chained trail."""

    def append(self, step: AuditStep) -> AuditEntry | None:
        """Chain one step to the end; None while gathering, when its place is not known yet."""

    def of(self, entity: str, entity_id: str) -> Sequence[AuditEntry]: ...
    def verify(self) -> int:
        """Recompute the chain; returns its length. Raises domain.errors.Conflict naming the first broken seq."""


class Deductions(Protocol):
    """The ledger."""

    def get(self, deduction_id: str) -> Deduction | None: ...
    def look(self, deduction_id: str) -> Deduction | None:
        """The same without locking it, for whoever only reads it."""

    def by_key(self, key: str) -> Deduction | None: ...
    def add(self, deduction: Deduction) -> bool:
        """False, and nothing changes, if the key exists."""

    def save(self, deduction: Deduction, *, expected_version: int) -> None:
        """Write a changed deduction; its version must have grown. Raises Conflict if the stored version is another."""

    def of_merchant(self, uscc: str, *, month: str | None = None) -> Sequence[Deduction]: ...
    def of_warning(self, warning_id: str) -> Sequence[Deduction]: ...
    def of_code_since(self, uscc: str, violation_code: str, since: datetime) -> Sequence[Deduction]:
        """Standing (not withdrawn, not reversed) entries of one code proposed at or after ``since``."""

    def in_state(self, state: DeductionState, *, limit: int = 200) -> Sequence[Deduction]: ...


class Outbox(Protocol):
    """What must still be told to the outside; written in the same transaction as the state."""

    def add(self, delivery: Delivery) -> bool:
        """False if the key exists; while gathering nobody knows yet, and it says True."""

    def claim(self, now: datetime, *, lanes: Sequence[Lane], limit: int, lease_until: datetime) -> Sequence[Delivery]:
        """Take due entries in id order and lease them until ``lease_until``.

        A relay that dies gives them back by itself; several relays may run. ``attempts`` counts this attempt too. Commit
        before sending: the lease holds only from then on. ``live`` and ``kafka`` go in order: nothing of them is taken that
        is newer than one still leased or put off.
        """

    def due(self, lane: Lane, now: datetime) -> bool:
        """Whether ``claim`` would find something of this lane."""

    def done(self, delivery_id: int, at: datetime) -> None: ...
    def done_all(self, delivery_ids: Sequence[int], at: datetime) -> None:
        """The same for several."""

    def retry(self, delivery_id: int, *, next_attempt_at: datetime, error: str) -> None: ...
    def fail(self, delivery_id: int, *, at: datetime, error: str) -> None:
        """Give up for good: a human-visible failure."""

    def still_waits(self, delivery_id: int) -> bool:
        """Whether nobody has settled it meanwhile; for a reader."""

    def claim_of(self, target: str, recipient: str, now: datetime, *, limit: int, lease_until: datetime) -> Sequence[Delivery]:
        """Due notifications for one receiver, oldest first, leased as by ``claim``."""

    def put_back(self, delivery_ids: Sequence[int], *, next_attempt_at: datetime, why: str) -> None:
        """Give claimed entries back untried: the claim does not count as an attempt."""

    def cancel(self, warning_id: str, prefix: str, at: datetime, *, why: str) -> int:
        """Settle the waiting notifications of a warning whose key begins so: they are not needed any more; how many."""

    def ways_left(self, warning_id: str) -> bool:
        """Whether a notification that would confirm delivery to the merchant still waits."""

    def pending(self) -> tuple[int, datetime | None]:
        """How many are waiting, and since when the oldest."""

    def failed(self, *, limit: int = 100) -> Sequence[Delivery]: ...
    def drop_done(self, before: datetime, *, limit: int) -> int:
        """Forget at most ``limit`` entries that were sent before an instant; how many there were."""

    def has_done(self, before: datetime) -> bool:
        """Whether there are any such."""


class PushSubscriptions(Protocol):
    """Browsers that want to be told."""

    def put(self, subscription: PushSubscription) -> None: ...
    def remove(self, subscription_id: str) -> None: ...
    def get(self, subscription_id: str) -> PushSubscription | None: ...
    def of_users(self, user_ids: Sequence[str]) -> Sequence[PushSubscription]: ...


class DeadLetters(Protocol):
    """Refused messages, for people to look at."""

    def add(self, letter: DeadLetter) -> bool:
        """False if the key exists."""

    def list(self, *, code: str | None = None, region: str | None = None, limit: int = 100) -> Sequence[DeadLetter]:
        """Newest first. With a region (six digits, or a prefix): its merchants', and those that name no known merchant."""

    def counts(self) -> dict[str, int]: ...
    def drop_before(self, at: datetime, *, code: str | None = None, limit: int | None = None) -> int:
        """Drop those (of one code) received before an instant, oldest first, at most ``limit``; how many there were."""

    def has_before(self, at: datetime, *, code: str | None = None) -> bool:
        """Whether there are any such."""


class Crossed(Conflict):
    """Two transactions waited for each other and the database undid this one; nobody changed anything: do it again."""


class UnitOfWork(Protocol):
    """One transaction over every repository.

    Leaving the ``with`` block without ``commit()`` rolls back; after ``commit()`` the unit is spent.
    """

    merchants: Merchants
    devices: Devices
    users: Users
    observations: Observations
    batches: Batches
    lot_changes: LotChanges
    weighings: Weighings
    findings: Findings
    warnings: Warnings
    evidence: EvidenceItems
    audit: Audit
    deductions: Deductions
    outbox: Outbox
    push_subscriptions: PushSubscriptions
    dead_letters: DeadLetters
    registers: Registers
    records: ShopRecords
    operations: Operations
    assessments: Assessments

    def commit(self) -> None: ...
    def lock(self, name: str) -> None:
        """Let no other transaction that locks the same name pass until this one ends.

        For decisions over several rows that no unique key guards, such as a merchant's next ordinal.
        """

    def savepoint(self) -> AbstractContextManager[None]:
        """A nested transaction: an error inside rolls back only what happened inside, and propagates."""

    def gathering(self) -> AbstractContextManager[None]:
        """Let facts, findings, warnings, evidence, audit steps and outbox entries wait, and write them together in the end.

        For batches. Whoever reads sees them all the same. That somebody else was first shows only when they are written: the
        Conflict is then raised by whatever wrote them, and again by ``commit``.
        """


class Store(Protocol):
    """The system of record.

    ``writing()`` begins a write transaction (BEGIN IMMEDIATE on SQLite); ``reading()`` a read-only one that sees one
    snapshot. Inside ``writing()``, ``get`` of a batch, a finding, a warning or a deduction locks the row until the end; the
    order is: what is commanded first, the audit trail (one row for all) after it.

    Every method may raise ``Conflict`` (somebody else was first; ``Crossed`` if the database chose this transaction to end a
    deadlock), ``Unavailable`` (no database, or its lock not to be had)
    and ``NotFound`` (a reference to something that is not stored; it may come as late as ``commit``).
    """

    def writing(self) -> AbstractContextManager[UnitOfWork]: ...
    def reading(self) -> AbstractContextManager[UnitOfWork]: ...
    def migrate(self) -> None:
        """Bring the schema to the newest revision."""

    def ping(self) -> None:
        """Raises Unavailable if the database cannot be reached, or if the disk of its file is full."""

    def close(self) -> None: ...


class Media(Protocol):
    """Bytes named by their SHA-256 (hex)."""

    def put(self, data: bytes, media_type: str) -> str: ...
    def put_all(self, items: Iterable[tuple[bytes, str]]) -> None:
        """Keep several, each with its media type; all of them are safe when it returns."""

    def get(self, sha256: str) -> bytes:
        """Raises NotFound."""

    def has(self, sha256: str) -> bool: ...
