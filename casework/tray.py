"""The tray of a transaction: what it has read, so that nothing is read twice, and what a batch will need is read together.

What is ``expected`` is asked for at the first need of one of its kind. Whoever changes something puts it back on the tray; after
an item was undone ``forget`` makes the tray ask again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from operator import attrgetter
from typing import Generic, TypeVar

from domain.events import PushSubscription
from domain.parties import Merchant, Role, User
from domain.records import Batch, LotChange, Weighing
from domain.warnings import Evidence, Warning
from store.ports import UnitOfWork

K = TypeVar("K")
V = TypeVar("V")


class Looked(Generic[K, V]):
    """Answers by what was asked; None for what there is not.

    Args:
        ask: gives the answers to several at once; what there is not may be left out.
    """

    def __init__(self, ask: Callable[[Iterable[K]], Mapping[K, V]]) -> None:
        self._ask = ask
        self._expected: set[K] = set()
        self._found: dict[K, V | None] = {}

    def expect(self, keys: Iterable[K]) -> None:
        """These will be asked for."""
        self._expected.update(keys)

    def __getitem__(self, key: K) -> V | None:
        if key not in self._found:
            wanted = (self._expected | {key}) - self._found.keys()
            answers = self._ask(wanted)
            self._found.update((item, answers.get(item)) for item in wanted)
            self._expected.clear()
        return self._found[key]

    def __setitem__(self, key: K, value: V) -> None:
        self._found[key] = value

    def __contains__(self, key: K) -> bool:
        """Whether it was looked up."""
        return key in self._found

    def forget(self) -> None:
        """Ask again for everything that is needed from now on."""
        self._expected.update(self._found)
        self._found.clear()


class Tray:
    """What one transaction has read.

    Attributes:
        hashes: content hash by event id.
        sales: weighings by trace code.
        batches: lots by merchant and lot.
        changes, sold_at, lot_sales: what changed a lot, when it was last sold from, and all its sales that count.
        online: True by device that is known to be there.
        findings: True by finding that is stored.
        latest: the most recently raised warning by open key, open or not.
        evidence: what is attached, oldest first, by warning.
        merchants: by code.
        staff: a merchant's own users.
        phones: a user's push subscriptions.
    """

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow
        self.hashes: Looked[str, str] = Looked(uow.observations.known_all)
        self.sales: Looked[str, list[Weighing]] = Looked(uow.weighings.by_trace_codes)
        self.batches: Looked[tuple[str, str], Batch] = Looked(uow.batches.get_all)
        self.changes: Looked[tuple[str, str], list[LotChange]] = Looked(uow.lot_changes.of_lots)
        self.sold_at: Looked[tuple[str, str], datetime] = Looked(uow.weighings.last_of_lots)
        self.lot_sales: Looked[tuple[str, str], list[Weighing]] = Looked(uow.weighings.of_lots)
        self.online: Looked[str, bool] = Looked(lambda ids: dict.fromkeys(uow.devices.online_among(ids), True))
        self.findings: Looked[str, bool] = Looked(lambda ids: dict.fromkeys(uow.findings.known_all(ids), True))
        self.latest: Looked[str, Warning] = Looked(uow.warnings.latest_with_keys)
        self.evidence: Looked[str, list[Evidence]] = Looked(lambda ids: uow.evidence.of_many(list(ids)))
        self.merchants: Looked[str, Merchant] = Looked(uow.merchants.get_all)
        self.staff: Looked[str, list[User]] = Looked(self._staff)
        self.phones: Looked[str, list[PushSubscription]] = Looked(self._phones)

    @cached_property
    def officers(self) -> Sequence[User]:
        """Inspectors, then supervisors."""
        found = [*self._uow.users.list(role=Role.INSPECTOR), *self._uow.users.list(role=Role.SUPERVISOR)]
        self.phones.expect(user.id for user in found)
        return found

    def people(self, uscc: str) -> Sequence[User]:
        """Everybody who may be told about a merchant, the merchant's own first."""
        return [*(self.staff[uscc] or ()), *self.officers]

    def open_warning(self, open_key: str) -> Warning | None:
        """The open warning of a key. It may be older than the latest one: somebody may have opened it again."""
        latest = self.latest[open_key]
        return latest if latest is None or latest.is_open else self._uow.warnings.open_with_key(open_key)

    def raised(self, warning: Warning) -> None:
        """Remember a new warning, which has no evidence yet."""
        self.latest[warning.open_key] = warning
        self.evidence[warning.id] = []

    def changed(self, warning: Warning) -> None:
        """Remember a changed one."""
        if warning.open_key in self.latest:
            known = self.latest[warning.open_key]
            if known is not None and known.id == warning.id:
                self.latest[warning.open_key] = warning

    def attached(self, evidence: Evidence) -> None:
        """Remember a further piece of evidence."""
        if evidence.warning_id in self.evidence:
            known = self.evidence[evidence.warning_id] or []
            self.evidence[evidence.warning_id] = sorted([*known, evidence], key=attrgetter("at", "id"))

    def sold(self, weighing: Weighing) -> None:
        """Remember a new sale."""
        lot = (weighing.uscc, weighing.lot)
        self.sales[weighing.trace_code] = [*(self.sales[weighing.trace_code] or ()), weighing]
        if lot in self.sold_at:
            known = self.sold_at[lot]
            self.sold_at[lot] = weighing.at if known is None else max(known, weighing.at)
        if lot in self.lot_sales and not weighing.suspect:
            self.lot_sales[lot] = [*(self.lot_sales[lot] or ()), weighing]

    def told(self, change: LotChange) -> None:
        """Remember a new change of a lot."""
        lot = (change.uscc, change.lot)
        self.changes[lot] = [*(self.changes[lot] or ()), change]

    def forget(self) -> None:
        """What was changed has been undone."""
        for looked in (self.hashes, self.sales, self.online, self.findings, self.latest, self.evidence):
            looked.forget()
        for of_lot in (self.batches, self.changes, self.sold_at, self.lot_sales):
            of_lot.forget()

    def _staff(self, usccs: Iterable[str]) -> Mapping[str, list[User]]:
        found: dict[str, list[User]] = defaultdict(list)
        for user in self._uow.users.of_merchants(usccs):
            if user.uscc is not None:
                found[user.uscc].append(user)
        self.phones.expect(user.id for users in found.values() for user in users)
        return found

    def _phones(self, user_ids: Iterable[str]) -> Mapping[str, list[PushSubscription]]:
        found: dict[str, list[PushSubscription]] = defaultdict(list)
        for subscription in self._uow.push_subscriptions.of_users(list(user_ids)):
            found[subscription.user_id].append(subscription)
        return found
