"""Seeding: the configured merchants, devices and users into SQL, and from there onto the ``registers`` topic.

The files are what a person edits, so what they no longer name loses its rights: a device is revoked, a user cannot sign in any
more. Nothing is deleted, because facts and the audit trail refer to it. A password is set once; later it is the user's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol, TypeVar

from casework.outbound import tell_register
from devices.registers import device_record, merchant_record, told_record
from domain.parties import Device, Merchant, User
from store.ports import UnitOfWork

Named = TypeVar("Named", Device, User)


class Roll(Protocol):
    """The part of the configuration that names who is there."""

    @property
    def merchants(self) -> Iterable[Merchant]: ...  # noqa: D102
    @property
    def devices(self) -> Iterable[Device]: ...  # noqa: D102
    @property
    def users(self) -> Iterable[User]: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """How many of each are registered, and how many lost their rights because the files no longer name them."""

    merchants: int
    devices: int
    users: int
    revoked_devices: int
    deactivated_users: int


def register(uow: UnitOfWork, roll: Roll, password_hashes: Mapping[str, str], now: datetime) -> Registration:
    """Write the roll. The whole register is told again each time, so that a lost topic fills up by itself.

    Args:
        roll: who is configured.
        password_hashes: argon2 hashes by login, for users that have none yet.
    """
    merchants, devices = tuple(roll.merchants), tuple(roll.devices)
    users = [_as_known(uow, user) for user in roll.users]
    for merchant in merchants:
        uow.merchants.put(merchant)
    revoked = [replace(item, revoked=True) for item in _unnamed(uow.devices.list(), devices) if not item.revoked]
    for device in (*devices, *revoked):
        uow.devices.put(device)
    dropped = [replace(item, active=False) for item in _unnamed(uow.users.list(), users) if item.active]
    for user in users:
        _put_user(uow, user, password_hashes.get(user.login))
    for user in dropped:
        uow.users.put(user)
    tell(uow, now)
    return Registration(
        merchants=len(merchants),
        devices=len(devices),
        users=len(users),
        revoked_devices=len(revoked),
        deactivated_users=len(dropped),
    )


def tell(uow: UnitOfWork, now: datetime) -> None:
    """Enqueue a ``registers`` record for every merchant and device that SQL knows, and one that says that these were all.

    Each names this telling by its instant, so that a gateway can tell that it has the whole of it.
    """
    merchants, devices = uow.merchants.list(), uow.devices.list()
    for merchant in merchants:
        tell_register(uow, *merchant_record(merchant, now), now)
    for device in devices:
        tell_register(uow, *device_record(device, now), now)
    tell_register(uow, *told_record(len(merchants), len(devices), now), now)


def _as_known(uow: UnitOfWork, user: User) -> User:
    """A person is known by the login: whoever signed in with it before stays the same user, whatever id the files derive."""
    known = uow.users.by_login(user.login)
    return user if known is None else replace(user, id=known[0].id)


def _put_user(uow: UnitOfWork, user: User, password_hash: str | None) -> None:
    known = uow.users.by_login(user.login)
    has_password = known is not None and bool(known[1])
    uow.users.put(user, password_hash=None if has_password else password_hash)


def _unnamed(stored: Iterable[Named], named: Iterable[Named]) -> list[Named]:
    names = {item.id for item in named}
    return [item for item in stored if item.id not in names]
