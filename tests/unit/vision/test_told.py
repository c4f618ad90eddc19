"""What other eyes tell is judged by the same rules: zones, confidence, each class for itself, late or not."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.observations import parse_envelope
from domain.parties import Camera, Zone, ZoneKind
from domain.rules import CameraRule, Level, Rules, Severity
from domain.time import format_instant
from vision.engines import open_detector
from vision.eye import Eye
from vision.told import positive_of

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
USCC, CAMERA = "92330211MA2ABC125M", "cam-0a1b2c3d"
STOVE = Zone(name="stove", kind=ZoneKind.STOVE, polygon=((0, 0), (0.2, 0), (0.2, 1), (0, 1)))
ROOM = Zone(name="room", kind=ZoneKind.SPECIAL_ROOM, polygon=((0.8, 0), (1, 0), (1, 1), (0.8, 1)))
ZONES = (STOVE, ROOM, Zone(name="kitchen", kind=ZoneKind.KITCHEN))


def rule(name, **changes):
    return CameraRule(name=name, violation_code="CV05", severity=Severity.SERIOUS, level=Level.RED, labels=(name,), **changes)


FIRE = rule("fire", not_zone_kinds=(ZoneKind.STOVE,))
GLOVES = rule("no_gloves", zone_kinds=(ZoneKind.SPECIAL_ROOM,))
SMOKING = rule("smoking")
RULES = Rules(camera={one.name: one for one in (FIRE, GLOVES, SMOKING)})


@pytest.mark.parametrize(
    ("of", "body", "expected", "reason"),
    [
        (FIRE, {"zone": "stove"}, None, "a flame on the stove is cooking"),
        (FIRE, {"zone": "kitchen"}, ("kitchen", True), "elsewhere it is a fire"),
        (FIRE, {"bbox": [0.05, 0.5, 0.1, 0.9]}, None, "the box stands on the stove"),
        (FIRE, {"bbox": [0.5, 0.5, 0.6, 0.9]}, ("kitchen", True), "the box stands beside it"),
        (FIRE, {}, ("frame", False), "nobody can tell where: a person looks"),
        (GLOVES, {"zone": "stove"}, None, "gloves are for the special room"),
        (GLOVES, {"zone": "room"}, ("room", True), "there they are asked for"),
        (GLOVES, {"zone": "zz"}, ("zz", False), "a zone we do not know"),
        (SMOKING, {"zone": "zz"}, ("zz", True), "smoking counts everywhere"),
        (SMOKING, {"confidence": 0.2}, None, "below every review"),
        (SMOKING, {"confidence": 0.42}, None, "half of 0.85 is where review starts"),
        (SMOKING, {"confidence": 0.43}, ("frame", True), "worth a look"),
    ],
)
def test_a_told_detection_is_judged_by_the_rule_and_the_zone(of, body, expected, reason):
    positive = positive_of(of, {"confidence": 0.95, **body}, ZONES)
    assert (None if positive is None else (positive.zone, positive.automatic_at is not None)) == expected, reason


def told(class_, at, **body):
    envelope = {
        "v": 1,
        "kind": "cam.detection",
        "uscc": USCC,
        "device_id": CAMERA,
        "event_time": format_instant(at),
        "seq": 1,
        "body": {"class": class_, "confidence": 0.95, "frames_positive": 5, "window_s": 4, "snapshot_sha256": "a" * 64, **body},
    }
    return parse_envelope(envelope, at)


@pytest.fixture
def eye():
    camera = Camera(device_id=CAMERA, uscc=USCC, zones=ZONES)
    return Eye(detector=open_detector("blind"), rules=RULES, cameras={CAMERA: camera}, keep=lambda *_: "", kept=lambda _: True)


def test_two_classes_in_one_picture_are_two_findings(eye):
    found = [one.rule for class_ in ("smoking", "fire") for one in eye.hear(told(class_, NOW), NOW)]
    assert found == ["smoking", "fire"]


def test_one_class_in_two_zones_at_once_is_two_findings(eye):
    found = [one.zone for zone in ("kitchen", "room") for one in eye.hear(told("smoking", NOW, zone=zone), NOW)]
    assert found == ["kitchen", "room"]


def test_what_comes_late_is_not_lost_and_told_twice_is_the_same_finding(eye):
    (first,) = eye.hear(told("smoking", NOW), NOW)
    (late,) = eye.hear(told("smoking", NOW - timedelta(hours=2)), NOW)
    (again,) = eye.hear(told("smoking", NOW), NOW)
    assert late.id != first.id
    assert again.id == first.id
