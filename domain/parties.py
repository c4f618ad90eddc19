"""Who is supervised, what watches them, and who may act: merchants, devices, cameras with zones, users (domain.md A.1, E.7)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, time
from enum import StrEnum

from domain.ids import DeviceKind


class BusinessForm(StrEnum):
    """主体业态 (domain.md A.1)."""

    CATERING = "catering"
    RETAIL = "retail"
    CANTEEN = "canteen"
    WORKSHOP = "workshop"
    PRODUCER = "producer"
    STALL = "stall"


class Role(StrEnum):
    """Roles of domain.md E.7 that this cut serves; ``inspector`` is the officer's word on the outside.

    A ``department`` is a liaison department: it sees what it is told, and no merchant's objects (R-01).
    """

    MERCHANT = "merchant"
    STAFF = "staff"
    INSPECTOR = "inspector"
    SUPERVISOR = "supervisor"
    DEPARTMENT = "department"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningHours:
    """Daily opening on Shanghai's clock; ``closes`` earlier than ``opens`` runs over midnight."""

    opens: time
    closes: time


@dataclass(frozen=True, slots=True, kw_only=True)
class Merchant:
    """A supervised food business, keyed by its unified social credit code."""

    uscc: str
    name: str
    region: str
    business_form: BusinessForm
    scheme: str
    site: str = ""
    address: str = ""
    licence_no: str = ""
    licence_verified: bool = True
    opening: OpeningHours | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A registered device, bound to one merchant in a time range (domain.md E.1).

    Attributes:
        key: HMAC-SHA256 key; a signature is required only where there is one.
        bound_until: first instant it is no longer bound; None = still bound.
    """

    id: str
    uscc: str
    region: str
    kind: DeviceKind
    name: str = ""
    key: bytes | None = None
    bound_from: datetime | None = None
    bound_until: datetime | None = None
    revoked: bool = False

    def speaks_for(self, uscc: str, at: datetime) -> bool:
        """Whether the device is bound to that merchant at that instant."""
        if self.revoked or self.uscc != uscc:
            return False
        begun = self.bound_from is None or self.bound_from <= at
        return begun and (self.bound_until is None or at < self.bound_until)


class ZoneKind(StrEnum):
    """What a part of the picture is; rules may be limited to some kinds."""

    KITCHEN = "kitchen"
    SPECIAL_ROOM = "special_room"
    STOVE = "stove"
    STORAGE = "storage"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A polygon in the picture; points are (x, y) in 0…1 of width and height. Empty = the whole picture."""

    name: str
    kind: ZoneKind
    polygon: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """A camera device with its zones and the camera rules switched off or changed for it."""

    device_id: str
    uscc: str
    zones: tuple[Zone, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Somebody who signs in.

    A merchant's user has a ``uscc``; an inspector a ``region`` (six digits, or a prefix); a liaison department's the id of it.
    ``phone`` and ``email`` are where text messages and letters to them go.
    """

    id: str
    login: str
    name: str
    role: Role
    uscc: str | None = None
    region: str | None = None
    locale: str = "zh"
    active: bool = True
    department: str | None = None
    phone: str | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who does something, as the audit trail records it."""

    id: str
    role: Role
    uscc: str | None = None
    region: str | None = None
    name: str = ""
    department: str | None = None

    def may_see(self, *, uscc: str, region: str) -> bool:
        """Object-level check: own merchant, own region, everything (supervisor, system), or nothing (department)."""
        if self.role in (Role.MERCHANT, Role.STAFF):
            return self.uscc == uscc
        if self.role is Role.INSPECTOR:
            return self.region is not None and region.startswith(self.region)
        return self.role is not Role.DEPARTMENT

    @classmethod
    def of(cls, user: User) -> Actor:
        """The actor a signed-in user is."""
        return cls(id=user.id, role=user.role, uscc=user.uscc, region=user.region, name=user.name, department=user.department)


SYSTEM = Actor(id="system", role=Role.SYSTEM, name="system")
"""The product itself: may create findings and proposed entries, never a sanction (domain.md E.7)."""
