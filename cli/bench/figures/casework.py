"""Weighings through one casework worker, each with its effect in SQL, beside bare stream programs that count in a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Final

from cli.bench import events, parts, records, site
from cli.bench.backlog import Bare, BareWorker, Worker
from cli.bench.figure import Contender, Contest, Ground, Quantity, Reading, Size
from domain.errors import Unavailable
from domain.ids import DeviceKind
from domain.topics import Topic

NAME = "casework"
TITLE = "Casework: facts into SQL, one worker"
FACTS: Final = "facts"
WARM_UP: Final = 200
AMOUNTS: Final = {Size.FULL: 20_000, Size.QUICK: 3_000, Size.TINY: 200}
ROUNDS: Final = {Size.FULL: 3, Size.QUICK: 1, Size.TINY: 1}
BARE: Final = (
    Bare(module="faust_agent", name="bare Faust agent with a table"),
    Bare(module="quix", name="quixstreams with state", needs="quixstreams"),
)


def contest(ground: Ground, stack: ExitStack) -> Contest:
    """Open log, live store, the worker and the bare programs."""
    count = AMOUNTS[ground.size]
    place = site.make(ground.scratch, merchants=16, scales=16)
    scales = place.devices(DeviceKind.SCALE)
    make = partial(events.observations, scales)
    _, kafka = stack.enter_context(parts.embedded_log(ground.scratch))
    records.make_topics(kafka, *(one.topic for one in BARE))
    beside = {one.name: one.begin(ground, stack, kafka, make(WARM_UP)) for one in BARE if not one.absent()}
    redis = stack.enter_context(parts.live_store(ground.scratch))
    worker = Worker(kafka, *stack.enter_context(place.installation(kafka=kafka, redis=redis).worker("casework")))
    worker.take(Topic.OBSERVATIONS, events.lots(scales))
    worker.take(Topic.OBSERVATIONS, make(WARM_UP))

    def product() -> Mapping[str, Reading]:
        return {FACTS: worker.take(Topic.OBSERVATIONS, make(count))}

    def bare(running: BareWorker) -> Mapping[str, Reading]:
        return {FACTS: running.take(make(count))}

    return Contest(
        quantities=(Quantity(key=FACTS, name="weighings that raise nothing", unit="1/s"),),
        product=Contender(name="casework worker with relay and sweep", round=product),
        baselines=tuple(_contender(one, beside.get(one.name), bare) for one in BARE),
        rounds=ROUNDS[ground.size],
        note=f"{count:,} weighings of good lots of 16 merchants a round; SQLite, synchronous=FULL",
    )


def _contender(one: Bare, running: BareWorker | None, take: Callable[[BareWorker], Mapping[str, Reading]]) -> Contender:
    if running is None:
        return Contender(name=one.name, absent=one.absent())
    try:
        running.ready()
    except Unavailable as error:
        return Contender(name=one.name, absent=str(error))
    return Contender(name=one.name, round=lambda: take(running))
