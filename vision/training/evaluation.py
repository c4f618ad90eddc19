"""Measure a detector on the held-apart pictures of a recipe, other scenes and same scenes apart.

Runs the deployed engine on whole pictures, so the figures are those of what is shipped, letterbox, suppression and all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vision.detector import LEAST_CONFIDENCE, Detector
from vision.training.measure import (
    Judged,
    Scores,
    at_threshold,
    average_precision,
    choose_threshold,
    gather,
    match,
)
from vision.training.pictures import Picture, Split, find_pictures, read_picture
from vision.training.recipe import Recipe, proven_in_kitchens

IOU_STEPS = tuple(round(0.5 + 0.05 * i, 2) for i in range(10))
MEASURED_SPLITS = (Split.OTHER_SCENE, Split.SAME_SCENE)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was measured.

    Attributes:
        model: Identity of the model.
        scores: Per split, per class.
        thresholds: Automatic threshold per label, chosen on the other scenes; None: never automatic.
        judged: Per split, per class, the raw detections at IoU 0.5 behind the figures.
    """

    model: str
    scores: Mapping[Split, Mapping[str, Scores]]
    thresholds: Mapping[str, float | None]
    judged: Mapping[Split, Mapping[str, Judged]]


def measure_detector(
    recipe: Recipe, detector: Detector, *, progress: Callable[[Iterable[Picture]], Iterable[Picture]] = iter
) -> Evaluation:
    """Measure a detector.

    Args:
        recipe: Names the pictures, what is held apart, and the precision each class must reach.
        detector: The detector; it should report from a very low confidence, or the curves are cut off.
        progress: Wraps the pictures to show how far it is.

    Returns:
        The evaluation. Thresholds come from other scenes alone: a kitchen the model knows would flatter them.
    """
    known = {s.name: frozenset((*s.labelled, *s.absent)) for s in recipe.sources}
    aspects = {s.name: s.aspect for s in recipe.sources}
    pieces: dict[tuple[Split, str, float], list[tuple[NDArray[np.float32], NDArray[np.bool_], int]]] = {}
    held = [picture for picture in find_pictures(recipe) if picture.split in MEASURED_SPLITS]
    for picture in progress(held):
        image = read_picture(picture, aspects[picture.source])
        found = detector.detect(image)
        objects = _in_pixels(picture, image.shape[1], image.shape[0])
        for index, name in enumerate(recipe.classes):
            if name in known[picture.source]:
                mine = found.only(name)
                wanted = objects[picture.classes == index]
                for least in IOU_STEPS:
                    right = match(mine.boxes, mine.confidences, wanted, least)
                    pieces.setdefault((picture.split, name, least), []).append((mine.confidences, right, len(wanted)))
    judged = {key: gather(value) for key, value in pieces.items()}
    thresholds = _thresholds(recipe, judged)
    scores = {
        split: {
            name: _score(judged, split, name, thresholds.get(name))
            for name in recipe.classes
            if (split, name, IOU_STEPS[0]) in judged
        }
        for split in MEASURED_SPLITS
    }
    raw = {split: {name: judged[split, name, IOU_STEPS[0]] for name in per_class} for split, per_class in scores.items()}
    return Evaluation(detector.info.id, scores, thresholds, raw)


def _in_pixels(picture: Picture, width: int, height: int) -> NDArray[np.float32]:
    half = picture.boxes[:, 2:] / 2
    shares = np.concatenate([picture.boxes[:, :2] - half, picture.boxes[:, :2] + half], axis=1)
    boxes: NDArray[np.float32] = (shares * np.array([width, height] * 2, dtype=np.float32)).astype(np.float32)
    return boxes


def _thresholds(recipe: Recipe, judged: Mapping[tuple[Split, str, float], Judged]) -> dict[str, float | None]:
    chosen: dict[str, float | None] = dict.fromkeys(recipe.classes)
    proven = proven_in_kitchens(recipe)
    for name, target in recipe.precision_targets.items():
        measured = judged.get((Split.OTHER_SCENE, name, IOU_STEPS[0]))
        if measured is not None and name in proven:
            chosen[name] = choose_threshold(measured, target, LEAST_CONFIDENCE)
    for name in recipe.borrowed.values():
        chosen.setdefault(name, recipe.borrowed_threshold)
    return chosen


def _score(judged: Mapping[tuple[Split, str, float], Judged], split: Split, name: str, threshold: float | None) -> Scores:
    at_half = judged[split, name, IOU_STEPS[0]]
    deployed = LEAST_CONFIDENCE if threshold is None else threshold
    precision, recall = at_threshold(at_half, deployed)
    steps = [average_precision(judged[split, name, least]) for least in IOU_STEPS]
    areas = [area for area in steps if area is not None]
    mean = float(np.mean(areas)) if areas else None
    return Scores(at_half.images, at_half.objects, steps[0], mean, precision, recall, deployed)
