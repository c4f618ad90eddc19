"""Ultralytics' own runtime for `.pt` weights; needs the extra `train` (torch), imported when the engine is made."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.errors import ConfigurationError
from vision.detections import Detections, ModelInfo
from vision.detector import LEAST_CONFIDENCE, check_image
from vision.letterbox import OVERLAP

INPUT_WIDTH, INPUT_HEIGHT = 640, 384


class UltralyticsDetector:
    """A model that ultralytics can load.

    Args:
        weights: The `.pt` file.
        minimum_confidence: Detections below are left out.

    Raises:
        ConfigurationError: Ultralytics is not installed, or the file cannot be loaded.
    """

    def __init__(self, weights: Path, *, minimum_confidence: float = LEAST_CONFIDENCE) -> None:
        try:
            from ultralytics import YOLO  # noqa: PLC0415  torch must not load with the base install
        except ImportError as error:
            raise ConfigurationError(
                "PyTorch weights need ultralytics", file=str(weights), hint="pip install 'bright-kitchen[train]'"
            ) from error
        if not weights.exists():
            raise ConfigurationError("no such file", file=str(weights))
        self._model: Any = YOLO(str(weights), task="detect")
        self._minimum = minimum_confidence
        names = dict(self._model.names)
        self._info = ModelInfo(
            name=weights.stem,
            version="",
            sha256=hashlib.sha256(weights.read_bytes()).hexdigest(),
            labels=tuple(str(names[key]) for key in sorted(names)),
            input_width=INPUT_WIDTH,
            input_height=INPUT_HEIGHT,
        )

    @property
    def info(self) -> ModelInfo:
        """Which model this is."""
        return self._info

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        """Look at one picture (see `vision.detector.Detector`)."""
        check_image(image)
        size = (self._info.input_height, self._info.input_width)
        found = self._model.predict(image, imgsz=size, conf=self._minimum, iou=OVERLAP, verbose=False)[0].boxes
        height, width = image.shape[:2]
        boxes = np.clip(found.xyxy.cpu().numpy(), 0, [width, height, width, height]).astype(np.float32)
        labels = tuple(self._info.labels[int(index)] for index in found.cls.cpu().numpy())
        return Detections(boxes.reshape(-1, 4), labels, found.conf.cpu().numpy().astype(np.float32))
