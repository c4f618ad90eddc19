"""The tray of a batch of facts: what is known before it, and what is written together after it.

Most facts change nothing but a lot's quantity. They wait on the tray and are written in one statement a table; whoever needs the
database to know of them empties the tray first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from domain.observations import Kind, Observation
from domain.records import Batch, Weighing
from store.ports import UnitOfWork


@dataclass(slots=True)
class Tray:
    """What one batch of facts reads and writes.

    Attributes:
        hashes: content hash by event id, of what is stored or taken.
    """

    uow: UnitOfWork
    hashes: dict[str, str]
    _sales: dict[str, list[Weighing]]
    _observations: list[Observation] = field(default_factory=list)
    _weighings: list[Weighing] = field(default_factory=list)
    _batches: dict[tuple[str, str], Batch | None] = field(default_factory=dict)
    _changed: dict[tuple[str, str], Batch] = field(default_factory=dict)
    _online: set[str] = field(default_factory=set)

    @classmethod
    def laid(cls, uow: UnitOfWork, observations: Sequence[Observation]) -> Tray:
        """A tray for these facts, with what is stored of them already."""
        codes = {str(item.body["trace_code"]) for item in observations if item.kind is Kind.SCALE_WEIGH}
        return cls(
            uow=uow,
            hashes=uow.observations.known_all(item.event_id for item in observations),
            _sales=uow.weighings.by_trace_codes(codes),
        )

    def sales(self, trace_code: str) -> Sequence[Weighing]:
        """The sales under a trace code so far, on the tray or stored."""
        return self._sales[trace_code]

    def batch(self, uscc: str, lot: str) -> Batch | None:
        """A lot as it stands after what lies on the tray."""
        key = (uscc, lot)
        if key not in self._batches:
            self._batches[key] = self.uow.batches.get(uscc, lot)
        return self._batches[key]

    def online(self, device_id: str) -> bool:
        """Whether the device is known to be there, so that hearing from it is no news."""
        if device_id not in self._online:
            presence = self.uow.devices.presence(device_id)
            if presence is None or not presence[0]:
                return False
            self._online.add(device_id)
        return True

    def put(self, observation: Observation) -> None:
        """Lay down a fact that has no effect."""
        self._observations.append(observation)

    def put_sale(self, observation: Observation, weighing: Weighing, left: Batch | None) -> None:
        """Lay down a sale that has no effect but on its lot."""
        self._observations.append(observation)
        self._weighings.append(weighing)
        self.stored_sale(weighing)
        if left is not None:
            self._batches[left.uscc, left.lot] = self._changed[left.uscc, left.lot] = left

    def stored_sale(self, weighing: Weighing) -> None:
        """Remember a sale that somebody else stored."""
        self._sales[weighing.trace_code].append(weighing)

    def empty(self) -> None:
        """Write everything, and forget what others may now change."""
        self.uow.observations.add_all(self._observations)
        self.uow.weighings.add_all(self._weighings)
        for batch in self._changed.values():
            self.uow.batches.put(batch)
        for waiting in (self._observations, self._weighings):
            waiting.clear()
        for known in (self._batches, self._changed):
            known.clear()
        self._online.clear()
