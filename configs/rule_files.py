"""``rules.yaml``: the camera classes of domain.md C.9 and the register warnings of C.4, with their clocks.

A site's own file is laid over the shipped one key by key, so it holds only what differs; the result is validated as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from configs.words import Code, Strict, Word
from domain.parties import ZoneKind
from domain.rules import CameraRule, Level, RedWarning, RegisterRule, Review, Rules, Severity

Hours = Annotated[float, Field(gt=0, le=12, description="never more than 12, so that 12 h remain to verify (C.4)")]


class Clocks(Strict):
    """What all rules share."""

    close_within_hours: Annotated[float, Field(gt=0, le=24, description="the regulator's clock; 24 by section 0.2")] = 24.0
    verify_grace_minutes: Annotated[int, Field(ge=0, le=720)] = 60
    reopen_within_days: Annotated[int, Field(ge=0, le=365)] = 30
    objection_working_days: Annotated[int, Field(ge=1, le=60)] = 3
    retest_working_days: Annotated[int, Field(ge=1, le=60, description="a failed sample may be tested again (F.18)")] = 7
    daily_camera_limit: Annotated[int, Field(ge=1, le=100)] = 3


class CameraRuleEntry(Strict):
    """One class of C.9."""

    violation_code: Code
    severity: Severity
    level: Level
    labels: tuple[Word, ...] = ()
    with_label: Word | None = None
    automatic_precision: Annotated[float, Field(ge=0.5, le=1)] = 0.85
    automatic_confidence: Annotated[float, Field(gt=0, le=1)] | None = None
    review: Review = Review.NONE
    zone_kinds: tuple[ZoneKind, ...] = ()
    not_zone_kinds: tuple[ZoneKind, ...] = ()
    held_for_seconds: Annotated[int, Field(ge=0, le=86_400)] = 0
    rectify_within_hours: Hours = 12.0
    enabled: bool = True

    @model_validator(mode="after")
    def _applies_somewhere(self) -> Self:
        if set(self.zone_kinds) & set(self.not_zone_kinds):
            raise ValueError("a kind of zone stands in zone_kinds and in not_zone_kinds")
        return self

    def value(self, name: str) -> CameraRule:
        """The domain value."""
        return CameraRule(
            name=name,
            violation_code=self.violation_code,
            severity=self.severity,
            level=self.level,
            labels=self.labels,
            with_label=self.with_label,
            automatic_precision=self.automatic_precision,
            automatic_confidence=self.automatic_confidence,
            review=self.review,
            zone_kinds=self.zone_kinds,
            not_zone_kinds=self.not_zone_kinds,
            held_for=timedelta(seconds=self.held_for_seconds),
            rectify_within=timedelta(hours=self.rectify_within_hours),
            enabled=self.enabled,
        )


Days = tuple[Annotated[int, Field(ge=1, le=365)], ...]
SomeHours = tuple[Annotated[float, Field(gt=0, le=72)], ...]


class RegisterRuleEntry(Strict):
    """One of RW1–RW5."""

    class_: Annotated[Word, Field(alias="class")]
    level: Level = Level.RED
    rectify_within_hours: Hours = 12.0
    enabled: bool = True
    notice_days: Annotated[Days, Field(description="the merchant is told so many days before the expiry")] = ()
    notice_days_long_life: Annotated[Days, Field(description="instead, for what keeps 30 days or longer")] = ()
    notice_hours: Annotated[SomeHours, Field(description="instead, for what expires at an hour and not at midnight")] = ()
    on_site_codes: Annotated[tuple[Code, ...], Field(description="violation codes verified on site only (D.1)")] = ()

    def value(self, name: RedWarning) -> RegisterRule:
        """The domain value."""
        return RegisterRule(
            name=name,
            class_=self.class_,
            level=self.level,
            rectify_within=timedelta(hours=self.rectify_within_hours),
            enabled=self.enabled,
            notices=_spans(self.notice_days, 24),
            notices_long_life=_spans(self.notice_days_long_life, 24),
            notices_by_hour=_spans(self.notice_hours, 1),
            on_site_codes=frozenset(self.on_site_codes),
        )


def _spans(numbers: Iterable[float], hours: int) -> tuple[timedelta, ...]:
    return tuple(timedelta(hours=number * hours) for number in sorted(numbers, reverse=True))


class RulesFile(Strict):
    """``rules.yaml``."""

    clocks: Clocks = Clocks()
    camera: dict[Word, CameraRuleEntry] = Field(default_factory=dict)
    register_: Annotated[dict[RedWarning, RegisterRuleEntry], Field(default_factory=dict, alias="register")]

    def value(self) -> Rules:
        """The domain value."""
        return Rules(
            camera={name: entry.value(name) for name, entry in self.camera.items()},
            register={name: entry.value(name) for name, entry in self.register_.items()},
            close_within=timedelta(hours=self.clocks.close_within_hours),
            verify_grace=timedelta(minutes=self.clocks.verify_grace_minutes),
            reopen_within=timedelta(days=self.clocks.reopen_within_days),
            objection_working_days=self.clocks.objection_working_days,
            retest_working_days=self.clocks.retest_working_days,
            daily_camera_limit=self.clocks.daily_camera_limit,
        )


def overlay(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """``own`` laid over ``base``: mappings key by key, everything else replaced."""
    merged = dict(base)
    for key, value in own.items():
        below = merged.get(key)
        merged[key] = overlay(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged
