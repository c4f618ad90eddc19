"""Judge one frame: which camera rules (domain.md C.9) its detections meet, in which zone, and how surely.

A positive is not yet a finding: it must be confirmed over time (`vision.confirmation`). Whether it may act by itself is
decided by the threshold of the label that was seen, so a sure cat and an unsure cockroach stay different things.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from domain.parties import Zone
from domain.rules import CameraRule, Review
from vision.detections import Detections
from vision.detector import LEAST_CONFIDENCE
from vision.zones import Box, contains, zone_for

FLAME_UNATTENDED = "flame_unattended"
PERSON = "person"
LEAST_SHARE = 0.5
"""Share of an object that must lie within a person's box to be at that person."""
REACH = 0.1
"""A person's box is enlarged by this share of its size on every side: arms reach out of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Positive:
    """One rule met in one zone of one frame.

    Attributes:
        class_: Wire name of the class (C.9), which is the rule's name.
        zone: Name of the zone.
        label: Model label that met the rule.
        confidence: Confidence of that label, 0 to 1.
        automatic_at: Confidence from which it may act by itself; None: never, a person looks first.
        box: x1 y1 x2 y2 in pixels of the frame.
        held_for: How long it must be seen without a break before it counts.
    """

    class_: str
    zone: str
    label: str
    confidence: float
    automatic_at: float | None
    box: Box
    held_for: timedelta = timedelta()

    @property
    def strong(self) -> bool:
        """Whether this frame alone reaches the automatic threshold."""
        return self.automatic_at is not None and self.confidence >= self.automatic_at


def automatic_threshold(rule: CameraRule, label: str, thresholds: Mapping[str, float | None]) -> float | None:
    """Find the confidence from which a label may act by itself under a rule.

    Args:
        rule: The rule; its own `automatic_confidence` wins, `review: before_raise` rules it out.
        label: Model label.
        thresholds: The model's measured thresholds.

    Returns:
        The confidence, or None: always a person first.
    """
    if rule.review is Review.BEFORE_RAISE:
        return None
    if rule.automatic_confidence is not None:
        return rule.automatic_confidence
    return thresholds.get(label)


def review_threshold(rule: CameraRule, label: str, thresholds: Mapping[str, float | None]) -> float:
    """Find the confidence from which a label is worth a look: half the automatic one, not under 0.25 (C.9).

    Args:
        rule: The rule; its own `automatic_confidence` wins over the model's threshold.
        label: Model label.
        thresholds: The model's measured thresholds.

    Returns:
        The confidence.
    """
    measured = rule.automatic_confidence if rule.automatic_confidence is not None else thresholds.get(label)
    return LEAST_CONFIDENCE if measured is None else max(LEAST_CONFIDENCE, measured / 2)


def judge(
    detections: Detections,
    rules: Iterable[CameraRule],
    zones: Sequence[Zone],
    width: int,
    height: int,
    *,
    thresholds: Mapping[str, float | None],
) -> tuple[Positive, ...]:
    """Find the rules a frame meets.

    Args:
        detections: What the model saw, in pixels of the frame.
        rules: The site's camera rules.
        zones: The camera's zones; none: the whole picture.
        width: Frame width in pixels.
        height: Frame height in pixels.
        thresholds: The model's automatic thresholds per label.

    Returns:
        At most one positive per class and zone, the surest, ordered by class and zone.
    """
    company: dict[str, list[Box]] = {}
    for label, _, box in detections:
        company.setdefault(label, []).append(box)
    surest: dict[tuple[str, str], Positive] = {}
    for rule in rules:
        if not rule.enabled or not rule.labels:
            continue
        for label, confidence, box in detections:
            if label not in rule.labels or confidence < review_threshold(rule, label, thresholds):
                continue
            zone = zone_for(zones, box, width, height, kinds=rule.zone_kinds, without=rule.not_zone_kinds)
            if zone is None or not _company_fits(rule, box, zone, company, (width, height)):
                continue
            positive = Positive(
                class_=rule.name,
                zone=zone.name,
                label=label,
                confidence=confidence,
                automatic_at=automatic_threshold(rule, label, thresholds),
                box=box,
                held_for=rule.held_for,
            )
            known = surest.get((rule.name, zone.name))
            if known is None or (positive.strong, positive.confidence) > (known.strong, known.confidence):
                surest[rule.name, zone.name] = positive
    return tuple(surest[key] for key in sorted(surest))


def at_person(box: Box, person: Box) -> bool:
    """Tell whether an object is at a person: at least half of it within their reach.

    Args:
        box: The object, x1 y1 x2 y2.
        person: The person's box in the same frame.

    Returns:
        Whether it is.
    """
    px1, py1, px2, py2 = person
    dx, dy = (px2 - px1) * REACH, (py2 - py1) * REACH
    x1, y1, x2, y2 = box
    inside_w = min(x2, px2 + dx) - max(x1, px1 - dx)
    inside_h = min(y2, py2 + dy) - max(y1, py1 - dy)
    area = (x2 - x1) * (y2 - y1)
    return inside_w >= 0 and inside_h >= 0 and (area <= 0 or inside_w * inside_h >= LEAST_SHARE * area)


def _company_fits(rule: CameraRule, box: Box, zone: Zone, company: Mapping[str, Sequence[Box]], size: tuple[int, int]) -> bool:
    """Check what must, or must not, be beside the object."""
    if rule.name == FLAME_UNATTENDED:
        return not any(contains(zone, person, *size) for person in company.get(PERSON, ()))
    return rule.with_label is None or any(at_person(box, other) for other in company.get(rule.with_label, ()))
