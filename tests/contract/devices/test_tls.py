"""The gateway over TLS to Mosquitto, with certificates made here: the way of the event loop, which reads and writes in bursts."""

import os
import shutil
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from devices.connection import Connection, MqttSettings
from devices.mosquitto import MosquittoSettings, write_mosquitto
from domain.topics import Topic
from tests.contract.devices.conftest import USERS
from tests.contract.devices.parts import ForeignDevice, MemorySink, gateway, now, until
from tests.services import CannotBeHad, required_in_ci
from tests.services.mqtt import Broker, free_port
from tests.unit.devices.things import CAMERA, SCALE, envelope, jpeg, raw, topic

pytestmark = pytest.mark.service

FACTS = 400
FRAME_BYTES = 300_000


class Authority:
    """Signs certificates for one test."""

    def __init__(self, folder: Path):
        folder.mkdir(parents=True)
        self.folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"authority {folder.name}")])
        certificate = self._signed(self._name, self._key.public_key(), x509.BasicConstraints(ca=True, path_length=0))
        self.file = folder / "ca.crt"
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def certify(self, name: str, file: str) -> tuple[Path, Path]:
        """A certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        here = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        certificate = self._signed(subject, key.public_key(), here)
        paths = self.folder / f"{file}.crt", self.folder / f"{file}.key"
        paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        form = serialization.PrivateFormat.PKCS8
        paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
        return paths

    def _signed(self, subject, key, extension):
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self._name).public_key(key)
        builder = builder.serial_number(x509.random_serial_number()).add_extension(extension, critical=True)
        builder = builder.not_valid_before(now() - timedelta(hours=1)).not_valid_after(now() + timedelta(hours=1))
        return builder.sign(self._key, hashes.SHA256())


@contextmanager
def tls_mosquitto(folder: Path, authority: Authority):
    """Mosquitto with its plain listener for the devices and one for certificates; the broker and its second port."""
    binary = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if binary is None:
        raise CannotBeHad("mosquitto is not installed: apt-get install mosquitto")
    authority.certify("server", "server")
    folder.mkdir()
    settings = MosquittoSettings(
        data=folder / "data",
        passwords=folder / "passwords",
        access=folder / "access",
        port=free_port(),
        tls_port=free_port(),
        certificates=authority.folder,
        user="root" if os.geteuid() == 0 else "",
    )
    write_mosquitto(folder / "mosquitto.conf", settings, USERS)
    command = [binary, "-c", str(folder / "mosquitto.conf")]
    names = {user.name: user.password for user in USERS}
    broker = Broker("mosquitto", settings.port, command, folder / "log", names, speaks_5=True)
    broker.start()
    try:
        yield broker, settings.tls_port
    finally:
        broker.stop()


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "certificates")


@pytest.fixture
def brokers(tmp_path, authority):
    with required_in_ci(), tls_mosquitto(tmp_path / "broker", authority) as running:
        yield running


def settings_of(authority, port, by, *, name="gateway") -> MqttSettings:
    certificate, key = by.certify(name, "client")
    files = {"ca_file": str(authority.file), "cert_file": str(certificate), "key_file": str(key)}
    return MqttSettings(port=port, tls=True, client_id=name, reconnect_most_s=0.5, **files)


async def test_over_tls_a_burst_and_a_large_frame_come_whole_and_in_order_and_are_acknowledged(brokers, authority):
    broker, port = brokers
    over_tls, sink = settings_of(authority, port, authority), MemorySink()

    class Over:
        """The broker as the gateway reaches it."""

        @staticmethod
        def settings(_user, *, client_id):
            return replace(over_tls, client_id=client_id)

    frame = jpeg()[:-2] + bytes(FRAME_BYTES) + b"\xff\xd9"
    async with gateway(Over, sink):
        with ForeignDevice(broker, SCALE.id) as scale, ForeignDevice(broker, CAMERA.id) as camera:
            scale.publish_all([(topic(), raw(envelope(at=now(), seq=number))) for number in range(FACTS)])
            camera.publish(topic("cam/frame", of=CAMERA.id), frame)
        await until(lambda: len(sink.seqs()) >= FACTS and sink.of(Topic.FRAMES), "all arrived")
    assert sink.seqs() == list(range(FACTS))
    assert [record.value for record in sink.of(Topic.FRAMES)] == [frame]
    again = MemorySink()
    async with gateway(Over, again):
        with ForeignDevice(broker, SCALE.id) as scale:
            scale.publish_all([(topic(), raw(envelope(at=now(), seq=FACTS)))])
        await until(again.seqs, "what comes after")
    assert again.seqs() == [FACTS], "what was acknowledged does not come again"


@pytest.mark.parametrize("who", ["the broker", "the gateway"])
async def test_a_certificate_of_another_authority_is_not_believed(brokers, authority, tmp_path, who):
    _, port = brokers
    other = Authority(tmp_path / "others")
    trusted, signer = (other, authority) if who == "the broker" else (authority, other)
    told: list[str] = []
    ups: list[int] = []
    connection = Connection(
        settings_of(trusted, port, signer), on_up=lambda generation, _resumed: ups.append(generation), on_down=told.append
    )
    connection.attach()
    try:
        if who == "the broker":
            await until(lambda: len(told) >= 2, "it is said to be away, and tried again")
        else:
            await until(lambda: "ssl" in brokers[0].log.read_text().lower(), "the broker refuses us")
        assert not connection.up
        assert ups == []
    finally:
        await connection.detach()
