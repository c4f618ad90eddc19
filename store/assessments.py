"""What the monthly assessment keeps: facts told from outside, runs with their frozen inputs, results, objections.

Inputs and results are only ever added: a better one is a further revision, a published month is corrected by a further version.
The database's own triggers refuse to change or delete them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from domain.deductions import Deduction
from domain.observations import Kind
from domain.parties import Device, Merchant
from domain.warnings import Warning

FOR_EVER = "9999-12"
"""``until_month`` of a fact that holds until another one is told."""


class RunState(StrEnum):
    """Where a month's assessment stands (domain.md D.8)."""

    OPEN = "open"
    FROZEN = "frozen"
    PROVISIONAL = "provisional"
    OBJECTION_WINDOW = "objection_window"
    FINAL = "final"
    PUBLISHED = "published"
    CORRECTED = "corrected"


class InterruptionKind(StrEnum):
    """Why a device's silence, or a day without work, is nobody's fault (F.11, F.12)."""

    PLATFORM = "platform"
    AREA = "area"
    MAINTENANCE = "maintenance"
    CLOSURE = "closure"


class ObjectionState(StrEnum):
    """What became of an objection."""

    OPEN = "open"
    UPHELD = "upheld"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One value told from outside, in force in the months ``month`` … ``until_month``.

    Attributes:
        fact: path in the facts of the scheme, as ``indicators.I19``.
        value: as the scheme's rule needs it; None = not applicable, with ``reason`` saying by which rule.
        observed_at: what the value is as of; of two in force the later one counts.
        source: register, platform or department it comes from; ``evidence`` where it can be looked up.
        origin: the import or connector that brought it.
    """

    id: str
    uscc: str
    scheme: str
    fact: str
    month: str
    until_month: str
    value: Any
    observed_at: datetime
    recorded_at: datetime
    recorded_by: str
    source: str
    evidence: str = ""
    reason: str = ""
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interruption:
    """A span in which what was not recorded counts for nobody.

    Attributes:
        uscc: the merchant concerned; None = all of ``region``, a prefix, empty = everybody.
        announced_at: when it was told; maintenance and closures count only if told before.
        recorded_at: when it was written down here; whoever reads as of an earlier instant does not know it.
        withdrawn_at: from when on it counts as if it had never been told; by whom, and why.
    """

    id: str
    kind: InterruptionKind
    uscc: str | None
    region: str
    began_at: datetime
    ended_at: datetime
    announced_at: datetime
    reason: str
    recorded_by: str
    recorded_at: datetime
    withdrawn_at: datetime | None = None
    withdrawn_by: str | None = None
    withdrawn_why: str = ""

    def concerns(self, uscc: str, region: str) -> bool:
        """Whether it is about that merchant."""
        return self.uscc == uscc if self.uscc is not None else region.startswith(self.region)

    def known_at(self, at: datetime) -> bool:
        """Whether it stood at an instant."""
        return self.recorded_at < at and (self.withdrawn_at is None or self.withdrawn_at >= at)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceDay:
    """What a device said on one Shanghai day, counted once from every raw row of the day, so that no assessment reads those.

    A fact of the day that comes later takes the tally away; it is then counted anew. Without a tally the raw rows count.

    Attributes:
        day: ``YYYY-MM-DD``.
        within: the limit it was counted by, such as after how long a silence a camera is offline.
        received_at: when the last row came that is counted in it; None if there is none.
        tally: what was counted; which keys it has depends on the kind.
    """

    uscc: str
    device_id: str
    kind: Kind
    day: str
    within: timedelta
    received_at: datetime | None
    tally: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One attempt to get something about a merchant from outside; ``uscc`` empty = it concerns every merchant."""

    connector: str
    uscc: str
    at: datetime
    outcome: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Sold:
    """How often one lot was sold in a span; ``supplier`` is who it came from, empty where the register does not say."""

    uscc: str
    lot: str
    supplier: str
    sales: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One version of one month's assessment by one scheme.

    Attributes:
        catalogue_version: of the scheme the results were made by; its content is kept (``Catalogue``).
        config_hash: of the configuration beside the scheme: what is computed from what.
        outage: how long the platform was down inside the objection window, which is that much longer.
        calendar: ``legal``, or ``provisional`` where the working days of a year are not published yet.
        reason: why there is a further version.
    """

    id: str
    scheme: str
    month: str
    version: int
    state: RunState
    catalogue_version: str
    config_hash: str
    frozen_at: datetime
    provisional_at: datetime
    objection_until: datetime
    publish_at: datetime
    calendar: str
    outage: timedelta
    started_at: datetime
    moved_at: datetime
    published_at: datetime | None = None
    published_by: str | None = None
    reason: str = ""
    row_version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """A scheme as it was when a month was assessed by it: what its file held."""

    version: str
    scheme: str
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What one merchant is rated from, frozen.

    Attributes:
        facts: exactly what the engine is given.
        origins: by fact: source, evidence, and how it was counted.
        hash: SHA-256 over the canonical JSON of ``facts`` and ``origins``.
    """

    run_id: str
    uscc: str
    revision: int
    facts: Mapping[str, Any]
    origins: Mapping[str, Any]
    hash: str
    taken_at: datetime
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one merchant came to, rated from the inputs of the same revision.

    Attributes:
        lines: ``[id, key, points, max]`` in the order of the scheme, numbers as text.
        reasons: codes of what overrode the score.
        points: deducted in all, by a scheme that deducts; None otherwise.
        hash: SHA-256 over the canonical JSON of the result and the hash of its inputs.
    """

    run_id: str
    uscc: str
    revision: int
    score: Decimal | None
    unrounded: Decimal | None
    band: str | None
    grade: str
    previous: str | None
    reasons: tuple[str, ...]
    lines: tuple[tuple[str | None, ...], ...]
    points: Decimal | None
    measures: Mapping[str, Any]
    hash: str
    rated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """A merchant's word against a result, and what was decided about it.

    Attributes:
        facts: paths of the facts it is about; empty = the result as a whole.
        changes: by path, the values that count instead, if it was upheld.
    """

    id: str
    run_id: str
    uscc: str
    state: ObjectionState
    filed_at: datetime
    filed_by: str
    note: str
    facts: tuple[str, ...] = ()
    decided_at: datetime | None = None
    decided_by: str | None = None
    decision: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A published result with its run."""

    run: Run
    result: Result


