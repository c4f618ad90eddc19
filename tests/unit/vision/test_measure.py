"""Average precision, thresholds as precision targets (C.9), and the documents made from them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision.training.measure import (
    Judged,
    at_threshold,
    average_precision,
    choose_threshold,
    curve,
    gather,
    match,
    overlaps,
)


def judged(*pairs, objects=None) -> Judged:
    """Build from (confidence, right) pairs."""
    right = np.array([r for _, r in pairs], dtype=np.bool_)
    return Judged(np.array([c for c, _ in pairs], np.float32), right, int(right.sum()) if objects is None else objects, 1)


def boxes(*rows) -> np.ndarray:
    return np.array(rows, dtype=np.float32).reshape(-1, 4)


@pytest.mark.parametrize(
    ("a", "b", "expected", "reason"),
    [
        ((0, 0, 10, 10), (0, 0, 10, 10), 1.0, "the same box"),
        ((0, 0, 10, 10), (5, 0, 15, 10), 1 / 3, "half of each"),
        ((0, 0, 10, 10), (10, 0, 20, 10), 0.0, "touching"),
        ((0, 0, 0, 0), (0, 0, 0, 0), 0.0, "two points share no area"),
    ],
)
def test_overlap_is_shared_area_over_covered_area(a, b, expected, reason):
    assert overlaps(boxes(a), boxes(b))[0, 0] == pytest.approx(expected), reason


def test_an_object_is_given_once_to_the_surest_detection():
    found = boxes((0, 0, 10, 10), (0, 0, 10, 10), (50, 50, 60, 60))
    right = match(found, np.array([0.5, 0.9, 0.8], np.float32), boxes((0, 0, 10, 11)))
    assert right.tolist() == [False, True, False]


def test_detections_without_objects_are_wrong_and_objects_without_detections_are_missed():
    assert match(boxes((0, 0, 1, 1)), np.ones(1, np.float32), boxes()).tolist() == [False]
    pieces = [(np.array([0.9], np.float32), np.array([False]), 0), (np.zeros(0, np.float32), np.zeros(0, np.bool_), 2)]
    together = gather(pieces)
    assert (together.objects, together.images, average_precision(together)) == (2, 2, 0.0)


@pytest.mark.parametrize(
    ("given_judged", "expected", "reason"),
    [
        (judged((0.9, True), (0.8, True)), 1.0, "all found, nothing else"),
        (judged((0.9, True), objects=2), 0.5, "half found"),
        (judged((0.9, False), (0.8, True)), 0.5, "a false alarm above the only hit"),
        (judged((0.9, True), (0.8, False)), 1.0, "a false alarm below it costs nothing"),
        (judged((0.9, False), objects=0), None, "no objects: no average precision"),
    ],
)
def test_average_precision(given_judged, expected, reason):
    assert average_precision(given_judged) == (None if expected is None else pytest.approx(expected)), reason


def row(hits_above, misses_above, hits_below, misses_below) -> Judged:
    """Detections at confidence 0.8 and 0.4."""
    pairs = [(0.8, True)] * hits_above + [(0.8, False)] * misses_above
    return judged(*pairs, *[(0.4, True)] * hits_below, *[(0.4, False)] * misses_below)


@pytest.mark.parametrize(
    ("given_judged", "target", "expected", "reason"),
    [
        (row(20, 0, 20, 2), 0.85, 0.4, "the lowest that reaches the target"),
        (row(20, 0, 20, 20), 0.85, 0.8, "the lower one falls below it"),
        (row(20, 20, 0, 0), 0.85, None, "never reached"),
        (row(9, 0, 0, 0), 0.85, None, "nine right detections prove nothing"),
        (row(10, 0, 0, 0), 0.85, 0.8, "ten do"),
        (row(17, 3, 0, 0), 0.85, 0.8, "exactly the target counts"),
        (row(20, 10, 200, 0), 0.85, None, "a dip above the threshold rules it out, though all together would pass"),
    ],
)
def test_the_threshold_is_the_lowest_from_which_precision_holds(given_judged, target, expected, reason):
    assert choose_threshold(given_judged, target, 0.25) == expected, reason


def test_no_threshold_below_the_least_confidence_is_considered():
    assert choose_threshold(judged(*[(0.2, True)] * 50), 0.5, 0.25) is None


many = st.lists(st.tuples(st.integers(1, 100).map(lambda n: n / 100), st.booleans()), max_size=80)


@given(many, st.integers(0, 20), st.floats(0.5, 0.99))
def test_a_chosen_threshold_keeps_its_promise(pairs, missed, target):
    measured = judged(*pairs, objects=sum(r for _, r in pairs) + missed)
    threshold = choose_threshold(measured, target, 0.25)
    if threshold is not None:
        precision, _ = at_threshold(measured, threshold)
        if precision is not None:  # rounding up to two digits may leave nothing above it
            kept = measured.confidences >= threshold
            assert precision >= target or int(measured.right[kept].sum()) < 10


@given(many)
def test_the_curve_accepts_more_as_confidence_falls(pairs):
    confidences, precision, recall = curve(judged(*pairs))
    assert (np.diff(confidences) < 0).all()
    assert (np.diff(recall) >= 0).all()
    assert ((precision >= 0) & (precision <= 1)).all()
