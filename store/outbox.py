"""Repositories of what leaves the house: the outbox, push subscriptions, and dead letters that came in and were refused.

A settled entry stays for days: its key makes enqueueing it once more a no-op. That it may go in the end is because a key names a
version of a stored object, and what is told again stops at that object long before it comes here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from operator import attrgetter

from sqlalchemy import Select, bindparam, delete, func, or_, select, text, update

from domain.events import DeadLetter, Delivery, Lane, PushSubscription
from store import tables
from store.gathering import Bulk, Pen
from store.rows import Rows, in_parts, insert_or_replace, insert_or_skip
from store.tables import DeliveryState
from store.types import storable

IN_ORDER = frozenset({Lane.LIVE, Lane.KAFKA})
"""Lanes in which an older word must not come after a newer one; the notices of the third do not wait for each other."""

_O = tables.outbox.c
_M = tables.merchants.c
_DELIVERY = Rows(Delivery, tables.outbox)
_ADD = insert_or_skip(tables.outbox, ["key"])
ADD_DELIVERIES = Bulk(tables.outbox, skip=["key"], without=["id"])
_DUE = (
    select(*_DELIVERY.columns)
    .where(tables.PENDING, _O.lane == bindparam("lane"), _O.next_attempt_at <= bindparam("now"))
    .order_by(_O.id)
    .limit(bindparam("limit"))
)
_FREE = _DUE.with_for_update(skip_locked=True)
_BEFORE = _DUE.where(_O.id < bindparam("barrier")).with_for_update()
_NOT_DUE = select(func.min(_O.id)).where(tables.PENDING, _O.lane == bindparam("lane"), _O.next_attempt_at > bindparam("now"))
_HEAD = select(_O.next_attempt_at).where(tables.PENDING, _O.lane == bindparam("lane")).order_by(_O.id).limit(1)
_ANY_DUE = select(_O.id).where(tables.PENDING, _O.lane == bindparam("lane"), _O.next_attempt_at <= bindparam("now")).limit(1)
_ONE_RELAY = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
_NO_BARRIER = 2**63 - 1
_LEASE = (
    update(tables.outbox)
    .where(_O.id.in_(bindparam("ids", expanding=True)))
    .values(next_attempt_at=bindparam("lease_until"), attempts=_O.attempts + 1)
)
_SETTLE = update(tables.outbox).where(_O.id == bindparam("delivery_id"), tables.PENDING)
_DONE = _SETTLE.values(state=DeliveryState.DONE, settled_at=bindparam("at"))
_FAIL = _SETTLE.values(state=DeliveryState.FAILED, settled_at=bindparam("at"), last_error=bindparam("error"))
_RETRY = _SETTLE.values(next_attempt_at=bindparam("again_at"), last_error=bindparam("error"))
_WAITS = select(_O.id).where(_O.id == bindparam("delivery_id"), tables.PENDING)
_OF_RECEIVER = (
    select(*_DELIVERY.columns)
    .where(
        tables.PENDING,
        _O.lane == Lane.NOTIFY,
        _O.target == bindparam("target"),
        _O.recipient == bindparam("recipient"),
        _O.next_attempt_at <= bindparam("now"),
    )
    .order_by(_O.id)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
_PUT_BACK = (
    update(tables.outbox)
    .where(_O.id.in_(bindparam("ids", expanding=True)), tables.PENDING)
    .values(next_attempt_at=bindparam("again_at"), last_error=bindparam("why"), attempts=_O.attempts - 1)
)
_CANCEL = (
    update(tables.outbox)
    .where(
        tables.PENDING,
        _O.warning_id == bindparam("of_warning"),
        _O.lane == Lane.NOTIFY,
        _O.key.startswith(bindparam("prefix"), autoescape=False),
    )
    .values(state=DeliveryState.DONE, settled_at=bindparam("at"), last_error=bindparam("why"))
)
_WAYS = (
    select(_O.id).where(tables.PENDING, _O.warning_id == bindparam("of_warning"), _O.lane == Lane.NOTIFY, _O.to_merchant).limit(1)
)
_PENDING = select(func.count(), func.min(_O.created_at)).where(tables.PENDING)
_OLD = select(_O.id).where(tables.DONE, _O.settled_at < bindparam("before"))
_DROP_DONE = delete(tables.outbox).where(_O.id.in_(_OLD.order_by(_O.settled_at).limit(bindparam("limit"))))
_HAS_DONE = _OLD.limit(1)
_FAILED = select(*_DELIVERY.columns).where(tables.FAILED).order_by(_O.id.desc()).limit(bindparam("limit"))

_SUBSCRIPTION = Rows(PushSubscription, tables.push_subscriptions)
_PUT_SUBSCRIPTION = insert_or_replace(tables.push_subscriptions, ["id"])
_GET_SUBSCRIPTION = select(*_SUBSCRIPTION.columns).where(tables.push_subscriptions.c.id == bindparam("id"))
_REMOVE_SUBSCRIPTION = delete(tables.push_subscriptions).where(tables.push_subscriptions.c.id == bindparam("id"))
_OF_USERS = (
    select(*_SUBSCRIPTION.columns)
    .where(tables.push_subscriptions.c.user_id.in_(bindparam("user_ids", expanding=True)))
    .order_by(tables.push_subscriptions.c.id)
)

_L = tables.dead_letters.c
_LETTER = Rows(DeadLetter, tables.dead_letters)
_ADD_LETTER = insert_or_skip(tables.dead_letters, ["key"])
_LETTERS = select(*_LETTER.columns).order_by(_L.received_at.desc(), _L.key).limit(bindparam("limit"))
_LETTER_COUNTS = select(_L.code, func.count()).group_by(_L.code)
_OLD_LETTERS = select(_L.key).where(_L.received_at < bindparam("before"))
_CODED = _L.code == bindparam("code")


class SqlOutbox:
    """``ports.Outbox``."""

    def __init__(self, pen: Pen) -> None:
        self._pen = pen

    def add(self, delivery: Delivery) -> bool:
        """False if the key exists; while gathering nobody knows yet, and it says True. The database gives the id."""
        values = _DELIVERY.values(delivery, state=DeliveryState.PENDING, settled_at=None)
        if self._pen.gathers:
            self._pen.wait(ADD_DELIVERIES, ADD_DELIVERIES.row(self._pen.dialect, values))
            return True
        del values["id"]
        return self._pen.execute(_ADD.on(self._pen), values).rowcount == 1

    def claim(self, now: datetime, *, lanes: Sequence[Lane], limit: int, lease_until: datetime) -> Sequence[Delivery]:
        """Take due entries in id order and lease them until ``lease_until``; a lane in order stops at the first that waits."""
        found = [item for lane in dict.fromkeys(lanes) for item in self._claimable(lane, now, limit)]
        taken = sorted(found, key=attrgetter("id"))[:limit]
        if taken:
            self._pen.execute(_LEASE, {"ids": [item.id for item in taken], "lease_until": lease_until})
        return [replace(item, attempts=item.attempts + 1, next_attempt_at=lease_until) for item in taken]

    def _claimable(self, lane: Lane, now: datetime, limit: int) -> Sequence[Delivery]:
        asked = {"lane": lane, "now": now, "limit": limit}
        if lane not in IN_ORDER:
            return _DELIVERY.all(self._pen.execute(_FREE, asked))
        if self._pen.dialect.name == "postgresql":  # a second relay must see the first one's leases
            self._pen.execute(_ONE_RELAY, {"name": f"outbox/{lane.value}"})
        barrier = self._pen.execute(_NOT_DUE, {"lane": lane, "now": now}).scalar()
        asked["barrier"] = _NO_BARRIER if barrier is None else barrier
        return _DELIVERY.all(self._pen.execute(_BEFORE, asked))

    def due(self, lane: Lane, now: datetime) -> bool:
        """Whether ``claim`` would find something; for a reader, who disturbs nobody."""
        if lane in IN_ORDER:
            head: datetime | None = self._pen.execute(_HEAD, {"lane": lane}).scalar()
            return head is not None and head <= now
        return self._pen.execute(_ANY_DUE, {"lane": lane, "now": now}).first() is not None

    def done(self, delivery_id: int, at: datetime) -> None:
        """It was accepted."""
        self._pen.execute(_DONE, {"delivery_id": delivery_id, "at": at})

    def done_all(self, delivery_ids: Sequence[int], at: datetime) -> None:
        """They were accepted."""
        if delivery_ids:
            self._pen.execute(_DONE, [{"delivery_id": delivery_id, "at": at} for delivery_id in delivery_ids])

    def retry(self, delivery_id: int, *, next_attempt_at: datetime, error: str) -> None:
        """Try again later; nothing happens if another relay has settled it meanwhile."""
        values = {"delivery_id": delivery_id, "again_at": next_attempt_at, "error": storable(error)}
        self._pen.execute(_RETRY, values)

    def fail(self, delivery_id: int, *, at: datetime, error: str) -> None:
        """Give up for good: a human-visible failure."""
        self._pen.execute(_FAIL, {"delivery_id": delivery_id, "at": at, "error": storable(error)})

    def still_waits(self, delivery_id: int) -> bool:
        """Whether nobody has settled it meanwhile; for a reader."""
        return self._pen.execute(_WAITS, {"delivery_id": delivery_id}).first() is not None

    def claim_of(self, target: str, recipient: str, now: datetime, *, limit: int, lease_until: datetime) -> Sequence[Delivery]:
        """Due notifications for one receiver, oldest first, leased until ``lease_until``."""
        asked = {"target": target, "recipient": recipient, "now": now, "limit": limit}
        found = _DELIVERY.all(self._pen.execute(_OF_RECEIVER, asked))
        if found:
            self._pen.execute(_LEASE, {"ids": [item.id for item in found], "lease_until": lease_until})
        return [replace(item, attempts=item.attempts + 1, next_attempt_at=lease_until) for item in found]

    def put_back(self, delivery_ids: Sequence[int], *, next_attempt_at: datetime, why: str) -> None:
        """Give claimed entries back untried: the claim does not count as an attempt."""
        if delivery_ids:
            self._pen.execute(_PUT_BACK, {"ids": list(delivery_ids), "again_at": next_attempt_at, "why": storable(why)})

    def cancel(self, warning_id: str, prefix: str, at: datetime, *, why: str) -> int:
        """Settle the waiting notifications of a warning whose key begins so; the prefix has no ``%`` or ``_`` of its own."""
        values = {"of_warning": warning_id, "prefix": prefix, "at": at, "why": storable(why)}
        return self._pen.execute(_CANCEL, values).rowcount

    def ways_left(self, warning_id: str) -> bool:
        """Whether a notification that would confirm delivery to the merchant still waits."""
        return self._pen.execute(_WAYS, {"of_warning": warning_id}).first() is not None

    def pending(self) -> tuple[int, datetime | None]:
        """How many are waiting, and since when the oldest."""
        count, oldest = self._pen.execute(_PENDING).one()
        return count, oldest

    def failed(self, *, limit: int = 100) -> Sequence[Delivery]:
        """Those given up, newest first."""
        return _DELIVERY.all(self._pen.execute(_FAILED, {"limit": limit}))

    def drop_done(self, before: datetime, *, limit: int) -> int:
        """Forget at most ``limit`` entries that were sent before an instant; how many there were."""
        return self._pen.execute(_DROP_DONE, {"before": before, "limit": limit}).rowcount

    def has_done(self, before: datetime) -> bool:
        """Whether there are any such."""
        return self._pen.execute(_HAS_DONE, {"before": before}).first() is not None


class SqlPushSubscriptions:
    """``ports.PushSubscriptions``."""

    def __init__(self, pen: Pen) -> None:
        self._pen = pen

    def put(self, subscription: PushSubscription) -> None:
        """Insert or replace: a browser somebody else signs in on is theirs from then on."""
        self._pen.execute(_PUT_SUBSCRIPTION.on(self._pen), _SUBSCRIPTION.values(subscription))

    def remove(self, subscription_id: str) -> None:
        """Forget it; forgetting it twice is no error."""
        self._pen.execute(_REMOVE_SUBSCRIPTION, {"id": subscription_id})

    def get(self, subscription_id: str) -> PushSubscription | None:
        """The subscription, if there is one."""
        return _SUBSCRIPTION.maybe(self._pen.execute(_GET_SUBSCRIPTION, {"id": subscription_id}).first())

    def of_users(self, user_ids: Sequence[str]) -> Sequence[PushSubscription]:
        """All browsers of these users."""
        parts = in_parts(sorted(user_ids))
        found = [item for part in parts for item in _SUBSCRIPTION.all(self._pen.execute(_OF_USERS, {"user_ids": part}))]
        return sorted(found, key=attrgetter("id"))


class SqlDeadLetters:
    """``ports.DeadLetters``."""

    def __init__(self, pen: Pen) -> None:
        self._pen = pen

    def add(self, letter: DeadLetter) -> bool:
        """False if the key exists. Its words may be anything: what no database holds is replaced, the raw bytes are kept."""
        values = {name: storable(value) if isinstance(value, str) else value for name, value in _LETTER.values(letter).items()}
        return self._pen.execute(_ADD_LETTER.on(self._pen), values).rowcount == 1

    def list(self, *, code: str | None = None, region: str | None = None, limit: int = 100) -> Sequence[DeadLetter]:
        """Newest first; narrowed before it is cut off. A letter that names no known merchant belongs to every region."""
        query = _LETTERS if code is None else _LETTERS.where(_L.code == code)
        if region is not None:
            own = or_(_M.uscc.is_(None), _M.region.startswith(region, autoescape=True))
            query = query.outerjoin(tables.merchants, _L.uscc == _M.uscc).where(own)
        return _LETTER.all(self._pen.execute(query, {"limit": limit}))

    def counts(self) -> dict[str, int]:
        """How many there are of each code."""
        return dict(tuple(row) for row in self._pen.execute(_LETTER_COUNTS))

    def drop_before(self, at: datetime, *, code: str | None = None, limit: int | None = None) -> int:
        """Drop those (of one code) received before an instant, oldest first, at most ``limit``; how many there were."""
        old = _old_letters(code).order_by(_L.received_at).limit(limit)
        drop = delete(tables.dead_letters).where(_L.key.in_(old))
        return self._pen.execute(drop, _asked(at, code)).rowcount

    def has_before(self, at: datetime, *, code: str | None = None) -> bool:
        """Whether there are any such."""
        return self._pen.execute(_old_letters(code).limit(1), _asked(at, code)).first() is not None


def _old_letters(code: str | None) -> Select[tuple[str]]:
    return _OLD_LETTERS if code is None else _OLD_LETTERS.where(_CODED)


def _asked(before: datetime, code: str | None) -> dict[str, object]:
    return {"before": before} if code is None else {"before": before, "code": code}
