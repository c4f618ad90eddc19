"""Which topics there are: names, partitions, settings, and the next producer id, in one small file.

The rule to know: a topic's directory carries an id beside its name, so that a topic created anew under an old name
starts empty whatever a crash left behind.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog
from kio.schema.errors import ErrorCode

from streams.log.errors import Damaged, Refused
from streams.log.metrics import Metrics
from streams.log.partition import Partition
from streams.log.segment import replace_file, sync_directory
from streams.log.settings import TopicChoice, TopicSettings, chosen, with_configs

logger = structlog.get_logger(__name__)

MAX_PARTITIONS: Final = 256
_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,249}")
_IDS_AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True)
class StoredTopic:
    """A topic that exists."""

    name: str
    directory: str
    configs: Mapping[str, str]
    settings: TopicSettings
    partitions: tuple[Partition, ...]


class Catalog:
    """The topics of one log directory.

    Args:
        directory: the log's directory.
        choice: settings by topic name.
        executor: where file work and syncs run.
        metrics: where the parts count.

    Raises:
        Damaged: the catalog file or a partition cannot be right.
    """

    def __init__(self, directory: Path, choice: TopicChoice, executor: Executor, metrics: Metrics) -> None:
        self._root = directory / "topics"
        self._file = directory / "catalog.json"
        self._choice = choice
        self._executor = executor
        self._metrics = metrics
        self._changing = asyncio.Lock()
        self._topics: dict[str, StoredTopic] = {}
        self._next_producer_id = self._producer_ids_below = 0
        self._root.mkdir(parents=True, exist_ok=True)
        self._load()

    def __iter__(self) -> Iterator[StoredTopic]:
        return iter(list(self._topics.values()))

    def get(self, name: str) -> StoredTopic | None:
        """The topic of a name, if it exists."""
        return self._topics.get(name)

    def partition(self, topic: str, number: int) -> Partition:
        """A partition.

        Raises:
            Refused: UNKNOWN_TOPIC_OR_PARTITION.
        """
        found = self._topics.get(topic)
        if found is None or not 0 <= number < len(found.partitions):
            raise Refused(ErrorCode.unknown_topic_or_partition, f"there is no partition {number} of {topic!r}")
        return found.partitions[number]

    async def create(
        self, name: str, partitions: int = -1, configs: Mapping[str, str | None] | None = None, *, dry_run: bool = False
    ) -> StoredTopic | None:
        """Create a topic, durably.

        Args:
            name: letters, digits, ``.``, ``_``, ``-``.
            partitions: how many; -1 takes the number of the topic's settings.
            configs: Kafka topic configs laid over the settings.
            dry_run: only judge.

        Returns:
            The topic, or None for a dry run.

        Raises:
            Refused: it exists, or name, partitions or configs are not acceptable.
        """
        given = {key: value for key, value in (configs or {}).items() if value is not None}
        async with self._changing:
            settings = with_configs(chosen(self._choice, name), configs or {})
            count = settings.partitions if partitions == -1 else partitions
            self._judge(name, count)
            if dry_run:
                return None
            directory = f"{name}-{uuid.uuid4().hex[:8]}"
            loop = asyncio.get_running_loop()
            topic = await loop.run_in_executor(self._executor, self._open, name, directory, count, given, settings)
            await self._save({**self._topics, name: topic})
            logger.info("topic created", topic=name, partitions=count, fsync=settings.fsync)
            return topic

    async def delete(self, name: str) -> None:
        """Delete a topic and its records.

        Raises:
            Refused: UNKNOWN_TOPIC_OR_PARTITION.
        """
        async with self._changing:
            topic = self._topics.get(name)
            if topic is None:
                raise Refused(ErrorCode.unknown_topic_or_partition, f"there is no topic {name!r}")
            await self._save({key: value for key, value in self._topics.items() if key != name})
            for partition in topic.partitions:
                partition.wake()
                await partition.close()
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._executor, shutil.rmtree, self._root / topic.directory, True)
            logger.info("topic deleted", topic=name)

    async def new_producer_id(self) -> int:
        """A producer id never given before, also not before a crash: two producers with one id would lose records."""
        async with self._changing:
            if self._next_producer_id >= self._producer_ids_below:
                self._producer_ids_below = self._next_producer_id + _IDS_AT_ONCE
                await self._save(self._topics)
            self._next_producer_id += 1
            return self._next_producer_id - 1

    def drop_expired(self, now: float) -> None:
        """Apply retention to every partition; ``now`` in seconds since 1970."""
        for topic in self:
            for partition in topic.partitions:
                partition.drop_expired(now)

    async def close(self) -> None:
        """Wait for syncs under way and close every file."""
        for topic in self:
            for partition in topic.partitions:
                await partition.close()

    def _judge(self, name: str, partitions: int) -> None:
        if not _NAME.fullmatch(name) or name in {".", ".."}:
            raise Refused(ErrorCode.invalid_topic_exception, f"{name!r} is not a topic name")
        if name in self._topics:
            raise Refused(ErrorCode.topic_already_exists, f"Topic '{name}' already exists.")
        if not 1 <= partitions <= MAX_PARTITIONS:
            raise Refused(ErrorCode.invalid_partitions, f"1 to {MAX_PARTITIONS} partitions, not {partitions}")

    def _open(
        self, name: str, directory: str, partitions: int, configs: Mapping[str, str], settings: TopicSettings
    ) -> StoredTopic:
        root = self._root / directory
        opened = tuple(Partition(root / str(number), settings, self._executor, self._metrics) for number in range(partitions))
        sync_directory(root)
        sync_directory(self._root)
        return StoredTopic(name, directory, configs, settings, opened)

    async def _save(self, topics: dict[str, StoredTopic]) -> None:
        """Write the catalog, then take the topics as they are."""
        content = {
            "topics": [
                {
                    "name": topic.name,
                    "directory": topic.directory,
                    "partitions": len(topic.partitions),
                    "configs": dict(topic.configs),
                }
                for topic in topics.values()
            ],
            "producer_ids_below": self._producer_ids_below,
        }
        encoded = json.dumps(content, indent=1).encode()
        await asyncio.get_running_loop().run_in_executor(self._executor, replace_file, self._file, encoded)
        self._take(topics)

    def _take(self, topics: dict[str, StoredTopic]) -> None:
        self._topics = topics
        self._metrics.topics = len(topics)
        self._metrics.partitions = sum(len(topic.partitions) for topic in topics.values())

    def _load(self) -> None:
        if not self._file.exists():
            if any(self._root.iterdir()):
                raise Damaged(f"{self._file} is missing though {self._root} holds topics; restore it from a copy")
            return
        try:
            content: Any = json.loads(self._file.read_bytes())
            self._next_producer_id = self._producer_ids_below = int(content["producer_ids_below"])
            listed = [
                (str(each["name"]), str(each["directory"]), int(each["partitions"]), dict(each["configs"]))
                for each in content["topics"]
            ]
        except (ValueError, KeyError, TypeError) as problem:
            raise Damaged(f"{self._file} cannot be read ({problem!r}); restore it from a copy") from problem
        topics = {}
        for name, directory, partitions, configs in listed:
            settings = with_configs(chosen(self._choice, name), configs)
            topics[name] = self._open(name, directory, partitions, configs, settings)
        self._take(topics)
        known = {topic.directory for topic in topics.values()}
        for stray in sorted(path for path in self._root.iterdir() if path.name not in known):
            logger.warning("directory belongs to no topic", directory=str(stray))
