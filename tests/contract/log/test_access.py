"""A log that other machines may reach: the secret, who does not know it, and what is answered before it was shown."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from kio.schema.errors import ErrorCode
from kio.schema.metadata.v8.request import MetadataRequest
from kio.schema.sasl_authenticate.v1.request import SaslAuthenticateRequest
from kio.schema.sasl_handshake.v0.request import SaslHandshakeRequest as OldHandshakeRequest
from kio.schema.sasl_handshake.v1.request import SaslHandshakeRequest

from tests.contract.log.logs import LogProcess
from tests.contract.log.raw import RawClient, body_of, frame
from tests.contract.log.test_tools import kcat, tool

pytestmark = pytest.mark.service
SECRET = "correct-horse-battery"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LogProcess]:
    """A log with a secret that listens on every address of this machine and is known as 127.0.0.1."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "secret").write_text(SECRET + "\n")
    (folder / "secret").chmod(0o600)
    options = ("--host", "0.0.0.0", "--advertise", "127.0.0.1", "--secret-file", str(folder / "secret"))
    log = LogProcess(folder / "log", *options)
    log.start()
    yield log
    log.stop()


def sasl(secret: str = SECRET, user: str = "kitchen") -> dict[str, str]:
    return {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-256",
        "sasl_plain_username": user,
        "sasl_plain_password": secret,
    }


async def test_aiokafka_produces_and_consumes_with_the_secret(guarded: LogProcess, topic: str, group: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=guarded.address, **sasl()) as producer:
        await producer.send_and_wait(topic, b"v")
    reader = AIOKafkaConsumer(topic, bootstrap_servers=guarded.address, group_id=group, auto_offset_reset="earliest", **sasl())
    async with reader:
        assert (await asyncio.wait_for(reader.getone(), 20)).value == b"v"
        await reader.commit({TopicPartition(topic, 0): 1})


@pytest.mark.parametrize(
    ("user", "secret", "reason"),
    [("kitchen", "incorrect-horse-battery", "wrong secret"), ("somebody", SECRET, "wrong user"), ("kitchen", " ", "none")],
)
async def test_who_does_not_know_the_secret_is_refused(guarded: LogProcess, user: str, secret: str, reason: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=guarded.address, **sasl(secret, user))
    with pytest.raises(KafkaError):
        await admin.start()
    await admin.close()


async def test_a_client_without_any_secret_gets_nothing(guarded: LogProcess) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=guarded.address)
    with pytest.raises(KafkaError):
        await producer.start()
    await producer.stop()


def test_librdkafka_and_kafkas_tools_show_it_too(guarded: LogProcess, topic: str, tmp_path: Path) -> None:
    given = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "SCRAM-SHA-256"}
    given |= {"sasl.username": "kitchen", "sasl.password": SECRET, "bootstrap.servers": guarded.address}
    assert AdminClient(given).list_topics(timeout=10).brokers
    with pytest.raises(KafkaException):
        AdminClient({**given, "sasl.password": "x" * 20}).list_topics(timeout=3)
    properties = tmp_path / "client.properties"
    module = "org.apache.kafka.common.security.scram.ScramLoginModule"
    properties.write_text(
        "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=SCRAM-SHA-256\n"
        f'sasl.jaas.config={module} required username="kitchen" password="{SECRET}";\n'
    )
    command = ("--create", "--topic", topic, "--command-config", str(properties))
    assert topic in tool("org.apache.kafka.tools.TopicCommand", guarded.address, *command)


def test_kcat_shows_it_too_also_the_one_of_an_older_librdkafka(guarded: LogProcess) -> None:
    given = ("security.protocol=SASL_PLAINTEXT", "sasl.mechanism=SCRAM-SHA-256", "sasl.username=kitchen")
    options = [word for each in (*given, f"sasl.password={SECRET}") for word in ("-X", each)]
    assert b"1 brokers" in kcat(guarded.address, *options, "-L")
    options[-1] = "sasl.password=" + "x" * 20
    with pytest.raises(subprocess.CalledProcessError):
        kcat(guarded.address, *options, "-L", "-m", "3")


async def test_a_handshake_of_the_old_kind_is_answered_and_leads_nowhere(guarded: LogProcess) -> None:
    async with RawClient(guarded.address) as client:
        answer = await client.call(OldHandshakeRequest(mechanism="SCRAM-SHA-256"))
        assert answer.error_code == ErrorCode.unsupported_version
        answer = await client.call(SaslAuthenticateRequest(auth_bytes=b"n,,n=kitchen,r=abc"))
        assert answer.error_code == ErrorCode.illegal_sasl_state


async def test_before_the_secret_only_the_way_to_show_it_is_answered(guarded: LogProcess) -> None:
    question = MetadataRequest(
        topics=None,
        allow_auto_topic_creation=True,
        include_cluster_authorized_operations=False,
        include_topic_authorized_operations=False,
    )
    async with RawClient(guarded.address) as client:
        await client.send(frame(18, 0, b""))
        assert (await client.answer())[0] == 7
        assert (await client.call(SaslHandshakeRequest(mechanism="PLAIN"))).mechanisms == ("SCRAM-SHA-256",)
        await client.send(frame(3, 8, body_of(question)))
        assert await client.closed()
    async with RawClient(guarded.address) as client:
        assert (await client.call(SaslHandshakeRequest(mechanism="SCRAM-SHA-256"))).error_code == 0
        told = await client.call(SaslAuthenticateRequest(auth_bytes=b"n,,n=kitchen,r=abc"))
        assert told.auth_bytes.startswith(b"r=abc")
        told = await client.call(SaslAuthenticateRequest(auth_bytes=b"c=biws,r=abc,p=AAAA"))
        assert (told.error_code, told.error_message) == (58, "this answers another exchange")
        assert await client.closed()


def test_beyond_loopback_without_a_secret_or_with_an_open_file_it_does_not_start(tmp_path: Path) -> None:
    readable = tmp_path / "secret"
    readable.write_text(SECRET)
    readable.chmod(0o644)
    short = tmp_path / "short"
    short.write_text("1234")
    short.chmod(0o600)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    for options, told in [
        (("--host", "0.0.0.0"), "unless there is a secret"),
        (("--host", "0.0.0.0", "--secret-file", str(readable)), "others can read it"),
        (("--secret-file", str(short)), "at least 12"),
        (("--secret-file", str(tmp_path / "none")), "cannot be read"),
    ]:
        command = [sys.executable, "-m", "streams.log", str(tmp_path / "log"), "--port", str(port), *options]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False, cwd=Path(__file__).parents[3])
        assert ended.returncode == 1
        assert told in ended.stderr
