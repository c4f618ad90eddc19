"""Both brokers for every test: what the gateway promises does not depend on which one carries the messages."""

from __future__ import annotations

import pytest

from devices.nats import BrokerUser
from tests.services import required_in_ci
from tests.services.mqtt import mosquitto_broker, nats_broker
from tests.unit.devices.things import DEVICES

USERS = [
    BrokerUser(name="gateway", password="gateway-password"),
    *(BrokerUser(name=device.id, password=f"password-of-{device.id}", device=device) for device in DEVICES),
]


@pytest.fixture(params=["nats", "mosquitto"])
def broker(request, tmp_path):
    factory = {"nats": nats_broker, "mosquitto": mosquitto_broker}[request.param]
    with required_in_ci(), factory(USERS, tmp_path / "broker") as running:
        yield running


@pytest.fixture
def mosquitto(tmp_path):
    with required_in_ci(), mosquitto_broker(USERS, tmp_path / "broker") as running:
        yield running
