"""Observations: what a device or a register reports, from the wire envelope (domain.md E.2) to a checked value.

``parse_envelope`` judges only what the envelope itself can tell (E001–E004, E010, E040–E043, E050, E051, E054). Whether the
device exists, may speak for that merchant and signed rightly (E011, E020, E021) needs the registers and is judged by
the gateway; duplicates (E030, E031) need the database and are judged by casework.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from domain.bodies import check_body
from domain.errors import BadInput, Code
from domain.ids import derived_id, parse_device_id, parse_uscc
from domain.text import is_storable
from domain.time import format_instant, parse_instant

MAX_ENVELOPE_BYTES = 64 * 1024
MAX_DEPTH = 32
MOST_WHOLE = 2**63 - 1
LONGEST_NAME = 40
EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)
SKEW = timedelta(minutes=5)
QUARANTINE = timedelta(hours=24)
LATE = timedelta(hours=72)
MAX_NET_G = 30_000


class Kind(StrEnum):
    """Envelope kinds (domain.md E.2)."""

    CAM_DETECTION = "cam.detection"
    CAM_STATUS = "cam.status"
    SCALE_WEIGH = "scale.weigh"
    TRACE_RECORD = "trace.record"
    SENSOR_TEMP = "sensor.temp"
    STAFF_CERTIFICATE = "staff.certificate"
    STAFF_SHIFT = "staff.shift"
    BATCH_UPSERT = "batch.upsert"
    BATCH_MOVE = "batch.move"
    ADDITIVE_USE = "additive.use"
    SAMPLING_RESULT = "sampling.result"
    INSPECTION_RESULT = "inspection.result"
    COMPLAINT_NEW = "complaint.new"
    CREDIT_RECORD = "credit.record"
    RATING_NEW = "rating.new"


class Flag(StrEnum):
    """Marks an accepted observation carries (domain.md E.4)."""

    CLOCK_SKEW = "clock_skew"
    LATE = "late"
    SUSPECT = "suspect"
    LICENCE_UNVERIFIED = "licence_unverified"
    NEEDS_MAPPING = "needs_mapping"
    CODE_CONFLICT = "code_conflict"
    SNAPSHOT_MISSING = "snapshot_missing"


class TimeSource(StrEnum):
    """Whose clock ``event_time`` comes from."""

    DEVICE = "device"
    SERVER = "server"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One checked fact.

    Attributes:
        event_id: UUID, the idempotency key.
        event_time: when it happened (device clock, or the server's when ``time_source`` says so).
        received_at: server time of receipt.
        seq: the device's counter; order is (event_time, seq).
        body: the checked body, JSON values only.
        content_hash: SHA-256 of what the sender said; tells E030 from E031.
    """

    event_id: str
    kind: Kind
    uscc: str
    device_id: str
    event_time: datetime
    received_at: datetime
    seq: int
    body: Mapping[str, Any]
    content_hash: str
    time_source: TimeSource = TimeSource.DEVICE
    flags: tuple[Flag, ...] = field(default=())

    def to_wire(self) -> dict[str, Any]:
        """JSON form on the ``observations`` topic: the envelope plus what the server added."""
        return {
            "v": 1,
            "event_id": self.event_id,
            "kind": self.kind.value,
            "uscc": self.uscc,
            "device_id": self.device_id,
            "event_time": format_instant(self.event_time),
            "seq": self.seq,
            "body": dict(self.body),
            "received_at": format_instant(self.received_at),
            "time_source": self.time_source.value,
            "flags": [flag.value for flag in self.flags],
            "content_hash": self.content_hash,
        }

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Observation:
        """Read back ``to_wire``.

        Raises:
            BadInput: E002/E003 if the record was not written by ``to_wire``.
        """
        try:
            return cls(
                event_id=str(wire["event_id"]),
                kind=Kind(wire["kind"]),
                uscc=parse_uscc(wire["uscc"]),
                device_id=str(wire["device_id"]),
                event_time=parse_instant(wire["event_time"], "event_time"),
                received_at=parse_instant(wire["received_at"], "received_at"),
                seq=int(wire["seq"]),
                body=dict(wire["body"]),
                content_hash=str(wire["content_hash"]),
                time_source=TimeSource(wire["time_source"]),
                flags=tuple(Flag(flag) for flag in wire["flags"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadInput(Code.FIELD, f"not an observation record: {error!r}", where="observations") from None


def _no_constant(text: str) -> None:
    raise BadInput(Code.IMPOSSIBLE_VALUE, f"{text} is no number", where="envelope")


def _check_shape(envelope: Mapping[str, Any]) -> None:
    """Refuse what nests too deep to be walked safely, and keys that would make a stream framework construct objects."""
    level: list[object] = [envelope]
    for _ in range(MAX_DEPTH):
        below: list[object] = []
        for value in level:
            if isinstance(value, dict):
                if "__faust" in value:
                    raise BadInput(Code.POLYMORPHIC, 'a "__faust" key is not allowed', where="envelope", hint="remove it")
                below += value.values()
            elif isinstance(value, list):
                below += value
        if not below:
            return
        level = below
    raise BadInput(Code.MALFORMED, f"nested deeper than {MAX_DEPTH} levels", where="envelope")


def _inside(value: object) -> Iterable[object]:
    """What a JSON object or array holds."""
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _check_holds(value: object, where: str) -> None:
    """Refuse text (keys included) and numbers that not every database can hold; the depth was bounded before."""
    if isinstance(value, str):
        if not is_storable(value):
            raise BadInput(Code.FIELD, "the text has a NUL or half a surrogate pair", where=where, hint="remove it")
        return
    if isinstance(value, float) and not math.isfinite(value):
        raise BadInput(Code.IMPOSSIBLE_VALUE, "a number without end", where=where)
    if isinstance(value, int) and not -MOST_WHOLE <= value <= MOST_WHOLE:
        raise BadInput(Code.IMPOSSIBLE_VALUE, "a whole number of more than 64 bits", where=where)
    if isinstance(value, dict):
        for key in value:
            _check_holds(key, where)
    for inner in _inside(value):
        _check_holds(inner, where)


_DECODER = json.JSONDecoder(parse_constant=_no_constant)
_SORTED = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))
_PLAIN_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def decode_json(raw: bytes) -> dict[str, Any]:
    """Bytes from outside as a JSON object.

    Raises:
        BadInput: E001 if it is no UTF-8 JSON object, longer than 64 KiB or nested deeper than 32 levels, E004 on a ``__faust``
            key, E050 on NaN or Infinity.
    """
    if len(raw) > MAX_ENVELOPE_BYTES:
        raise BadInput(Code.MALFORMED, f"{len(raw)} bytes, more than {MAX_ENVELOPE_BYTES}", where="envelope")
    try:
        value = _DECODER.decode(raw.decode("utf-8"))
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise BadInput(Code.MALFORMED, f"not UTF-8 JSON ({error})", where="envelope") from None
    if not isinstance(value, dict):
        raise BadInput(Code.MALFORMED, "not a JSON object", where="envelope")
    _check_shape(value)
    return value


def content_hash(envelope: Mapping[str, Any]) -> str:
    """SHA-256 (hex) over the sender's own words: key order and the signature do not count."""
    own = {key: value for key, value in envelope.items() if key != "sig"}
    return hashlib.sha256(_SORTED.encode(own).encode("utf-8", "surrogatepass")).hexdigest()


def parse_envelope(raw: bytes | Mapping[str, Any], received_at: datetime) -> Observation:
    """Read and check one envelope.

    Args:
        raw: the bytes as published, or the object already decoded by ``decode_json``.
        received_at: server time of receipt, aware.

    Returns:
        The observation; flags say what was tolerated.

    Raises:
        BadInput: with the code of domain.md E.4.
    """
    envelope = decode_json(raw) if isinstance(raw, bytes) else raw
    if envelope is raw:
        _check_shape(envelope)
    if envelope.get("v") != 1 or isinstance(envelope.get("v"), bool):
        raise BadInput(Code.UNKNOWN_KIND, f"version {envelope.get('v')!r} is not known", where="v", hint="send v: 1")
    try:
        kind = Kind(str(envelope.get("kind")))
    except ValueError:
        raise BadInput(Code.UNKNOWN_KIND, f"kind {str(envelope.get('kind'))[:40]!r} is not known", where="kind") from None
    uscc = parse_uscc(envelope.get("uscc"))
    device_id = parse_device_id(envelope.get("device_id"))
    digest = content_hash(envelope)
    event_id = _event_id(envelope.get("event_id"), digest)
    event_time, source, flags = judge_time(parse_instant(envelope.get("event_time"), "event_time"), received_at)
    seq = envelope.get("seq", 0)
    if not isinstance(seq, int) or isinstance(seq, bool) or not 0 <= seq < 2**63:
        raise BadInput(Code.FIELD, "a whole number ≥ 0 is required", where="seq")
    body = envelope.get("body")
    if not isinstance(body, dict):
        raise BadInput(Code.FIELD, "an object is required", where="body")
    for name, value in body.items():
        _check_holds(name, "body")
        _check_holds(value, f"body.{name[:LONGEST_NAME]}")
    check_body(kind.value, body)
    if kind is Kind.SCALE_WEIGH and not scale_adds_up(body):
        flags = (*flags, Flag.SUSPECT)
    return Observation(
        event_id=event_id,
        kind=kind,
        uscc=uscc,
        device_id=device_id,
        event_time=event_time,
        received_at=received_at,
        seq=seq,
        body=body,
        content_hash=digest,
        time_source=source,
        flags=flags,
    )


def _event_id(value: object, digest: str) -> str:
    """A sender without ids (a foreign client) gets one from its content, so that telling twice is still once."""
    if value is None:
        return derived_id("event", digest)
    if isinstance(value, str) and _PLAIN_UUID.fullmatch(value):
        return value
    try:
        return str(uuid.UUID(str(value)))
    except ValueError:
        raise BadInput(Code.FIELD, f"{str(value)[:40]!r} is no UUID", where="event_id") from None


def judge_time(event_time: datetime, received_at: datetime) -> tuple[datetime, TimeSource, tuple[Flag, ...]]:
    """Decide whose clock to believe (domain.md E.4, rows E040–E042).

    Raises:
        BadInput: E041 if the time is more than 24 h ahead or before 2020.
    """
    if event_time > received_at + QUARANTINE or event_time < EARLIEST:
        raise BadInput(
            Code.TIME_IMPOSSIBLE,
            f"{format_instant(event_time)} cannot be",
            where="event_time",
            hint="set the device's clock",
        )
    if event_time > received_at + SKEW:
        return received_at, TimeSource.SERVER, (Flag.CLOCK_SKEW,)
    if event_time < received_at - LATE:
        return event_time, TimeSource.DEVICE, (Flag.LATE,)
    return event_time, TimeSource.DEVICE, ()


def scale_adds_up(body: Mapping[str, Any]) -> bool:
    """``net = gross − tare`` and ``amount = net × price / 1000`` half-up, ±1 fen (domain.md E.2, E051)."""
    if body["net_g"] != body["gross_g"] - body["tare_g"]:
        return False
    amount = (2 * body["net_g"] * body["unit_price_fen_per_kg"] + 1000) // 2000  # whole numbers ≥ 0: half goes up
    return bool(abs(amount - body["amount_fen"]) <= 1)
