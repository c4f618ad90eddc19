"""The topics of architecture.md section 6 as they are created: partitions, retention, size limits.

Everything is created before the first worker starts: Faust notices a new topic only after 45 seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError

from domain.errors import KitchenError, Unavailable
from domain.topics import Topic
from streams.address import bootstrap_servers, reaching

log = structlog.get_logger(__name__)

_MINUTE_MS = 60_000
_DAY_MS = 24 * 60 * _MINUTE_MS
MAX_MESSAGE_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """How one topic is created."""

    partitions: int
    configs: Mapping[str, str] = field(default_factory=dict)


PLANS: Mapping[Topic, TopicPlan] = {
    Topic.REGISTERS: TopicPlan(1, {"cleanup.policy": "compact"}),
    Topic.FRAMES: TopicPlan(
        4,
        {
            "retention.ms": str(15 * _MINUTE_MS),
            "retention.bytes": str(256 * 1024 * 1024),
            "segment.bytes": str(32 * 1024 * 1024),
            "max.message.bytes": str(MAX_MESSAGE_BYTES),
        },
    ),
    Topic.OBSERVATIONS: TopicPlan(4, {"retention.ms": str(28 * _DAY_MS)}),
    Topic.DETECTIONS: TopicPlan(4, {"retention.ms": str(3 * _DAY_MS)}),
    Topic.FINDINGS: TopicPlan(4, {"retention.ms": str(180 * _DAY_MS)}),
    Topic.WARNINGS: TopicPlan(
        4, {"retention.ms": str(180 * _DAY_MS)}
    ),  # keyed by merchant: compaction would keep one event of each
    Topic.DEDUCTIONS: TopicPlan(4, {"retention.ms": str(180 * _DAY_MS)}),
    Topic.DEAD_LETTERS: TopicPlan(1, {"retention.ms": str(28 * _DAY_MS), "max.message.bytes": str(MAX_MESSAGE_BYTES)}),
}


async def ensure_topics(bootstrap: str, *, replication: int = 1, attempts: int = 30) -> None:
    """Create what is missing; wait for the log while it starts.

    Raises:
        Unavailable: if the log cannot be reached after all attempts, half a second apart.
    """
    for attempt in range(attempts):
        admin = AIOKafkaAdminClient(**reaching(bootstrap), client_id="kitchen-topics")
        try:
            await admin.start()
            await _create_missing(admin, replication)
        except (KafkaError, OSError) as error:
            if attempt == attempts - 1:
                raise Unavailable(f"the stream log at {bootstrap} cannot be reached: {error}") from error
            await asyncio.sleep(0.5)
        else:
            return
        finally:
            await admin.close()


async def _create_missing(admin: AIOKafkaAdminClient, replication: int) -> None:
    there = set(await admin.list_topics())
    missing = [
        NewTopic(
            name=topic.value, num_partitions=plan.partitions, replication_factor=replication, topic_configs=dict(plan.configs)
        )
        for topic, plan in PLANS.items()
        if topic.value not in there
    ]
    if not missing:
        return
    try:
        await admin.create_topics(missing)
    except TopicAlreadyExistsError:
        log.info("topics were created by another process meanwhile")


async def answers(kafka_url: str, *, within_s: float = 10.0) -> bool:
    """Whether the log is there, and takes our secret if it wants one."""
    try:
        admin = AIOKafkaAdminClient(
            **reaching(bootstrap_servers(kafka_url)), client_id="kitchen-doctor", request_timeout_ms=5_000
        )
        try:
            async with asyncio.timeout(within_s):
                await admin.start()
        finally:
            await admin.close()
    except (KitchenError, KafkaError, OSError, TimeoutError):
        return False
    return True
