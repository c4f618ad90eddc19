"""An engine that sees nothing: proves that what others report really comes from a model (`--model blind`)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vision.detections import Detections, ModelInfo
from vision.detector import check_image


class BlindDetector:
    """Finds nothing in any picture."""

    info = ModelInfo(name="blind", version="", sha256="", labels=(), input_width=32, input_height=32)

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        """Look at one picture and report nothing (see `vision.detector.Detector`)."""
        check_image(image)
        return Detections.none()
