"""Look at picture files: what `kitchen detect` prints, one record per file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from domain.errors import BadInput, Code
from vision.decode import decode_picture
from vision.detector import Detector


def detect_files(paths: Iterable[Path], detector: Detector) -> Iterator[dict[str, Any]]:
    """Detect objects in picture files.

    Args:
        paths: The files, looked at one by one as the iterator is read.
        detector: Who looks.

    Yields:
        `{"image", "width", "height", "model", "detections": [{"label", "confidence", "box": [x1, y1, x2, y2]}]}`, boxes
        in pixels of the original picture.

    Raises:
        BadInput: E001, a file is missing or no picture; the message names it.
    """
    for path in paths:
        try:
            image = decode_picture(path.read_bytes())
        except OSError as error:
            reason = error.strerror or str(error)
            raise BadInput(Code.MALFORMED, f"cannot be read: {reason}", where=str(path), hint="give a picture file") from error
        except BadInput as error:
            raise BadInput(error.code, error.what, where=str(path), hint=error.hint) from error
        height, width = image.shape[:2]
        yield {
            "image": str(path),
            "width": width,
            "height": height,
            "model": detector.info.id,
            "detections": [
                {"label": label, "confidence": round(confidence, 4), "box": [round(side, 1) for side in box]}
                for label, confidence, box in detector.detect(image)
            ],
        }
