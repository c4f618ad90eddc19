"""The registers are complete only when the record that ends a telling has been read."""

import asyncio
from contextlib import suppress

import pytest

from devices.registers import Registers, device_record, merchant_record, told_record
from domain.ids import DeviceKind
from domain.parties import BusinessForm, Device, Merchant
from streams.codecs import encode
from streams.log import Log
from streams.registers import follow
from streams.sink import KafkaSink
from streams.topics import ensure_topics

pytestmark = pytest.mark.service

USCC = "92330211MA2ABC125M"
MERCHANT = Merchant(uscc=USCC, name="老街卤味坊", region="330211", business_form=BusinessForm.CATERING, scheme="xiangshan")
SCALE = Device(id="scl-0a1b2c3d", uscc=USCC, region="330211", kind=DeviceKind.SCALE)


async def test_a_half_told_register_is_not_complete_and_a_new_device_is_learned_later(tmp_path):
    async with Log(tmp_path / "log") as log:
        bootstrap = f"127.0.0.1:{log.port}"
        await ensure_topics(bootstrap)
        registers, ready = Registers(), asyncio.Event()
        following = asyncio.create_task(follow(bootstrap, registers, ready, client_id="test"))

        async def tell(sink, record):
            await sink.send("registers", key=record[0].encode(), value=encode(record[1]))

        async with KafkaSink(bootstrap, client_id="test") as sink, asyncio.timeout(30):
            await tell(sink, merchant_record(MERCHANT))
            while not registers.knows(USCC):  # noqa: ASYNC110 - polls with a bound
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.25)
            assert not ready.is_set()
            await tell(sink, device_record(SCALE))
            await tell(sink, told_record(1, 1))
            await ready.wait()
            assert registers.device(SCALE.id) == SCALE
            second = Device(id="scl-00000002", uscc=USCC, region="330211", kind=DeviceKind.SCALE)
            await tell(sink, device_record(second))
            while registers.device(second.id) is None:  # noqa: ASYNC110 - polls with a bound
                await asyncio.sleep(0.01)
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
