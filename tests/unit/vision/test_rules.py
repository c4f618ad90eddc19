"""C.9: which detections of one frame meet which rule."""

from datetime import timedelta

import numpy as np
import pytest

from domain.parties import Zone, ZoneKind
from domain.rules import CameraRule, Level, Review, Severity
from vision.detections import Detections
from vision.rules import at_person, automatic_threshold, judge, review_threshold

SIZE = (1000, 500)
LEFT = Zone(name="left", kind=ZoneKind.SPECIAL_ROOM, polygon=((0, 0), (0.5, 0), (0.5, 1), (0, 1)))
STOVE = Zone(name="stove", kind=ZoneKind.STOVE, polygon=((0.8, 0.5), (1, 0.5), (1, 1), (0.8, 1)))
THRESHOLDS = {"cat": 0.6, "cockroach": None, "no_hairnet": 0.7, "fire": 0.8, "phone": 0.5, "bare_hand": 0.9, "cigarette": 0.8}
PERSON = ("person", 0.9, (100, 100, 200, 400))


def rule(name, *labels, **changes) -> CameraRule:
    return CameraRule(name=name, violation_code="CV", severity=Severity.GENERAL, level=Level.RED, labels=labels, **changes)


def seen(*objects) -> Detections:
    return Detections(
        np.array([box for _, _, box in objects], dtype=np.float32).reshape(-1, 4),
        tuple(label for label, _, _ in objects),
        np.array([confidence for _, confidence, _ in objects], dtype=np.float32),
    )


def met(rules, zones, *objects):
    return [(p.class_, p.zone) for p in judge(seen(*objects), rules, zones, *SIZE, thresholds=THRESHOLDS)]


PETS = rule("pest_or_pet", "cockroach", "cat", "dog", "bird")
PHONE = rule("phone_use", "phone", with_label="person", zone_kinds=(ZoneKind.SPECIAL_ROOM,))
SMOKING = rule("smoking", "cigarette", with_label="person")
GLOVES = rule("no_gloves", "bare_hand", zone_kinds=(ZoneKind.SPECIAL_ROOM,))
MASK = rule("no_mask", "no_mask", zone_kinds=(ZoneKind.SPECIAL_ROOM, ZoneKind.KITCHEN))
FIRE = rule("fire", "fire", not_zone_kinds=(ZoneKind.STOVE,))
FLAME = rule("flame_unattended", "fire", zone_kinds=(ZoneKind.STOVE,))
ON_STOVE = ("fire", 0.9, (880, 300, 920, 400))
BESIDE_STOVE = ("fire", 0.9, (600, 300, 640, 400))


