"""``assessments.yaml``: from what each fact of the monthly assessment is counted, and who publishes a month.

Which indicators a city has is the scheme's business; which of them this product can count by itself stands here, as data.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from configs.words import Strict, Word


class Gauge(StrEnum):
    """What can be counted from the system's own records; ``casework.indicators`` has a function for each."""

    DAYS_OF_DATA = "days_of_data"
    ANNUAL_REPORT = "annual_report"
    ABNORMAL_MARK = "abnormal_mark"
    TAX_NON_NORMAL = "tax_non_normal"
    OVERDUE_FILINGS = "overdue_filings"
    PENALTIES_ON_NOTICE = "penalties_on_notice"
    SERIOUS_LISTING = "serious_listing"
    JUDGMENT_DEBTOR = "judgment_debtor"
    HONOURS = "honours"
    CAMERA_ONLINE = "camera_online"
    CAMERA_VIOLATIONS = "camera_violations"
    RECTIFIED_IN_TIME = "rectified_in_time"
    COLD_CHAIN = "cold_chain"
    KANBAN_DAYS = "kanban_days"
    CERTIFIED_STAFF = "certified_staff"
    MORNING_CHECKS = "morning_checks"
    VOUCHERED_BATCHES = "vouchered_batches"
    CONSUMER_RATING = "consumer_rating"
    PATROLS_PASSED = "patrols_passed"
    SPOT_CHECK_SCORE = "spot_check_score"
    RECHECKS_PASSED = "rechecks_passed"
    LICENCE_STATE = "licence_state"


class Event(StrEnum):
    """What did or did not happen in a month: caps and vetoes follow from it."""

    SAMPLING_FAILED = "sampling_failed"
    ESCALATED_OPEN = "escalated_open"
    RODENT_LATE = "rodent_late"
    ACCIDENT = "accident"
    SUSPENSION = "suspension"
    ILLEGAL_SUBSTANCE = "illegal_substance"


class Breach(StrEnum):
    """Violations that follow from records alone, without a warning."""

    SCENE_OFFLINE_DAYS = "scene_offline_days"
    TRACE_COVERAGE = "trace_coverage"
    TEMPERATURE_EXCURSIONS = "temperature_excursions"
    EVALUATION_ITEMS = "evaluation_items"
    MISSED_TRAININGS = "missed_trainings"


class Publication(StrEnum):
    """Who publishes a final month."""

    PERSON = "person"
    SWEEP = "sweep"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sourcing:
    """Where the facts of one scheme come from, by path in the facts.

    Attributes:
        unrecorded: what holds where nothing is on record.
        supplied: how a fact that the merchant has yet to supply is scored.
    """

    counted: Mapping[str, Gauge] = field(default_factory=dict)
    caps: Mapping[str, Event] = field(default_factory=dict)
    vetoes: Mapping[str, Event] = field(default_factory=dict)
    violations: Mapping[str, Breach] = field(default_factory=dict)
    unrecorded: Mapping[str, Any] = field(default_factory=dict)
    supplied: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessing:
    """How a site assesses.

    Attributes:
        silence: after which a device that says nothing is offline.
        provincial_age: how old the provincial score may be.
        hash: of everything that decides what is counted.
    """

    publication: Publication = Publication.PERSON
    silence: timedelta = timedelta(minutes=15)
    provincial_age: timedelta = timedelta(days=35)
    sourcing: Mapping[str, Sourcing] = field(default_factory=dict)
    hash: str = ""

    def of(self, scheme: str) -> Sourcing:
        """The sourcing of a scheme; everything of one that is not named is told."""
        return self.sourcing.get(scheme, Sourcing())


Path = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)*$")]
Name = Annotated[str, Field(pattern=r"^[A-Z]{1,3}[0-9]{1,3}$")]


class SourcingEntry(Strict):
    """The facts of one scheme."""

    counted: Mapping[Path, Gauge] = {}
    caps: Mapping[Name, Event] = {}
    vetoes: Mapping[Name, Event] = {}
    violations: Mapping[Name, Breach] = {}
    unrecorded: Mapping[Path, Any] = {}
    supplied: Mapping[Path, Any] = {}


class AssessmentsFile(Strict):
    """``assessments.yaml``."""

    publication: Publication = Publication.PERSON
    silence_minutes: Annotated[int, Field(ge=1, le=1440)] = 15
    provincial_days: Annotated[int, Field(ge=1, le=366)] = 35
    schemes: Mapping[Word, SourcingEntry] = {}

    def value(self) -> Assessing:
        """The domain value."""
        return Assessing(
            publication=self.publication,
            silence=timedelta(minutes=self.silence_minutes),
            provincial_age=timedelta(days=self.provincial_days),
            sourcing={name: Sourcing(**dict(entry)) for name, entry in self.schemes.items()},
            hash=self._hash(),
        )

    def _hash(self) -> str:
        plain = self.model_dump(mode="json", exclude={"publication"})
        text = json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode("utf-8")).hexdigest()[:12]
