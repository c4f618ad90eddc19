"""Findings and expired lots that raise a red warning each, through one casework worker, beside a loop that only writes rows.

The loop decides nothing: per finding one row each of finding, warning, evidence and audit and two of outbox, one synced
transaction per batch, which is the least that a durable warning costs.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from itertools import count as counting
from typing import Final

from cli.bench import events, parts, records, site
from cli.bench.backlog import Bare, Worker
from cli.bench.figure import Contender, Contest, Ground, Quantity, Reading, Size
from domain.ids import DeviceKind
from domain.topics import Topic
from store import open_media

NAME = "warnings"
TITLE = "Casework: new red warnings, one worker"
RAISED, EXPIRED = "raised", "expired"
WARM_UP: Final = 20
AMOUNTS: Final = {Size.FULL: 800, Size.QUICK: 100, Size.TINY: 5}
ROUNDS: Final = {Size.FULL: 3, Size.QUICK: 1, Size.TINY: 1}
ROWS: Final = Bare(module="rows", name="bare loop: the same number of rows into SQLite, no rules")
JPEG: Final = b"\xff\xd8\xff\xe0 a snapshot of the bench \xff\xd9"


def contest(ground: Ground, stack: ExitStack) -> Contest:
    """Open log, live store, the worker and the bare loop."""
    amount, numbers = AMOUNTS[ground.size], counting()
    place = site.make(ground.scratch, merchants=16, scales=16)
    scales, merchants = place.devices(DeviceKind.SCALE), place.merchants()
    sha256 = open_media(f"file://{place.prepared.data.root / 'media'}").put(JPEG, "image/jpeg")
    _, kafka = stack.enter_context(parts.embedded_log(ground.scratch))
    records.make_topics(kafka, ROWS.topic)
    rows = ROWS.begin(ground, stack, kafka, events.findings(merchants, WARM_UP, sha256))
    redis = stack.enter_context(parts.live_store(ground.scratch))
    worker = Worker(kafka, *stack.enter_context(place.installation(kafka=kafka, redis=redis).worker("casework")))
    worker.take(Topic.FINDINGS, events.findings(merchants, WARM_UP, sha256))
    rows.ready()

    def product() -> Mapping[str, Reading]:
        lots = [scales[number % len(scales)] for number in range(amount)]
        return {
            RAISED: worker.take(Topic.FINDINGS, events.findings(merchants, amount, sha256)),
            EXPIRED: worker.take(Topic.OBSERVATIONS, events.lots(lots, expired=True, name=f"OLD-{next(numbers)}")),
        }

    def bare() -> Mapping[str, Reading]:
        read = rows.take(events.findings(merchants, amount, sha256))
        return {RAISED: read, EXPIRED: read}

    return Contest(
        quantities=(
            Quantity(key=RAISED, name="camera findings, each a new red warning", unit="1/s"),
            Quantity(key=EXPIRED, name="expired lots, each a new red warning", unit="1/s"),
        ),
        product=Contender(name="casework worker with relay and sweep", round=product),
        baselines=(Contender(name=ROWS.name, round=bare),),
        rounds=ROUNDS[ground.size],
        note=f"{amount:,} of each a round; SQLite, synchronous=FULL",
    )
