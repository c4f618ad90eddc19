"""Who a gateway is at its broker: a session name that nobody guesses, that outlives a container, that no two share."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.run_gateway import alone, mqtt_settings, own_name
from cli.worker import Setting
from configs.endpoints import Endpoints
from configs.secrets import ensure_devices, ensure_keys, ensure_users
from domain.errors import ConfigurationError

OUTSIDE = {"KITCHEN_MQTT_URL": "mqtt://broker.example.org"}


def setting(data: Path, environment: dict[str, str]) -> Setting:
    """A gateway over a data directory."""
    ensure_keys(data / "secrets")
    ensure_devices(data / "secrets", {})
    ensure_users(data / "secrets", {})
    (data / "run").mkdir(exist_ok=True)
    (data / "run" / "endpoints.json").write_text('{"mqtt": "mqtt://127.0.0.1:1883"}')
    return Setting(data=data, config=data / "config", endpoints=Endpoints.from_environment(environment, data))


def test_the_session_has_the_same_secret_name_on_every_broker_and_after_every_start(tmp_path: Path) -> None:
    embedded = mqtt_settings(setting(tmp_path / "a", {})).client_id
    assert embedded == (tmp_path / "a" / "secrets" / "gateway_client_id").read_text().strip()
    assert mqtt_settings(setting(tmp_path / "a", OUTSIDE)).client_id == embedded
    assert mqtt_settings(setting(tmp_path / "b", OUTSIDE)).client_id not in (embedded, "kitchen-gateway")


def test_a_name_in_the_url_wins(tmp_path: Path) -> None:
    named = {"KITCHEN_MQTT_URL": "mqtt://broker.example.org?client_id=mine"}
    assert mqtt_settings(setting(tmp_path, named), "second").client_id == "mine"


def test_a_second_gateway_has_a_session_of_its_own(tmp_path: Path) -> None:
    first, second = (mqtt_settings(setting(tmp_path, OUTSIDE), name).client_id for name in ("", "second"))
    assert second == f"{first}-second"


def test_two_gateways_of_one_name_do_not_run_over_one_directory(tmp_path: Path) -> None:
    refused = pytest.raises(ConfigurationError, match=r"KITCHEN_GATEWAY_ID.*another gateway")
    with alone(tmp_path, ""), alone(tmp_path, "second"), refused, alone(tmp_path, ""):
        pass
    with alone(tmp_path, ""):
        pass


@pytest.mark.parametrize("name", ["a/b", "a b", "x" * 33, "厨"])
def test_a_gateways_name_is_a_plain_word(name: str) -> None:
    assert own_name({"KITCHEN_GATEWAY_ID": "second-1"}) == "second-1"
    assert own_name({}) == ""
    with pytest.raises(ConfigurationError, match="KITCHEN_GATEWAY_ID"):
        own_name({"KITCHEN_GATEWAY_ID": name})
