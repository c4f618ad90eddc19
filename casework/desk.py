"""What lies on the desk of every use case: the rules, schemes and routes of the site, the media store, ids and words."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from alerts.escalation import Chain
from alerts.routing import Route
from casework.consequences.terms import Terms
from casework.tray import Tray
from casework.words import Translator, source_language
from credit.scheme import Scheme
from domain.errors import BadInput, Code, ConfigurationError
from domain.ids import uuid7
from domain.parties import Merchant
from domain.rules import Rules
from store.ports import Media, UnitOfWork
from traceability.additives import AdditiveTable


def new_id(at: datetime) -> str:
    """A fresh id that sorts by time (RFC 9562 UUIDv7)."""
    return uuid7(int(at.timestamp() * 1000))


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Values a use case reads; nothing here changes while the product runs.

    Attributes:
        schemes: rating schemes by name; each merchant names its own.
        working_day: whether a Shanghai day is a working day, for the objection window.
        new_id: a fresh id for an instant.
        translator: the words of a locale, for notifications.
        chains: who else is told when a warning does not move; the first that concerns one is laid down in it.
        terms: what follows from credit; None where a process has nothing to do with it.
        additives: what the standard permits; the empty table knows no name, and judges nothing.
    """

    media: Media
    rules: Rules
    schemes: Mapping[str, Scheme]
    routes: tuple[Route, ...]
    working_day: Callable[[date], bool]
    new_id: Callable[[datetime], str] = new_id
    translator: Translator = source_language
    terms: Terms | None = None
    chains: tuple[Chain, ...] = ()
    additives: AdditiveTable = field(default_factory=AdditiveTable)

    def scheme_of(self, merchant: Merchant) -> Scheme:
        """The rating scheme of a merchant.

        Raises:
            ConfigurationError: if the site has no scheme of that name.
        """
        try:
            return self.schemes[merchant.scheme]
        except KeyError:
            known = ", ".join(sorted(self.schemes)) or "none"
            raise ConfigurationError(f"no scheme {merchant.scheme!r}", key=merchant.uscc, hint=f"known: {known}") from None


def merchant_of(uow: UnitOfWork, uscc: str) -> Merchant:
    """The merchant a fact is about.

    Raises:
        BadInput: E011 if there is none.
    """
    merchant = uow.merchants.get(uscc)
    if merchant is None:
        raise unknown(uscc)
    return merchant


def unknown(uscc: str) -> BadInput:
    """E011."""
    return BadInput(Code.USCC_UNKNOWN, f"{uscc} is not registered here", where="uscc")


@dataclass(frozen=True, slots=True)
class Work:
    """One transaction at the desk: what is written in it, and what is read from the desk."""

    uow: UnitOfWork
    desk: Desk
    tray: Tray = field(init=False)
    _records: dict[str, tuple[bytes, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tray", Tray(self.uow))

    def merchant(self, uscc: str) -> Merchant:
        """The merchant a fact is about, looked up once in a transaction.

        Raises:
            BadInput: E011 if there is none.
        """
        merchant = self.tray.merchants[uscc]
        if merchant is None:
            raise unknown(uscc)
        return merchant

    def expect(self, usccs: Iterable[str]) -> None:
        """A batch is about these merchants."""
        named = set(usccs)
        self.tray.merchants.expect(named)
        self.tray.staff.expect(named)

    def record(self, data: bytes, media_type: str) -> None:
        """Keep a record as evidence; all of a transaction are written together, before it is committed."""
        self._records[hashlib.sha256(data).hexdigest()] = (data, media_type)

    def has(self, sha256: str) -> bool:
        """Whether the bytes of that name are kept, or will be with this transaction."""
        return sha256 in self._records or self.desk.media.has(sha256)

    def file(self) -> None:
        """Write what was recorded."""
        if self._records:
            self.desk.media.put_all(self._records.values())
            self._records.clear()
