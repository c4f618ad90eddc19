"""The relay: takes what the transactions left in the outbox to the outside, at least once each.

Three lanes that never wait for each other. ``live`` and ``kafka`` go in order, one relay at a time, and wait when the other end
is away or a relay that died still holds the oldest entry; notifications go side by side, each with its own retries, until
accepted or given up where people can see it. A consumer that gets an entry twice tells by the warning's ``version``.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog

from alerts.channels.message import Channel
from alerts.gateways import Limit
from casework import digests, metrics
from casework.notices import Confirms, Ending, Notices, Pace, Parcel
from casework.pacing import Gate, Receiver
from domain.errors import Unavailable
from domain.events import Delivery, Lane
from store.ports import Store, UnitOfWork

log = structlog.get_logger(__name__)

RARELY = 50
"""Watching may take one part in so many of the time."""

MOST_TOGETHER = 500
"""Notifications that one message may stand for."""

WAITS = "waits for its turn: its receiver is told no faster"

PublishLive = Callable[[Mapping[str, Any]], Awaitable[object]]
"""Takes a warning item with ``event``; raises Unavailable."""

PublishKafka = Callable[[str, str, Mapping[str, Any]], Awaitable[object]]
"""Takes topic, key and JSON value; returns when the log has it, raises Unavailable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayReport:
    """What one round did: entries sent per lane, notifications to be tried again, and those given up."""

    sent: Mapping[Lane, int] = field(default_factory=dict)
    retried: int = 0
    failed: int = 0


