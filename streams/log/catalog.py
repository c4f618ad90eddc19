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
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeVar

import structlog
from kio.schema.errors import ErrorCode

from streams.log.durable import replace_file, sync_directory
from streams.log.errors import Damaged, Refused
from streams.log.metrics import Metrics
from streams.log.partition import Partition
from streams.log.segment import SUFFIX as SEGMENT_SUFFIX
from streams.log.settings import TopicChoice, TopicSettings, chosen, with_configs

logger = structlog.get_logger(__name__)

MAX_PARTITIONS: Final = 256
"""Of one topic."""
MAX_PARTITIONS_IN_ALL: Final = 2000
"""Each is an open file at least, and a few kilobytes; a client that makes up topic names must not use them up."""
_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,249}")
_IDS_AT_ONCE: Final = 1000
Done = TypeVar("Done")


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
        self._doomed: tuple[str, ...] = ()
        self._root.mkdir(parents=True, exist_ok=True)
        self._load()

    def __iter__(self) -> Iterator[StoredTopic]:
        return iter(list(self._topics.values()))

    def get(self, name: str) -> StoredTopic | None:
        """The topic of a name, if it exists."""
        return self._topics.get(name)

    def settings(self, name: str) -> TopicSettings:
        """How a topic is kept.

        Raises:
            Refused: UNKNOWN_TOPIC_OR_PARTITION.
        """
        return self._known(name).settings

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
            topic = await self._blocking(lambda: self._open(name, directory, count, given, settings))
            await self._save({**self._topics, name: topic})
            logger.info("topic created", topic=name, partitions=count, fsync=settings.fsync)
            return topic

    async def grow(self, name: str, total: int, *, dry_run: bool = False) -> StoredTopic:
        """Give a topic more partitions, durably.

        Args:
            name: the topic.
            total: how many it shall have.
            dry_run: only judge.

        Returns:
            The topic as it is then.

        Raises:
            Refused: UNKNOWN_TOPIC_OR_PARTITION, INVALID_PARTITIONS, KAFKA_STORAGE_ERROR.
        """
        async with self._changing:
            topic = self._known(name)
            present = len(topic.partitions)
            if not present < total <= MAX_PARTITIONS:
                message = f"{name!r} has {present} partitions; it may get up to {MAX_PARTITIONS}, not {total}"
                raise Refused(ErrorCode.invalid_partitions, message)
            self._judge_room(total - present)
            if dry_run:
                return topic
            added = await self._blocking(lambda: self._open_partitions(topic.directory, range(present, total), topic.settings))
            grown = replace(topic, partitions=topic.partitions + added)
            await self._save({**self._topics, name: grown})
            logger.info("topic grown", topic=name, partitions=total)
            return grown

    async def alter(
        self, name: str, changes: Mapping[str, str | None], *, replace_all: bool = False, dry_run: bool = False
    ) -> StoredTopic:
        """Keep a topic otherwise from now on, durably.

        Args:
            name: the topic.
            changes: Kafka topic configs; None takes one back to its default.
            replace_all: what is not named goes back to its default too.
            dry_run: only judge.

        Returns:
            The topic as it is then.

        Raises:
            Refused: UNKNOWN_TOPIC_OR_PARTITION, INVALID_CONFIG, KAFKA_STORAGE_ERROR.
        """
        async with self._changing:
            topic = self._known(name)
            wanted = {**({} if replace_all else topic.configs), **changes}
            settings = with_configs(chosen(self._choice, name), wanted)
            configs = {key: value for key, value in wanted.items() if value is not None}
            altered = replace(topic, configs=configs, settings=settings)
            if dry_run:
                return altered
            await self._save({**self._topics, name: altered})
            for partition in altered.partitions:
                partition.apply(settings)
            logger.info("topic altered", topic=name, changed=sorted(changes))
            return altered

    async def delete(self, name: str) -> None:
        """Delete a topic and its records.

        Raises:
            Refused: UNKNOWN_TOPIC_OR_PARTITION, KAFKA_STORAGE_ERROR.
        """
        async with self._changing:
            topic = self._known(name)
            doomed = self._doomed
            self._doomed = (*doomed, topic.directory)
            try:
                await self._save({key: value for key, value in self._topics.items() if key != name})
            except Refused:
                self._doomed = doomed
                raise
            for partition in topic.partitions:
                partition.wake()
                await partition.close()
            await self._blocking(self._remove_doomed)
            logger.info("topic deleted", topic=name)

    async def new_producer_id(self) -> int:
        """A producer id never given before, also not before a crash: two producers with one id would lose records.

        Raises:
            Refused: KAFKA_STORAGE_ERROR.
        """
        async with self._changing:
            if self._next_producer_id >= self._producer_ids_below:
                await self._save(self._topics, producer_ids_below=self._next_producer_id + _IDS_AT_ONCE)
            self._next_producer_id += 1
            return self._next_producer_id - 1

    async def housekeep(self, now: float) -> None:
        """Retention, compaction, checks and whatever else is due in any partition; ``now`` in seconds since 1970."""
        for topic in self:
            for number, partition in enumerate(topic.partitions):
                try:
                    await partition.housekeep(now)
                except OSError as problem:
                    logger.warning("log upkeep failed", topic=topic.name, partition=number, problem=str(problem))
                except Exception:  # one partition's trouble is not another's
                    self._metrics.failed_upkeeps += 1
                    logger.exception("log upkeep failed", topic=topic.name, partition=number)
        partitions = [partition for topic in self for partition in topic.partitions]
        self._metrics.segments = sum(partition.segment_count for partition in partitions)
        self._metrics.stored_bytes = sum(partition.size for partition in partitions)

    async def close(self) -> None:
        """Wait for syncs under way and close every file."""
        for topic in self:
            for partition in topic.partitions:
                await partition.close()

    def _known(self, name: str) -> StoredTopic:
        found = self._topics.get(name)
        if found is None:
            raise Refused(ErrorCode.unknown_topic_or_partition, f"there is no topic {name!r}")
        return found

    def _judge(self, name: str, partitions: int) -> None:
        if not _NAME.fullmatch(name) or name in {".", ".."}:
            raise Refused(ErrorCode.invalid_topic_exception, f"{name!r} is not a topic name")
        if name in self._topics:
            raise Refused(ErrorCode.topic_already_exists, f"Topic '{name}' already exists.")
        if not 1 <= partitions <= MAX_PARTITIONS:
            raise Refused(ErrorCode.invalid_partitions, f"1 to {MAX_PARTITIONS} partitions, not {partitions}")
        self._judge_room(partitions)

    def _judge_room(self, more: int) -> None:
        have = sum(len(topic.partitions) for topic in self)
        if have + more > MAX_PARTITIONS_IN_ALL:
            message = f"the log has {have} partitions and takes {MAX_PARTITIONS_IN_ALL} in all; delete topics, or use Kafka"
            raise Refused(ErrorCode.invalid_partitions, message)

    def _open(
        self, name: str, directory: str, partitions: int, configs: Mapping[str, str], settings: TopicSettings
    ) -> StoredTopic:
        opened = self._open_partitions(directory, range(partitions), settings)
        sync_directory(self._root)
        return StoredTopic(name, directory, configs, settings, opened)

    def _open_partitions(self, directory: str, numbers: range, settings: TopicSettings) -> tuple[Partition, ...]:
        root = self._root / directory
        opened = tuple(Partition(root / str(number), settings, self._executor, self._metrics) for number in numbers)
        sync_directory(root)
        return opened

    def _remove_doomed(self) -> None:
        """Free the files of deleted topics; those that do not go now are tried again at the next start."""
        for directory in self._doomed:
            shutil.rmtree(self._root / directory, ignore_errors=True)
        if self._doomed:
            sync_directory(self._root)
        self._doomed = tuple(directory for directory in self._doomed if (self._root / directory).exists())

    async def _blocking(self, work: Callable[[], Done]) -> Done:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        except OSError as problem:
            logger.warning("log change failed", file=str(self._root), problem=str(problem))
            raise Refused(ErrorCode.kafka_storage_error, f"the disk did not take the change: {problem}") from problem

    async def _save(self, topics: dict[str, StoredTopic], *, producer_ids_below: int | None = None) -> None:
        """Write the catalog, then take the topics as they are."""
        ids_below = self._producer_ids_below if producer_ids_below is None else producer_ids_below
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
            "deleted": self._doomed,
            "producer_ids_below": ids_below,
        }
        encoded = json.dumps(content, indent=1).encode()
        await self._blocking(lambda: replace_file(self._file, encoded))
        self._producer_ids_below = ids_below
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
        sync_directory(self._file.parent)  # written by a process that was killed, its name may be in memory only
        try:
            content: Any = json.loads(self._file.read_bytes())
            self._next_producer_id = self._producer_ids_below = int(content["producer_ids_below"])
            self._doomed = tuple(str(directory) for directory in content.get("deleted", ()))
            listed = [
                (str(each["name"]), str(each["directory"]), int(each["partitions"]), dict(each["configs"]))
                for each in content["topics"]
            ]
        except (ValueError, KeyError, TypeError) as problem:
            raise Damaged(f"{self._file} cannot be read ({problem!r}); restore it from a copy") from problem
        self._remove_doomed()
        topics = {}
        for name, directory, partitions, configs in listed:
            settings = with_configs(chosen(self._choice, name), configs)
            topics[name] = self._open(name, directory, partitions, configs, settings)
        self._take(topics)
        known = {topic.directory for topic in topics.values()}
        for stray in sorted(path for path in self._root.iterdir() if path.name not in known):
            if any(path.stat().st_size for path in stray.rglob(f"*{SEGMENT_SUFFIX}")):
                logger.warning("directory belongs to no topic", directory=str(stray))
            else:  # a topic whose creation a crash cut short
                shutil.rmtree(stray, ignore_errors=True)
