"""The gateway's session at the broker holds what was acknowledged while it was away: no device may empty it."""

from __future__ import annotations

import threading

import pytest

from cli.run_gateway import FORMER_NAME, end_session, mqtt_settings
from cli.worker import Setting
from configs.endpoints import Endpoints
from configs.secrets import ensure_devices, ensure_keys, ensure_users, write_secret
from devices.connection import Connection, MqttSettings
from domain.errors import Unavailable
from tests.contract.devices.parts import ForeignDevice, MemorySink, gateway, until
from tests.contract.devices.test_gateway import weighings
from tests.unit.devices.things import CAMERA, SCALE

pytestmark = pytest.mark.service

GUESSES = ["kitchen-gateway", "gateway", "bright-kitchen", "kgw"]


def client_id_of_an_installation(data, broker):
    """What `kitchen run gateway` would call itself here."""
    secrets = data / "secrets"
    ensure_keys(secrets)
    ensure_devices(secrets, {})
    ensure_users(secrets, {})
    write_secret(secrets / "gateway", broker.users["gateway"])
    (data / "run").mkdir()
    (data / "run" / "endpoints.json").write_text(f'{{"mqtt": "mqtt://127.0.0.1:{broker.port}"}}')
    setting = Setting(data=data, config=data / "config", endpoints=Endpoints.from_environment({}, data))
    return mqtt_settings(setting).client_id


def connect_clean(broker, client_id):
    """A registered device takes a name that is not its own and asks for a clean session."""
    up = threading.Event()
    intruder = Connection(broker.settings(CAMERA.id, client_id=client_id), on_up=lambda *_: up.set())
    intruder.start()
    try:
        assert up.wait(10)
    finally:
        intruder.stop()


async def test_a_device_that_tries_the_gateways_names_cannot_empty_its_session(broker, tmp_path):
    client_id = client_id_of_an_installation(tmp_path / "data", broker)
    sink = MemorySink()
    async with gateway(broker, sink, client_id=client_id):
        pass
    with ForeignDevice(broker, SCALE.id) as scale:
        scale.publish_all(weighings(0, 10))
    for guess in GUESSES:
        connect_clean(broker, guess)
    async with gateway(broker, sink, client_id=client_id):
        await until(lambda: len(sink.seqs()) >= 10, "all that was acknowledged while the gateway was away")
    assert sorted(sink.seqs()) == list(range(10))


async def test_the_name_is_what_protects_the_session(broker):
    sink = MemorySink()
    async with gateway(broker, sink, client_id="kitchen-gateway"):
        pass
    with ForeignDevice(broker, SCALE.id) as scale:
        scale.publish_all(weighings(0, 10))
    connect_clean(broker, "kitchen-gateway")
    async with gateway(broker, sink, client_id="kitchen-gateway"):
        with ForeignDevice(broker, SCALE.id) as scale:
            scale.publish_all(weighings(10, 1))
        await until(lambda: 10 in sink.seqs(), "what came after")
    assert sink.seqs() == [10], "if a broker ever bound sessions to users, a secret name would no longer be needed"


async def test_the_session_of_an_older_gateway_is_ended_and_does_not_fill_the_broker(broker):
    sink = MemorySink()
    async with gateway(broker, sink, client_id=FORMER_NAME):
        pass
    await end_session(broker.settings("gateway", client_id=FORMER_NAME))
    with ForeignDevice(broker, SCALE.id) as scale:
        scale.publish_all(weighings(0, 3))
    async with gateway(broker, sink, client_id=FORMER_NAME):
        with ForeignDevice(broker, SCALE.id) as scale:
            scale.publish_all(weighings(3, 1))
        await until(lambda: 3 in sink.seqs(), "what came after")
    assert sink.seqs() == [3], "nothing was kept for a gateway that is no more"


async def test_a_broker_that_does_not_answer_is_said_to_be_away():
    with pytest.raises(Unavailable):
        await end_session(MqttSettings(port=1, client_id=FORMER_NAME), within_s=0.5)
