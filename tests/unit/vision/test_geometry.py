"""Zones, letterboxing, suppression, the detections value."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.parties import Zone, ZoneKind
from vision.detections import Detections, ModelInfo
from vision.letterbox import fit_into, from_output, suppress, to_input
from vision.zones import contains, foot_point

TRIANGLE = Zone(name="triangle", kind=ZoneKind.KITCHEN, polygon=((0, 0), (1, 0), (0, 1)))
NOTCH = Zone(name="notch", kind=ZoneKind.KITCHEN, polygon=((0, 0), (1, 0), (1, 1), (0.5, 0.5), (0, 1)))


@pytest.mark.parametrize(
    ("zone", "box", "inside", "reason"),
    [
        (TRIANGLE, (0, 0, 20, 20), True, "stands inside"),
        (TRIANGLE, (80, 80, 99, 99), False, "stands outside"),
        (TRIANGLE, (0, 0, 20, 99), False, "the head is inside, the feet are not"),
        (TRIANGLE, (40, 20, 60, 50), True, "the foot point on the slanted edge belongs to the zone"),
        (NOTCH, (40, 20, 60, 90), False, "in the notch of a concave polygon"),
        (NOTCH, (10, 20, 30, 60), True, "in its left leg"),
        (Zone(name="all", kind=ZoneKind.KITCHEN), (80, 80, 99, 99), True, "no polygon: the whole picture"),
    ],
)
def test_a_zone_holds_what_stands_in_it(zone, box, inside, reason):
    assert contains(zone, box, 100, 100) is inside, reason


def test_the_foot_point_is_the_middle_of_the_lower_edge():
    assert foot_point((100, 50, 300, 250), 1000, 500) == (0.2, 0.5)


sides = st.integers(1, 4000)


@given(sides, sides)
def test_a_placement_fits_and_is_in_the_middle(width, height):
    fit = fit_into(width, height, 640, 384)
    assert fit.left >= 0
    assert fit.top >= 0
    assert fit.left + round(width * fit.scale) <= 640
    assert fit.top + round(height * fit.scale) <= 384
    assert fit.left == 0 or fit.top == 0 or max(width, height) < 640


@given(
    st.integers(16, 3000),
    st.integers(16, 3000),
    st.tuples(*[st.floats(0, 1)] * 4),
    st.floats(0.3, 1.0),
)
def test_a_box_comes_back_where_it_was(width, height, shares, confidence):
    xs, ys = sorted(shares[:2]), sorted(shares[2:])
    box = np.array([xs[0] * width, ys[0] * height, xs[1] * width, ys[1] * height])
    fit = fit_into(width, height, 640, 384)
    x1, y1, x2, y2 = box * fit.scale + np.array([fit.left, fit.top] * 2)
    output = np.array([[(x1 + x2) / 2], [(y1 + y2) / 2], [x2 - x1], [y2 - y1], [0.0], [confidence]], dtype=np.float32)
    found = from_output(output, fit, ("cat", "dog"), 0.25)
    assert found.labels == ("dog",)
    assert np.allclose(found.boxes[0], box, atol=1 + 0.01 / fit.scale)


def test_a_small_picture_is_letterboxed_in_rgb_between_0_and_1():
    image = np.zeros((10, 10, 3), dtype=np.uint8)
    image[:, :, 0] = 255  # blue, as BGR
    blob, fit = to_input(image, 64, 32)
    assert blob.shape == (1, 3, 32, 64)
    assert (fit.left, fit.top) == (16, 0)
    assert blob[0, :, 16, 32].tolist() == [0.0, 0.0, 1.0]
    assert blob[0, :, 16, 0] == pytest.approx([114 / 255] * 3)


def test_suppression_keeps_the_surest_of_a_class_and_spares_other_classes():
    boxes = np.array([[0, 0, 10, 10], [1, 1, 11, 11], [0, 0, 10, 10], [50, 50, 60, 60]], dtype=np.float32)
    kept = suppress(boxes, np.array([0.6, 0.9, 0.5, 0.7], dtype=np.float32), np.array([0, 0, 1, 0]), 0.5)
    assert kept.tolist() == [1, 3, 2], "most confident first; the head without hairnet and without mask both stay"


def test_one_anchor_may_carry_two_classes():
    output = np.array([[32], [16], [10], [10], [0.8], [0.7]], dtype=np.float32)
    found = from_output(output, fit_into(64, 32, 64, 32), ("no_hairnet", "no_mask"), 0.25)
    assert found.labels == ("no_hairnet", "no_mask")


@pytest.mark.parametrize(
    ("boxes", "labels", "confidences", "reason"),
    [
        (np.zeros((1, 4)), (), np.zeros(0), "boxes must have shape"),
        (np.zeros((1, 3)), ("cat",), np.zeros(1), "boxes must have shape"),
        (np.zeros((1, 4)), ("cat",), np.zeros(2), "confidences must have shape"),
        (np.array([[5, 0, 1, 1]]), ("cat",), np.ones(1), "x1 <= x2"),
        (np.array([[0, 0, np.nan, 1]]), ("cat",), np.ones(1), "boxes must be finite"),
        (np.zeros((1, 4)), ("cat",), np.array([1.1]), "lie in 0 to 1"),
        (np.zeros((1, 4)), ("cat",), np.array([np.nan]), "lie in 0 to 1"),
    ],
)
def test_detections_that_make_no_sense_are_refused(boxes, labels, confidences, reason):
    with pytest.raises(ValueError, match=reason):
        Detections(boxes.astype(np.float32), labels, confidences.astype(np.float32))


def test_detections_cannot_be_changed_and_can_be_filtered():
    found = Detections(np.array([[0, 0, 1, 1], [2, 2, 3, 3]], np.float32), ("cat", "person"), np.array([0.5, 0.75], np.float32))
    with pytest.raises(ValueError, match="read-only"):
        found.boxes[0, 0] = 9
    assert list(found.only("person")) == [("person", 0.75, (2, 2, 3, 3))]
    assert len(Detections.none()) == 0


def test_a_model_is_named_by_name_version_and_hash():
    info = ModelInfo("kitchen-n", "1", "ab" * 32, (), 640, 384)
    assert info.id == "kitchen-n-1-abababababab"
