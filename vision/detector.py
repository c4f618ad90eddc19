"""The port every detection engine fills: a picture in, detections out.

A detector is synchronous and not thread-safe; call it from one worker thread, not from an event loop.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vision.detections import Detections, ModelInfo

LEAST_CONFIDENCE = 0.25
"""Nothing below this is reported: review never starts lower (domain.md C.9)."""


class Detector(Protocol):
    """Something that finds objects in pictures."""

    @property
    def info(self) -> ModelInfo:
        """Which model this is."""
        ...

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        """Look at one picture.

        Args:
            image: uint8 (H, W, 3), BGR.

        Returns:
            Detections at or above the engine's least confidence, boxes in pixels of `image`, most confident first.

        Raises:
            ValueError: The array is not uint8 (H, W, 3) with H, W > 0.
        """
        ...


def check_image(image: NDArray[np.uint8]) -> None:
    """Refuse anything but a colour picture.

    Args:
        image: What was handed to a detector.

    Raises:
        ValueError: The array is not uint8 (H, W, 3) with H, W > 0.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise ValueError(f"a picture must be uint8 (H, W, 3) and not empty, not {image.dtype} {image.shape}")
