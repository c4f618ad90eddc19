"""The files of a configuration directory as pydantic models: what may stand where.

Each model converts itself to domain values and judges only its own file; what needs two files is in ``configs.checks``.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from configs.values import Site
from configs.words import Clock, DeviceId, Email, Instant, Name, Phone, Region, RegionPrefix, Strict, Uscc, Word
from domain.ids import DeviceKind, derived_id, device_kind, licence_verified
from domain.parties import BusinessForm, Camera, Device, Merchant, OpeningHours, Role, User, Zone, ZoneKind

Share = Annotated[float, Field(ge=0, le=1)]
Point = tuple[Share, Share]


class Push(Strict):
    """Web Push of this site."""

    subject: Annotated[str, Field(pattern=r"^(mailto:[^@\s]+@[^@\s]+|https://\S+)$", description="contact for push services")]
    hosts: Annotated[tuple[str, ...], Field(description="hosts a subscription may point at; *.example.org admits subdomains")] = (
        "fcm.googleapis.com",
        "*.push.services.mozilla.com",
        "*.push.apple.com",
        "*.notify.windows.com",
    )


class FrameLimits(Strict):
    """What a camera may send."""

    max_bytes: Annotated[int, Field(ge=10_000, le=4_000_000)] = (
        2_000_000  # the broker and the log take 4 MiB with what comes along
    )
    per_second: Annotated[float, Field(gt=0, le=60)] = 5.0


class RateLimits(Strict):
    """What a device may send (E070)."""

    events_per_second: Annotated[float, Field(gt=0, le=1000)] = 20.0


class SiteFile(Strict):
    """``site.yaml``."""

    name: Name
    region: Region
    scheme: Word
    public_url: Annotated[str, Field(pattern=r"^(https?://\S+)?$")] = ""
    push: Push
    frames: FrameLimits = FrameLimits()
    rates: RateLimits = RateLimits()

    def value(self) -> Site:
        """The domain value."""
        return Site(
            name=self.name,
            region=self.region,
            scheme=self.scheme,
            push_subject=self.push.subject,
            push_hosts=self.push.hosts,
            frame_max_bytes=self.frames.max_bytes,
            frames_per_second=self.frames.per_second,
            events_per_second=self.rates.events_per_second,
            public_url=self.public_url.rstrip("/"),
        )


class Opening(Strict):
    """Opening hours on Shanghai's clock; closing earlier than opening runs over midnight."""

    opens: Clock
    closes: Clock


class MerchantEntry(Strict):
    """One supervised business."""

    uscc: Uscc
    name: Name
    region: Region
    business_form: BusinessForm
    scheme: Word | None = None
    site: Annotated[str, Field(max_length=80, description="market, street or canteen it belongs to")] = ""
    address: Annotated[str, Field(max_length=200)] = ""
    licence_no: Annotated[str, Field(max_length=40)] = ""
    opening: Opening | None = None

    def value(self, scheme: str) -> Merchant:
        """The domain value; ``scheme`` is the site's, for a merchant that names none."""
        hours = self.opening
        opening = OpeningHours(opens=hours.opens, closes=hours.closes) if hours else None
        return Merchant(
            uscc=self.uscc,
            name=self.name,
            region=self.region,
            business_form=self.business_form,
            scheme=self.scheme or scheme,
            site=self.site,
            address=self.address,
            licence_no=self.licence_no,
            licence_verified=not self.licence_no or licence_verified(self.licence_no),
            opening=opening,
        )


class MerchantsFile(Strict):
    """``merchants.yaml``."""

    merchants: tuple[MerchantEntry, ...] = ()


class ZoneEntry(Strict):
    """A part of a camera's picture."""

    name: Word
    kind: ZoneKind
    polygon: Annotated[tuple[Point, ...], Field(description="points [x, y] in 0…1; empty = the whole picture")] = ()

    @model_validator(mode="after")
    def _has_area(self) -> Self:
        if self.polygon and (len(self.polygon) < 3 or _area(self.polygon) < 1e-4):
            raise ValueError("a polygon needs three points or more and an area; leave it out for the whole picture")
        return self

    def value(self) -> Zone:
        """The domain value."""
        return Zone(name=self.name, kind=self.kind, polygon=self.polygon)


class DeviceEntry(Strict):
    """One registered device; a camera also has its zones."""

    id: DeviceId
    uscc: Uscc
    name: Annotated[str, Field(max_length=80)] = ""
    bound_from: Instant | None = None
    bound_until: Instant | None = None
    revoked: bool = False
    zones: tuple[ZoneEntry, ...] = ()

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.zones and device_kind(self.id) is not DeviceKind.CAMERA:
            raise ValueError("only a camera has zones")
        names = [zone.name for zone in self.zones]
        if len(names) != len(set(names)):
            raise ValueError("two zones have the same name")
        if self.bound_from and self.bound_until and self.bound_until <= self.bound_from:
            raise ValueError("bound_until lies before bound_from")
        return self

    def value(self, region: str) -> Device:
        """The domain value; ``region`` is the merchant's."""
        return Device(
            id=self.id,
            uscc=self.uscc,
            region=region,
            kind=device_kind(self.id),
            name=self.name,
            bound_from=self.bound_from,
            bound_until=self.bound_until,
            revoked=self.revoked,
        )

    def camera(self) -> Camera:
        """The camera with its zones; the whole picture is kitchen where none is drawn."""
        zones = tuple(zone.value() for zone in self.zones) or (Zone(name="kitchen", kind=ZoneKind.KITCHEN),)
        return Camera(device_id=self.id, uscc=self.uscc, zones=zones)


class DevicesFile(Strict):
    """``devices.yaml``."""

    devices: tuple[DeviceEntry, ...] = ()


class UserEntry(Strict):
    """Somebody who signs in; the password is not here."""

    login: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{1,31}$")]
    name: Name
    role: Role
    uscc: Uscc | None = None
    region: RegionPrefix | None = None
    department: Word | None = None
    locale: Annotated[str, Field(pattern="^(zh|en)$")] = "zh"
    phone: Phone | None = None
    email: Email | None = None
    active: bool = True

    @model_validator(mode="after")
    def _belongs_somewhere(self) -> Self:
        if self.role is Role.SYSTEM:
            raise ValueError("nobody signs in as system")
        if self.role in (Role.MERCHANT, Role.STAFF) and self.uscc is None:
            raise ValueError(f"a user with role {self.role.value} needs the uscc of a merchant")
        if self.role is Role.INSPECTOR and self.region is None:
            raise ValueError("an inspector needs a region, e.g. 330211")
        if (self.role is Role.DEPARTMENT) != (self.department is not None):
            raise ValueError("a user with role department names its department, e.g. tax, and nobody else does")
        if self.uscc and self.role not in (Role.MERCHANT, Role.STAFF):
            raise ValueError(f"a user with role {self.role.value} belongs to no merchant; leave uscc out")
        return self

    def value(self) -> User:
        """The domain value; the id follows from the login and so stays the same."""
        return User(
            id=derived_id("user", self.login),
            login=self.login,
            name=self.name,
            role=self.role,
            uscc=self.uscc,
            region=self.region,
            locale=self.locale,
            active=self.active,
            department=self.department,
            phone=self.phone,
            email=self.email,
        )


class UsersFile(Strict):
    """``users.yaml``."""

    users: tuple[UserEntry, ...] = ()


def _area(polygon: tuple[Point, ...]) -> float:
    """Shoelace area of a polygon in parts of the picture."""
    pairs = zip(polygon, polygon[1:] + polygon[:1], strict=True)
    return abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairs)) / 2
