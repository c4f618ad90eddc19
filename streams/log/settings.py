"""What may be set per topic, and what the kitchen's own topics are set to.

The rule to know: a topic nobody named is *durable* (synced before the ack). That is what changelogs and
everything a person adds later should be; only pictures and what is recomputed from them may be lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from kio.schema.errors import ErrorCode

from domain.topics import Topic
from streams.log.errors import Refused

MEBIBYTE = 1024 * 1024
_MILLISECOND = timedelta(milliseconds=1)
_LONGEST_MS = 10**14  # beyond what a timedelta is sensibly compared with: some 3,000 years

KNOWN_CONFIGS = frozenset(
    {
        "cleanup.policy",
        "compression.type",
        "delete.retention.ms",
        "file.delete.delay.ms",
        "flush.messages",
        "flush.ms",
        "follower.replication.throttled.replicas",
        "index.interval.bytes",
        "leader.replication.throttled.replicas",
        "max.compaction.lag.ms",
        "max.message.bytes",
        "message.timestamp.after.max.ms",
        "message.timestamp.before.max.ms",
        "message.timestamp.type",
        "min.cleanable.dirty.ratio",
        "min.compaction.lag.ms",
        "min.insync.replicas",
        "preallocate",
        "retention.bytes",
        "retention.ms",
        "segment.bytes",
        "segment.index.bytes",
        "segment.jitter.ms",
        "segment.ms",
        "unclean.leader.election.enable",
    }
)
"""Topic configuration names of Apache Kafka 4 (and ``message.timestamp.type``); any other name is refused, as there."""

_SPANS = {"delete.retention.ms": "delete_retention", "min.compaction.lag.ms": "compaction_lag", "segment.ms": "segment_age"}
_SIZES = {"max.message.bytes": "max_message_bytes", "segment.bytes": "segment_bytes"}


@dataclass(frozen=True, slots=True)
class TopicSettings:
    """How one topic is kept.

    Args:
        fsync: sync to disk before the ack, so that a power cut loses nothing that was acked.
        partitions: how many partitions a topic gets when its creator does not say.
        retention: drop whole old segments whose last append is longer ago; None keeps for ever.
        retention_bytes: drop whole old segments while a partition holds more; None is no bound.
        segment_bytes: a new file is begun when the active one would grow past this.
        max_message_bytes: a record batch larger than this is refused (MESSAGE_TOO_LARGE).
        compact: Kafka's ``cleanup.policy=compact``: of each key the last record is kept, and retention does not apply.
        delete_too: ``compact,delete``: retention applies to a compacted topic as well.
        segment_age: a new file is begun when the first record of the active one is older than this, where compaction or
            retention by time need that; with a long retention up to an eighth of it, so that files stay few.
        delete_retention: how long a tombstone (a record without a value) outlives the records it deletes.
        dirty_ratio: compact when this share of the closed segments' bytes was not compacted before.
        compaction_lag: a segment whose last append is younger than this is not compacted.
    """

    fsync: bool = True
    partitions: int = 1
    retention: timedelta | None = None
    retention_bytes: int | None = None
    segment_bytes: int = 64 * MEBIBYTE
    max_message_bytes: int = 1_048_588
    compact: bool = False
    delete_too: bool = False
    segment_age: timedelta = timedelta(days=7)
    delete_retention: timedelta = timedelta(days=1)
    dirty_ratio: float = 0.5
    compaction_lag: timedelta = timedelta(0)

    @property
    def expires(self) -> bool:
        """Whether retention by time and size applies."""
        return self.delete_too or not self.compact

    def configs(self) -> dict[str, str]:
        """The settings under Kafka's names, as DescribeConfigs shows them."""
        return {
            "cleanup.policy": ("compact,delete" if self.delete_too else "compact") if self.compact else "delete",
            "delete.retention.ms": str(self.delete_retention // _MILLISECOND),
            "flush.messages": "1" if self.fsync else str(2**63 - 1),
            "max.message.bytes": str(self.max_message_bytes),
            "message.timestamp.type": "CreateTime",
            "min.cleanable.dirty.ratio": str(self.dirty_ratio),
            "min.compaction.lag.ms": str(self.compaction_lag // _MILLISECOND),
            "retention.bytes": str(-1 if self.retention_bytes is None else self.retention_bytes),
            "retention.ms": str(-1 if self.retention is None else self.retention // _MILLISECOND),
            "segment.bytes": str(self.segment_bytes),
            "segment.ms": str(self.segment_age // _MILLISECOND),
        }


TopicChoice = Mapping[str, TopicSettings] | Callable[[str], TopicSettings | None]

KITCHEN_TOPICS: Mapping[str, TopicSettings] = {
    Topic.REGISTERS: TopicSettings(compact=True, segment_bytes=8 * MEBIBYTE),
    Topic.FRAMES: TopicSettings(
        fsync=False,
        retention=timedelta(minutes=10),
        retention_bytes=256 * MEBIBYTE,
        max_message_bytes=8 * MEBIBYTE,
    ),
    Topic.OBSERVATIONS: TopicSettings(retention=timedelta(days=60)),
    Topic.DETECTIONS: TopicSettings(retention=timedelta(days=3), retention_bytes=256 * MEBIBYTE),
    Topic.FINDINGS: TopicSettings(retention=timedelta(days=365)),
    Topic.WARNINGS: TopicSettings(retention=timedelta(days=180)),
    Topic.DEDUCTIONS: TopicSettings(retention=timedelta(days=365)),
    Topic.DEAD_LETTERS: TopicSettings(retention=timedelta(days=60)),
}
"""The kitchen's topics (architecture.md section 6). Anything else gets ``TopicSettings()``: durable, kept for ever."""


def chosen(choice: TopicChoice, topic: str) -> TopicSettings:
    """The settings of a topic by a mapping or a function; durable defaults where neither names it."""
    found = choice.get(topic) if isinstance(choice, Mapping) else choice(topic)
    return found or TopicSettings()


def with_configs(base: TopicSettings, configs: Mapping[str, str | None]) -> TopicSettings:
    """Settings with a creator's Kafka configs laid over them.

    Args:
        base: the settings the operator chose for the topic.
        configs: Kafka topic configs by name; a value of None means the default.

    Returns:
        The settings in force.

    Raises:
        Refused: INVALID_CONFIG for an unknown name or a value that makes no sense.
    """
    settings = base
    for name, value in configs.items():
        if name not in KNOWN_CONFIGS:
            raise Refused(ErrorCode.invalid_config, f"Unknown topic config name: {name}")
        if value is not None:
            settings = _with_config(settings, name, value)
    return settings


def _with_config(settings: TopicSettings, name: str, value: str) -> TopicSettings:
    changes: dict[str, Any] = {}
    if name in _SPANS:
        changes[_SPANS[name]] = _span(name, value, 0)
    elif name in _SIZES:
        changes[_SIZES[name]] = _whole(name, value, 1)
    match name:
        case "cleanup.policy":
            policies = _policies(value)
            changes = {"compact": "compact" in policies, "delete_too": policies == {"compact", "delete"}}
        case "flush.messages":
            changes["fsync"] = _whole(name, value, 1) == 1
        case "min.cleanable.dirty.ratio":
            changes["dirty_ratio"] = _ratio(name, value)
        case "message.timestamp.type" if value != "CreateTime":
            raise Refused(ErrorCode.invalid_config, "message.timestamp.type: only CreateTime is supported here")
        case "retention.bytes":
            size = _whole(name, value, -1)
            changes["retention_bytes"] = None if size < 0 else size
        case "retention.ms":
            changes["retention"] = None if _whole(name, value, -1) < 0 else _span(name, value, 0)
    return replace(settings, **changes)


def _policies(value: str) -> set[str]:
    policies = {part.strip() for part in value.split(",")}
    if not policies or not policies <= {"compact", "delete"}:
        raise Refused(ErrorCode.invalid_config, f"cleanup.policy must be compact or delete, not {value!r}")
    return policies


def _whole(name: str, value: str, least: int) -> int:
    try:
        number = int(value)
    except ValueError:
        raise Refused(ErrorCode.invalid_config, f"{name} must be a whole number, not {value!r}") from None
    if number < least:
        raise Refused(ErrorCode.invalid_config, f"{name} must be at least {least}, not {number}")
    return number


def _span(name: str, value: str, least: int) -> timedelta:
    return min(_whole(name, value, least), _LONGEST_MS) * _MILLISECOND


def _ratio(name: str, value: str) -> float:
    try:
        ratio = float(value)
    except ValueError:
        ratio = -1.0
    if not 0.0 <= ratio <= 1.0:
        raise Refused(ErrorCode.invalid_config, f"{name} must be a number from 0 to 1, not {value!r}")
    return ratio
