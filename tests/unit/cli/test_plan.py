"""What is started, in which order, and what is left to others."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from cli.board import open_warnings
from cli.datadir import DataDirectory
from cli.installation import Prepared, prepare_demo
from cli.plan import Addresses, Plan, plan
from configs.endpoints import Endpoints
from domain.errors import ConfigurationError


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def prepared(tmp_path: Path) -> Prepared:
    return prepare_demo(DataDirectory(tmp_path), None)


def planned(prepared: Prepared, environment: dict[str, str] | None = None) -> Plan:
    endpoints = Endpoints.from_environment(environment or {}, prepared.data.root)
    return plan(prepared, Addresses(port=free_port(), mqtt_port=free_port()), endpoints)


def test_everything_is_embedded_unless_told_otherwise(prepared: Prepared) -> None:
    names = [program.name for program in planned(prepared).programs]
    assert sorted(names) == sorted(["mqtt", "redis", "log", "casework", "gateway", "vision", "auditor", "camera", "scale"])


def test_what_is_needed_is_among_what_is_started(prepared: Prepared) -> None:
    programs = {program.name: program for program in planned(prepared).programs}
    for program in programs.values():
        assert set(program.needs) <= set(programs)
    assert {"log", "mqtt"} <= set(programs["gateway"].needs)


def test_a_url_in_the_environment_means_the_part_is_not_ours(prepared: Prepared) -> None:
    environment = {
        "KITCHEN_MQTT_URL": "mqtt://broker.example.org:1883",
        "KITCHEN_KAFKA_URL": "kafka://kafka.example.org:9092",
        "KITCHEN_REDIS_URL": "redis://redis.example.org:6379/0",
        "KITCHEN_DATABASE_URL": "postgresql://kitchen:secret@db.example.org/kitchen",
    }
    result = planned(prepared, environment)
    programs = {program.name: program for program in result.programs}
    assert not set(programs) & {"mqtt", "redis", "log"}
    assert programs["casework"].needs == ()
    for variable, url in environment.items():
        assert programs["casework"].environment[variable] == url
    assert "log" not in result.metrics


def test_every_child_is_told_the_same_five_addresses(prepared: Prepared) -> None:
    programs = {program.name: program for program in planned(prepared).programs}
    for name in ("casework", "gateway", "vision", "auditor", "camera", "scale"):
        assert set(programs[name].environment) == {
            "KITCHEN_MQTT_URL",
            "KITCHEN_KAFKA_URL",
            "KITCHEN_DATABASE_URL",
            "KITCHEN_REDIS_URL",
            "KITCHEN_MEDIA_URL",
        }


def test_no_secret_stands_on_a_command_line(prepared: Prepared) -> None:
    secrets = [*(prepared.data.secrets / "gateway").read_text().split(), "demo-cam-0a1b2c3d", "demo-scl-0a1b2c3d"]
    for program in planned(prepared).programs:
        assert not [word for word in program.command if any(secret in word for secret in secrets)]
    assert (prepared.data.run / "nats.conf").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("taken", "flag"), [("port", "--port"), ("mqtt_port", "--mqtt-port")])
def test_a_taken_port_is_named_with_its_flag(prepared: Prepared, taken: str, flag: str) -> None:
    with socket.socket() as taker:
        taker.bind(("127.0.0.1", 0))
        taker.listen()
        number = taker.getsockname()[1]
        addresses = Addresses(**{"port": free_port(), "mqtt_port": free_port(), taken: number})
        with pytest.raises(ConfigurationError, match=rf"{flag}: port {number} .* is taken .*choose another with {flag}"):
            plan(prepared, addresses, Endpoints.from_environment({}, prepared.data.root))


def test_the_mqtt_port_does_not_matter_when_the_broker_is_somebody_elses(prepared: Prepared) -> None:
    with socket.socket() as taker:
        taker.bind(("127.0.0.1", 0))
        taker.listen()
        endpoints = Endpoints.from_environment({"KITCHEN_MQTT_URL": "mqtt://broker.example.org:1883"}, prepared.data.root)
        assert plan(prepared, Addresses(port=free_port(), mqtt_port=taker.getsockname()[1]), endpoints).programs


def test_embedded_parts_keep_their_ports(prepared: Prepared) -> None:
    assert planned(prepared).endpoints["kafka"] == planned(prepared).endpoints["kafka"]


def test_the_page_is_reached_on_loopback_when_it_listens_everywhere() -> None:
    assert Addresses(host="0.0.0.0", port=8080).page == "http://127.0.0.1:8080"


def test_open_warnings_are_read_from_the_metrics() -> None:
    page = 'x 1\nkitchen_warnings_open{level="red"} 12.0\nkitchen_warnings_open{level="ordinary"} 0.0\n'
    assert open_warnings(page) == {"red": 12, "ordinary": 0}
