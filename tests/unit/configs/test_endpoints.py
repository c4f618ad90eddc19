"""Where the outside parts are."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

import configs
from configs import Endpoints
from configs.endpoints import without_credentials
from domain.errors import ConfigurationError


def test_unset_means_embedded_below_the_data_directory(tmp_path: Path) -> None:
    endpoints = Endpoints.from_environment({}, tmp_path)
    assert endpoints.given == frozenset()
    assert (endpoints.mqtt, endpoints.kafka, endpoints.redis) == (None, None, None)
    assert endpoints.database == f"sqlite:///{tmp_path}/kitchen.db"
    assert endpoints.media == f"file://{tmp_path}/media"
    with pytest.raises(ConfigurationError, match=r"KITCHEN_KAFKA_URL: nobody says where kafka is .*kitchen up"):
        endpoints.need("kafka")


def test_a_run_under_way_is_found(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "endpoints.json").write_text(json.dumps({"kafka": "kafka://127.0.0.1:4711", "metrics": {"log": "x"}}))
    endpoints = Endpoints.from_environment({}, tmp_path)
    assert endpoints.need("kafka") == "kafka://127.0.0.1:4711"
    assert "kafka" not in endpoints.given


def test_the_environment_wins_and_marks_the_part_as_not_ours(tmp_path: Path) -> None:
    env = {"KITCHEN_DATABASE_URL": "postgresql://kitchen:secret@db:5432/kitchen", "KITCHEN_REDIS_URL": "redis://cache:6379/1"}
    endpoints = Endpoints.from_environment(env, tmp_path)
    assert endpoints.given == {"database", "redis"}
    assert endpoints.database == env["KITCHEN_DATABASE_URL"]


@pytest.mark.parametrize(
    ("variable", "url", "says"),
    [
        ("KITCHEN_MQTT_URL", "http://broker:1883", "write mqtt://"),
        ("KITCHEN_KAFKA_URL", "kafka.example.org:9092", "write kafka://"),
        ("KITCHEN_KAFKA_URL", "kafka://", "names no host"),
        ("KITCHEN_DATABASE_URL", "mysql://db/kitchen", "write sqlite:// or postgresql://".replace("://", "://…")),
        ("KITCHEN_DATABASE_URL", "sqlite://kitchen.db", "absolute path"),
        ("KITCHEN_REDIS_URL", "redis://cache:port", "not a URL"),
        ("KITCHEN_MEDIA_URL", "file://media", "absolute path"),
    ],
)
def test_a_malformed_url_names_its_variable(tmp_path: Path, variable: str, url: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Endpoints.from_environment({variable: url}, tmp_path)
    assert str(caught.value).startswith(variable)
    assert says in str(caught.value)


def test_passwords_are_not_shown() -> None:
    assert without_credentials("mqtt://gateway:secret@broker:1883/x") == "mqtt://***@broker:1883/x"
    assert without_credentials("redis://cache:6379/0") == "redis://cache:6379/0"


@pytest.mark.parametrize(
    ("day", "works", "why"),
    [
        (date(2026, 10, 1), False, "National Day"),
        (date(2026, 10, 10), True, "a Saturday worked in lieu of National Day"),
        (date(2026, 11, 20), True, "a Friday"),
        (date(2026, 11, 21), False, "a Saturday"),
        (date(2040, 10, 1), True, "a Monday beyond the calendar's data"),
        (date(2040, 9, 30), False, "a Sunday beyond the calendar's data"),
    ],
)
def test_working_days(day: date, works: bool, why: str) -> None:
    assert configs.working_day(day) is works, why


def test_the_calendar_says_how_far_it_reaches() -> None:
    assert configs.calendar_covers(date(2026, 5, 1))
    assert not configs.calendar_covers(date(2040, 5, 1))
