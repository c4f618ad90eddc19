"""Find the pictures of a recipe and decide which are held apart.

The split goes by scene, never by picture: frames of one camera differ by seconds, so a random split would measure
memory. A training picture that nearly equals a held-apart one (difference hash) is dropped from training.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.training.recipe import Recipe, Source

NEAR_DUPLICATE_BITS = 6
"""Difference hashes of 64 bits which differ in at most this many are the same picture."""


class Split(StrEnum):
    """What a picture is used for."""

    TRAIN = "train"
    OTHER_SCENE = "other_scene"
    SAME_SCENE = "same_scene"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One labelled picture.

    Attributes:
        path: The image file.
        source: Name of the source it belongs to.
        scene: The scene it shows.
        split: What it is used for.
        classes: int64 (N,), class ids in the recipe's order.
        boxes: float32 (N, 4), centre x, centre y, width, height as shares of the picture, 0 to 1.
    """

    path: Path
    source: str
    scene: str
    split: Split
    classes: NDArray[np.int64]
    boxes: NDArray[np.float32]


def find_pictures(recipe: Recipe) -> list[Picture]:
    """List every picture of the recipe's sources with its split, in a stable order.

    Args:
        recipe: The recipe.

    Returns:
        The pictures; near-duplicates of held-apart pictures carry `Split.DROPPED`.

    Raises:
        FileNotFoundError: A source has no picture.
    """
    found: list[Picture] = []
    for source in recipe.sources:
        folder = recipe.root / source.folder / "images"
        images = sorted(folder.glob("*.jpg"))
        if not images:
            raise FileNotFoundError(f"{folder}: no pictures; is `root` right?")
        pictures = [_picture(path, source, recipe) for path in images]
        found.extend(_without_near_duplicates(pictures))
    return found


def scene_of(stem: str, source: Source) -> str:
    """Name the scene that a file stem belongs to.

    Args:
        stem: File name without folder and suffix.
        source: Its source, with the pattern and the block size.

    Returns:
        The scene's name, unique within the source.
    """
    match = re.search(source.scene, stem)
    scene = stem if match is None else match.group(1) if match.groups() else match.group(0)
    tail = re.search(r"(\d+)\D*$", stem)
    if source.block and tail:
        return f"{re.sub(r'[0-9]+', '#', scene)}/{int(tail.group(1)) // source.block}"
    return scene


def split_of(stem: str, source: Source, seed: int) -> Split:
    """Decide what a picture is used for, from its name alone.

    Args:
        stem: File name without folder and suffix.
        source: Its source, with the rules.
        seed: Seed of the recipe, for the hashed share.

    Returns:
        The split before near-duplicates are dropped.
    """
    if any(re.search(pattern, stem) for pattern in source.hold_other):
        return Split.OTHER_SCENE
    if any(re.search(pattern, stem) for pattern in source.hold_same):
        return Split.SAME_SCENE
    digest = hashlib.sha256(f"{seed}/{source.folder}/{scene_of(stem, source)}".encode()).digest()
    share = int.from_bytes(digest[:4], "big") / 2**32
    return Split.OTHER_SCENE if share < source.hold_share else Split.TRAIN


def read_labels(text: str) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Read a YOLO label file.

    Args:
        text: Lines `class cx cy w h`, shares of the picture.

    Returns:
        Class ids (N,) and boxes (N, 4) in the order of the lines.
    """
    rows = [line.split() for line in text.splitlines() if line.strip()]
    classes = np.array([int(row[0]) for row in rows], dtype=np.int64)
    boxes = np.array([[float(v) for v in row[1:5]] for row in rows], dtype=np.float32).reshape(-1, 4)
    return classes, boxes


def difference_hash(image: NDArray[np.uint8]) -> int:
    """Hash a picture so that nearly equal pictures have nearly equal hashes (64 bits, dHash).

    Args:
        image: uint8 (H, W, 3), BGR.

    Returns:
        The hash; compare with `(a ^ b).bit_count()`.
    """
    small = cv2.resize(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), (9, 8), interpolation=cv2.INTER_AREA).astype(np.int16)
    bits = (small[:, 1:] > small[:, :-1]).ravel()
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def read_picture(picture: Picture, aspect: float | None) -> NDArray[np.uint8]:
    """Decode a picture and undo a stretch of its publisher.

    Args:
        picture: The picture.
        aspect: True width / height, or None to leave it.

    Returns:
        uint8 (H, W, 3), BGR.
    """
    image = cv2.imread(str(picture.path), cv2.IMREAD_COLOR)
    if image is None:
        raise FileNotFoundError(f"{picture.path}: not a readable picture")
    if aspect is not None:
        height = round(image.shape[1] / aspect)
        image = cv2.resize(image, (image.shape[1], height), interpolation=cv2.INTER_AREA)
    return image.astype(np.uint8, copy=False)


def _picture(path: Path, source: Source, recipe: Recipe) -> Picture:
    label = path.parent.parent / "labels" / f"{path.stem}.txt"
    classes, boxes = read_labels(label.read_text(encoding="ascii") if label.exists() else "")
    learnt = {recipe.classes.index(a): recipe.classes.index(b) for a, b in source.relabel.items()}
    classes = np.array([learnt.get(int(c), int(c)) for c in classes], dtype=np.int64)
    stem = path.stem.rsplit("__", 1)[-1]
    split = split_of(stem, source, recipe.seed)
    if source.relabel and split is not Split.TRAIN:
        split = Split.DROPPED
    return Picture(path, source.name, scene_of(stem, source), split, classes, boxes)


def _without_near_duplicates(pictures: list[Picture]) -> Iterable[Picture]:
    hashes = [difference_hash(read_picture(p, None)) for p in pictures]
    held = np.array([h for h, p in zip(hashes, pictures, strict=True) if p.split is Split.OTHER_SCENE], dtype=np.uint64)
    for value, picture in zip(hashes, pictures, strict=True):
        if picture.split is Split.TRAIN and held.size:
            distances = np.bitwise_count(held ^ np.uint64(value))
            if int(distances.min()) <= NEAR_DUPLICATE_BITS:
                yield replace(picture, split=Split.DROPPED)
                continue
        yield picture
