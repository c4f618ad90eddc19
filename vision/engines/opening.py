"""Choose a detection engine by name or by file suffix. Engines are imported only when they are chosen."""

from __future__ import annotations

from pathlib import Path

from domain.errors import ConfigurationError
from vision.detector import LEAST_CONFIDENCE, Detector


def open_detector(name_or_path: str = "default", *, threads: int = 1, minimum_confidence: float = LEAST_CONFIDENCE) -> Detector:
    """Open a detector.

    Args:
        name_or_path: `default` (the shipped weights), `blind` (sees nothing), or a path to `.onnx` or `.pt` weights.
        threads: Threads of an ONNX session.
        minimum_confidence: Detections below are left out.

    Returns:
        The detector, its model loaded.

    Raises:
        ConfigurationError: The name is unknown, the file is missing or cannot be loaded, or an extra is not installed.
    """
    if name_or_path == "blind":
        from vision.engines.blind import BlindDetector  # noqa: PLC0415

        return BlindDetector()
    path = None if name_or_path == "default" else Path(name_or_path)
    if path is None or path.suffix == ".onnx":
        from vision.engines.onnx import OnnxDetector  # noqa: PLC0415

        return OnnxDetector(path, threads=threads, minimum_confidence=minimum_confidence)
    if path.suffix == ".pt":
        from vision.engines.ultralytics import UltralyticsDetector  # noqa: PLC0415

        return UltralyticsDetector(path, minimum_confidence=minimum_confidence)
    raise ConfigurationError(
        f"unknown detection model {name_or_path!r}", key="model", hint="use default, blind, a .onnx or a .pt file"
    )
