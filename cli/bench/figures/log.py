"""The embedded log's throughput beside Apache Kafka's, with two clients and two sizes of record.

Kafka acknowledges before it has synced; so the product is shown with its sync before the ack and without, and Kafka
once more with ``flush.messages=1``, which is the guarantee that the product gives for facts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from cli.bench import clients, meter, parts
from cli.bench.clients import Client
from cli.bench.figure import Contender, Contest, Ground, Quantity, Reading, Size
from cli.bench.kafka_node import apache_kafka
from cli.bench.parts import Child
from domain.errors import Unavailable

NAME = "log"
TITLE = "Embedded log: produce and consume"
IDLE, PEAK = "idle", "peak"
SYNCED, UNSYNCED, CONSUME = "synced", "unsynced", "consume"
FLUSH: Final = {SYNCED: {"flush.messages": "1"}, UNSYNCED: {"flush.messages": str(2**63 - 1)}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Records of one size, and how many for a client in a round of each size of run; large ones are told in MB/s."""

    label: str
    record_bytes: int
    unit: str
    counts: Mapping[tuple[Size, str], int]


LOADS: Final = (
    Load(
        label="300 B",
        record_bytes=300,
        unit="records/s",
        counts={
            (Size.FULL, "aiokafka"): 20_000,
            (Size.FULL, "librdkafka"): 60_000,
            (Size.QUICK, "aiokafka"): 4_000,
            (Size.QUICK, "librdkafka"): 10_000,
        },
    ),
    Load(
        label="100 kB",
        record_bytes=100_000,
        unit="MB/s",
        counts={
            (Size.FULL, "aiokafka"): 400,
            (Size.FULL, "librdkafka"): 400,
            (Size.QUICK, "aiokafka"): 60,
            (Size.QUICK, "librdkafka"): 60,
        },
    ),
)
ROUNDS: Final = {Size.FULL: 3, Size.QUICK: 1, Size.TINY: 1}
TINY_COUNT: Final = 20
WARM_UP: Final = {Size.FULL: 20_000, Size.QUICK: 5_000, Size.TINY: 20}


def contest(ground: Ground, stack: ExitStack) -> Contest:
    """Open the embedded log and, where it can be had, Apache Kafka."""
    used, missing = clients.at_hand()
    child, address = stack.enter_context(parts.embedded_log(ground.scratch))
    product = Node(ground, child, address, used, (SYNCED, UNSYNCED))
    try:
        node, bootstrap, _ = stack.enter_context(apache_kafka(ground.kafka_jars, ground.scratch))
    except Unavailable as reason:
        kafka: tuple[Contender, ...] = (Contender(name="Apache Kafka", absent=str(reason)),)
    else:
        idle = meter.resident_mb(node.pid)
        default = Node(ground, node, bootstrap, used, (UNSYNCED,), shown_as=(SYNCED, UNSYNCED), idle_mb=idle)
        flushing = Node(ground, node, bootstrap, used, (SYNCED,), with_memory=False)
        kafka = (
            Contender(name="Apache Kafka as it comes (no fsync before the ack)", round=default.round),
            Contender(name="Apache Kafka, flush.messages=1", round=flushing.round),
        )
    return Contest(
        quantities=quantities(used),
        product=Contender(name="embedded log", round=product.round),
        baselines=(*kafka, *(Contender(name=name, absent=why) for name, why in missing.items())),
        rounds=ROUNDS[ground.size],
        note="one partition, acks=all, after a warm-up; CPU is the node's, per record; Kafka has its own start script's -Xmx1G",
    )


def quantities(used: tuple[Client, ...]) -> tuple[Quantity, ...]:
    """Every combination of client, size and kind, then memory."""
    kinds = ((SYNCED, "produce, fsync before the ack"), (UNSYNCED, "produce, no fsync"), (CONSUME, "consume"))
    found = [
        Quantity(key=key_of(client, load, kind), name=f"{verb}, {load.label}, {client.name}", unit=load.unit)
        for client in used
        for load in LOADS
        for kind, verb in kinds
    ]
    found.append(Quantity(key=IDLE, name="resident memory, idle", unit="MB", more_is_better=False))
    found.append(Quantity(key=PEAK, name="resident memory, peak under this load", unit="MB", more_is_better=False))
    return tuple(found)


def key_of(client: Client, load: Load, kind: str) -> str:
    """The key of a quantity."""
    return f"{client.name} {load.label} {kind}"


class Node:
    """One node under load.

    Args:
        ground: where.
        child: the node's process.
        address: ``host:port``.
        used: the clients.
        kinds: which topics are written, synced or not.
        shown_as: the quantities a single kind stands beside; a node that knows only one is compared with both of the product's.
        idle_mb: its resident memory before any load; now, if not given.
        with_memory: whether memory is read.
    """

    def __init__(
        self,
        ground: Ground,
        child: Child,
        address: str,
        used: tuple[Client, ...],
        kinds: tuple[str, ...],
        *,
        shown_as: tuple[str, ...] = (),
        idle_mb: float | None = None,
        with_memory: bool = True,
    ) -> None:
        self._ground, self._child, self._address, self._used, self._kinds = ground, child, address, used, kinds
        self._shown_as = shown_as
        self._idle_mb = meter.resident_mb(child.pid) if idle_mb is None else idle_mb
        self._with_memory = with_memory
        self._number = 0
        self._warm_up()

    def _warm_up(self) -> None:
        """Some records before the first round: a JVM that has just started is not what anybody runs."""
        topic, (client, *_), load = "bench-warm-up", self._used, LOADS[0]
        count = WARM_UP[self._ground.size]
        clients.create_topic(self._address, topic, FLUSH[UNSYNCED])
        client.produce(self._address, topic, load.record_bytes, count)
        client.consume(self._address, topic, count)

    def round(self) -> Mapping[str, Reading]:
        """Write new topics and read them again."""
        found: dict[str, Reading] = {}
        for client in self._used:
            for load in LOADS:
                for kind in self._kinds:
                    found |= self._load(client, load, kind)
        if self._with_memory:
            found[IDLE] = Reading(value=self._idle_mb)
            found[PEAK] = Reading(value=meter.peak_mb(self._child.pid))
        return found

    def _load(self, client: Client, load: Load, kind: str) -> dict[str, Reading]:
        self._child.check()
        self._number += 1
        topic = f"bench-{client.name}-{kind}-{load.record_bytes}-{self._number}"
        count = load.counts.get((self._ground.size, client.name), TINY_COUNT)
        clients.create_topic(self._address, topic, FLUSH[kind])
        written = self._timed(load, count, lambda: client.produce(self._address, topic, load.record_bytes, count))
        found = {key_of(client, load, shown): written for shown in self._shown_as or (kind,)}
        if kind == UNSYNCED:  # reading does not depend on how it was written
            found[key_of(client, load, CONSUME)] = self._timed(load, count, lambda: client.consume(self._address, topic, count))
        return found

    def _timed(self, load: Load, count: int, work: Callable[[], float]) -> Reading:
        cpu_s = self._child.cpu_s()
        per_s = count / work()
        cpu_us = 1e6 * (self._child.cpu_s() - cpu_s) / count
        return Reading(value=per_s * load.record_bytes / 1e6 if load.unit == "MB/s" else per_s, cpu_us=cpu_us)