@pytest.mark.parametrize(
    ("rules", "zones", "objects", "expected", "reason"),
    [
        ([PETS], (), [("cat", 0.9, (10, 10, 90, 90))], [("pest_or_pet", "frame")], "no zone drawn: the whole picture"),
        ([PETS], (LEFT,), [("cat", 0.9, (10, 10, 90, 90))], [("pest_or_pet", "left")], "in the zone it stands in"),
        ([PETS], (LEFT,), [("cat", 0.9, (800, 10, 900, 90))], [("pest_or_pet", "frame")], "outside all zones still counts"),
        ([PETS], (), [("cat", 0.29, (10, 10, 90, 90))], [], "below half of the automatic threshold"),
        ([PETS], (), [("cockroach", 0.26, (1, 1, 9, 9))], [("pest_or_pet", "frame")], "no threshold: review from 0.25"),
        ([PETS], (), [("person", 0.9, (10, 10, 90, 90))], [], "another label"),
        ([rule("pest_or_pet", "cat", enabled=False)], (), [("cat", 0.9, (1, 1, 9, 9))], [], "the rule is off"),
        ([rule("no_workwear")], (), [("person", 0.9, (1, 1, 9, 9))], [], "a rule without labels sees nothing"),
        ([GLOVES], (LEFT,), [("bare_hand", 0.9, (10, 10, 90, 90))], [("no_gloves", "left")], "bare hand in the special room"),
        ([GLOVES], (LEFT,), [("bare_hand", 0.9, (800, 10, 900, 90))], [], "bare hand elsewhere is allowed"),
        ([GLOVES], (), [("bare_hand", 0.9, (10, 10, 90, 90))], [], "no special room was drawn"),
        ([MASK], (), [("no_mask", 0.9, (10, 10, 90, 90))], [("no_mask", "frame")], "an undivided picture is kitchen"),
        ([PHONE], (LEFT,), [("phone", 0.9, (150, 200, 170, 230)), PERSON], [("phone_use", "left")], "held by a person"),
        ([PHONE], (LEFT,), [("phone", 0.9, (300, 200, 320, 230)), PERSON], [], "lying on the table"),
        ([PHONE], (LEFT,), [("phone", 0.9, (150, 200, 170, 230))], [], "nobody there"),
        ([SMOKING], (), [("cigarette", 0.9, (195, 150, 205, 155)), PERSON], [("smoking", "frame")], "at a person's hand"),
        ([FIRE], (STOVE,), [BESIDE_STOVE], [("fire", "frame")], "fire beside the stove"),
        ([FIRE], (STOVE,), [ON_STOVE], [], "flame on the stove is cooking"),
        ([FIRE], (Zone(name="all", kind=ZoneKind.KITCHEN), STOVE), [ON_STOVE], [], "even when a larger zone holds it too"),
        ([FLAME], (STOVE,), [ON_STOVE], [("flame_unattended", "stove")], "flame and nobody there"),
        ([FLAME], (STOVE,), [ON_STOVE, ("person", 0.9, (850, 200, 950, 450))], [], "the cook stands at the stove"),
        ([FLAME], (STOVE,), [ON_STOVE, PERSON], [("flame_unattended", "stove")], "somebody elsewhere does not help"),
    ],
)
def test_a_frame_meets_a_rule(rules, zones, objects, expected, reason):
    assert met(rules, zones, *objects) == expected, reason


def test_one_positive_per_class_and_zone_the_surest():
    (positive,) = judge(
        seen(("cat", 0.5, (1, 1, 9, 9)), ("cat", 0.8, (20, 20, 90, 90)), ("cockroach", 0.95, (5, 5, 9, 9))),
        [PETS],
        (),
        *SIZE,
        thresholds=THRESHOLDS,
    )
    assert (positive.label, positive.strong) == ("cat", True), "a measured threshold beats a higher number without one"
    assert positive.confidence == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("changes", "label", "automatic", "review", "reason"),
    [
        ({}, "cat", 0.6, 0.3, "review starts at half"),
        ({}, "cockroach", None, 0.25, "never automatic: review from 0.25"),
        ({}, "unknown", None, 0.25, "a label without a measurement is never automatic"),
        ({"automatic_confidence": 0.4}, "cat", 0.4, 0.25, "the site's own threshold wins; review not under 0.25"),
        ({"review": Review.BEFORE_RAISE}, "cat", None, 0.3, "a person looks first"),
    ],
)
def test_thresholds_follow_the_model_and_the_site(changes, label, automatic, review, reason):
    changed = rule("pest_or_pet", label, **changes)
    assert automatic_threshold(changed, label, THRESHOLDS) == automatic, reason
    assert review_threshold(changed, label, THRESHOLDS) == review, reason


def test_how_long_it_must_last_comes_from_the_rule():
    held = rule("fire", "fire", held_for=timedelta(minutes=3))
    (positive,) = judge(seen(BESIDE_STOVE), [held], (), *SIZE, thresholds=THRESHOLDS)
    assert positive.held_for == timedelta(minutes=3)


def test_an_object_of_no_area_can_still_be_at_a_person():
    assert at_person((150, 150, 150, 150), PERSON[2])
    assert not at_person((500, 150, 500, 150), PERSON[2])
