"""The default engine: ONNX Runtime on the CPU.

One thread per session by default: one single-threaded process per core beats one process with two threads.
"""

from __future__ import annotations

import ast
import hashlib
import json
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from domain.errors import ConfigurationError
from vision.detections import Detections, ModelInfo
from vision.detector import LEAST_CONFIDENCE, check_image
from vision.letterbox import from_output, to_input

SHIPPED_WEIGHTS = Path(__file__).resolve().parent.parent / "weights" / "kitchen-n.onnx"


class OnnxDetector:
    """A YOLOv8-shaped network in an ONNX file: ours, or any that ultralytics exported with a static input.

    Args:
        weights: The file; None: the shipped weights. A JSON of the same name beside it names labels and thresholds,
            otherwise the file's own metadata do.
        threads: Threads of the session.
        minimum_confidence: Detections below are left out.

    Raises:
        ConfigurationError: The file cannot be loaded, or its labels are unknown.
    """

    def __init__(self, weights: Path | None = None, *, threads: int = 1, minimum_confidence: float = LEAST_CONFIDENCE) -> None:
        path = weights or SHIPPED_WEIGHTS
        self._session = _open(path, threads)
        self._input = self._session.get_inputs()[0]
        self._minimum = minimum_confidence
        self._info = _describe(path, self._session)

    @property
    def info(self) -> ModelInfo:
        """Which model this is."""
        return self._info

    def detect(self, image: NDArray[np.uint8]) -> Detections:
        """Look at one picture (see `vision.detector.Detector`)."""
        check_image(image)
        blob, fit = to_input(image, self._info.input_width, self._info.input_height)
        output = np.asarray(self._session.run(None, {self._input.name: blob})[0], dtype=np.float32)[0]
        return from_output(output, fit, self._info.labels, self._minimum)


def _open(path: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises its own kinds, all below Exception, none of them public
        raise ConfigurationError(
            f"cannot load the detection model: {error}", file=str(path), hint="give an ONNX file, or reinstall"
        ) from error


def _describe(path: Path, session: onnxruntime.InferenceSession) -> ModelInfo:
    shape = session.get_inputs()[0].shape
    if len(shape) != 4 or not all(isinstance(side, int) for side in shape[2:]):
        raise ConfigurationError(f"the model's input is {shape}", file=str(path), hint="export it with a static input")
    sidecar = path.with_suffix(".json")
    notes: dict[str, Any] = json.loads(sidecar.read_text(encoding="utf-8")) if sidecar.exists() else {}
    labels = tuple(notes.get("labels") or _names(path, session))
    scores = session.get_outputs()[0].shape[1]
    if isinstance(scores, int) and scores != 4 + len(labels):
        raise ConfigurationError(f"{len(labels)} labels for {scores - 4} outputs", file=str(path), key="labels")
    return ModelInfo(
        name=str(notes.get("name", path.stem)),
        version=str(notes.get("version", "")),
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        labels=labels,
        input_width=int(shape[3]),
        input_height=int(shape[2]),
        thresholds=MappingProxyType(dict(notes.get("thresholds", {}))),
    )


def _names(path: Path, session: onnxruntime.InferenceSession) -> tuple[str, ...]:
    text = session.get_modelmeta().custom_metadata_map.get("names", "")
    try:
        names = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        names = None
    if not isinstance(names, dict) or not names:
        raise ConfigurationError(
            "the model does not name its classes", file=str(path), hint=f"add {path.with_suffix('.json').name}"
        )
    return tuple(str(name) for _, name in sorted(names.items(), key=lambda pair: int(pair[0])))
