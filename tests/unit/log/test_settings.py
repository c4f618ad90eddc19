"""What the embedded log keeps by itself does not contradict what the product asks for when it creates its topics."""

from __future__ import annotations

from datetime import timedelta

import pytest
from kio.schema.errors import ErrorCode

from domain.topics import Topic
from streams.log.errors import Refused
from streams.log.settings import KITCHEN_TOPICS, TopicSettings, chosen, with_configs
from streams.topics import PLANS


@pytest.mark.parametrize("topic", list(Topic))
def test_a_topic_is_compacted_only_where_one_record_of_each_key_is_all_that_counts(topic: Topic) -> None:
    asked = with_configs(chosen(KITCHEN_TOPICS, topic.value), PLANS[topic].configs)
    assert chosen(KITCHEN_TOPICS, topic.value).compact == asked.compact == (topic is Topic.REGISTERS)


def test_every_event_of_a_warning_is_kept_for_180_days() -> None:
    by_itself = chosen(KITCHEN_TOPICS, Topic.WARNINGS.value)
    asked = with_configs(by_itself, PLANS[Topic.WARNINGS].configs)
    assert by_itself.retention == asked.retention == timedelta(days=180)
    assert by_itself.fsync
    assert by_itself.configs()["cleanup.policy"] == "delete"


CHANGES = [
    ("cleanup.policy", "compact", TopicSettings(compact=True)),
    ("cleanup.policy", "delete, compact", TopicSettings(compact=True, delete_too=True)),
    ("delete.retention.ms", "5000", TopicSettings(delete_retention=timedelta(seconds=5))),
    ("flush.messages", "9223372036854775807", TopicSettings(fsync=False)),
    ("max.message.bytes", "77", TopicSettings(max_message_bytes=77)),
    ("min.cleanable.dirty.ratio", "0.25", TopicSettings(dirty_ratio=0.25)),
    ("min.compaction.lag.ms", "60000", TopicSettings(compaction_lag=timedelta(minutes=1))),
    ("retention.bytes", "-1", TopicSettings(retention_bytes=None)),
    ("retention.ms", "9223372036854775807", TopicSettings(retention=timedelta(milliseconds=10**14))),
    ("segment.bytes", "4096", TopicSettings(segment_bytes=4096)),
    ("segment.ms", "1000", TopicSettings(segment_age=timedelta(seconds=1))),
]


@pytest.mark.parametrize(("name", "value", "settings"), CHANGES, ids=[f"{case[0]}={case[1]}" for case in CHANGES])
def test_a_config_of_kafka_becomes_a_setting_and_is_shown_again(name: str, value: str, settings: TopicSettings) -> None:
    changed = with_configs(TopicSettings(), {name: value})
    assert changed == settings
    assert with_configs(TopicSettings(), changed.configs()) == changed


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cleanup.policy", "shred"),
        ("cleanup.policy", ""),
        ("min.cleanable.dirty.ratio", "1.5"),
        ("min.cleanable.dirty.ratio", "much"),
        ("segment.bytes", "0"),
        ("segment.ms", "-1"),
        ("retention.ms", "-2"),
        ("message.timestamp.type", "LogAppendTime"),
        ("no.such.config", "1"),
    ],
)
def test_a_config_that_makes_no_sense_is_refused(name: str, value: str) -> None:
    with pytest.raises(Refused) as refused:
        with_configs(TopicSettings(), {name: value})
    assert refused.value.code is ErrorCode.invalid_config
