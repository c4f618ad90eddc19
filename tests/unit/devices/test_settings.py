"""Settings read from URLs, and the files written for the brokers."""

import base64
import hashlib
import json
import shutil
import subprocess
import time
from pathlib import Path

import bcrypt
import pytest

import configs
from devices.connection import MqttSettings, Version
from devices.mosquitto import ACCESS_LIST, MosquittoSettings, mosquitto_configuration, password_line, write_mosquitto
from devices.nats import BrokerUser, NatsSettings, nats_binary, nats_configuration, write_nats
from domain.errors import ConfigurationError
from tests.unit.devices.things import CAMERA, USCC

SHIPPED = Path(configs.__file__).parent / "mosquitto"
USERS = [BrokerUser(name="gateway", password="g"), BrokerUser(name=CAMERA.id, password="pass:word", device=CAMERA)]


def test_a_url_names_everything_a_connection_needs():
    url = "mqtts://gate%40way:p%3Aw@broker.example:9883?client_id=g2&version=5&shared=1&ca_file=/etc/ca.pem"
    assert MqttSettings.from_url(url, keepalive_s=5) == MqttSettings(
        host="broker.example", port=9883, user="gate@way", password="p:w", client_id="g2",
        version=Version.V5, shared=True, tls=True, ca_file="/etc/ca.pem", keepalive_s=5,
    )  # fmt: skip


@pytest.mark.parametrize(("url", "port"), [("mqtt://h", 1883), ("mqtts://h", 8883)])
def test_the_port_follows_the_scheme(url, port):
    assert MqttSettings.from_url(url).port == port


@pytest.mark.parametrize("url", ["http://h", "mqtt://", "h:1883", "mqtt://h?colour=red", "mqtt://h:99999", "mqtt://h?version=4"])
def test_a_url_of_another_form_is_refused(url):
    with pytest.raises(ConfigurationError):
        MqttSettings.from_url(url)


def test_no_password_shows_in_a_log():
    assert "secret" not in repr(MqttSettings.from_url("mqtt://u:secret@h"))
    assert "secret" not in repr(BrokerUser(name="u", password="secret"))


def test_the_shipped_mosquitto_files_are_those_the_product_writes():
    paths = {
        "data": Path("/mosquitto/data"),
        "passwords": Path("/mosquitto/config/passwords"),
        "access": Path("/mosquitto/config/access"),
        "bind": "",
    }
    assert (SHIPPED / "mosquitto.conf").read_text() == mosquitto_configuration(MosquittoSettings(**paths))
    assert (SHIPPED / "mosquitto-tls.conf").read_text() == mosquitto_configuration(MosquittoSettings(**paths, tls_port=8883))
    assert (SHIPPED / "access").read_text() == ACCESS_LIST


def test_mosquitto_forgets_a_session_only_after_a_week_and_drops_nothing_that_waits():
    paths = {"data": Path("/d"), "passwords": Path("/p"), "access": Path("/a")}
    lines = mosquitto_configuration(MosquittoSettings(**paths)).splitlines()
    week = MqttSettings().session_expiry_s // 86_400
    assert {f"persistent_client_expiration {week}d", "max_queued_messages 0", "max_queued_bytes 0"} <= set(lines)


def test_a_password_line_is_pbkdf2_as_mosquitto_reads_it():
    name, kind, rounds, salt, digest = (
        password_line("cam", "pass:word", salt=b"s" * 12).replace(":", "$", 1).replace("$$", "$").split("$")
    )
    assert (name, kind) == ("cam", "7")
    expected = hashlib.pbkdf2_hmac("sha512", b"pass:word", base64.b64decode(salt), int(rounds))
    assert base64.b64decode(digest) == expected


def test_no_broker_file_is_readable_by_others_or_holds_a_password(tmp_path):
    mosquitto = MosquittoSettings(data=tmp_path / "d", passwords=tmp_path / "passwords", access=tmp_path / "access")
    write_mosquitto(tmp_path / "mosquitto.conf", mosquitto, USERS)
    write_nats(tmp_path / "nats.conf", NatsSettings(directory=tmp_path / "js"), USERS)
    for name in ("mosquitto.conf", "passwords", "access", "nats.conf"):
        path = tmp_path / name
        assert path.stat().st_mode & 0o077 == 0, name
        assert "pass:word" not in path.read_text()


def test_a_device_may_publish_below_its_own_subject_only():
    line = next(line for line in nats_configuration(NatsSettings(directory=Path("/js")), USERS).splitlines() if CAMERA.id in line)
    user = json.loads(line)
    assert user["permissions"]["publish"] == {"allow": [f"fs.v1.330211.{USCC}.{CAMERA.id}.>"]}
    assert bcrypt.checkpw(b"pass:word", user["password"].encode())


def entries(path):
    return {
        user["user"]: user["password"]
        for line in path.read_text().splitlines()
        if '"user"' in line
        for user in [json.loads(line)]
    }


def test_a_hash_is_made_again_only_for_a_password_that_changed(tmp_path):
    path, settings = tmp_path / "nats.conf", NatsSettings(directory=tmp_path / "js")
    many = [BrokerUser(name=f"cam-{number:08x}", password=f"p{number}", device=CAMERA) for number in range(20)]
    write_nats(path, settings, many)
    before, began = entries(path), time.process_time()
    write_nats(path, settings, many)
    again_s = time.process_time() - began
    assert entries(path) == before
    began = time.process_time()
    nats_configuration(settings, many)
    assert again_s < (time.process_time() - began) / 5, "bcrypt for each at every start takes seconds with thousands of devices"
    changed = [BrokerUser(name=many[0].name, password="other", device=CAMERA), *many[1:-1]]
    write_nats(path, settings, changed)
    after = entries(path)
    assert {name for name in before if after.get(name) != before[name]} == {many[0].name, many[-1].name}
    assert bcrypt.checkpw(b"other", after[many[0].name].encode())
    assert many[-1].name not in after
    assert path.with_suffix(".hashes").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("damage", ["", "[]", '{"gateway": "x"}', '{"gateway": ["$2a$08$x", "y"]}', '{"gateway": [1, 2]}'])
def test_kept_hashes_that_make_no_sense_are_made_anew(tmp_path, damage):
    path = tmp_path / "nats.conf"
    path.with_suffix(".hashes").write_text(damage)
    write_nats(path, NatsSettings(directory=tmp_path / "js"), USERS)
    assert bcrypt.checkpw(b"g", entries(path)["gateway"].encode())


def test_nats_server_itself_takes_the_configuration(tmp_path):
    write_nats(tmp_path / "nats.conf", NatsSettings(directory=tmp_path / 'j"s'), USERS)
    checked = subprocess.run([nats_binary(), "-t", "-c", tmp_path / "nats.conf"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert shutil.which(str(nats_binary()))
