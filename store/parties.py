"""Repositories of merchants, devices with their presence, users with their sessions.

A user's password hash and a device's presence survive ``put``: registering again must not sign anybody out or silence a device.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import attrgetter

from sqlalchemy import bindparam, delete, insert, select, update

from domain.parties import Device, Merchant, Role, User
from store import tables
from store.gathering import Pen
from store.ports import Session
from store.rows import Rows, in_parts, insert_or_replace

_MERCHANT = Rows(Merchant, tables.merchants)
_PUT_MERCHANT = insert_or_replace(tables.merchants, ["uscc"])
_GET_MERCHANT = select(*_MERCHANT.columns).where(tables.merchants.c.uscc == bindparam("uscc"))
_GET_MERCHANTS = select(*_MERCHANT.columns).where(tables.merchants.c.uscc.in_(bindparam("usccs", expanding=True)))
_MERCHANTS = select(*_MERCHANT.columns).order_by(tables.merchants.c.uscc)

_DEVICE = Rows(Device, tables.devices)
_PUT_DEVICE = insert_or_replace(tables.devices, ["id"])
_GET_DEVICE = select(*_DEVICE.columns).where(tables.devices.c.id == bindparam("id"))
_DEVICES = select(*_DEVICE.columns).order_by(tables.devices.c.id)
_PRESENCE = select(tables.presence.c.online, tables.presence.c.since, tables.presence.c.heard_at).where(
    tables.presence.c.device_id == bindparam("device_id")
)
_PRESENCES = select(tables.presence.c.device_id, tables.presence.c.online)
_ONLINE = select(tables.presence.c.device_id).where(
    tables.presence.c.online, tables.presence.c.device_id.in_(bindparam("device_ids", expanding=True))
)
_PRESENCE_LOCKED = _PRESENCE.with_for_update()
_PUT_PRESENCE = insert_or_replace(tables.presence, ["device_id"])

_USER = Rows(User, tables.users)
_PUT_USER = insert_or_replace(tables.users, ["id"], keep=["password_hash"])
_SET_PASSWORD = (
    update(tables.users).where(tables.users.c.id == bindparam("user_id")).values(password_hash=bindparam("new_password_hash"))
)
_GET_USER = select(*_USER.columns).where(tables.users.c.id == bindparam("id"))
_BY_LOGIN = select(*_USER.columns, tables.users.c.password_hash).where(tables.users.c.login == bindparam("login"))
_USERS = select(*_USER.columns).order_by(tables.users.c.id)

_OF_MERCHANTS = _USERS.where(tables.users.c.uscc.in_(bindparam("usccs", expanding=True)))

_SESSION = Rows(Session, tables.sessions)
_ADD_SESSION = insert(tables.sessions)
_GET_SESSION = select(*_SESSION.columns).where(tables.sessions.c.token_hash == bindparam("token_hash"))
_END_SESSION = delete(tables.sessions).where(tables.sessions.c.token_hash == bindparam("token_hash"))
_END_EXPIRED = delete(tables.sessions).where(tables.sessions.c.expires_at <= bindparam("now"))


class SqlMerchants:
    """``ports.Merchants``."""

    def __init__(self, pen: Pen) -> None:
        self._pen = pen

    def get(self, uscc: str) -> Merchant | None:
        """The merchant, if known."""
        return _MERCHANT.maybe(self._pen.execute(_GET_MERCHANT, {"uscc": uscc}).first())

    def get_all(self, usccs: Iterable[str]) -> dict[str, Merchant]:
        """The same for several; those that are unknown are left out."""
        found: dict[str, Merchant] = {}
        for part in in_parts(usccs):
            found.update((item.uscc, item) for item in _MERCHANT.all(self._pen.execute(_GET_MERCHANTS, {"usccs": part})))
        return found

    def put(self, merchant: Merchant) -> None:
        """Insert or replace."""
        self._pen.execute(_PUT_MERCHANT.on(self._pen), _MERCHANT.values(merchant))

    def list(self) -> Sequence[Merchant]:
        """All, by code."""
        return _MERCHANT.all(self._pen.execute(_MERCHANTS))


class SqlDevices:
    """``ports.Devices``."""

    def __init__(self, pen: Pen) -> None:
        self._pen = pen

    def get(self, device_id: str) -> Device | None:
        """The device, if registered."""
        return _DEVICE.maybe(self._pen.execute(_GET_DEVICE, {"id": device_id}).first())

    def put(self, device: Device) -> None:
        """Insert or replace; presence lies in a table of its own and is kept."""
        self._pen.execute(_PUT_DEVICE.on(self._pen), _DEVICE.values(device))

    def list(self, *, uscc: str | None = None) -> Sequence[Device]:
        """All, or those of one merchant, by id."""
        query = _DEVICES if uscc is None else _DEVICES.where(tables.devices.c.uscc == uscc)
        return _DEVICE.all(self._pen.execute(query))

    def presence(self, device_id: str) -> tuple[bool, datetime] | None:
        """(online, since), or None if it was never heard of."""
        row = self._pen.execute(_PRESENCE, {"device_id": device_id}).first()
        return None if row is None else (row.online, row.since)

    def presences(self) -> dict[str, bool]:
        """Whether it is there, for every device that was ever heard of."""
        return {row.device_id: row.online for row in self._pen.execute(_PRESENCES)}

    def online_among(self, device_ids: Iterable[str]) -> set[str]:
        """Those of them that are known to be there."""
        found: set[str] = set()
        for part in in_parts(device_ids):
            found.update(row[0] for row in self._pen.execute(_ONLINE, {"device_ids": part}))
        return found

    def set_presence(self, device_id: str, *, online: bool, at: datetime) -> bool:
        """Record presence unless something later is known; True if it changed."""
        known = self._pen.execute(_PRESENCE_LOCKED, {"device_id": device_id}).first()
        if known is not None and known.heard_at > at:
            return False
        changed = known is None or known.online != online
        since = at if known is None or changed else known.since
        values = {"device_id": device_id, "online": online, "since": since, "heard_at": at}
        self._pen.execute(_PUT_PRESENCE.on(self._pen), values)
        return changed


class SqlUsers:
    """``ports.Users``."""

    def __init__(self, pen: Pen) -> None:
        self._pen = pen

    def get(self, user_id: str) -> User | None:
        """The user, if known."""
        return _USER.maybe(self._pen.execute(_GET_USER, {"id": user_id}).first())

    def by_login(self, login: str) -> tuple[User, str] | None:
        """The user and the password's hash, which is empty (and matches nothing) while none was set."""
        row = self._pen.execute(_BY_LOGIN, {"login": login}).first()
        return None if row is None else (_USER.one(row), row.password_hash or "")

    def put(self, user: User, *, password_hash: str | None = None) -> None:
        """Insert or replace; without a hash the stored one is kept. Raises Conflict if somebody else has the login."""
        self._pen.execute(_PUT_USER.on(self._pen), _USER.values(user))
        if password_hash is not None:
            self._pen.execute(_SET_PASSWORD, {"user_id": user.id, "new_password_hash": password_hash})

    def list(self, *, role: Role | None = None, uscc: str | None = None) -> Sequence[User]:
        """All, by id; narrowed to a role, a merchant, or both."""
        query = _USERS
        if role is not None:
            query = query.where(tables.users.c.role == role)
        if uscc is not None:
            query = query.where(tables.users.c.uscc == uscc)
        return _USER.all(self._pen.execute(query))

    def of_merchants(self, usccs: Iterable[str]) -> Sequence[User]:
        """Those of several merchants, by id."""
        found: list[User] = []
        for part in in_parts(usccs):
            found += _USER.all(self._pen.execute(_OF_MERCHANTS, {"usccs": part}))
        return sorted(found, key=attrgetter("id"))

    def add_session(self, session: Session) -> None:
        """Begin a session."""
        self._pen.execute(_ADD_SESSION, _SESSION.values(session))

    def session(self, token_hash: str) -> Session | None:
        """The session, even one that has expired: the caller knows what time it is."""
        return _SESSION.maybe(self._pen.execute(_GET_SESSION, {"token_hash": token_hash}).first())

    def end_session(self, token_hash: str) -> None:
        """End a session; ending it twice is no error."""
        self._pen.execute(_END_SESSION, {"token_hash": token_hash})

    def end_expired_sessions(self, now: datetime) -> int:
        """End those past their time; how many there were."""
        return self._pen.execute(_END_EXPIRED, {"now": now}).rowcount
