"""What a shop keeps records of beside its lots: certificates, shifts, additives, samples (domain.md C.4, C.8, C.9, E.2).

Each row is the newest word about its subject; everything that was ever said stands among the observations. ``entry_id`` names the
observation a row rests on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from domain.ids import derived_id


class Duty(StrEnum):
    """Whether somebody touches food that is eaten as it is."""

    DIRECT = "direct"
    OTHER = "other"


class MorningCheck(StrEnum):
    """What the check before work found."""

    OK = "ok"
    FEVER = "fever"
    WOUND = "wound"


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """One health certificate of one person; ``valid_until`` is the last day it is good. A renewed one is another."""

    uscc: str
    person_ref: str
    issued_on: date
    valid_until: date
    duty: Duty
    event_time: datetime
    entry_id: str
    name_masked: str = ""
    cert_no_hash: str = ""
    issuer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """One person's shift as it stands on the roster.

    Attributes:
        cancelled: taken off the roster; it raises nothing from then on.
        judged_at: when it was found that the person's papers had lapsed.
    """

    id: str
    uscc: str
    person_ref: str
    start_at: datetime
    end_at: datetime
    duty: Duty
    event_time: datetime
    entry_id: str
    morning_check: MorningCheck | None = None
    cancelled: bool = False
    judged_at: datetime | None = None

    @property
    def is_direct(self) -> bool:
        """Whether it is work in direct contact with food that is not called off."""
        return self.duty is Duty.DIRECT and not self.cancelled


def shift_id(uscc: str, person_ref: str, start_at: datetime) -> str:
    """The id of a shift: a person begins one shift at one instant."""
    return derived_id("shift", uscc, person_ref, start_at.isoformat())


class AdditiveSource(StrEnum):
    """What kind of record names an additive."""

    USE = "use"
    STOCK = "stock"


class AdditiveState(StrEnum):
    """What became of a record that names an additive (C.8, E053)."""

    WITHIN = "within"
    NEEDS_MAPPING = "needs_mapping"  # nobody has said what the name means
    NEEDS_CLASS = "needs_class"  # the product's food class is not known yet
    NOT_COVERED = "not_covered"  # the table says nothing of that food class
    NOT_ADDITIVE = "not_additive"
    REVIEW = "review"  # carried over by an ingredient: a person judges
    OVER_LIMIT = "over_limit"
    BEYOND_SCOPE = "beyond_scope"
    PROHIBITED = "prohibited"


@dataclass(frozen=True, slots=True, kw_only=True)
class AdditiveRecord:
    """One record that names an additive: a use in a product lot, or a lot of it in stock.

    Attributes:
        name: as it was written.
        substance: key in the table of additives; empty while the name means nothing.
        product_lot: what it was put into; of a stock record its own lot.
        ingredient: the compound ingredient that carried it in, if it was not added as such.
    """

    id: str
    uscc: str
    source: AdditiveSource
    name: str
    lot: str
    product_lot: str
    qty_g: Decimal
    product_qty_g: Decimal
    at: datetime
    state: AdditiveState
    substance: str = ""
    food_class: str = ""
    ingredient: str = ""
    ingredient_qty_g: Decimal = Decimal(0)


class NameState(StrEnum):
    """Whether somebody has said what a name means."""

    OPEN = "open"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class AdditiveName:
    """A name that the table of additives does not know, and what a person said it means.

    Attributes:
        name: as ``traceability.additives.plain_name`` writes it.
        written: as it was first written.
        substance: a key of the table, ``none`` (no additive at all) or ``unlisted`` (one that the standard permits nowhere here).
    """

    name: str
    written: str
    state: NameState
    first_uscc: str
    region: str
    seen_at: datetime
    substance: str = ""
    decided_by: str = ""
    decided_at: datetime | None = None
    note: str = ""
    version: int = 1


class SampleKind(StrEnum):
    """Who tested: only an official result is a red warning by itself (E.2)."""

    OFFICIAL = "official"
    RAPID = "rapid"


class SampleState(StrEnum):
    """Where a sampling result stands (F.18)."""

    PASSED = "passed"
    TO_BE_SAMPLED = "to_be_sampled"  # a rapid test failed: an official sample is to be taken
    RETEST_OPEN = "retest_open"  # failed; the merchant may ask for a retest
    CONFIRMED = "confirmed"  # failed, and the window has passed or the retest failed too
    OVERTURNED = "overturned"  # the retest passed
    RETEST_REPORTED = "retest_reported"  # a device told of a passing retest: an official must enter it
    RETEST = "retest"  # the retest's own report


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One sampling result; a retest has a report of its own."""

    uscc: str
    report_no: str
    kind: SampleKind
    conclusion: str
    product: str
    state: SampleState
    event_time: datetime
    received_at: datetime
    entry_id: str
    lot: str = ""
    lab: str = ""
    sampled_on: str = ""
    item_kind: str = "ordinary"
    items: tuple[Mapping[str, Any], ...] = field(default=())
    retest_of: str = ""
    retest_until: datetime | None = None

    @property
    def subject(self) -> str:
        """What its warning is about: the lot, so that facts about one lot are one incident (C.4); else the report."""
        return self.lot or self.report_no


class DueKind(StrEnum):
    """What the expiry index holds."""

    LOT_NOTICE = "lot_notice"
    CERTIFICATE_NOTICE = "certificate_notice"
    SHIFT = "shift"
    RETEST = "retest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """One entry of the expiry index: at ``due_at`` the sweep looks at the subject again, and judges it as it is then."""

    kind: DueKind
    uscc: str
    subject: str
    due_at: datetime

    @property
    def id(self) -> str:
        """One entry for each kind and subject of a merchant."""
        return f"{self.kind.value}/{self.uscc}/{self.subject}"
