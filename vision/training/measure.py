"""Average precision, precision and recall of one class, from matched boxes: pure functions.

A class is measured only on pictures whose source labels it or is known to lack it; elsewhere a detection is neither
right nor wrong. The threshold is chosen on the same held-apart pictures that are reported, so figures at it are
slightly hopeful: the model card says so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MATCH = 0.5
"""Intersection over union from which a detection is the labelled object (AP50)."""
LEAST_RIGHT = 10
"""A threshold must be carried by at least this many right detections: fewer prove nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """All detections of one class on the pictures where it can be judged.

    Attributes:
        confidences: float32 (N,).
        right: bool (N,), matched to a labelled object of its own.
        objects: Number of labelled objects.
        images: Number of pictures.
    """

    confidences: NDArray[np.float32]
    right: NDArray[np.bool_]
    objects: int
    images: int


@dataclass(frozen=True, slots=True)
class Scores:
    """Figures of one class on one split.

    Attributes:
        images: Pictures on which the class could be judged.
        boxes: Labelled objects.
        ap50: Average precision at IoU 0.5; None without objects.
        ap50_95: Mean of the average precisions at IoU 0.5 to 0.95; None without objects.
        precision: At the deployed threshold; None when nothing reaches it.
        recall: At the deployed threshold; None without objects.
        threshold: The confidence at which precision and recall are given.
    """

    images: int
    boxes: int
    ap50: float | None
    ap50_95: float | None
    precision: float | None
    recall: float | None
    threshold: float


def overlaps(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """Compute intersection over union of every pair.

    Args:
        a: float32 (N, 4), x1 y1 x2 y2.
        b: float32 (M, 4), x1 y1 x2 y2.

    Returns:
        float32 (N, M).
    """
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    area_a = (a[:, 2:] - a[:, :2]).prod(axis=1)[:, None]
    area_b = (b[:, 2:] - b[:, :2]).prod(axis=1)[None, :]
    iou: NDArray[np.float32] = (shared / np.maximum(area_a + area_b - shared, 1e-9)).astype(np.float32)
    return iou


def match(
    boxes: NDArray[np.float32], confidences: NDArray[np.float32], objects: NDArray[np.float32], least: float = MATCH
) -> NDArray[np.bool_]:
    """Decide which detections are right: each object is given to the surest detection that overlaps it enough.

    Args:
        boxes: float32 (N, 4), detections of one class in one picture.
        confidences: float32 (N,).
        objects: float32 (M, 4), labelled objects of that class.
        least: Intersection over union from which they match.

    Returns:
        bool (N,).
    """
    right = np.zeros(len(boxes), dtype=np.bool_)
    if not len(boxes) or not len(objects):
        return right
    iou = overlaps(boxes, objects)
    taken = np.zeros(len(objects), dtype=np.bool_)
    for index in np.argsort(-confidences, kind="stable"):
        free = np.where(taken, 0, iou[index])
        best = int(free.argmax())
        if free[best] >= least:
            taken[best] = right[index] = True
    return right


def gather(pieces: list[tuple[NDArray[np.float32], NDArray[np.bool_], int]]) -> Judged:
    """Put the pictures of a split together.

    Args:
        pieces: Per picture: confidences, which are right, number of labelled objects.

    Returns:
        All of them.
    """
    confidences = np.concatenate([np.zeros(0, np.float32), *(piece[0] for piece in pieces)])
    right = np.concatenate([np.zeros(0, np.bool_), *(piece[1] for piece in pieces)])
    return Judged(confidences, right, sum(piece[2] for piece in pieces), len(pieces))


def curve(judged: Judged) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Compute precision and recall at every confidence that occurs.

    Args:
        judged: The detections of one class.

    Returns:
        Confidences falling, precision and recall when everything at or above each is accepted; equal confidences are
        one point.
    """
    order = np.argsort(-judged.confidences, kind="stable")
    confidences, right = judged.confidences[order].astype(np.float64), judged.right[order]
    hits = np.cumsum(right)
    last = np.append(confidences[1:] != confidences[:-1], True) if len(confidences) else np.zeros(0, np.bool_)
    precision = hits / np.maximum(np.arange(1, len(right) + 1), 1)
    recall = hits / max(judged.objects, 1)
    return confidences[last], precision[last], recall[last]


def average_precision(judged: Judged) -> float | None:
    """Compute the area under the precision-recall curve (every point, precision made monotone).

    Args:
        judged: The detections of one class.

    Returns:
        0 to 1, or None without objects.
    """
    if not judged.objects:
        return None
    _, precision, recall = curve(judged)
    recall = np.concatenate([[0.0], recall])
    precision = np.concatenate([np.maximum.accumulate(precision[::-1])[::-1], []])
    return float(np.sum(np.diff(recall) * precision))


def choose_threshold(judged: Judged, target: float, least: float) -> float | None:
    """Choose the automatic threshold: the lowest from which precision stays at or above its target (domain.md C.9).

    "Lowest" alone would take a lucky dip: precision must hold at every higher threshold too, until fewer than
    `LEAST_RIGHT` right detections are left.

    Args:
        judged: Held-apart detections of one class.
        target: Precision to reach.
        least: Thresholds below are not considered.

    Returns:
        The confidence, rounded up to two digits; None when the target is never reached.
    """
    confidences, precision, recall = curve(judged)
    hits = recall * max(judged.objects, 1)
    best: float | None = None
    for confidence, share, right in zip(confidences, precision, hits, strict=True):
        if confidence < least:
            break
        if round(right) < LEAST_RIGHT:
            continue
        if share < target:
            break
        best = float(confidence)
    return None if best is None else min(1.0, float(np.ceil(best * 100 - 1e-4) / 100))


def at_threshold(judged: Judged, threshold: float) -> tuple[float | None, float | None]:
    """Compute precision and recall when everything at or above a confidence is accepted.

    Args:
        judged: The detections of one class.
        threshold: The confidence.

    Returns:
        Precision (None when nothing is accepted) and recall (None without objects).
    """
    accepted = judged.confidences >= threshold
    hits = int(judged.right[accepted].sum())
    precision = hits / int(accepted.sum()) if accepted.any() else None
    return precision, hits / judged.objects if judged.objects else None
