"""What another eye has told (``cam.detection``, domain.md E.2) as a positive of our own rules: the same rules judge it (0.6).

A class in a zone where its rule does not look is nothing. Where a rule looks only in some kinds of zone and nobody can tell the
zone, a person looks first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from domain.parties import Zone
from domain.rules import CameraRule, Review
from vision.confirmation import DENSE_WINDOW, FRAMES_NEEDED
from vision.detector import LEAST_CONFIDENCE
from vision.rules import Positive
from vision.zones import WHOLE_PICTURE, Box, zone_for


def positive_of(rule: CameraRule, body: Mapping[str, Any], zones: Sequence[Zone]) -> Positive | None:
    """Judge one told detection.

    Another's confidence stands against the rule's own number: the model card's thresholds are of our model alone.

    Args:
        rule: the rule of the class it names.
        body: checked body of the envelope; ``bbox`` is x1 y1 x2 y2 in 0 to 1.
        zones: the camera's zones as configured here.

    Returns:
        The positive, or None if it is not sure enough even for a review or lies where the rule does not look.
    """
    at = rule.automatic_confidence if rule.automatic_confidence is not None else rule.automatic_precision
    confidence = float(body["confidence"])
    if confidence < max(LEAST_CONFIDENCE, at / 2):
        return None
    box: Box | None = None
    if body.get("bbox"):
        x1, y1, x2, y2 = (float(value) for value in body["bbox"])
        box = (x1, y1, x2, y2)
    zone, sure = _place(rule, str(body.get("zone") or ""), box, zones)
    if zone is None:
        return None
    return Positive(
        class_=rule.name,
        zone=zone,
        label=rule.name,
        confidence=confidence,
        automatic_at=at if sure and rule.review is not Review.BEFORE_RAISE else None,
        box=box or (0.0, 0.0, 1.0, 1.0),
        held_for=rule.held_for,
    )


def _place(rule: CameraRule, named: str, box: Box | None, zones: Sequence[Zone]) -> tuple[str | None, bool]:
    """Where it counts, and whether that is sure: the sender's word if we know the zone, else the box, else a guess."""
    known = next((zone for zone in zones if zone.name == named), None)
    if known is not None:
        limited = bool(rule.zone_kinds) and known.kind not in rule.zone_kinds
        return (None if limited or known.kind in rule.not_zone_kinds else known.name), True
    if box is not None:
        found = zone_for(zones, box, 1, 1, kinds=rule.zone_kinds, without=rule.not_zone_kinds)
        return (None if found is None else found.name), True
    return named or WHOLE_PICTURE.name, not rule.zone_kinds and not rule.not_zone_kinds


def moments_of(body: Mapping[str, Any], event_time: datetime) -> tuple[datetime, ...]:
    """The instants a told detection stands for: one, or three in a row if the sender confirmed it as F.2 asks."""
    frames, window_s = body.get("frames_positive") or 1, body.get("window_s")
    if frames < FRAMES_NEEDED or window_s is None or window_s > DENSE_WINDOW.total_seconds():
        return (event_time,)
    step = timedelta(milliseconds=1)
    return tuple(event_time - back * step for back in range(FRAMES_NEEDED - 1, -1, -1))
