"""The roll of a scene: the demonstration's merchant and devices, a second merchant, and users with short ids."""

from __future__ import annotations

from dataclasses import dataclass, replace

from domain.ids import DeviceKind
from domain.parties import BusinessForm, Device, Merchant, Role, User
from tests.unit.casework.scene import (
    COLLEAGUE,
    FAR_INSPECTOR,
    INSPECTOR,
    MERCHANT,
    OTHER,
    STAFF,
    STRANGER,
    SUPERVISOR,
    configuration,
)


@dataclass(frozen=True)
class SceneRoll:
    """As much of a configuration as registering reads."""

    merchants: tuple[Merchant, ...]
    devices: tuple[Device, ...]
    users: tuple[User, ...]


def scene_roll() -> SceneRoll:
    """Who is there in every scene."""
    known = configuration()
    other = Merchant(uscc=OTHER, name="海边卤味", region="330225", business_form=BusinessForm.STALL, scheme="xiangshan")
    other_scale = Device(id="scl-ffffffff", uscc=OTHER, region="330225", kind=DeviceKind.SCALE)
    actors = (MERCHANT, STAFF, STRANGER, INSPECTOR, COLLEAGUE, FAR_INSPECTOR, SUPERVISOR)
    users = tuple(
        User(id=a.id, login=a.id.removeprefix("u-"), name=a.id, role=Role(a.role), uscc=a.uscc, region=a.region) for a in actors
    )
    return SceneRoll(merchants=(*known.merchants, other), devices=(*known.devices, other_scale), users=users)


def without_device(roll: SceneRoll, device_id: str) -> SceneRoll:
    """The same roll after a device was taken off the file."""
    return replace(roll, devices=tuple(item for item in roll.devices if item.id != device_id))
