"""What a message from MQTT means: records for the stream log, or the code of domain.md E.4 that refuses it. Pure.

Order matters: who is speaking is settled (topic, registers, signature) before what is said is read. A retained copy of a status
says how things stand, not that something happened: it gets an id that repeats, so that a gateway's restart is no news.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from devices.limits import Limits
from devices.metrics import FRAME, KINDS, UNKNOWN
from devices.payloads import frame_metadata, read_jpeg, verify
from devices.registers import Registers
from devices.sink import Record
from domain.errors import BadInput, Code
from domain.ids import derived_id, parse_device_id, parse_uscc
from domain.observations import Flag, Kind, Observation, TimeSource, decode_json, judge_time, parse_envelope
from domain.parties import Device
from domain.time import format_instant, local_day
from domain.topics import FRAME_LEAF, STATUS_LEAF, DeviceTopic, Topic, parse_device_topic

ONLINE, OFFLINE = b"online", b"offline"
_COMMANDS = "cmd/"
_NO_FLAGS: tuple[Flag, ...] = ()


@dataclass(slots=True, kw_only=True)
class Message:
    """A message as it came. Not frozen: one is made for each.

    Attributes:
        properties: MQTT 5 user properties.
        retained: a stored copy, sent because we subscribed.
        resumed: over a session the broker had kept, so that nothing was missed meanwhile.
    """

    topic: str
    payload: bytes
    properties: Mapping[str, str] = field(default_factory=dict)
    retained: bool = False
    resumed: bool = False


def label(topic: str) -> str:
    """The metric label of a topic: an envelope kind, ``frame`` or ``unknown``."""
    try:
        leaf = parse_device_topic(topic).leaf
    except BadInput:
        return UNKNOWN
    if leaf == FRAME_LEAF:
        return FRAME
    kind = Kind.CAM_STATUS.value if leaf == STATUS_LEAF else leaf.replace("/", ".")
    return kind if kind in KINDS else UNKNOWN


def judge(message: Message, registers: Registers, limits: Limits, received_at: datetime) -> tuple[Record, ...]:
    """Judge one message.

    Returns:
        The records to write; none for what is not meant for us (commands, a cleared status, a stored picture of no known time).

    Raises:
        BadInput: with the code of domain.md E.4.
    """
    topic = parse_device_topic(message.topic)
    if topic.leaf.startswith(_COMMANDS) or (topic.leaf == STATUS_LEAF and not message.payload):
        return ()
    uscc = parse_uscc(topic.uscc, "topic")
    if not registers.knows(uscc):
        raise BadInput(Code.USCC_UNKNOWN, f"merchant {uscc} is not registered here", where="topic")
    device = _device(topic, registers)
    if topic.leaf == FRAME_LEAF:
        return _judge_frame(message, device, limits, received_at)
    if topic.leaf == STATUS_LEAF and (word := message.payload.strip().lower()) in (ONLINE, OFFLINE):
        _require_bound(device, uscc, received_at)
        return (_fact(_plain_status(message, device, online=word == ONLINE, received_at=received_at)),)
    try:
        return (_fact(_judge_envelope(message, topic, device, received_at)),)
    except RecursionError:
        raise BadInput(Code.MALFORMED, "nested too deeply", where="envelope") from None


def _device(topic: DeviceTopic, registers: Registers) -> Device:
    device = registers.device(parse_device_id(topic.device_id, "topic"))
    if device is None:
        raise BadInput(Code.DEVICE_FORBIDDEN, f"device {topic.device_id} is not registered", where="topic")
    if device.revoked:
        raise BadInput(Code.DEVICE_FORBIDDEN, f"device {device.id} is revoked", where="topic")
    if device.uscc != topic.uscc.upper() or device.region != topic.region:
        raise BadInput(Code.DEVICE_FORBIDDEN, f"device {device.id} is bound to another merchant or region", where="topic")
    return device


def _require_bound(device: Device, uscc: str, at: datetime) -> None:
    if not device.speaks_for(uscc, at):
        raise BadInput(
            Code.DEVICE_FORBIDDEN, f"device {device.id} was not bound to {uscc} at {format_instant(at)}", where="device_id"
        )


def _judge_envelope(message: Message, topic: DeviceTopic, device: Device, received_at: datetime) -> Observation:
    envelope = decode_json(message.payload)
    uscc = parse_uscc(envelope.get("uscc"))
    if uscc != device.uscc or envelope.get("device_id") != device.id:
        raise BadInput(Code.DEVICE_FORBIDDEN, "the envelope names another merchant or device than its topic", where="topic")
    if device.key is not None:
        verify(envelope, device.key)
    observation = parse_envelope(envelope, received_at)
    expected = Kind.CAM_STATUS.value if topic.leaf == STATUS_LEAF else topic.kind
    if observation.kind.value != expected:
        raise BadInput(
            Code.UNKNOWN_KIND,
            f"kind {observation.kind.value!r} does not belong on this topic",
            where=topic.leaf[:80],
            hint=f"publish it on …/{observation.kind.value.replace('.', '/')}",
        )
    _require_bound(device, uscc, observation.event_time)
    return observation


def _plain_status(message: Message, device: Device, *, online: bool, received_at: datetime) -> Observation:
    """``online``/``offline`` as published by a connection or its last will; time = receipt (domain.md E.3)."""
    word = (ONLINE if online else OFFLINE).decode()
    parts: tuple[str, ...] = ("status", message.topic, word)
    if not message.retained:
        parts = (*parts, received_at.isoformat())
    elif message.resumed:
        parts = (*parts, "stands", local_day(received_at).isoformat())
    else:
        parts = (*parts, "found", received_at.isoformat())
    return Observation(
        event_id=derived_id(*parts),
        kind=Kind.CAM_STATUS,
        uscc=device.uscc,
        device_id=device.id,
        event_time=received_at,
        received_at=received_at,
        seq=0,
        body={"online": online},
        content_hash=hashlib.sha256("\x1f".join(parts).encode()).hexdigest(),
        time_source=TimeSource.SERVER,
    )


def _judge_frame(message: Message, device: Device, limits: Limits, received_at: datetime) -> tuple[Record, ...]:
    picture = read_jpeg(message.payload, most_bytes=limits.frame_bytes, most_pixels=limits.frame_pixels)
    metadata = frame_metadata(picture, message.properties)
    if metadata.captured_at is None:
        if message.retained:
            return ()
        captured_at, source, flags = received_at, TimeSource.SERVER, _NO_FLAGS
    else:
        captured_at, source, flags = judge_time(metadata.captured_at, received_at)
    _require_bound(device, device.uscc, captured_at)
    headers = {
        "merchant": device.uscc,
        "captured_at": format_instant(captured_at),
        "received_at": format_instant(received_at),
        "seq": str(metadata.seq or 0),
        "width": str(picture.width),
        "height": str(picture.height),
        "time_source": source.value,
        "flags": ",".join(flag.value for flag in flags),
    }
    return (Record(topic=Topic.FRAMES.value, key=device.id.encode(), value=message.payload, headers=_headers(headers)),)


def _fact(observation: Observation) -> Record:
    try:
        value = orjson.dumps(observation.to_wire())
    except TypeError as error:
        raise BadInput(Code.MALFORMED, f"cannot be written as JSON: {error}", where="envelope") from None
    if observation.kind is Kind.CAM_DETECTION:
        return Record(topic=Topic.DETECTIONS.value, key=observation.device_id.encode(), value=value)
    return Record(topic=Topic.OBSERVATIONS.value, key=observation.uscc.encode(), value=value)


def dead_letter(message: Message, error: BadInput, limits: Limits, received_at: datetime) -> Record:
    """The record that keeps a refused message: original bytes, code and reason."""
    uscc = device_id = ""
    try:
        topic = parse_device_topic(message.topic)
        uscc, device_id = topic.uscc, topic.device_id
    except BadInput:
        pass
    headers = {
        "code": error.code.value,
        "reason": str(error),
        "received_at": format_instant(received_at),
        "source": f"mqtt:{message.topic}",
        "uscc": uscc,
        "device_id": device_id,
    }
    value = message.payload
    if len(value) > limits.dead_letter_bytes:
        headers["original_bytes"] = str(len(value))
        value = value[: limits.dead_letter_bytes]
    return Record(
        topic=Topic.DEAD_LETTERS.value, key=headers["source"].encode("utf-8", "replace"), value=value, headers=_headers(headers)
    )


def _headers(values: Mapping[str, Any]) -> tuple[tuple[str, bytes], ...]:
    return tuple((name, str(value).encode("utf-8", "replace")) for name, value in values.items())