class Beside(NamedTuple):
    """A merchant's result in a run, and the one before it; None where there is none."""

    uscc: str
    name: str
    region: str
    grade: str
    score: Decimal | None
    grade_before: str | None
    score_before: Decimal | None
    run_before: str | None
    month_before: str | None


@dataclass(frozen=True, slots=True)
class Seen:
    """One observation as the indicators read it."""

    event_id: str
    kind: Kind
    uscc: str
    device_id: str
    event_time: datetime
    seq: int
    body: Mapping[str, Any]
    flags: tuple[str, ...]
    received_at: datetime

    def came_late(self, month_ended_at: datetime) -> bool:
        """Whether it came after the data cut of the month that ended at an instant."""
        return self.received_at >= month_ended_at


class StatusWord(NamedTuple):
    """Whether a device said that it is online, when, and when that came."""

    at: datetime
    online: bool
    received_at: datetime


class Assessments(Protocol):
    """The repository of the monthly assessment."""

    # facts

    def add_facts(self, facts: Sequence[Fact]) -> int:
        """Add those that are new; how many were. Ids are derived from the content, so telling again adds nothing."""

    def rivals(self, facts: Sequence[Fact]) -> dict[tuple[str, str, str, str, datetime], str]:
        """By merchant, scheme, fact, month and instant: the id of what is told already."""

    def facts_of(self, usccs: Sequence[str], scheme: str, *, month: str, recorded_before: datetime) -> list[Fact]:
        """Those in force in a month and known before an instant, by merchant, fact and instant."""

    def late_facts(
        self, usccs: Sequence[str], scheme: str, *, before: str, recorded_from: datetime, recorded_before: datetime
    ) -> list[Fact]:
        """Those of months that ended before one, which came to be known in a span."""

    def past_facts(
        self, usccs: Sequence[str], scheme: str, fact: str, *, since: str, before: str, recorded_before: datetime
    ) -> list[Fact]:
        """Those under one path, or below it, that held from a month in [since, before) and were known before an instant."""

    def add_interruption(self, interruption: Interruption) -> bool:
        """False, and nothing changes, if the id is known."""

    def interruptions(self, since: datetime, until: datetime, *, known_at: datetime) -> list[Interruption]:
        """Those that overlap a span and stood at an instant, earliest first."""

    def interruption(self, interruption_id: str) -> Interruption | None:
        """One of them, withdrawn or not; locked until the end of a write transaction."""

    def told_interruptions(self, since: datetime, until: datetime) -> list[Interruption]:
        """Those that overlap a span, the withdrawn ones too, earliest first."""

    def withdraw_interruption(self, interruption: Interruption) -> None:
        """Write who withdrew it, when and why. Raises Conflict if it is withdrawn already."""

    def add_try(self, attempt: Try) -> None:
        """Write down an attempt; of two at one instant the first is kept."""

    def tries(self, connector: str, usccs: Sequence[str], *, before: datetime) -> dict[str, Try]:
        """Of each merchant (empty = what concerned every one) the last attempt before an instant."""

    # what the system recorded

    def merchants(self, scheme: str, *, after: str = "", limit: int | None = None) -> list[Merchant]:
        """Merchants of a scheme, by code."""

    def merchants_after(self, uscc: str, *, limit: int) -> list[Merchant]:
        """The next merchants of every scheme, by code."""

    def seen(
        self, usccs: Sequence[str], kinds: Sequence[Kind], *, since: datetime, until: datetime, received_before: datetime
    ) -> Iterator[Seen]:
        """Observations of [since, until) that came before an instant, by merchant, time, counter and id."""

    def device_days(
        self, usccs: Sequence[str], kind: Kind, *, since: str, until: str, within: timedelta, received_before: datetime
    ) -> list[DeviceDay]:
        """Tallies of the days [since, until) by one limit, without those that a later row is counted in."""

    def put_device_days(self, days: Sequence[DeviceDay]) -> None:
        """Insert or replace."""

    def drop_device_days(self, uscc: str, device_id: str, kind: Kind, *, days: Sequence[str]) -> None:
        """Take tallies away, because something else is known of their days."""

    def words(self, usccs: Sequence[str], *, since: datetime, until: datetime) -> Iterator[tuple[str, str, StatusWord]]:
        """Merchant, device and word of each ``cam.status`` of a span, by time, counter and id."""

    def sold(self, usccs: Sequence[str], *, since: datetime, until: datetime, received_before: datetime) -> list[Sold]:
        """Sales by lot that happened in a span and came before an instant; suspect ones are left out (E051)."""

    def first_seen(self, usccs: Sequence[str]) -> dict[str, datetime]:
        """When the first thing happened that is known of a merchant."""

    def anything_before(self, at: datetime) -> bool:
        """Whether anything at all was recorded or told before an instant."""

    def devices(self, usccs: Sequence[str]) -> list[Device]:
        """Of several merchants, by id."""

    def warnings(self, usccs: Sequence[str], *, since: datetime, until: datetime) -> list[Warning]:
        """Raised in [since, until), by merchant and time."""

    def deductions(self, usccs: Sequence[str], *, since_month: str) -> list[Deduction]:
        """Of that month and later, by merchant, time and id."""

    # runs

    def add_run(self, run: Run, catalogue: Catalogue) -> bool:
        """False, and nothing changes, if there is that version of the month already."""

    def run(self, run_id: str) -> Run | None:
        """One run; locked until the end of a write transaction."""

    def runs(self, *, scheme: str | None = None, month: str | None = None, limit: int = 100) -> list[Run]:
        """Newest month and version first."""

    def undone(self) -> list[Run]:
        """Runs that are neither published nor corrected, oldest first."""

    def save_run(self, run: Run, *, expected_version: int) -> None:
        """Write a changed run. Raises Conflict if the stored version is another."""

    def catalogue(self, version: str) -> Catalogue | None:
        """A scheme as it was."""

    # inputs and results

    def without_inputs(self, run_id: str, scheme: str, *, after: str, limit: int) -> list[Merchant]:
        """Merchants of the scheme that have no inputs in the run, by code."""

    def add_inputs(self, inputs: Iterable[Inputs]) -> None:
        """Raises Conflict if one is there already."""

    def inputs(self, run_id: str, uscc: str, revision: int | None = None) -> Inputs | None:
        """Those of a revision, by default the last."""

    def unrated(self, run_id: str, *, after: str, limit: int) -> list[Inputs]:
        """Inputs that no result was made from yet, by merchant."""

    def lacking(self, run_id: str, *, after: str, limit: int) -> list[Inputs]:
        """The last inputs of merchants of whom something is missing, by code."""

    def add_results(self, results: Iterable[Result]) -> None:
        """Raises Conflict if one is there already."""

    def result(self, run_id: str, uscc: str, revision: int | None = None) -> Result | None:
        """That of a revision, by default the last."""

    def results(self, run_id: str, *, after: str = "", limit: int | None = None, grade: str | None = None) -> list[Result]:
        """The last of every merchant, by code."""

    def beside(self, run: Run, *, since: str = "", region: str = "") -> list[Beside]:
        """Every merchant of a run beside its last published result before, by code; of a correction, beside the version before.

        Args:
            run: which one.
            since: the first month that is looked at for the results before.
            region: prefix of the merchants' regions; empty = all.
        """

    def counts(self, run_id: str) -> dict[str, int]:
        """Merchants by grade."""

    def progress(self, run_id: str) -> tuple[int, int]:
        """Merchants with inputs, and with a result."""

    def standing(self, uscc: str, scheme: str, *, before: str = FOR_EVER) -> list[Standing]:
        """A merchant's published results of months before one, newest month first, each in its last version."""

    def standings(
        self, usccs: Sequence[str], scheme: str, *, before: str = FOR_EVER, since: str = ""
    ) -> dict[str, list[Standing]]:
        """The same for several."""

    # objections

    def add_objection(self, objection: Objection) -> bool:
        """False, and nothing changes, if the id is known."""

    def objection(self, objection_id: str) -> Objection | None:
        """One objection; locked until the end of a write transaction."""

    def objections(
        self, *, run_id: str | None = None, uscc: str | None = None, state: ObjectionState | None = None
    ) -> list[Objection]:
        """Oldest first."""

    def save_objection(self, objection: Objection, *, expected_version: int) -> None:
        """Write a changed objection. Raises Conflict if the stored version is another."""
