"""Rules as values: what a camera class or a register fact means, its level, clocks and thresholds (domain.md C.4, C.9).

The values come from ``configs/rules.yaml``; nothing in code decides a level or a threshold.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from domain.parties import ZoneKind


class Level(StrEnum):
    """``red`` carries the regulator's 24-hour clock; ``ordinary`` lives in the same machine without it."""

    RED = "red"
    ORDINARY = "ordinary"


class Severity(StrEnum):
    """Severity of a camera class (C.9); sets the points."""

    MINOR = "minor"
    GENERAL = "general"
    SERIOUS = "serious"


class Review(StrEnum):
    """Whether a person looks before a warning is raised."""

    NONE = "none"
    BEFORE_RAISE = "before_raise"


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraRule:
    """One class of C.9.

    Attributes:
        name: wire name of the class, e.g. ``pest_or_pet``; also the rule's name.
        labels: model labels any of which is a positive.
        with_label: a label that must overlap (``person`` for smoking and phone use), or None.
        automatic_precision: the precision the automatic threshold stands for; the confidence is in the model card.
        automatic_confidence: a site's own confidence threshold; None = the model card's.
        zone_kinds: kinds of zone the rule applies in; empty = all.
        not_zone_kinds: kinds of zone it does not apply in (fire on the stove).
        held_for: how long it must be seen without a break before it counts.
        rectify_within: the merchant's own limit, from the first confirmed delivery.
    """

    name: str
    violation_code: str
    severity: Severity
    level: Level
    labels: tuple[str, ...] = ()
    with_label: str | None = None
    automatic_precision: float = 0.85
    automatic_confidence: float | None = None
    review: Review = Review.NONE
    zone_kinds: tuple[ZoneKind, ...] = ()
    not_zone_kinds: tuple[ZoneKind, ...] = ()
    held_for: timedelta = timedelta()
    rectify_within: timedelta = timedelta(hours=12)
    enabled: bool = True


class RedWarning(StrEnum):
    """The five red warnings from records (C.4)."""

    RAW_EXPIRED = "RW1"
    PRODUCT_EXPIRED = "RW2"
    CERTIFICATE_EXPIRED = "RW3"
    ADDITIVE_BEYOND_SCOPE = "RW4"
    SAMPLING_FAILED = "RW5"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterRule:
    """One of RW1–RW5: its class name and the merchant's limit. The violation code depends on the facts (C.4).

    Attributes:
        notices: how long before the expiry the merchant is told; the largest first.
        notices_long_life: instead of them, for what keeps 30 days or longer.
        notices_by_hour: instead of them, for what expires at an hour and not at midnight.
        on_site_codes: violation codes whose rectification is verified on site only (D.1).
    """

    name: RedWarning
    class_: str
    level: Level = Level.RED
    rectify_within: timedelta = timedelta(hours=12)
    enabled: bool = True
    notices: tuple[timedelta, ...] = ()
    notices_long_life: tuple[timedelta, ...] = ()
    notices_by_hour: tuple[timedelta, ...] = ()
    on_site_codes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Every rule of a site plus the clocks they share (section 0, D.1)."""

    camera: dict[str, CameraRule] = field(default_factory=dict)
    register: dict[RedWarning, RegisterRule] = field(default_factory=dict)
    close_within: timedelta = timedelta(hours=24)
    verify_grace: timedelta = timedelta(hours=1)
    reopen_within: timedelta = timedelta(days=30)
    objection_working_days: int = 3
    retest_working_days: int = 7
    daily_camera_limit: int = 3

    def on_site(self, rule: str, violation_code: str) -> bool:
        """Whether the rectification of such a warning is verified on site only (D.1)."""
        known = RedWarning(rule) if rule in set(RedWarning) else None
        said = self.register.get(known) if known is not None else None
        return said is not None and violation_code in said.on_site_codes
