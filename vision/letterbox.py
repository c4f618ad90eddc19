"""From a picture to a network's input and from its raw answer back to boxes: pure functions over arrays.

The answer of a YOLO network has no suppression; `suppress` works per class, because two classes may share a box
(a bare head without a mask is one head and two facts).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.detections import Detections

GREY = 114
OVERLAP = 0.6
"""Boxes of one class that share more than this (IoU) are one object."""
MOST_OBJECTS = 300


@dataclass(frozen=True, slots=True)
class Fit:
    """How a picture was placed in the network's input: `input = picture * scale + (left, top)`."""

    scale: float
    left: int
    top: int
    width: int
    height: int


def fit_into(width: int, height: int, input_width: int, input_height: int) -> Fit:
    """Choose the largest placement without distortion, in the middle.

    Args:
        width: Picture width in pixels.
        height: Picture height in pixels.
        input_width: Network width in pixels.
        input_height: Network height in pixels.

    Returns:
        The placement.
    """
    scale = min(input_width / width, input_height / height)
    inner_w, inner_h = max(1, round(width * scale)), max(1, round(height * scale))
    return Fit(scale, (input_width - inner_w) // 2, (input_height - inner_h) // 2, width, height)


def to_input(image: NDArray[np.uint8], input_width: int, input_height: int) -> tuple[NDArray[np.float32], Fit]:
    """Letterbox a picture.

    Args:
        image: uint8 (H, W, 3), BGR.
        input_width: Network width in pixels.
        input_height: Network height in pixels.

    Returns:
        float32 (1, 3, input_height, input_width), RGB, 0 to 1, and the placement.
    """
    height, width = image.shape[:2]
    fit = fit_into(width, height, input_width, input_height)
    inner_w, inner_h = max(1, round(width * fit.scale)), max(1, round(height * fit.scale))
    canvas = np.full((input_height, input_width, 3), GREY, dtype=np.uint8)
    how = cv2.INTER_AREA if fit.scale < 1 else cv2.INTER_LINEAR
    inner = canvas[fit.top : fit.top + inner_h, fit.left : fit.left + inner_w]
    if image.shape[:2] == (inner_h, inner_w):
        inner[:] = image
    else:
        inner[:] = cv2.resize(image, (inner_w, inner_h), interpolation=how)
    blob = cv2.dnn.blobFromImage(canvas, scalefactor=1 / 255, swapRB=True)
    return np.ascontiguousarray(blob, dtype=np.float32), fit


def from_output(output: NDArray[np.float32], fit: Fit, labels: tuple[str, ...], least_confidence: float) -> Detections:
    """Turn a network's raw answer into detections.

    Args:
        output: float32 (4 + C, A): centre x, centre y, width, height in input pixels, then C scores.
        fit: How the picture was placed.
        labels: C class names.
        least_confidence: Scores below are left out.

    Returns:
        Detections in pixels of the original picture, most confident first, at most `MOST_OBJECTS`.
    """
    scores = output[4:]
    columns, anchors = np.nonzero(scores >= least_confidence)
    if not len(anchors):
        return Detections.none()
    confidences = scores[columns, anchors]
    centre, half = output[:2, anchors], output[2:4, anchors] / 2
    boxes = np.concatenate([centre - half, centre + half]).T
    boxes = (boxes - np.array([fit.left, fit.top] * 2, dtype=np.float32)) / np.float32(fit.scale)
    boxes = np.clip(boxes, 0, np.array([fit.width, fit.height] * 2, dtype=np.float32)).astype(np.float32)
    kept = suppress(boxes, confidences, columns, OVERLAP)[:MOST_OBJECTS]
    names = tuple(labels[int(column)] for column in columns[kept])
    return Detections(boxes[kept], names, np.minimum(confidences[kept], 1).astype(np.float32))


def suppress(
    boxes: NDArray[np.float32], confidences: NDArray[np.float32], classes: NDArray[np.int64], overlap: float
) -> NDArray[np.int64]:
    """Keep the most confident of boxes of one class which overlap.

    Args:
        boxes: float32 (N, 4), x1 y1 x2 y2.
        confidences: float32 (N,).
        classes: int64 (N,).
        overlap: Intersection over union above which two boxes are one object.

    Returns:
        int64 (M,), indices of the kept boxes, most confident first.
    """
    if not len(boxes):
        return np.zeros(0, dtype=np.int64)
    corners = boxes.astype(np.float64)
    sides = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
    kept = cv2.dnn.NMSBoxesBatched(sides.tolist(), confidences.tolist(), classes.tolist(), 0.0, overlap)
    order = np.asarray(kept, dtype=np.int64).reshape(-1)
    return order[np.argsort(-confidences[order], kind="stable")]
