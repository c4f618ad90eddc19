"""Compose the training pictures: one to four labelled pictures, each distorted on its own, share one 16:9 canvas.

Every cell of a canvas remembers its source, so the loss can tell absent from merely unlabelled at each anchor: that is
why a mosaic is allowed here although no source labels everything.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

GREY = 114
CELL = 8
"""Side in pixels of one cell of the source map: the finest stride of the network."""
LEAST_SIDE = 3.0
LEAST_VISIBLE = 0.35

Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A decoded picture with its boxes.

    Attributes:
        image: uint8 (H, W, 3), BGR.
        classes: int64 (N,).
        boxes: float32 (N, 4), x1 y1 x2 y2 in pixels of the picture.
        source: Index of the source.
    """

    image: Image
    classes: NDArray[np.int64]
    boxes: NDArray[np.float32]
    source: int


@dataclass(frozen=True, slots=True, eq=False)
class Canvas:
    """A composed training picture.

    Attributes:
        image: uint8 (H, W, 3), BGR.
        classes: int64 (N,).
        boxes: float32 (N, 4), x1 y1 x2 y2 in pixels of the canvas.
        sources: int64 (H / 8, W / 8), index of the source at each cell, -1 where there is none.
    """

    image: Image
    classes: NDArray[np.int64]
    boxes: NDArray[np.float32]
    sources: NDArray[np.int64]


def tiles_of(width: int, height: int, draw: np.random.Generator) -> list[tuple[int, int, int, int]]:
    """Choose how a canvas is cut: whole, two halves, or four quarters.

    Args:
        width: Canvas width in pixels.
        height: Canvas height in pixels.
        draw: Random generator.

    Returns:
        Rectangles x, y, width, height which cover the canvas.
    """
    kind = draw.random()
    half_w, half_h = width // 2, height // 2
    if kind < 0.35:
        return [(0, 0, width, height)]
    if kind < 0.8:
        return [(0, 0, half_w, height), (half_w, 0, half_w, height)]
    return [(x, y, half_w, half_h) for y in (0, half_h) for x in (0, half_w)]