class Relay:
    """Sends what is in the outbox.

    Args:
        store: the system of record.
        channels: channels by name.
        publish_live: to the live stream.
        publish_kafka: to the log.
        office: told of deliveries to merchants.
        clock: the wiring's clock.
        environment: where routes find their addresses and secrets.
        jitter: a random number in [0, 1).
        pace: see ``Pace``.
        limits: how fast a receiver may be told, by channel; by default as fast as it happens.
    """

    def __init__(
        self,
        store: Store,
        channels: Mapping[str, Channel],
        *,
        publish_live: PublishLive,
        publish_kafka: PublishKafka,
        office: Confirms,
        clock: Callable[[], datetime],
        environment: Mapping[str, str] | None = None,
        jitter: Callable[[], float] = random.random,
        pace: Pace | None = None,
        limits: Mapping[str, Limit] | None = None,
    ) -> None:
        self._store, self._channels, self._office, self._clock = store, channels, office, clock
        self._publish_live, self._publish_kafka = publish_live, publish_kafka
        self._pace = pace or Pace()
        self._notices = Notices(
            store,
            channels,
            office=office,
            clock=clock,
            environment=environment or {},
            jitter=jitter,
            pace=self._pace,
            gate=Gate(limits or {}),
        )
        self._held_until: dict[Lane, datetime] = {}
        self._nudges = {lane: asyncio.Event() for lane in Lane}

    def nudge(self) -> None:
        """Something was put into the outbox: do not wait out the pause. Call it on the event loop."""
        for nudge in self._nudges.values():
            nudge.set()

    async def run(self) -> None:
        """Relay until cancelled."""
        metrics.present(self._office.desk.rules, self._channels)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._ordered_for_ever(Lane.LIVE), name="relay-live")
            tasks.create_task(self._ordered_for_ever(Lane.KAFKA), name="relay-kafka")
            tasks.create_task(self._notify_for_ever(), name="relay-notify")
            tasks.create_task(self._watch_for_ever(), name="relay-watch")

    async def run_once(self, now: datetime) -> RelayReport:
        """One round of every lane, side by side; returns when all are done."""
        claimed = await asyncio.to_thread(self._claim_parcels, self._pace.side_by_side, now)
        live, kafka, *results = await asyncio.gather(
            self._ordered(Lane.LIVE, now), self._ordered(Lane.KAFKA, now), *(self._notices.send(*parcel) for parcel in claimed)
        )
        return RelayReport(
            sent={Lane.LIVE: live, Lane.KAFKA: kafka, Lane.NOTIFY: results.count(Ending.ACCEPTED)},
            retried=results.count(Ending.AGAIN),
            failed=results.count(Ending.GIVEN_UP),
        )

    # lanes in order

    async def _ordered_for_ever(self, lane: Lane) -> None:
        while True:
            sent = 0
            try:
                sent = await self._ordered(lane, self._clock())
            except Unavailable as error:
                log.warning("relay.waits", lane=lane.value, error=str(error))
                metrics.RELAY_FAILURES.labels(lane.value).inc()
            except Exception:  # the outermost loop of a lane
                log.exception("relay.failed", lane=lane.value)
                metrics.RELAY_FAILURES.labels(lane.value).inc()
                await asyncio.sleep(1)
            if not sent:
                await self._pause(lane)

    async def _ordered(self, lane: Lane, now: datetime) -> int:
        """Send what is due, in order; at the first failure the lane rests until the lease is over, so that order is kept."""
        if now < self._held_until.get(lane, now):
            return 0
        claimed = await asyncio.to_thread(self._claim, lane, self._pace.batch, now)
        if not claimed:
            return 0
        lease_until = now + self._pace.lease
        sent: list[int] = []
        try:
            async with asyncio.timeout(max(0.0, (lease_until - self._clock()).total_seconds()) * 0.8):
                for delivery in claimed:
                    await self._publish(delivery)
                    sent.append(delivery.id)
        except (Unavailable, OSError, TimeoutError) as error:
            self._held_until[lane] = lease_until
            log.warning("relay.waits", lane=lane.value, error=str(error), waiting=len(claimed) - len(sent))
            waiting = claimed[len(sent)]
            await asyncio.to_thread(self._put_off, waiting, lease_until, str(error) or type(error).__name__)
        except Exception as error:  # one entry that can never be sent must not hold up the lane for ever
            self._held_until[lane] = lease_until
            log.exception("relay.unexpected", lane=lane.value, key=claimed[len(sent)].key)
            metrics.RELAY_FAILURES.labels(lane.value).inc()
            await asyncio.to_thread(self._surprised, claimed[len(sent)], lease_until, repr(error))
        finally:
            await asyncio.to_thread(self._done, sent, now)
        return len(sent)

    async def _publish(self, delivery: Delivery) -> None:
        if delivery.lane is Lane.LIVE:
            await self._publish_live(delivery.payload)
        else:
            await self._publish_kafka(delivery.target, delivery.recipient, delivery.payload)

    # notifications

    async def _notify_for_ever(self) -> None:
        under_way: set[asyncio.Task[Ending]] = set()
        try:
            while True:
                free = self._pace.side_by_side - len(under_way)
                claimed = await self._claim_notifications(free) if free else []
                under_way |= {asyncio.create_task(self._notices.send(*parcel)) for parcel in claimed}
                if under_way and (claimed or not free):
                    _, under_way = await asyncio.wait(
                        under_way, timeout=self._pace.idle.total_seconds(), return_when=asyncio.FIRST_COMPLETED
                    )
                else:
                    await self._pause(Lane.NOTIFY)
                    under_way = {task for task in under_way if not task.done()}
        finally:
            for task in under_way:
                task.cancel()

    async def _claim_notifications(self, limit: int) -> Sequence[Parcel]:
        try:
            return await asyncio.to_thread(self._claim_parcels, limit, self._clock())
        except Unavailable as error:
            log.warning("relay.waits", lane=Lane.NOTIFY.value, error=str(error))
        except Exception:  # the outermost loop of a lane
            log.exception("relay.failed", lane=Lane.NOTIFY.value)
        metrics.RELAY_FAILURES.labels(Lane.NOTIFY.value).inc()
        return []

    # the outbox

    def _claim_parcels(self, limit: int, now: datetime) -> Sequence[Parcel]:
        """Due notifications, each by itself as long as its receiver has room; the last that has takes all that wait with it."""
        with self._store.reading() as uow:
            if not uow.outbox.due(Lane.NOTIFY, now):
                return []
        lease_until = now + 2 * self._pace.attempt
        with self._store.writing() as uow:
            claimed = uow.outbox.claim(now, lanes=[Lane.NOTIFY], limit=limit, lease_until=lease_until)
            receivers: dict[Receiver, list[Delivery]] = defaultdict(list)
            for delivery in claimed:
                receivers[delivery.target, delivery.recipient].append(delivery)
            parcels = [
                parcel
                for receiver, items in receivers.items()
                for parcel in self._parcels(uow, receiver, items, now, lease_until)
            ]
            uow.commit()
        return parcels

    def _parcels(
        self, uow: UnitOfWork, receiver: Receiver, items: Sequence[Delivery], now: datetime, lease_until: datetime
    ) -> list[Parcel]:
        gate = self._notices.gate
        room = gate.room(receiver, now)
        if room == 0:
            uow.outbox.put_back([item.id for item in items], next_attempt_at=gate.opens_at(receiver, now), why=WAITS)
            return []
        if room is not None and room <= len(items):
            more = uow.outbox.claim_of(*receiver, now, limit=MOST_TOGETHER, lease_until=lease_until)
            items = digests.by_urgency([*items, *more])
            parcels = [*((item,) for item in items[: room - 1]), tuple(items[room - 1 :])]
        else:
            parcels = [(item,) for item in items]
        for _ in parcels:
            gate.passed(receiver, now)
        return parcels

    def _claim(self, lane: Lane, limit: int, now: datetime) -> Sequence[Delivery]:
        lease = self._pace.lease
        with self._store.reading() as uow:  # mostly nothing is due, and a reader disturbs nobody
            if not uow.outbox.due(lane, now):
                return []
        with self._store.writing() as uow:
            claimed = uow.outbox.claim(now, lanes=[lane], limit=limit, lease_until=now + lease)
            uow.commit()
            return claimed

    def _done(self, ids: Sequence[int], now: datetime) -> None:
        if not ids:
            return
        with self._store.writing() as uow:
            uow.outbox.done_all(ids, now)
            uow.commit()

    def _put_off(self, delivery: Delivery, until: datetime, error: str) -> None:
        with self._store.writing() as uow:
            uow.outbox.retry(delivery.id, next_attempt_at=until, error=error)
            uow.commit()

    def _surprised(self, delivery: Delivery, until: datetime, error: str) -> None:
        """Put off, or give up where people can see it."""
        if delivery.attempts < self._pace.most_surprises:
            self._put_off(delivery, until, error)
            return
        log.error("relay.given_up", lane=delivery.lane.value, key=delivery.key, error=error)
        with self._store.writing() as uow:
            uow.outbox.fail(delivery.id, at=self._clock(), error=error)
            uow.commit()

    # between rounds

    async def _pause(self, lane: Lane) -> None:
        nudge = self._nudges[lane]
        try:
            async with asyncio.timeout(self._pace.idle.total_seconds()):
                await nudge.wait()
        except TimeoutError:
            return
        finally:
            nudge.clear()

    async def _watch_for_ever(self) -> None:
        while True:
            begun = self._clock()
            try:
                await asyncio.to_thread(metrics.refresh, self._store, begun)
            except Unavailable as error:
                log.warning("relay.waits", lane="watch", error=str(error))
            took = self._clock() - begun  # counting a million open warnings takes a while: do it the more seldom
            await asyncio.sleep(max(self._pace.watch, RARELY * took).total_seconds())
