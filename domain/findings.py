"""Findings: a suspected or established violation with its evidence, on the way to a warning (architecture.md section 1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from domain.errors import BadInput, Code
from domain.ids import parse_uscc
from domain.rules import Level
from domain.time import format_instant, parse_instant


class EvidenceKind(StrEnum):
    """What a piece of evidence is."""

    SNAPSHOT = "snapshot"
    PHOTO = "photo"
    RECORD = "record"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRef:
    """Evidence by reference: the media store keeps the bytes under their SHA-256 (hex)."""

    kind: EvidenceKind
    sha256: str
    media_type: str
    at: datetime

    def to_wire(self) -> dict[str, str]:
        """JSON form."""
        return {
            "kind": self.kind.value,
            "sha256": self.sha256,
            "media_type": self.media_type,
            "at": format_instant(self.at),
        }

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> EvidenceRef:
        """Read back ``to_wire``."""
        return cls(
            kind=EvidenceKind(wire["kind"]),
            sha256=str(wire["sha256"]),
            media_type=str(wire["media_type"]),
            at=parse_instant(wire["at"], "evidence.at"),
        )


class ReasonCode(StrEnum):
    """Why something was raised; the pages put it in words of the reader's language."""

    CAMERA = "camera"  # params: class, camera, zone, frames, confidence, model
    PRODUCT_EXPIRED_ON_SALE = "product_expired_on_sale"  # lot, name, expires_at, [trace_code, sold_at]
    PRODUCT_EXPIRED = "product_expired"  # lot, name, expires_at
    RAW_EXPIRED = "raw_expired"  # lot, name, expires_at
    RAW_EXPIRED_USED = "raw_expired_used"  # lot, name, expires_at
    CERTIFICATE_EXPIRED = "certificate_expired"  # person, name, valid_until (a day), shift_start
    ADDITIVE_BEYOND_SCOPE = "additive_beyond_scope"  # additive, lot, product_lot, food_class
    ADDITIVE_OVER_LIMIT = "additive_over_limit"  # additive, lot, product_lot, food_class, used, limit (g/kg)
    ADDITIVES_TOGETHER = "additives_together"  # additives, lot, product_lot, food_class, share
    ADDITIVE_PROHIBITED = "additive_prohibited"  # additive, lot, product_lot
    ADDITIVE_HELD = "additive_held"  # additive, lot
    ADDITIVE_CARRIED_OVER = "additive_carried_over"  # additive, lot, product_lot, ingredient, used
    SAMPLING_FAILED = "sampling_failed"  # report_no, product, lot, items
    MANUAL = "manual"  # note


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """A reason with its parameters (strings, instants already in RFC 3339)."""

    code: ReasonCode
    params: Mapping[str, str] = field(default_factory=dict)

    def to_wire(self) -> dict[str, Any]:
        """JSON form."""
        return {"code": self.code.value, "params": dict(self.params)}

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Reason:
        """Read back ``to_wire``."""
        return cls(code=ReasonCode(wire["code"]), params={str(k): str(v) for k, v in dict(wire["params"]).items()})


class FindingState(StrEnum):
    """What became of a finding (D.2)."""

    RAISED = "raised"
    ATTACHED = "attached"
    REVIEW = "review"
    DISCARDED = "discarded"
    EXPIRED_UNREVIEWED = "expired_unreviewed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """The clock of a finding that waits for a reviewer (section 0.1, D.2).

    Attributes:
        review_by: after this instant its team leader is told.
        expires_at: after this instant it is dropped unseen; None for a serious one, which waits until somebody decides.
        escalated: the team leader was told.
    """

    review_by: datetime
    expires_at: datetime | None = None
    escalated: bool = False

    @property
    def next_due_at(self) -> datetime | None:
        """The first instant at which something is due: a deadline itself is still in time."""
        at = self.expires_at if self.escalated else self.review_by
        return None if at is None else at + timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A suspected or established violation.

    Attributes:
        id: derived from (merchant, rule, subject) for registers; from (merchant, class, camera, zone, first seen) for cameras.
        rule: camera class name or ``RW1``…``RW5``.
        class_: class on the wire, e.g. ``pest_or_pet``, ``product_expired``.
        subject: what it is about: a lot, or ``camera/zone``. With merchant and rule it makes the key of the open warning.
        event_time: when it was seen, device time.
        first_seen_at: when the episode's first positive frame was taken.
        automatic: whether it raises by itself (section 0.1); otherwise it goes to review.
        detected_at: server time the finding was made, for the detection-to-alert histogram.
    """

    id: str
    uscc: str
    rule: str
    class_: str
    violation_code: str
    level: Level
    subject: str
    event_time: datetime
    first_seen_at: datetime
    detected_at: datetime
    automatic: bool
    why: Reason
    camera: str | None = None
    zone: str | None = None
    confidence: float | None = None
    frames_positive: int = 0
    evidence: tuple[EvidenceRef, ...] = ()
    model: str = ""

    @property
    def open_key(self) -> str:
        """At most one open warning per this key (F.2)."""
        return f"{self.uscc}|{self.rule}|{self.subject}"

    def to_wire(self) -> dict[str, Any]:
        """JSON form on the ``findings`` topic."""
        return {
            "v": 1,
            "id": self.id,
            "uscc": self.uscc,
            "rule": self.rule,
            "class": self.class_,
            "violation_code": self.violation_code,
            "level": self.level.value,
            "subject": self.subject,
            "event_time": format_instant(self.event_time),
            "first_seen_at": format_instant(self.first_seen_at),
            "detected_at": format_instant(self.detected_at),
            "automatic": self.automatic,
            "why": self.why.to_wire(),
            "camera": self.camera,
            "zone": self.zone,
            "confidence": self.confidence,
            "frames_positive": self.frames_positive,
            "evidence": [item.to_wire() for item in self.evidence],
            "model": self.model,
        }

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Finding:
        """Read back ``to_wire``.

        Raises:
            BadInput: E003 if the record is no finding.
        """
        try:
            return cls(
                id=str(wire["id"]),
                uscc=parse_uscc(wire["uscc"]),
                rule=str(wire["rule"]),
                class_=str(wire["class"]),
                violation_code=str(wire["violation_code"]),
                level=Level(wire["level"]),
                subject=str(wire["subject"]),
                event_time=parse_instant(wire["event_time"], "event_time"),
                first_seen_at=parse_instant(wire["first_seen_at"], "first_seen_at"),
                detected_at=parse_instant(wire["detected_at"], "detected_at"),
                automatic=bool(wire["automatic"]),
                why=Reason.from_wire(wire["why"]),
                camera=wire.get("camera"),
                zone=wire.get("zone"),
                confidence=wire.get("confidence"),
                frames_positive=int(wire.get("frames_positive") or 0),
                evidence=tuple(EvidenceRef.from_wire(item) for item in wire.get("evidence", ())),
                model=str(wire.get("model") or ""),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadInput(Code.FIELD, f"not a finding: {error!r}", where="findings") from None
