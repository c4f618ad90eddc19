"""docker-compose.yml says only what is true: real commands, real files, names the product reads, pinned images."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from cli.main import app
from cli.run_gateway import mqtt_settings
from cli.worker import Setting
from configs.endpoints import VARIABLES, Endpoints
from configs.secrets import ensure_devices, ensure_keys, ensure_users, gateway_client_id

ROOT = Path(__file__).parents[3]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = sorted(name for name, service in SERVICES.items() if service["image"].startswith("bright-kitchen"))
KITCHEN_MOUNTS = {"/data", "/config", "/broker"}


def parse(arguments: list[str]) -> str:
    """Parse a command line as `kitchen` would; the name of the command it reaches."""
    command: Any = typer.main.get_command(app)
    context, rest = None, list(arguments)
    while hasattr(command, "commands"):
        context = command.context_class(command, parent=context, info_name=command.name)
        _, command, rest = command.resolve_command(context, rest)
    command.make_context(command.name, rest)
    return str(command.name)


def test_every_process_of_the_product_is_there() -> None:
    assert set(OURS) == {"setup", "gateway", "vision", "casework", "auditor", "web"}
    assert set(SERVICES) - set(OURS) == {"mosquitto", "kafka", "postgres", "redis", "prometheus", "alertmanager", "grafana"}


@pytest.mark.parametrize("name", OURS)
def test_each_command_is_one_that_kitchen_understands(name: str) -> None:
    reached = parse(SERVICES[name]["command"])
    assert reached == (name if name != "setup" else "broker-files")


def test_a_wrong_option_would_be_noticed() -> None:
    with pytest.raises(Exception, match="No such option"):
        parse(["run", "gateway", "--no-such-option"])


@pytest.mark.parametrize("name", OURS)
def test_the_environment_has_the_names_and_urls_the_product_reads(name: str, tmp_path: Path) -> None:
    environment = {key: value.split(":?")[0] for key, value in SERVICES[name]["environment"].items()}
    assert set(environment) == {variable for variable, _ in VARIABLES.values()}
    filled = {key: re.sub(r"\$\{(\w+)[^}]*\}", "secret", value) for key, value in SERVICES[name]["environment"].items()}
    assert Endpoints.from_environment(filled, tmp_path).given == set(VARIABLES)


def test_the_gateways_session_outlives_its_container(tmp_path: Path) -> None:
    gateway = SERVICES["gateway"]
    command = gateway["command"]
    folder = command[command.index("--data") + 1]
    assert f"data:{folder}" in gateway["volumes"]
    assert "hostname" not in gateway
    url = gateway["environment"]["KITCHEN_MQTT_URL"]
    ensure_keys(tmp_path / "secrets")
    ensure_users(tmp_path / "secrets", {})
    ensure_devices(tmp_path / "secrets", {})
    endpoints = Endpoints.from_environment({"KITCHEN_MQTT_URL": url}, tmp_path)
    client_id = mqtt_settings(Setting(data=tmp_path, config=tmp_path, endpoints=endpoints)).client_id
    assert client_id == gateway_client_id(tmp_path / "secrets")


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_file_that_is_mounted_exists_and_every_volume_is_declared(name: str) -> None:
    for mount in SERVICES[name].get("volumes", []):
        source = mount.split(":")[0]
        if source.startswith("."):
            assert (ROOT / source).exists(), source
            assert mount.endswith(":ro"), f"{mount}: the repository is not written to"
        else:
            assert source in COMPOSE["volumes"]


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_images_are_pinned_and_services_are_watched(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+[\w.-]*", service["image"]), service["image"]
    assert name == "setup" or "healthcheck" in service
    for dependency, terms in service.get("depends_on", {}).items():
        assert dependency in SERVICES
        if terms["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[dependency]


def test_no_password_stands_in_the_file() -> None:
    for name, service in SERVICES.items():
        for key, value in service.get("environment", {}).items():
            assert "PASSWORD" not in key or value.startswith("${"), f"{name}.{key}"
    wanted = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text("utf-8")))
    offered = set(re.findall(r"^(\w+)=", (ROOT / ".env.example").read_text("utf-8"), re.MULTILINE))
    assert wanted == offered


def test_prometheus_scrapes_the_ports_the_processes_show() -> None:
    configuration = yaml.safe_load((ROOT / "configs/prometheus/prometheus.yml").read_text("utf-8"))
    [job] = configuration["scrape_configs"]
    targets = {target for group in job["static_configs"] for target in group["targets"]}
    found_by_name = {name for group in job["dns_sd_configs"] for name in group["names"]}
    assert "vision" in found_by_name, "the name of a service that is scaled stands for several containers"
    targets |= {f"{name}:{group['port']}" for group in job["dns_sd_configs"] for name in group["names"]}
    assert {group["type"] for group in job["dns_sd_configs"]} == {"A"}
    assert job["relabel_configs"] == [{"source_labels": ["__meta_dns_name"], "regex": "(.+)", "target_label": "process"}]
    rules = (ROOT / "configs/prometheus/rules.yml").read_text("utf-8")
    for name in found_by_name:  # a name without an address is no target, and no target is never down
        assert f'absent(up{{job="kitchen", process="{name}"}})' in rules
    shown = set()
    for name in OURS:
        command = SERVICES[name]["command"]
        for option in ("--metrics-port", "--port"):
            if option in command:
                shown.add(f"{name}:{command[command.index(option) + 1]}")
    assert targets == shown


def test_the_image_holds_every_package_and_every_mounted_folder() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    packages = json.loads(re.search(r"^packages = (\[.*\])$", project, re.MULTILINE).group(1))  # type: ignore[union-attr]
    copied = set(re.findall(r"^COPY (\w+) \1$", dockerfile, re.MULTILINE))
    assert copied == set(packages)
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert {f"!{package}" for package in packages} <= set(ignored)
    made = set(re.search(r"install -d .* (/data .*)$", dockerfile, re.MULTILINE).group(1).split())  # type: ignore[union-attr]
    assert made == KITCHEN_MOUNTS
    mounts = {mount.split(":")[1] for name in OURS for mount in SERVICES[name]["volumes"]}
    assert mounts == KITCHEN_MOUNTS
