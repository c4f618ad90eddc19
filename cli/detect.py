"""``kitchen detect``: what the model sees in pictures. With ``--json``, one line per picture."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from cli.output import show_json
from domain.errors import BadInput, Code
from vision.engines import open_detector
from vision.files import detect_files


def detect(images: Sequence[Path], *, as_json: bool, model: str) -> None:
    """Look at pictures one by one; what is none is named on standard error, and the next one is looked at.

    Raises:
        BadInput: at the end, if any was none.
    """
    console = Console(highlight=False, soft_wrap=True)
    detector, unreadable = open_detector(model), 0
    for image in images:
        try:
            (record,) = detect_files([image], detector)
        except BadInput as error:
            if len(images) == 1:
                raise
            unreadable += 1
            print(f"kitchen: {error}", file=sys.stderr)
            continue
        if as_json:
            show_json(record)
            continue
        console.print(f"{record['image']} ({record['width']}x{record['height']}, {record['model']})", markup=False)
        for found in record["detections"]:
            box = ", ".join(f"{side:.0f}" for side in found["box"])
            console.print(f"  {found['label']:<14} {found['confidence']:.2f}  [{box}]", markup=False)
        if not record["detections"]:
            console.print("  nothing")
    if unreadable:
        raise BadInput(Code.MALFORMED, f"{unreadable} of {len(images)} files are no pictures")
