"""Judging observations that come in over HTTP, by the table of domain.md E.4.

Everything refused becomes a dead letter, except what was only too fast (E070) and what was told before (E030), which is
no error at all. Whether a fact has consequences is judged later, by casework.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

import structlog

from devices.payloads import verify
from domain.errors import BadInput, Code
from domain.ids import parse_device_id, parse_uscc
from domain.observations import MAX_ENVELOPE_BYTES, Kind, Observation, decode_json, parse_envelope
from domain.parties import Actor, Device
from store.ports import UnitOfWork
from traceability.batches import moved
from web.parts import Parts

log = structlog.get_logger(__name__)

SECURITY = frozenset({Code.DEVICE_FORBIDDEN, Code.SIGNATURE_WRONG, Code.DUPLICATE_CONFLICT})
NOT_LETTERS = frozenset({Code.RATE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who posts: a device with its password, or an official with a token."""

    device_id: str | None = None
    actor: Actor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """To be written to the log."""

    observation: Observation


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """Told before, with the same content (E030)."""

    event_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Refused, with what is known about the sender for the dead letter."""

    error: BadInput
    raw: bytes
    event_id: str = ""
    uscc: str = ""
    device_id: str = ""


Verdict: TypeAlias = Accepted | Replayed | Refused


def split(raw: bytes, *, batch_limit: int) -> tuple[list[bytes], bool]:
    """A request's body as envelopes, and whether it was a batch.

    Each envelope is written out again by itself, so that one bad number refuses one item, not the batch.

    Raises:
        BadInput: E001 if it is no JSON, or a batch of no or too many items.
    """
    try:
        value = json.loads(raw.decode("utf-8"))
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise BadInput(Code.MALFORMED, f"not UTF-8 JSON ({error})", where="body") from None
    if isinstance(value, dict) and "items" in value and "v" not in value:
        value = value["items"]
    if not isinstance(value, list):
        return [raw], False
    if not 0 < len(value) <= batch_limit:
        raise BadInput(Code.MALFORMED, f"a batch of {len(value)} items", where="body", hint=f"send 1 to {batch_limit}")
    return [json.dumps(item, ensure_ascii=False).encode("utf-8", "surrogatepass") for item in value], True


def judge_all(parts: Parts, sender: Sender, envelopes: Sequence[bytes], now: datetime) -> list[Verdict]:
    """A verdict per envelope, in order. Reads the store in one transaction; writes nothing."""
    with parts.store.reading() as uow:
        bench = _Bench(parts=parts, uow=uow, sender=sender, now=now)
        return [bench.judge(raw) for raw in envelopes]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bench:
    """Where one request is judged; ``seen`` are the ids accepted earlier in the same request."""

    parts: Parts
    uow: UnitOfWork
    sender: Sender
    now: datetime
    seen: dict[str, str] = field(default_factory=dict)

    def judge(self, raw: bytes) -> Verdict:
        """One envelope."""
        envelope: Mapping[str, Any] = {}
        try:
            envelope = decode_json(raw)
            device = _device_of(self.uow, self.sender, envelope)
            self._check_signature(device, envelope)
            observation = parse_envelope(envelope, self.now)
            self._check_bound(device, observation)
            if self._is_known(observation):
                return Replayed(event_id=observation.event_id)
            _check_stock(self.uow, observation)
        except BadInput as error:
            return _refuse(self.sender, envelope, raw, error)
        self.seen[observation.event_id] = observation.content_hash
        return Accepted(observation=observation)

    def _check_signature(self, device: Device, envelope: Mapping[str, Any]) -> None:
        """Three wrong signatures in ten minutes block a device until it is registered anew, as at the gateway (E021).

        Only what the device itself posts counts: an official who posts in its name cannot block it.
        """
        if self.parts.signatures.blocked(device):
            hint = "give it a new key and register it"
            raise BadInput(Code.DEVICE_FORBIDDEN, f"{device.id} is blocked after wrong signatures", where="sig", hint=hint)
        if device.key is None:
            return
        try:
            verify(envelope, device.key)
        except BadInput as error:
            if error.code is Code.SIGNATURE_WRONG:
                self._count_wrong(device)
            raise

    def _count_wrong(self, device: Device) -> None:
        if self.sender.device_id is not None and self.parts.signatures.failed(device, self.now):
            log.error("device.blocked", device=device.id)

    def _check_bound(self, device: Device, observation: Observation) -> None:
        if not device.speaks_for(observation.uscc, observation.event_time):
            raise BadInput(Code.DEVICE_FORBIDDEN, f"{device.id} was not bound to {observation.uscc} then", where="device_id")
        if not self.parts.device_buckets.take(device.id, self.now):
            raise BadInput(Code.RATE, "too many observations a second", where="device_id", hint="slow down and send it again")

    def _is_known(self, observation: Observation) -> bool:
        """Whether exactly this was told before (E030). Raises BadInput E031 if the id was used for something else."""
        event_id = observation.event_id
        known = self.seen.get(event_id) or self.parts.recent.known(event_id) or self.uow.observations.known(event_id)
        if known is not None and known != observation.content_hash:
            raise BadInput(Code.DUPLICATE_CONFLICT, "this event_id was used for something else", where="event_id")
        return known is not None


def _refuse(sender: Sender, envelope: Mapping[str, Any], raw: bytes, error: BadInput) -> Refused:
    said = {key: str(envelope.get(key) or "")[:64] for key in ("event_id", "uscc", "device_id")}
    if error.code in SECURITY:
        log.warning("observation_refused_security", code=error.code.value, sender=sender.device_id or "user", **said)
    return Refused(
        error=error,
        raw=raw[:MAX_ENVELOPE_BYTES],
        event_id=said["event_id"],
        uscc=said["uscc"],
        device_id=said["device_id"] or (sender.device_id or ""),
    )


def _device_of(uow: UnitOfWork, sender: Sender, envelope: Mapping[str, Any]) -> Device:
    """Who speaks: settled before what is said is read."""
    uscc, device_id = parse_uscc(envelope.get("uscc")), parse_device_id(envelope.get("device_id"))
    merchant = uow.merchants.get(uscc)
    known = merchant is not None and (sender.actor is None or sender.actor.may_see(uscc=merchant.uscc, region=merchant.region))
    if not known:
        raise BadInput(Code.USCC_UNKNOWN, f"{uscc} is not registered here", where="uscc")
    if sender.device_id not in (None, device_id):
        raise BadInput(Code.DEVICE_FORBIDDEN, f"{sender.device_id} may not speak for {device_id}", where="device_id")
    device = uow.devices.get(device_id)
    if device is None or device.revoked or device.uscc != uscc:
        raise BadInput(Code.DEVICE_FORBIDDEN, f"{device_id} is not bound to {uscc}", where="device_id")
    return device


def _check_stock(uow: UnitOfWork, observation: Observation) -> None:
    """Refuse at the door what casework would refuse; a lot not known yet may be told of in the same breath.

    Raises:
        BadInput: E052 if more is moved than is there.
    """
    if observation.kind is not Kind.BATCH_MOVE:
        return
    batch = uow.batches.get(observation.uscc, str(observation.body["lot"]))
    if batch is not None:
        moved(batch, observation.body, observation.event_time)