def compose(tiles: list[tuple[int, int, int, int]], samples: list[Sample], draw: np.random.Generator) -> Canvas:
    """Put one distorted picture into each tile.

    Args:
        tiles: Rectangles x, y, width, height in pixels, multiples of `CELL`.
        samples: As many pictures as tiles.
        draw: Random generator.

    Returns:
        The canvas.
    """
    width, height = max(x + w for x, _, w, _ in tiles), max(y + h for _, y, _, h in tiles)
    image = np.full((height, width, 3), GREY, dtype=np.uint8)
    sources = np.full((height // CELL, width // CELL), -1, dtype=np.int64)
    classes: list[NDArray[np.int64]] = []
    boxes: list[NDArray[np.float32]] = []
    for (x, y, w, h), sample in zip(tiles, samples, strict=True):
        piece, kept, moved = distort(sample, w, h, draw)
        image[y : y + h, x : x + w] = piece
        sources[y // CELL : (y + h) // CELL, x // CELL : (x + w) // CELL] = sample.source
        classes.append(sample.classes[kept])
        boxes.append(moved + np.array([x, y, x, y], dtype=np.float32))
    return Canvas(image, np.concatenate(classes), np.concatenate(boxes), sources)


def distort(
    sample: Sample, width: int, height: int, draw: np.random.Generator
) -> tuple[Image, NDArray[np.bool_], NDArray[np.float32]]:
    """Warp, recolour and spoil one picture as cameras do.

    Args:
        sample: The picture.
        width: Width of the result in pixels.
        height: Height of the result in pixels.
        draw: Random generator.

    Returns:
        The piece uint8 (height, width, 3); which boxes remain, bool (N,); the remaining boxes float32 (M, 4).
    """
    matrix = _warp(sample.image.shape[1], sample.image.shape[0], width, height, draw)
    border = cv2.BORDER_REFLECT_101 if draw.random() < 0.15 and not len(sample.classes) else cv2.BORDER_CONSTANT
    piece = cv2.warpPerspective(
        sample.image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=border, borderValue=(GREY,) * 3
    )
    kept, moved = _warp_boxes(sample.boxes, matrix, width, height)
    return _spoil(_recolour(piece.astype(np.uint8), draw), draw), kept, moved


def _warp(from_w: int, from_h: int, to_w: int, to_h: int, draw: np.random.Generator) -> NDArray[np.float64]:
    fit, cover = sorted((to_w / from_w, to_h / from_h))
    scale = float(np.exp(draw.uniform(np.log(0.6 * fit), np.log(1.35 * cover))))
    turn = np.deg2rad(draw.normal(0, 5))
    squeeze = float(np.exp(draw.normal(0, 0.12)))
    flip = -1.0 if draw.random() < 0.5 else 1.0
    centre = np.array([[1, 0, -from_w / 2], [0, 1, -from_h / 2], [0, 0, 1]])
    tilt = np.eye(3)
    tilt[2, :2] = draw.uniform(-0.0006, 0.0006, 2)
    cos, sin = np.cos(turn) * scale, np.sin(turn) * scale
    turned = np.array([[cos * flip * squeeze, -sin, 0], [sin * flip * squeeze, cos, 0], [0, 0, 1]])
    room_x, room_y = abs(to_w - from_w * scale) / 2, abs(to_h - from_h * scale) / 2
    shift_x, shift_y = draw.uniform(-1, 1) * room_x, draw.uniform(-1, 1) * room_y
    place = np.array([[1, 0, to_w / 2 + shift_x], [0, 1, to_h / 2 + shift_y], [0, 0, 1]])
    warp: NDArray[np.float64] = place @ turned @ tilt @ centre
    return warp


def _warp_boxes(
    boxes: NDArray[np.float32], matrix: NDArray[np.float64], width: int, height: int
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    if not len(boxes):
        return np.zeros(0, dtype=np.bool_), boxes.reshape(0, 4)
    corners = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 1, 2).astype(np.float64)
    moved = cv2.perspectiveTransform(corners, matrix).reshape(-1, 4, 2)
    loose = np.concatenate([moved.min(axis=1), moved.max(axis=1)], axis=1).astype(np.float32)
    limit = np.array([width, height, width, height], dtype=np.float32)
    clipped = np.clip(loose, 0, limit).astype(np.float32)
    sides = clipped[:, 2:] - clipped[:, :2]
    visible = sides.prod(axis=1) / np.maximum((loose[:, 2:] - loose[:, :2]).prod(axis=1), 1e-6)
    kept = (sides.min(axis=1) >= LEAST_SIDE) & (visible >= LEAST_VISIBLE)
    return kept, clipped[kept]


def _recolour(image: Image, draw: np.random.Generator) -> Image:
    gain = draw.uniform((-0.02, 0.4, 0.6), (0.02, 1.7, 1.45))
    levels = np.arange(256, dtype=np.float64)
    gamma = float(np.exp(draw.normal(0, 0.25)))
    hue = ((levels + gain[0] * 180) % 180).astype(np.uint8)
    saturation = np.clip(levels * gain[1], 0, 255).astype(np.uint8)
    value = np.clip(255 * (np.clip(levels * gain[2], 0, 255) / 255) ** gamma, 0, 255).astype(np.uint8)
    h, s, v = cv2.split(cv2.cvtColor(image, cv2.COLOR_BGR2HSV))
    mixed = cv2.merge((cv2.LUT(h, hue), cv2.LUT(s, saturation), cv2.LUT(v, value)))
    result = cv2.cvtColor(mixed, cv2.COLOR_HSV2BGR)
    if draw.random() < 0.3:  # a lamp of another colour
        tint = draw.uniform(0.82, 1.18, 3)
        result = cv2.LUT(result, np.clip(levels[:, None] * tint, 0, 255).astype(np.uint8).reshape(256, 1, 3))
    if draw.random() < 0.06:  # night mode
        result = cv2.cvtColor(cv2.cvtColor(result, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    return result.astype(np.uint8, copy=False)


def _spoil(image: Image, draw: np.random.Generator) -> Image:
    kind = draw.random()
    if kind < 0.15:
        image = cv2.GaussianBlur(image, (0, 0), draw.uniform(0.5, 1.8)).astype(np.uint8)
    elif kind < 0.25:  # a moving hand or head
        length = int(draw.integers(3, 10))
        kernel = np.zeros((length, length), dtype=np.float32)
        kernel[length // 2] = 1 / length
        turn = cv2.getRotationMatrix2D((length / 2, length / 2), float(draw.uniform(0, 180)), 1)
        kernel = cv2.warpAffine(kernel, turn, (length, length)).astype(np.float32)
        image = cv2.filter2D(image, -1, kernel / max(float(kernel.sum()), 1e-6)).astype(np.uint8)
    elif kind < 0.4:  # a thin sub-stream
        share = draw.uniform(0.4, 0.8)
        small = cv2.resize(image, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
        image = cv2.resize(small, image.shape[1::-1], interpolation=cv2.INTER_LINEAR).astype(np.uint8)
    if draw.random() < 0.25:
        quality = int(draw.integers(25, 80))
        _, coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
        image = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), dtype=np.uint8)
    if draw.random() < 0.15:
        noise = draw.normal(0, draw.uniform(2, 10), image.shape).astype(np.float32)
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
    return image
