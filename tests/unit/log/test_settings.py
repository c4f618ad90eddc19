"""What the embedded log keeps by itself does not contradict what the product asks for when it creates its topics."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.topics import Topic
from streams.log.settings import KITCHEN_TOPICS, chosen, with_configs
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
