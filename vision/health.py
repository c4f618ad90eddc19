"""Is the camera itself all right? A covered, dark or blurred picture is a warning of its own (`camera_obstructed`, C.9).

Judged from statistics of one small grey picture; that it must last 5 minutes is the confirmation's business
(`held_for`), so a light switch or a hand before the lens raises nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from domain.rules import CameraRule, Review
from vision.rules import Positive
from vision.zones import WHOLE_PICTURE

CAMERA_OBSTRUCTED = "camera_obstructed"
LOOK_WIDTH, LOOK_HEIGHT = 320, 180
DARK_BELOW = 25.0
"""Brightness of the 99th percentile, 0 to 255, under which nothing can be seen."""
UNIFORM_BELOW = 8.0
"""Standard deviation of brightness under which the picture shows one surface."""
BLURRED_BELOW = 0.006
"""Relative sharpness under which no edge is in focus. 150 real pictures lay at 0.014 and above; the same pictures blurred
by 1 % of their width lay at 0.0044 and below in 95 of 100 cases, sensor noise added."""


class Trouble(StrEnum):
    """What is wrong with a picture."""

    DARK = "dark"
    UNIFORM = "uniform"
    BLURRED = "blurred"


@dataclass(frozen=True, slots=True)
class Health:
    """Statistics of one picture at 320 x 180.

    Attributes:
        brightness: 99th percentile of the grey values, 0 to 255.
        contrast: Standard deviation of the grey values.
        sharpness: Variance of the Laplacian of the smoothed picture, relative to the variance of its grey values, so
            that a dim light does not pass for a blur.
    """

    brightness: float
    contrast: float
    sharpness: float

    @property
    def blur_score(self) -> float:
        """0 (sharp) to 1 (no edge at all), as `cam.status` reports it."""
        return float(1 / (1 + self.sharpness / BLURRED_BELOW))


def measure(image: NDArray[np.uint8]) -> Health:
    """Measure a picture.

    Args:
        image: uint8 (H, W, 3), BGR.

    Returns:
        Its statistics.
    """
    small = cv2.resize(image, (LOOK_WIDTH, LOOK_HEIGHT), interpolation=cv2.INTER_AREA)
    grey = cv2.GaussianBlur(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), (3, 3), 0)
    edges = cv2.Laplacian(grey, cv2.CV_32F)
    contrast = float(grey.std())
    return Health(float(np.percentile(grey, 99)), contrast, float(edges.var()) / max(1.0, contrast**2))


def trouble_of(health: Health) -> Trouble | None:
    """Name what is wrong.

    Args:
        health: The statistics.

    Returns:
        The gravest trouble, or None.
    """
    if health.brightness < DARK_BELOW:
        return Trouble.DARK
    if health.contrast < UNIFORM_BELOW:
        return Trouble.UNIFORM
    if health.sharpness < BLURRED_BELOW:
        return Trouble.BLURRED
    return None


def obstruction(health: Health, rule: CameraRule, width: int, height: int) -> Positive | None:
    """Turn a troubled picture into a positive of the rule `camera_obstructed`.

    No precision was measured for these statistics, so it goes to review unless the site sets `automatic_confidence`.

    Args:
        health: The picture's statistics.
        rule: The site's rule; its `held_for` is how long it must last.
        width: Frame width in pixels.
        height: Frame height in pixels.

    Returns:
        The positive over the whole picture, or None.
    """
    trouble = trouble_of(health)
    if trouble is None or not rule.enabled:
        return None
    return Positive(
        class_=rule.name,
        zone=WHOLE_PICTURE.name,
        label=trouble.value,
        confidence=1.0,
        automatic_at=None if rule.review is Review.BEFORE_RAISE else rule.automatic_confidence,
        box=(0.0, 0.0, float(width), float(height)),
        held_for=rule.held_for,
    )
