"""The demo camera's scene: a cat wanders across a kitchen counter under changing light, then is gone for a while.

Only the kitchen is drawn; the cat is a photograph, so what the demo reports is really detected by the model. Pure: the
same photograph and the same instant give the same picture, noise included.
"""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 1280, 720
CYCLE_SECONDS = 60.0
PRESENT_SECONDS = 45.0
"""The cat is in the picture for the first this many seconds of each cycle."""
COUNTER_TOP = 470
# fmt: off
OUTLINE = np.array([
    (0.09, 0.03), (0.07, 0.2), (0.06, 0.32), (0.02, 0.45), (0.02, 0.97), (0.68, 0.97),
    (0.73, 0.82), (0.78, 0.64), (0.81, 0.5), (0.81, 0.27), (0.84, 0.13), (0.87, 0.03),
])
# fmt: on
"""The cat in its photograph: x, y as shares of width and height."""
CAT_PICTURE = Path(__file__).parent / "cat.jpg"

Image = NDArray[np.uint8]


def read_cat() -> Image:
    """Read the shipped photograph.

    Returns:
        uint8 (300, 451, 3), BGR.
    """
    image = cv2.imread(str(CAT_PICTURE), cv2.IMREAD_COLOR)
    if image is None:
        raise FileNotFoundError(f"{CAT_PICTURE} is missing: reinstall")
    return image.astype(np.uint8, copy=False)


def cat_present(t_seconds: float) -> bool:
    """Tell whether the cat is in the picture.

    Args:
        t_seconds: Seconds since the demo began.

    Returns:
        True in the first `PRESENT_SECONDS` of each cycle.
    """
    return t_seconds % CYCLE_SECONDS < PRESENT_SECONDS


def frame(background: Image, t_seconds: float) -> Image:
    """Draw the scene at one instant.

    Args:
        background: The photograph of the cat, uint8 (H, W, 3), BGR (`read_cat`).
        t_seconds: Seconds since the demo began.

    Returns:
        uint8 (720, 1280, 3), BGR.
    """
    canvas = _kitchen()
    if cat_present(t_seconds):
        _put_cat(canvas, background, t_seconds)
    lit = _light(canvas, t_seconds)
    noise = np.random.default_rng(round(t_seconds * 1000)).normal(0, 2.5, (HEIGHT // 2, WIDTH // 2, 1))
    grain = cv2.resize(noise.astype(np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST)
    picture: Image = np.clip(lit + grain[:, :, None], 0, 255).astype(np.uint8)
    return picture


def _kitchen() -> NDArray[np.float32]:
    """Tiled wall, shelf with pots, steel counter."""
    rows = np.linspace(0, 1, HEIGHT, dtype=np.float32)[:, None, None]
    canvas = np.array([196, 205, 208], dtype=np.float32) * (1.0 - 0.18 * rows) * np.ones((1, WIDTH, 1), np.float32)
    for x in range(0, WIDTH, 80):
        cv2.line(canvas, (x, 0), (x, COUNTER_TOP), (168, 176, 180), 2)
    for y in range(30, COUNTER_TOP, 80):
        cv2.line(canvas, (0, y), (WIDTH, y), (168, 176, 180), 2)
    cv2.rectangle(canvas, (0, 150), (WIDTH, 164), (96, 112, 124), -1)
    for x, wide, tall, colour in (
        (110, 120, 78, (118, 122, 128)),
        (300, 86, 100, (98, 104, 112)),
        (960, 140, 70, (128, 130, 134)),
        (1140, 78, 92, (92, 100, 110)),
    ):
        cv2.rectangle(canvas, (x, 150 - tall), (x + wide, 150), colour, -1)
        cv2.rectangle(canvas, (x - 6, 144 - tall), (x + wide + 6, 152 - tall), (74, 78, 84), -1)
    cv2.rectangle(canvas, (0, COUNTER_TOP), (WIDTH, COUNTER_TOP + 46), (176, 172, 166), -1)
    cv2.rectangle(canvas, (0, COUNTER_TOP + 46), (WIDTH, HEIGHT), (128, 124, 120), -1)
    for x in range(160, WIDTH, 320):
        cv2.line(canvas, (x, COUNTER_TOP + 46), (x, HEIGHT), (104, 100, 96), 3)
    return cv2.GaussianBlur(canvas, (0, 0), 1.2).astype(np.float32)


def _put_cat(canvas: NDArray[np.float32], photo: Image, t_seconds: float) -> None:
    """Blend the photograph into the canvas with soft edges, above the counter, drifting from left to right."""
    phase = (t_seconds % CYCLE_SECONDS) / PRESENT_SECONDS
    tall = round(300 * (1 + 0.12 * math.sin(2 * math.pi * t_seconds / 17)))
    wide = round(tall * photo.shape[1] / photo.shape[0])
    x = round(40 + phase * (WIDTH - wide - 80))
    y = COUNTER_TOP - tall + 40 + round(6 * math.sin(2 * math.pi * t_seconds / 1.7))
    cat = cv2.resize(photo, (wide, tall), interpolation=cv2.INTER_AREA).astype(np.float32)
    edge = np.zeros((tall, wide), dtype=np.float32)
    cv2.fillPoly(edge, [np.rint(OUTLINE * (wide, tall)).astype(np.int32)], 1.0)
    alpha = cv2.GaussianBlur(edge, (0, 0), tall / 60)[:, :, None]
    spot = canvas[y : y + tall, x : x + wide]
    spot[:] = spot * (1 - alpha) + cat * alpha


def _light(canvas: NDArray[np.float32], t_seconds: float) -> NDArray[np.float32]:
    """Clouds pass, a warm lamp swings: brightness 0.7 to 1.1, colour a little, brighter on one side."""
    level = 0.9 + 0.2 * math.sin(2 * math.pi * t_seconds / 37)
    warmth = 0.06 * math.sin(2 * math.pi * t_seconds / 23)
    side = np.linspace(-1, 1, WIDTH, dtype=np.float32)[None, :, None] * 0.12 * math.sin(2 * math.pi * t_seconds / 11)
    tint = np.array([1 - warmth, 1.0, 1 + warmth], dtype=np.float32)
    return (canvas * tint * (level + side)).astype(np.float32)
