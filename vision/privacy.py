"""Make a picture fit for the public: heads are blurred beyond recognition (domain.md F.7).

Fails closed: a model that cannot see people leads to a wholly blurred picture, never to an open one.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.detections import Detections
from vision.rules import PERSON

HEAD_SHARE = 1 / 3
"""The upper part of a person's box that holds the head."""
MARGIN = 0.1
HEADS = ("hairnet", "no_hairnet", "mask", "no_mask")
"""Labels whose whole box is a head."""
BLOCKS = 8
"""A blurred region is reduced to this many blocks across before it is smoothed: nothing can be restored."""


def blur_people(image: NDArray[np.uint8], detections: Detections, *, sees_people: bool = True) -> NDArray[np.uint8]:
    """Blur the upper third of every person and every detected head.

    Args:
        image: uint8 (H, W, 3), BGR; not changed.
        detections: What a model saw in it, at its least confidence: an unsure person is blurred too.
        sees_people: Whether that model knows `person`; if not, the whole picture is blurred.

    Returns:
        A blurred copy.
    """
    result = image.copy()
    height, width = image.shape[:2]
    if not sees_people:
        _blur(result, 0, 0, width, height)
        return result
    for label, _, (x1, y1, x2, y2) in detections:
        if label == PERSON:
            y2 = y1 + (y2 - y1) * HEAD_SHARE  # noqa: PLW2901
        elif label not in HEADS:
            continue
        dx, dy = (x2 - x1) * MARGIN, (y2 - y1) * MARGIN
        left, top = max(0, int(x1 - dx)), max(0, int(y1 - dy))
        _blur(result, left, top, min(width, int(np.ceil(x2 + dx))), min(height, int(np.ceil(y2 + dy))))
    return result


def _blur(image: NDArray[np.uint8], x1: int, y1: int, x2: int, y2: int) -> None:
    if x2 <= x1 or y2 <= y1:
        return
    region = image[y1:y2, x1:x2]
    across = max(1, min(BLOCKS, x2 - x1))
    down = max(1, min(BLOCKS, y2 - y1))
    coarse = cv2.resize(region, (across, down), interpolation=cv2.INTER_AREA)
    region[:] = cv2.resize(coarse, (x2 - x1, y2 - y1), interpolation=cv2.INTER_LINEAR)
