"""The command line: what each command prints, and how failures look."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import configs
from cli.datadir import DataDirectory
from cli.installation import Kind, broker_users, claim, prepare_demo, prepare_site
from configs.secrets import read_secrets
from domain.errors import ConfigurationError

KITCHEN = Path(sys.executable).with_name("kitchen")


def kitchen(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [str(KITCHEN), *(str(argument) for argument in arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, timeout=60)


def test_init_writes_a_sound_configuration_and_shows_passwords_once(tmp_path: Path) -> None:
    done = kitchen("init", "--data", tmp_path / "data")
    assert done.returncode == 0, done.stderr
    config = tmp_path / "data" / "config"
    assert kitchen("check", config).returncode == 0
    secrets = read_secrets(tmp_path / "data" / "secrets")
    assert set(secrets.user_hashes) == {"merchant", "inspector", "supervisor"}
    for device_id, password in secrets.device_passwords.items():
        assert f"{device_id}" in done.stdout
        assert password in done.stdout
    assert not any(digest in done.stdout for digest in secrets.user_hashes.values())
    again = kitchen("init", "--data", tmp_path / "data")
    assert again.returncode == 1
    assert "holds a configuration already" in again.stderr
    assert read_secrets(tmp_path / "data" / "secrets").device_passwords == secrets.device_passwords


def test_every_starter_file_is_valid_against_its_models(tmp_path: Path) -> None:
    kitchen("init", "--data", tmp_path / "data")
    configuration = configs.load(tmp_path / "data" / "config")
    assert [device.id for device in configuration.devices] == ["cam-00000001", "scl-00000001"]
    assert len(configuration.rules.camera) == 16


def test_check_names_file_and_key_and_fails(tmp_path: Path) -> None:
    site = Path(shutil.copytree(configs.demo_directory(), tmp_path / "site"))
    (site / "site.yaml").write_text((site / "site.yaml").read_text("utf-8") + "colour: red\n", "utf-8")
    done = kitchen("check", site)
    assert done.returncode == 1
    assert f"{site}/site.yaml: colour: this key is not known" in done.stdout
    as_json = json.loads(kitchen("check", site, "--json").stdout)
    assert as_json["ok"] is False
    assert as_json["problems"][0]["key"] == "colour"


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("up", "--data", "new"), 1, "there is no configuration in"),
        (("status", "--data", "new"), 1, "nothing is running in"),
        (("dead-letters", "--data", "new"), 1, "KITCHEN_KAFKA_URL"),
        (("audit", "verify", "--data", "new"), 1, "database"),
        (("detect", "missing.jpg"), 1, "missing.jpg"),
        (("replay", "missing.jsonl"), 1, "missing.jsonl: cannot be read"),
        (("camera", "--data", "new"), 1, "nothing to publish"),
        (("scale", "--data", "new"), 1, "nothing to publish"),
        (("check", "nowhere"), 1, "there is no such directory"),
        (("up", "--port", "99999"), 2, "--port"),
        (("nonsense",), 2, "No such command"),
        (("run", "web", "--data", "new"), 1, "SQLite has one owner"),
        (("evaluate", "missing.yaml"), 1, "missing.yaml"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_a_failure_is_one_clear_line_and_no_traceback(tmp_path: Path, arguments: tuple[str, ...], status: int, says: str) -> None:
    done = kitchen(*arguments, cwd=tmp_path)
    said = done.stdout + done.stderr
    assert done.returncode == status, said
    assert says in said
    assert "Traceback" not in said
    if status == 1 and arguments[0] != "check":
        assert done.stderr.startswith("kitchen: ")
        assert len(done.stderr.strip().splitlines()) == 1


def test_detect_prints_one_json_line_per_picture(tmp_path: Path) -> None:
    picture = configs.default_directory().parent / "vision" / "demo" / "cat.jpg"
    done = kitchen("detect", "--json", picture, picture)
    assert done.returncode == 0, done.stderr
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert first == second
    assert set(first) == {"image", "width", "height", "model", "detections"}
    assert "cat" in {found["label"] for found in first["detections"]}
    for found in first["detections"]:
        x1, y1, x2, y2 = found["box"]
        assert 0 <= x1 < x2 <= first["width"]
        assert 0 <= y1 < y2 <= first["height"]


def test_detect_names_what_is_no_picture_and_looks_at_the_next_one(tmp_path: Path) -> None:
    picture = configs.default_directory().parent / "vision" / "demo" / "cat.jpg"
    nonsense = tmp_path / "notes.txt"
    nonsense.write_text("no picture")
    done = kitchen("detect", "--json", nonsense, picture)
    assert done.returncode == 1
    assert [json.loads(line)["image"] for line in done.stdout.splitlines()] == [str(picture)]
    assert "notes.txt" in done.stderr


def test_doctor_reports_as_json_what_is_there(tmp_path: Path) -> None:
    done = kitchen("doctor", "--json", "--data", tmp_path / "data")
    report = {line["what"]: line for line in json.loads(done.stdout)["report"]}
    assert report["python"]["verdict"] == "ok"
    assert report["model"]["verdict"] == "ok"
    assert report["database"]["verdict"] == "note"
    assert done.returncode == 0
    assert not (tmp_path / "data").exists(), "doctor changes nothing"


def test_a_demonstrations_data_is_no_sites_data(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path)
    prepare_demo(data, None)
    with pytest.raises(ConfigurationError, match="belongs to a demonstration"):
        prepare_site(data, configs.demo_directory())
    other = DataDirectory(tmp_path / "site")
    other.prepare()
    claim(other, Kind.SITE)
    with pytest.raises(ConfigurationError, match="belongs to a real site"):
        prepare_demo(other, None)


def test_a_device_added_later_gets_its_password_and_a_revoked_one_no_entry(tmp_path: Path) -> None:
    config = Path(shutil.copytree(configs.demo_directory(), tmp_path / "config"))
    data = DataDirectory(tmp_path / "data")
    assert set(prepare_site(data, config).new_devices) == {"cam-0a1b2c3d", "scl-0a1b2c3d"}
    devices = yaml.safe_load((config / "devices.yaml").read_text("utf-8"))["devices"]
    devices[1]["revoked"] = True
    devices.append({"id": "cam-00000002", "uscc": "92330211MA2ABC125M"})
    (config / "devices.yaml").write_text(yaml.safe_dump({"devices": devices}), "utf-8")
    prepared = prepare_site(data, config)
    assert set(prepared.new_devices) == {"cam-00000002"}
    assert prepared.new_users == {}
    users = {user.name for user in broker_users(prepared.configuration, read_secrets(data.secrets))}
    assert users == {"gateway", "cam-0a1b2c3d", "cam-00000002"}


def test_config_schema_writes_where_it_is_told(tmp_path: Path) -> None:
    done = kitchen("config-schema", tmp_path)
    assert done.returncode == 0
    assert {path.stem for path in tmp_path.glob("*.json")} == {
        "site", "merchants", "devices", "users", "rules", "routes", "scheme",
        "assessments", "consequences", "departments", "documents", "workdays",
        "additives", "channels", "connectors", "escalations",
    }  # fmt: skip


def test_broker_files_are_what_mosquitto_reads(tmp_path: Path) -> None:
    done = kitchen("broker-files", tmp_path / "m", "--data", tmp_path / "data", "--config", configs.demo_directory())
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "m" / "passwords").stat().st_mode & 0o777 == 0o600
    text = (tmp_path / "m" / "mosquitto.conf").read_text("utf-8")
    assert f"password_file {tmp_path}/m/passwords" in text
    assert "allow_anonymous false" in text
