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

from alerts.channels.message import Channel, FailureReason, Message, PushKeys, Rejected, Target
from alerts.routing import WEBHOOK, WEBPUSH, Route
from casework import metrics
from casework.consequences.pushes import SYSTEM_OF, recipient_of
from casework.desk import Desk
from domain.errors import Unavailable
from domain.events import Delivery
from store.ports import Store

log = structlog.get_logger(__name__)


class Ending(IntEnum):
    """How one attempt ended."""

    ACCEPTED = 1
    AGAIN = 0
    GIVEN_UP = -1


class Confirms(Protocol):
    """What the relay needs of the office."""

    desk: Desk

    def delivered(self, warning_id: str, now: datetime, *, how: str = "delivered") -> Any:
        """A merchant was told."""

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
    ) -> None:
        self._store, self._channels, self._office, self._clock = store, channels, office, clock
        self._environment, self._jitter, self._pace = dict(environment), jitter, pace

    async def send(self, delivery: Delivery) -> Ending:
        """Try one notification once. Raises nothing: what nobody foresaw is logged, counted and tried again with pauses."""
        try:
            return await self._attempt(delivery)
        except Unavailable as error:  # the database is away: the lease gives the entry back
            log.warning("notification.waits", error=str(error))
        except Exception as error:  # the outermost loop of a channel
            log.exception("notification.unsettled", channel=delivery.target, warning=delivery.warning_id)
            metrics.NOTIFICATIONS.labels(delivery.target, metrics.UNEXPECTED).inc()
            return await asyncio.to_thread(self._unsettled, delivery, repr(error))
        return Ending.AGAIN

    async def _attempt(self, delivery: Delivery) -> Ending:
        try:
            async with asyncio.timeout(self._pace.attempt.total_seconds()):
                await self._send(delivery)
        except Rejected as rejected:
            return await asyncio.to_thread(self._rejected, delivery, rejected)
        except TimeoutError:
            late = Rejected(retry=True, reason=FailureReason.TIMEOUT)
            return await asyncio.to_thread(self._rejected, delivery, late)
        except Unavailable:
            raise
        except Exception as error:  # the outermost loop of a channel: one message must not stop the others
            log.exception("notification.unexpected", channel=delivery.target, warning=delivery.warning_id)
            metrics.NOTIFICATIONS.labels(delivery.target, metrics.UNEXPECTED).inc()
            return await asyncio.to_thread(self._try_later, delivery, repr(error), timedelta())
        await asyncio.to_thread(self._accepted, delivery)
        return Ending.ACCEPTED

    async def _send(self, delivery: Delivery) -> None:
        channel = self._channels.get(delivery.target)
        if channel is None:
            raise Rejected(retry=False, reason=FailureReason.MISCONFIGURED, detail=f"no channel {delivery.target}")
        target = await asyncio.to_thread(self._target, delivery)
        await channel.send(Message(**delivery.payload), target)

    def _target(self, delivery: Delivery) -> Target:
        if delivery.target == WEBPUSH:
            with self._store.reading() as uow:
                subscription = uow.push_subscriptions.get(delivery.recipient)
            if subscription is None:
                raise Rejected(retry=False, reason=FailureReason.GONE, detail="signed off meanwhile")
            return Target(url=subscription.endpoint, keys=PushKeys(p256dh=subscription.p256dh, auth=subscription.auth))
        for route in self._office.desk.routes:
            if route.name == delivery.recipient:
                return self._route_target(route)
        terms = self._office.desk.terms
        for department in terms.departments if terms is not None else ():
            if department.has_system and recipient_of(department) == delivery.recipient:
                return self._route_target(
                    Route(
                        name=delivery.recipient,
                        channel=WEBHOOK,
                        url=department.url,
                        url_env=department.url_env,
                        secret_env=department.secret_env,
                    )
                )
        raise Rejected(retry=False, reason=FailureReason.MISCONFIGURED, detail=f"no route {delivery.recipient}")

    def _route_target(self, route: Route) -> Target:
        url = self._environment.get(route.url_env, "") if route.url_env else route.url
        if not url:
            missing = route.url_env or f"url of route {route.name}"
            raise Rejected(retry=False, reason=FailureReason.MISCONFIGURED, detail=f"{missing} is not set")
        secret = self._environment.get(route.secret_env, "") if route.secret_env else ""
        if route.secret_env and not secret:
            raise Rejected(retry=False, reason=FailureReason.MISCONFIGURED, detail=f"{route.secret_env} is not set")
        return Target(url=url, secret=secret, check_errcode=route.check_errcode)

    # what became of it

    def _accepted(self, delivery: Delivery) -> None:
        """Confirm and settle. A confirmation that fails is logged: the screen has the message and must not get it again."""
        now = self._clock()
        metrics.NOTIFICATIONS.labels(delivery.target, metrics.ACCEPTED).inc()
        try:
            self._confirm(delivery, now)
        except Unavailable:
            raise
        except Exception:  # the outermost loop of a channel: told again, the office would fail again
            log.exception("notification.unconfirmed", channel=delivery.target, warning=delivery.warning_id)
            metrics.NOTIFICATIONS.labels(delivery.target, metrics.UNEXPECTED).inc()
        with self._store.writing() as uow:
            uow.outbox.done(delivery.id, now)
            uow.commit()

    def _confirm(self, delivery: Delivery, now: datetime) -> None:
        if delivery.to_merchant and delivery.warning_id is not None:
            outcome = self._office.delivered(delivery.warning_id, now, how=delivery.target)
            metrics.count(outcome.events)
        elif delivery.recipient.startswith(SYSTEM_OF):
            self._office.department_told(delivery.payload["data"]["push"], now)

    def _rejected(self, delivery: Delivery, rejected: Rejected) -> Ending:
        metrics.NOTIFICATIONS.labels(delivery.target, rejected.reason.value).inc()
        if rejected.retry:
            return self._try_later(delivery, str(rejected), rejected.retry_after or timedelta())
        log.error("notification.refused", channel=delivery.target, warning=delivery.warning_id, reason=rejected.reason.value)
        with self._store.writing() as uow:
            if delivery.target == WEBPUSH and rejected.reason is FailureReason.GONE:
                uow.push_subscriptions.remove(delivery.recipient)
            uow.outbox.fail(delivery.id, at=self._clock(), error=str(rejected))
            uow.commit()
        return Ending.GIVEN_UP

    def _try_later(self, delivery: Delivery, error: str, at_least: timedelta) -> Ending:
        now = self._clock()
        if now - delivery.created_at >= self._pace.give_up_after:
            metrics.NOTIFICATIONS.labels(delivery.target, metrics.GIVEN_UP).inc()
            log.error("notification.given_up", channel=delivery.target, warning=delivery.warning_id, error=error)
            with self._store.writing() as uow:
                uow.outbox.fail(delivery.id, at=now, error=error)
                uow.commit()
            return Ending.GIVEN_UP
        again_at = now + max(at_least, self.wait(delivery.attempts))
        with self._store.writing() as uow:
            uow.outbox.retry(delivery.id, next_attempt_at=again_at, error=error)
            uow.commit()
        return Ending.AGAIN

    def _unsettled(self, delivery: Delivery, error: str) -> Ending:
        try:
            return self._try_later(delivery, error, timedelta())
        except Exception:  # not even that can be written: the lease gives the entry back
            log.exception("notification.unsettled", channel=delivery.target, warning=delivery.warning_id)
            return Ending.AGAIN

    def wait(self, attempts: int) -> timedelta:
        """How long to wait after so many attempts: doubling, capped, spread by up to a half so that not all come at once."""
        doubled = self._pace.first_wait * 2 ** min(max(attempts, 1) - 1, 20)
        waited: timedelta = min(doubled, self._pace.longest_wait) * (0.5 + self._jitter() / 2)
        return waited
