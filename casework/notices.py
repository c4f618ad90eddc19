"""One notification: where it goes, one attempt to send it, and what becomes of it.

An attempt ends in one of three ways, and the outbox shows which: accepted, to be tried again with growing pauses, or given up for
people to see. What a merchant's own screen accepted is a confirmed delivery, and starts the merchant's limit (section 0.2).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any, Protocol

import structlog

from alerts.channels.message import Accepted, Channel, FailureReason, Message, Rejected, Target
from alerts.routing import WEBPUSH
from casework import digests, metrics
from casework.addressing import target_of
from casework.consequences.pushes import SYSTEM_OF
from casework.desk import Desk
from casework.pacing import Gate
from domain.errors import Unavailable
from domain.events import Delivery
from store.ports import Store

log = structlog.get_logger(__name__)


class Ending(IntEnum):
    """How one attempt ended."""

    ACCEPTED = 1
    AGAIN = 0
    GIVEN_UP = -1
    NEEDLESS = 2  # cancelled before it was sent


Parcel = tuple[Delivery, ...]
"""What goes to one receiver as one message, the most urgent first."""


class Confirms(Protocol):
    """What the relay needs of the office."""

    desk: Desk

    def delivered(self, warning_id: str, now: datetime, *, how: str = "delivered") -> Any:
        """A merchant was told."""

    def unreached(self, warning_id: str, now: datetime) -> Any:
        """A way to the merchant failed for good."""

    def department_told(self, push_id: str, now: datetime) -> None:
        """A department's own system accepted a message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast, how often and how long.

    Attributes:
        batch: entries of an ordered lane taken at once.
        lease: how long a claimed entry of an ordered lane is ours; a lane whose relay was killed stands still for so long.
        most_surprises: how often an entry of an ordered lane may fail in a way nobody foresaw before it is given up.
        side_by_side: notifications under way at the same time.
        attempt: longest time one notification may take.
        first_wait: before the second attempt; doubled each time up to ``longest_wait``.
        give_up_after: age at which an entry that is still refused is given up.
        idle: how long to wait when there was nothing to do.
        watch: how often the gauges are set.
    """

    batch: int = 200
    lease: timedelta = timedelta(seconds=5)
    most_surprises: int = 5
    side_by_side: int = 16
    attempt: timedelta = timedelta(seconds=20)
    first_wait: timedelta = timedelta(seconds=5)
    longest_wait: timedelta = timedelta(minutes=30)
    give_up_after: timedelta = timedelta(hours=48)
    idle: timedelta = timedelta(milliseconds=250)
    watch: timedelta = timedelta(seconds=5)


class Notices:
    """Sends single notifications; the relay decides which and when. Arguments as ``relay.Relay``."""

    def __init__(
        self,
        store: Store,
        channels: Mapping[str, Channel],
        *,
        office: Confirms,
        clock: Callable[[], datetime],
        environment: Mapping[str, str],
        jitter: Callable[[], float] = random.random,
        pace: Pace,
        gate: Gate | None = None,
    ) -> None:
        self._store, self._channels, self._office, self._clock = store, channels, office, clock
        self.gate = gate or Gate({})
        self._environment, self._jitter, self._pace = dict(environment), jitter, pace

    async def send(self, *parcel: Delivery) -> Ending:
        """Try one notification once, or several for one receiver as one message that names them.

        Raises nothing: what nobody foresaw is logged, counted and tried again with pauses.
        """
        first = parcel[0]
        try:
            return await self._attempt(parcel)
        except Unavailable as error:  # the database is away: the lease gives the entries back
            log.warning("notification.waits", error=str(error))
        except Exception as error:  # the outermost loop of a channel
            log.exception("notification.unsettled", channel=first.target, warning=first.warning_id)
            metrics.NOTIFICATIONS.labels(first.target, metrics.UNEXPECTED).inc()
            return await asyncio.to_thread(self._unsettled, parcel, repr(error))
        return Ending.AGAIN

    async def _attempt(self, parcel: Parcel) -> Ending:
        first = parcel[0]
        try:
            async with asyncio.timeout(self._pace.attempt.total_seconds()):
                parcel, accepted = await self._send(parcel)
        except Rejected as rejected:
            return await asyncio.to_thread(self._rejected, parcel, rejected)
        except TimeoutError:
            late = Rejected(retry=True, reason=FailureReason.TIMEOUT)
            return await asyncio.to_thread(self._rejected, parcel, late)
        except Unavailable:
            raise
        except Exception as error:  # the outermost loop of a channel: one message must not stop the others
            log.exception("notification.unexpected", channel=first.target, warning=first.warning_id)
            metrics.NOTIFICATIONS.labels(first.target, metrics.UNEXPECTED).inc()
            return await asyncio.to_thread(self._try_later, parcel, repr(error), timedelta())
        if accepted is None:
            return Ending.NEEDLESS
        await asyncio.to_thread(self._accepted, parcel, accepted)
        return Ending.ACCEPTED

    async def _send(self, parcel: Parcel) -> tuple[Parcel, Accepted | None]:
        """Send what still waits of it; what was cancelled meanwhile is left out."""
        first = parcel[0]
        channel = self._channels.get(first.target)
        if channel is None:
            raise Rejected(retry=False, reason=FailureReason.MISCONFIGURED, detail=f"no channel {first.target}")
        parcel, target = await asyncio.to_thread(self._ready, parcel)
        if not parcel:
            return (), None
        content = parcel[0].payload
        if len(parcel) > 1:
            content = digests.payload(parcel, self._office.desk.translator(str(content.get("locale") or "zh")))
        return parcel, await channel.send(Message(**content, key=parcel[0].key), target)

    def _ready(self, parcel: Parcel) -> tuple[Parcel, Target]:
        with self._store.reading() as uow:
            waiting = tuple(item for item in parcel if uow.outbox.still_waits(item.id))
            if not waiting:
                return (), Target(url="")
            return waiting, target_of(uow, self._office.desk, parcel[0], self._environment)

    # what became of it

    def _accepted(self, parcel: Parcel, accepted: Accepted) -> None:
        """Confirm and settle. A confirmation that fails is logged: the screen has the message and must not get it again."""
        now, first = self._clock(), parcel[0]
        metrics.NOTIFICATIONS.labels(first.target, metrics.DUPLICATE if accepted.duplicate else metrics.ACCEPTED).inc()
        if len(parcel) > 1:
            metrics.NOTIFICATIONS.labels(first.target, metrics.COALESCED).inc(len(parcel) - 1)
        for delivery in parcel:
            try:
                self._confirm(delivery, now)
            except Unavailable:
                raise
            except Exception:  # the outermost loop of a channel: told again, the office would fail again
                log.exception("notification.unconfirmed", channel=delivery.target, warning=delivery.warning_id)
                metrics.NOTIFICATIONS.labels(delivery.target, metrics.UNEXPECTED).inc()
        with self._store.writing() as uow:
            uow.outbox.done_all([item.id for item in parcel], now)
            uow.commit()

    def _confirm(self, delivery: Delivery, now: datetime) -> None:
        if delivery.to_merchant and delivery.warning_id is not None:
            outcome = self._office.delivered(delivery.warning_id, now, how=delivery.target)
            metrics.count(outcome.events)
        elif delivery.recipient.startswith(SYSTEM_OF):
            self._office.department_told(delivery.payload["data"]["push"], now)

    def _rejected(self, parcel: Parcel, rejected: Rejected) -> Ending:
        first = parcel[0]
        metrics.NOTIFICATIONS.labels(first.target, rejected.reason.value).inc()
        if rejected.retry:
            if rejected.reason is FailureReason.RATE_LIMITED:
                pause = max(rejected.retry_after or timedelta(), self.wait(first.attempts))
                self.gate.shut((first.target, first.recipient), self._clock() + pause)
            return self._try_later(parcel, str(rejected), rejected.retry_after or timedelta())
        log.error("notification.refused", channel=first.target, warning=first.warning_id, reason=rejected.reason.value)
        return self._give_up(parcel, str(rejected), gone=rejected.reason is FailureReason.GONE)

    def _try_later(self, parcel: Parcel, error: str, at_least: timedelta) -> Ending:
        now, first = self._clock(), parcel[0]
        again_at = now + max(at_least, self.wait(first.attempts))
        old = tuple(item for item in parcel if now - item.created_at >= self._pace.give_up_after)
        with self._store.writing() as uow:
            for delivery in parcel:
                if delivery not in old:
                    uow.outbox.retry(delivery.id, next_attempt_at=again_at, error=error)
            uow.commit()
        if not old:
            return Ending.AGAIN
        metrics.NOTIFICATIONS.labels(first.target, metrics.GIVEN_UP).inc(len(old))
        log.error("notification.given_up", channel=first.target, warning=first.warning_id, error=error)
        return self._give_up(old, error)

    def _give_up(self, parcel: Parcel, error: str, *, gone: bool = False) -> Ending:
        """Settle as failed for good. What was about a red warning is counted apart, and whoever looks after it is told."""
        now = self._clock()
        with self._store.writing() as uow:
            if gone and parcel[0].target == WEBPUSH:
                uow.push_subscriptions.remove(parcel[0].recipient)
            for delivery in parcel:
                uow.outbox.fail(delivery.id, at=now, error=error)
            uow.commit()
        for delivery in parcel:
            if digests.is_red(delivery):
                metrics.RED_FAILURES.labels(delivery.target).inc()
            if delivery.to_merchant and delivery.warning_id is not None:
                metrics.count(self._office.unreached(delivery.warning_id, now).events)
        return Ending.GIVEN_UP

    def _unsettled(self, parcel: Parcel, error: str) -> Ending:
        try:
            return self._try_later(parcel, error, timedelta())
        except Exception:  # not even that can be written: the lease gives the entry back
            log.exception("notification.unsettled", channel=parcel[0].target, warning=parcel[0].warning_id)
            return Ending.AGAIN

    def wait(self, attempts: int) -> timedelta:
        """How long to wait after so many attempts: doubling, capped, spread by up to a half so that not all come at once."""
        doubled = self._pace.first_wait * 2 ** min(max(attempts, 1) - 1, 20)
        waited: timedelta = min(doubled, self._pace.longest_wait) * (0.5 + self._jitter() / 2)
        return waited
