"""What `kitchen train`, `kitchen evaluate` and the export of weights do, callable from anywhere.

`train` leaves `kitchen-n.onnx`, its sidecar, `evaluation.json` and `MODEL_CARD.md` in its folder: the shipped weights are
such a folder, copied.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

from rich.progress import track

from domain.errors import ConfigurationError
from vision.detector import Detector
from vision.engines import open_detector
from vision.training.card import card_of, document_of
from vision.training.evaluation import Evaluation, measure_detector
from vision.training.pictures import Picture
from vision.training.recipe import Recipe, read_recipe

CURVES_FROM = 0.01
"""Detections from this confidence on are measured, or the precision-recall curves would be cut off."""


def train(
    config_path: Path,
    out: Path,
    *,
    root: Path | None = None,
    start: Path | None = None,
    resume: bool = False,
    progress: bool = True,
) -> Path:
    """Train by a recipe, export, measure, choose thresholds and write the model card.

    Args:
        config_path: The recipe.
        out: Folder for the checkpoint and the results.
        root: Folder of the pictures, if not the recipe's.
        start: Starting weights, if not the recipe's.
        resume: Continue from the checkpoint in `out`.
        progress: Show a progress bar while measuring.

    Returns:
        The ONNX file.

    Raises:
        ConfigurationError: The recipe is wrong, or the extra `train` is not installed.
    """
    recipe = read_recipe(config_path, root=root, start=start)
    fit = _torch_part("fit").fit
    checkpoint = fit(recipe, out, resume=resume)
    return export(config_path, checkpoint, out, root=root, start=start, progress=progress)


def export(
    config_path: Path,
    checkpoint: Path,
    out: Path,
    *,
    root: Path | None = None,
    start: Path | None = None,
    progress: bool = True,
) -> Path:
    """Turn a checkpoint into weights with measured thresholds and a model card.

    Args:
        config_path: The recipe that made the checkpoint.
        checkpoint: What training left; of an unfinished run too.
        out: Folder for the weights, the evaluation and the card.
        root: Folder of the pictures, if not the recipe's.
        start: Starting weights, if not the recipe's.
        progress: Show a progress bar while measuring.

    Returns:
        The ONNX file.

    Raises:
        ConfigurationError: The recipe is wrong, or the extra `train` is not installed.
    """
    recipe = read_recipe(config_path, root=root, start=start)
    part = _torch_part("export")
    weights = out / f"{recipe.name}.onnx"
    part.export(recipe, checkpoint, weights, thresholds=dict.fromkeys(part.labels_of(recipe)))
    evaluation = _measure(recipe, open_detector(str(weights), minimum_confidence=CURVES_FROM), progress=progress)
    part.write_sidecar(recipe, weights, dict(evaluation.thresholds))
    text = json.dumps(document_of(recipe, evaluation), indent=2)
    (out / "evaluation.json").write_text(text + "\n", encoding="utf-8")
    (out / "MODEL_CARD.md").write_text(card_of(recipe, evaluation), encoding="utf-8")
    return Path(weights)


def evaluate(
    config_path: Path,
    *,
    model: str = "default",
    root: Path | None = None,
    progress: bool = True,
) -> dict[str, Any]:
    """Measure a model on the held-apart pictures of a recipe.

    Args:
        config_path: The recipe.
        model: `default` or a path to weights, as `vision.engines.open_detector` takes it.
        root: Folder of the pictures, if not the recipe's.
        progress: Show a progress bar.

    Returns:
        A JSON-ready document: per split and class images, boxes, ap50, ap50_95, and precision and recall at the deployed
        threshold.

    Raises:
        ConfigurationError: The recipe or the model is wrong.
    """
    recipe = read_recipe(config_path, root=root)
    detector = open_detector(model, minimum_confidence=CURVES_FROM)
    missing = [name for name in recipe.classes if name not in detector.info.labels]
    if missing:
        raise ConfigurationError(f"{detector.info.name} does not know {', '.join(missing)}", file=str(config_path))
    return document_of(recipe, _measure(recipe, detector, progress=progress), deployed=detector.info.thresholds)


def _measure(recipe: Recipe, detector: Detector, *, progress: bool) -> Evaluation:
    def shown(pictures: Iterable[Picture]) -> Iterable[Picture]:
        return track(pictures, description="measuring", transient=True) if progress else pictures

    return measure_detector(recipe, detector, progress=shown)


def _torch_part(name: str) -> Any:
    try:  # torch must not load with the base install
        return import_module(f"vision.training.{name}")
    except ImportError as error:
        raise ConfigurationError(
            f"training needs torch and ultralytics: {error}", hint="pip install 'bright-kitchen[train]'"
        ) from error
