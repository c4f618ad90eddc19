"""Who exists and which device speaks for whom: the gateway's table, and the wire form of the records that fill it.

The records are written by casework from SQL to the compacted topic ``registers``; a record without a value takes its key away.
Each names the telling it belongs to (the instant of its beginning), and ``told`` says how many there were: the register is known
whole only when so many of that telling or of later ones have come, in whatever order. ``apply`` never raises: a record that
cannot be read is logged and leaves what was known before.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog

from domain.errors import BadInput
from domain.ids import DeviceKind, parse_device_id, parse_uscc
from domain.parties import Device, Merchant
from domain.time import format_instant, parse_instant

log = structlog.get_logger(__name__)

_MERCHANT, _DEVICE, _TOLD = "merchant:", "device:", "told"


def merchant_record(merchant: Merchant, telling: datetime | None = None) -> tuple[str, dict[str, Any]]:
    """Key and JSON value of a merchant on the ``registers`` topic."""
    value = {
        "uscc": merchant.uscc,
        "name": merchant.name,
        "region": merchant.region,
        "business_form": merchant.business_form.value,
        "scheme": merchant.scheme,
        "site": merchant.site,
        **_of(telling),
    }
    return _MERCHANT + merchant.uscc, value


def device_record(device: Device, telling: datetime | None = None) -> tuple[str, dict[str, Any]]:
    """Key and JSON value of a device on the ``registers`` topic; its signing key travels with it, base64."""
    value = {
        "id": device.id,
        "uscc": device.uscc,
        "region": device.region,
        "kind": device.kind.value,
        "name": device.name,
        "key": None if device.key is None else base64.b64encode(device.key).decode(),
        "bound_from": None if device.bound_from is None else format_instant(device.bound_from),
        "bound_until": None if device.bound_until is None else format_instant(device.bound_until),
        "revoked": device.revoked,
        **_of(telling),
    }
    return _DEVICE + device.id, value


def told_record(merchants: int, devices: int, telling: datetime | None = None) -> tuple[str, dict[str, Any]]:
    """The record that ends a telling of the whole register: before it, an unknown device may only be one not told yet."""
    return _TOLD, {"merchants": merchants, "devices": devices, **_of(telling)}


def _of(telling: datetime | None) -> dict[str, str]:
    return {} if telling is None else {"telling": telling.astimezone(UTC).isoformat(timespec="microseconds")}


def _telling_of(value: Mapping[str, Any]) -> str:
    return str(value.get("telling", ""))


@dataclass(frozen=True, slots=True)
class _Ending:
    """What ``told`` says: how many records its telling had. Tellings are instants of one form, so that text sorts by time."""

    telling: str
    merchants: int
    devices: int

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> _Ending:
        return cls(_telling_of(value), int(value["merchants"]), int(value["devices"]))


def read_device(value: Mapping[str, Any]) -> Device:
    """A device from its record.

    Raises:
        BadInput, KeyError, TypeError, ValueError: the record was not written by ``device_record``.
    """
    bound_from, bound_until, key = value.get("bound_from"), value.get("bound_until"), value.get("key")
    return Device(
        id=parse_device_id(value["id"]),
        uscc=parse_uscc(value["uscc"]),
        region=str(value["region"]),
        kind=DeviceKind(value["kind"]),
        name=str(value.get("name", "")),
        key=None if key is None else base64.b64decode(key, validate=True),
        bound_from=None if bound_from is None else parse_instant(bound_from, "bound_from"),
        bound_until=None if bound_until is None else parse_instant(bound_until, "bound_until"),
        revoked=bool(value.get("revoked", False)),
    )


class Registers:
    """Merchants and devices in memory; not shared between threads."""

    def __init__(self, merchants: Iterable[Merchant] = (), devices: Iterable[Device] = ()) -> None:
        self._merchants: dict[str, str] = {}
        self._devices: dict[str, Device] = {}
        self._told_of: dict[str, str] = {}
        self._ending: _Ending | None = None
        for merchant in merchants:
            self.apply(*merchant_record(merchant))
        for device in devices:
            self.apply(*device_record(device))

    def apply(self, key: str, value: bytes | str | Mapping[str, Any] | None) -> None:
        """Take one record of the topic; None is a tombstone."""
        try:
            decoded = json.loads(value) if isinstance(value, bytes | str) else value
            if key.startswith((_MERCHANT, _DEVICE)):
                self._note(key, decoded)
            if key.startswith(_MERCHANT):
                self._apply_merchant(key.removeprefix(_MERCHANT), decoded)
            elif key.startswith(_DEVICE):
                self._apply_device(key.removeprefix(_DEVICE), decoded)
            elif key == _TOLD:
                self._ending = None if decoded is None else _Ending.read(decoded)
            else:
                log.warning("registers.unknown_key", key=key[:80])
        except (BadInput, KeyError, TypeError, ValueError, AttributeError) as error:
            log.warning("registers.unreadable", key=key[:80], error=repr(error))

    def _note(self, key: str, value: Mapping[str, Any] | None) -> None:
        """Remember in which telling a record came: one that cannot be read has come too, and keeps nobody waiting."""
        if value is None:
            self._told_of.pop(key, None)
        else:
            self._told_of[key] = _telling_of(value)

    def _apply_merchant(self, uscc: str, value: Mapping[str, Any] | None) -> None:
        if value is None:
            self._merchants.pop(uscc, None)
            return
        self._merchants[parse_uscc(value["uscc"])] = str(value["region"])

    def _apply_device(self, device_id: str, value: Mapping[str, Any] | None) -> None:
        if value is None:
            self._devices.pop(device_id, None)
            return
        device = read_device(value)
        self._devices[device.id] = device

    @property
    def told(self) -> bool:
        """Whether the whole register has been told: all the records are here that the last telling to end consisted of.

        A record told again later counts as well, and so does every one where tellings have no name (topics of old).
        """
        if self._ending is None:
            return False
        here = [key for key, telling in self._told_of.items() if telling >= self._ending.telling]
        merchants = sum(key.startswith(_MERCHANT) for key in here)
        return merchants >= self._ending.merchants and len(here) - merchants >= self._ending.devices

    def knows(self, uscc: str) -> bool:
        """Whether the merchant is registered here."""
        return uscc in self._merchants

    def region(self, uscc: str) -> str | None:
        """The merchant's region, or None if it is not known."""
        return self._merchants.get(uscc)

    def device(self, device_id: str) -> Device | None:
        """The device, or None if it is not known."""
        return self._devices.get(device_id)

    def __len__(self) -> int:
        return len(self._merchants) + len(self._devices)
