"""``kitchen detect``: what the model sees in pictures. With ``--json``, one line per picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from cli.output import show_json
from vision.engines import open_detector
from vision.files import detect_files


def detect(images: Sequence[Path], *, as_json: bool, model: str) -> None:
    """Look at pictures one by one.

    Raises:
        BadInput: naming the file that is no picture.
    """
    console = Console(highlight=False, soft_wrap=True)
    for record in detect_files(images, open_detector(model)):
        if as_json:
            show_json(record)
            continue
        console.print(f"{record['image']} ({record['width']}x{record['height']}, {record['model']})", markup=False)
        for found in record["detections"]:
            box = ", ".join(f"{side:.0f}" for side in found["box"])
            console.print(f"  {found['label']:<14} {found['confidence']:.2f}  [{box}]", markup=False)
        if not record["detections"]:
            console.print("  nothing")
