"""Secrets: made once, closed to others, read back."""

from __future__ import annotations

import base64
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from configs.secrets import (
    ensure_devices,
    ensure_keys,
    ensure_users,
    gateway_client_id,
    new_password,
    read_secrets,
    vapid_public_key,
    write_secret,
)
from domain.errors import ConfigurationError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    ensure_keys(tmp_path)
    ensure_devices(tmp_path, {"cam-0a1b2c3d": "camera-password"})
    ensure_users(tmp_path, {"merchant": "merchant-password"})
    return tmp_path


def test_what_was_written_is_read_back(folder: Path) -> None:
    secrets = read_secrets(folder)
    assert secrets.device_passwords == {"cam-0a1b2c3d": "camera-password"}
    assert secrets.device_keys == {}
    assert PasswordHasher().verify(secrets.user_hashes["merchant"], "merchant-password")
    assert len(secrets.gateway_password) == 32
    assert "camera-password" not in repr(secrets)


def test_every_file_is_readable_by_its_owner_only(folder: Path) -> None:
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in folder.iterdir()} == dict.fromkeys(
        ("gateway", "gateway_client_id", "monitoring_token", "vapid.pem", "devices.yaml", "users.yaml"), "0o600"
    )


def test_making_them_again_changes_nothing_and_adds_the_new(folder: Path) -> None:
    before = read_secrets(folder)
    ensure_keys(folder)
    assert ensure_devices(folder, {"cam-0a1b2c3d": "other", "scl-0a1b2c3d": "new"}) == {"scl-0a1b2c3d": "new"}
    assert ensure_users(folder, {"merchant": "other"}) == {}
    after = read_secrets(folder)
    assert (after.vapid_pem, after.gateway_password, after.user_hashes) == (
        before.vapid_pem,
        before.gateway_password,
        before.user_hashes,
    )
    assert after.device_passwords == {"cam-0a1b2c3d": "camera-password", "scl-0a1b2c3d": "new"}


def test_a_device_key_is_base64(folder: Path) -> None:
    key = base64.b64encode(b"k" * 32).decode()
    write_secret(folder / "devices.yaml", f"cam-0a1b2c3d: {{password: p, key: {key}}}\n")
    assert read_secrets(folder).device_keys == {"cam-0a1b2c3d": b"k" * 32}
    write_secret(folder / "devices.yaml", "cam-0a1b2c3d: {password: p, key: '***'}\n")
    with pytest.raises(ConfigurationError, match=r"cam-0a1b2c3d\.key"):
        read_secrets(folder)


def test_a_missing_secret_is_named(folder: Path) -> None:
    (folder / "gateway").unlink()
    with pytest.raises(ConfigurationError, match=r"gateway: cannot be read.*kitchen init"):
        read_secrets(folder)


def test_the_public_push_key_is_an_uncompressed_point(folder: Path) -> None:
    text = vapid_public_key(read_secrets(folder).vapid_pem)
    point = base64.urlsafe_b64decode(text + "==")
    assert len(point) == 65
    assert point[0] == 4
    with pytest.raises(ConfigurationError, match=r"vapid\.pem"):
        vapid_public_key("nonsense")


def test_passwords_avoid_letters_that_look_alike() -> None:
    text = "".join(new_password() for _ in range(200))
    assert not set(text) & set("iIlL10oO")
    assert len({new_password() for _ in range(200)}) == 200


def test_the_name_of_the_gateways_session_is_made_once_and_guessed_by_nobody(tmp_path: Path) -> None:
    older = tmp_path / "older" / "secrets"
    name = gateway_client_id(older)
    assert re.fullmatch(r"[a-z0-9]{23}", name), "what every MQTT 3.1.1 broker must take"
    assert gateway_client_id(older) == name
    assert gateway_client_id(tmp_path / "other") != name
    assert [path.name for path in older.iterdir()] == ["gateway_client_id"]
    assert (older / "gateway_client_id").stat().st_mode & 0o777 == 0o600


def test_two_processes_that_make_the_name_at_once_get_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        names = set(pool.map(lambda _: gateway_client_id(tmp_path), range(32)))
    assert len(names) == 1


def test_an_empty_name_is_refused(tmp_path: Path) -> None:
    write_secret(tmp_path / "gateway_client_id", "\n")
    with pytest.raises(ConfigurationError, match=r"gateway_client_id.*empty"):
        gateway_client_id(tmp_path)
