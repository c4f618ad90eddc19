"""Where the log wants a secret, every client of the product shows it: on the embedded log, and on Apache Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from cli.doctor import reached
from cli.letters import newest
from devices.registers import Registers, merchant_record, told_record
from domain.errors import Unavailable
from domain.parties import BusinessForm, Merchant
from domain.topics import Topic
from streams.address import bootstrap_servers, reaching
from streams.codecs import encode
from streams.registers import follow
from streams.sink import KafkaSink
from streams.topics import ensure_topics
from tests.contract.log.logs import LogProcess, eventually
from tests.contract.streams.parts import planted, until
from tests.services.kafka import kafka_or_skip

pytestmark = pytest.mark.service
SECRET = "s3cret:of/this@log"  # characters that a URL must hide
QUOTED = "s3cret%3Aof%2Fthis%40log"
MERCHANT = Merchant(
    uscc="92330211MA2ABC125M", name="老街卤味坊", region="330211", business_form=BusinessForm.CATERING, scheme="xiangshan"
)


@pytest.fixture(scope="module", params=["embedded", "apache-kafka-4"])
def guarded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a log that lets nobody in without the secret, and as it would be with the secret before it."""
    if request.param == "apache-kafka-4":
        with kafka_or_skip(secret=("kitchen", SECRET)) as address:
            yield address
        return
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "secret").write_text(SECRET)
    (folder / "secret").chmod(0o600)
    log = LogProcess(folder / "log", "--host", "127.0.0.1", "--secret-file", str(folder / "secret"))
    log.start()
    yield log.address
    log.stop()


async def all_committed(servers: str) -> bool:
    admin = AIOKafkaAdminClient(**reaching(servers))
    await admin.start()
    try:
        return sum(max(each.offset, 0) for each in (await admin.list_consumer_group_offsets("guarded")).values()) == 100
    finally:
        await admin.close()


async def test_sink_registers_worker_watchdog_and_letters_show_the_secret(guarded: str, tmp_path: Path) -> None:
    servers = bootstrap_servers(f"kafka://kitchen:{QUOTED}@{guarded}")
    await ensure_topics(servers)
    registers, complete = Registers(), asyncio.Event()
    async with KafkaSink(servers, client_id="gateway") as sink:
        for key, value in (merchant_record(MERCHANT), told_record(1, 0)):
            await sink.send(Topic.REGISTERS.value, key=key.encode(), value=encode(value))
        following = asyncio.create_task(follow(servers, registers, complete, client_id="registers"))
        async with asyncio.timeout(30):
            await complete.wait()
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
        for number in range(100):
            await sink.send(Topic.FINDINGS.value, key=b"%d" % number, value=b"%08d" % number)
        with planted(f"kitchen:{QUOTED}@{guarded}", tmp_path, group="guarded", mode="poison", patience_s=20.0) as worker:
            await until(lambda: len(worker.effects) == 95, f"everything but the poisoned was taken\n{worker.said}")
            assert await eventually(lambda: all_committed(servers), within_s=30, what="all is committed")
    letters = await newest(servers, 10)
    assert {letter["raw"] for letter in letters} == {f"{number:08d}" for number in range(0, 100, 20)}
    assert SECRET not in worker.said


async def test_doctor_tells_whether_the_log_takes_the_secret(guarded: str) -> None:
    for user, found in ((f"kitchen:{QUOTED}@", True), ("kitchen:another-secret@", False), ("", False)):
        assert await asyncio.to_thread(reached, "kafka", f"kafka://{user}{guarded}") is found


async def test_a_wrong_secret_is_an_outage_that_names_the_log_and_not_the_secret(guarded: str) -> None:
    wrong = bootstrap_servers(f"kafka://kitchen:another-secret@{guarded}")
    with pytest.raises(Unavailable) as refused:
        async with KafkaSink(wrong, client_id="gateway"):
            pass
    assert guarded in str(refused.value)
    assert "another-secret" not in str(refused.value)
