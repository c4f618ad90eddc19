"""A client that sends exactly the bytes it is told to, over kio's schemas or none at all."""

from __future__ import annotations

import asyncio
import io
import struct
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

from kio.index import load_request_schema, load_response_schema
from kio.schema.init_producer_id.v1.request import InitProducerIdRequest
from kio.schema.produce.v8.request import PartitionProduceData, ProduceRequest, TopicProduceData
from kio.schema.types import TopicName
from kio.serial import entity_reader, entity_writer
from kio.static.primitive import Records, i16, i32, i32Timedelta


def frame(key: int, version: int, body: bytes, correlation_id: int = 7, client_id: bytes = b"raw") -> bytes:
    """A request with a version 1 header and its length."""
    request = struct.pack(">hhih", key, version, correlation_id, len(client_id)) + client_id + body
    return struct.pack(">i", len(request)) + request


def body_of(request: Any) -> bytes:
    """A kio entity as bytes."""
    out = io.BytesIO()
    entity_writer(type(request))(out, request)
    return out.getvalue()


class RawClient:
    """One connection; use it as an async context manager."""

    def __init__(self, address: str) -> None:
        host, port = address.rsplit(":", 1)
        self._host, self._port = host, int(port)

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_connection(self._host, self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.writer.close()

    async def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> tuple[int, bytes]:
        """The next answer: correlation id and what follows it."""
        (length,) = struct.unpack(">i", await asyncio.wait_for(self.reader.readexactly(4), 10))
        content = await asyncio.wait_for(self.reader.readexactly(length), 10)
        return struct.unpack_from(">i", content)[0], content[4:]

    async def closed(self) -> bool:
        """Whether the other side ends the connection without another byte."""
        try:
            return await asyncio.wait_for(self.reader.read(1), 10) == b""
        except ConnectionError:
            return True

    async def call(self, request: Any) -> Any:
        """Send a kio request of a plain version and read its answer."""
        key, version = request.__api_key__, request.__version__
        await self.send(frame(key, version, body_of(request)))
        _, content = await self.answer()
        schema: Any = load_response_schema(key, version)
        return entity_reader(schema)(content, 0)[0]

    async def new_producer_id(self) -> int:
        """A producer id from the log; Apache Kafka has none to give in its first moments."""
        async with asyncio.timeout(20):
            while True:
                answer = await self.call(InitProducerIdRequest(transactional_id=None, transaction_timeout=milliseconds(0)))
                if answer.error_code == 0:
                    return int(answer.producer_id)
                await asyncio.sleep(0.05)

    async def produce(self, topic: str, records: bytes, *, acks: int = -1, partition: int = 0) -> Any:
        """Send a batch as it is; returns the partition's part of the answer."""
        await self.send(frame(0, 8, body_of(produce_request(topic, records, acks=acks, partition=partition))))
        _, content = await self.answer()
        schema: Any = load_response_schema(0, 8)
        answer: Any = entity_reader(schema)(content, 0)[0]
        return answer.responses[0].partition_responses[0]


def milliseconds(number: int) -> i32Timedelta:
    """A span as kio's type."""
    return i32Timedelta.parse(timedelta(milliseconds=number))


def produce_request(topic: str, records: bytes, *, acks: int = -1, partition: int = 0) -> ProduceRequest:
    """A produce request of version 8 for one partition."""
    data = PartitionProduceData(index=i32(partition), records=Records(records))
    return ProduceRequest(
        acks=i16(acks),
        timeout=milliseconds(5000),
        topic_data=(TopicProduceData(name=TopicName(topic), partition_data=(data,)),),
    )


def newest_request(key: int, version: int) -> Any:
    """The kio class of a request."""
    return load_request_schema(key, version)
