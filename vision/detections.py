"""What a detector saw in one picture, as one validated value.

Boxes are x1 y1 x2 y2 in pixels of the *original* picture, never of the network's input.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """Objects found in one picture.

    Attributes:
        boxes: float32 (N, 4), x1 y1 x2 y2 in pixels of the original picture, x1 <= x2, y1 <= y2.
        labels: N class names.
        confidences: float32 (N,), 0 to 1.

    Raises:
        ValueError: Lengths differ, a value is not finite, a box is inside out or a confidence outside 0 to 1.
    """

    boxes: NDArray[np.float32]
    labels: tuple[str, ...]
    confidences: NDArray[np.float32]

    def __post_init__(self) -> None:
        count = len(self.labels)
        if self.boxes.shape != (count, 4):
            raise ValueError(f"boxes must have shape ({count}, 4) for {count} labels, not {self.boxes.shape}")
        if self.confidences.shape != (count,):
            raise ValueError(f"confidences must have shape ({count},), not {self.confidences.shape}")
        if not np.isfinite(self.boxes).all():
            raise ValueError("boxes must be finite")
        if count and not (self.boxes[:, :2] <= self.boxes[:, 2:]).all():
            raise ValueError("boxes must be x1 y1 x2 y2 with x1 <= x2 and y1 <= y2")
        if count and not ((self.confidences >= 0) & (self.confidences <= 1)).all():
            raise ValueError("confidences must lie in 0 to 1")
        self.boxes.setflags(write=False)
        self.confidences.setflags(write=False)

    @classmethod
    def none(cls) -> Detections:
        """Nothing was seen."""
        return cls(np.zeros((0, 4), dtype=np.float32), (), np.zeros(0, dtype=np.float32))

    def __len__(self) -> int:
        return len(self.labels)

    def __iter__(self) -> Iterator[tuple[str, float, tuple[float, float, float, float]]]:
        """Yield label, confidence and box of each object."""
        for label, confidence, box in zip(self.labels, self.confidences, self.boxes, strict=True):
            x1, y1, x2, y2 = (float(value) for value in box)
            yield label, float(confidence), (x1, y1, x2, y2)

    def only(self, *labels: str) -> Detections:
        """Keep the objects of some classes.

        Args:
            *labels: Class names.

        Returns:
            Their detections, in the same order.
        """
        kept = [i for i, label in enumerate(self.labels) if label in labels]
        return Detections(self.boxes[kept], tuple(self.labels[i] for i in kept), self.confidences[kept])


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Which model looked.

    Attributes:
        name: Its name, e.g. `kitchen-n`.
        version: Its version.
        sha256: Hash of the weights file in hex, empty when there is none.
        labels: Every class it can report.
        input_width: Width of its input in pixels.
        input_height: Height of its input in pixels.
        thresholds: Confidence from which a label may act by itself (domain.md C.9); None or missing: never.
    """

    name: str
    version: str
    sha256: str
    labels: tuple[str, ...]
    input_width: int
    input_height: int
    thresholds: Mapping[str, float | None] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def id(self) -> str:
        """Name, version and the start of the hash: what findings and `kitchen detect` state."""
        return "-".join(part for part in (self.name, self.version, self.sha256[:12]) if part)
