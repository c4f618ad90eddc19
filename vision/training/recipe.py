"""The description of a training run: which pictures, which classes each source labels, what is held apart.

A class that a source does not list under `labelled` is *unknown* there, not absent; only classes listed under `absent`
(checked by eye) may serve as negatives. Reading a recipe opens no picture.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from domain.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Source:
    """One folder of pictures with YOLO label files, published by one author.

    Attributes:
        name: Name of the source.
        folder: Folder below the recipe's `root`, holding `images/` and `labels/`; the name when empty.
        relabel: Class read from the label files -> class to learn instead, for a second use of a folder. Such a
            source only trains: what it implies was not labelled on purpose, so it cannot measure.
        labelled: Classes whose every instance has a box in this source.
        absent: Classes which do not occur in this source at all (looked at by eye); they are negatives.
        scene: Regular expression on the file stem; its first group (or the whole match) names the scene.
        block: If above zero, the trailing number of the stem is part of the scene, divided by this.
        hold_other: Regular expressions on the stem: whole scenes held apart, never seen in training.
        hold_same: Regular expressions on the stem: other recordings of scenes that training does see.
        hold_share: Share of the remaining scenes held apart as other scenes (chosen by a hash of the name).
        aspect: True width / height of the pictures when the publisher stretched them, else None.
        weight: How often the source is drawn in training, relative to the others.
        kitchen: Whether these are pictures of kitchen cameras. A class acts automatically only if such pictures, too,
            label it or are known to lack it: precision measured on street photographs says little about a kitchen.
        author: Who is to be credited.
        licence: Licence as the publisher states it.
        origin: Where the publisher took the pictures from, in a few words.
        url: The publisher's page.
        likeness: How far the pictures are like a kitchen camera's.
    """

    name: str
    labelled: tuple[str, ...]
    absent: tuple[str, ...] = ()
    folder: str = ""
    relabel: dict[str, str] = field(default_factory=dict)
    scene: str = ".*"
    block: int = 0
    hold_other: tuple[str, ...] = ()
    hold_same: tuple[str, ...] = ()
    hold_share: float = 0.0
    aspect: float | None = None
    weight: float = 1.0
    kitchen: bool = False
    author: str = ""
    licence: str = ""
    origin: str = ""
    url: str = ""
    likeness: str = ""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything a run depends on beside the pictures and the starting weights.

    Attributes:
        classes: Names of the trained classes, in the order of the label files' ids.
        root: Folder of the sources; relative paths start at the recipe file.
        start: COCO weights to start from.
        borrowed: COCO names kept from the starting weights, with the class name under which the model reports them.
        sources: The picture sources.
        width: Network input width in pixels, a multiple of 32.
        height: Network input height in pixels, a multiple of 32.
        shared_layers: The first layers of the network, frozen and shared with the borrowed branch.
        steps: Optimiser steps.
        batch: Canvases per step.
        rate: Peak learning rate.
        seed: Seed of everything random.
        version: Version written into the exported model.
        name: Name written into the exported model.
        note: What a reader of the model card must know about this run.
        precision_targets: Precision that a class must reach on held-apart pictures to act automatically (domain.md C.9).
        borrowed_threshold: Automatic threshold of borrowed classes, which no held-apart picture here measures.
    """

    classes: tuple[str, ...]
    root: Path
    start: Path
    borrowed: dict[str, str]
    sources: tuple[Source, ...]
    width: int = 640
    height: int = 384
    shared_layers: int = 5
    steps: int = 3000
    batch: int = 16
    rate: float = 0.0012
    seed: int = 7
    version: str = "1"
    name: str = "kitchen-n"
    note: str = ""
    precision_targets: dict[str, float] = field(default_factory=dict)
    borrowed_threshold: float = 0.6


def proven_in_kitchens(recipe: Recipe) -> frozenset[str]:
    """Name the classes that pictures of kitchen cameras can confirm or refute.

    Args:
        recipe: The recipe.

    Returns:
        Classes which a source of kitchen pictures labels or is known to lack.
    """
    kitchens = [source for source in recipe.sources if source.kitchen]
    return frozenset(name for source in kitchens for name in (*source.labelled, *source.absent))


def read_recipe(path: Path, *, root: Path | None = None, start: Path | None = None) -> Recipe:
    """Read and check a recipe.

    Args:
        path: The YAML file.
        root: Folder of pictures to use instead of the one named in the file.
        start: Starting weights to use instead of those named in the file.

    Returns:
        The recipe, its paths made absolute.

    Raises:
        ConfigurationError: A key is unknown or missing, or a class is not in `classes`.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise _refuse(path, "", f"cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise _refuse(path, "", "must be a mapping")
    sources = tuple(_source(path, entry) for entry in document.pop("sources", []))
    known = {f.name for f in fields(Recipe)} - {"sources"}
    for key in document:
        if key not in known:
            raise _refuse(path, str(key), "unknown key")
    document["root"] = (path.parent / (root or document.get("root", "."))).resolve()
    document["start"] = (path.parent / (start or document.get("start", "yolov8n.pt"))).resolve()
    classes = tuple(document.pop("classes", ()))
    recipe = Recipe(classes=classes, sources=sources, **document)
    _check(path, recipe)
    return recipe


def _source(path: Path, entry: dict[str, Any]) -> Source:
    known = {f.name for f in fields(Source)}
    for key in entry:
        if key not in known:
            raise _refuse(path, f"sources.{entry.get('name', '?')}.{key}", "unknown key")
    lists = {key: tuple(value) for key, value in entry.items() if isinstance(value, list)}
    return Source(**{"folder": entry.get("name", ""), **entry, **lists})


def _check(path: Path, recipe: Recipe) -> None:
    if recipe.width % 32 or recipe.height % 32:
        raise _refuse(path, "width", "width and height must be multiples of 32")
    for source in recipe.sources:
        for name in (*source.labelled, *source.absent, *source.relabel, *source.relabel.values()):
            if name not in recipe.classes:
                raise _refuse(path, f"sources.{source.name}", f"{name!r} is not among the classes")
        if set(source.labelled) & set(source.absent):
            raise _refuse(path, f"sources.{source.name}", "a class cannot be both labelled and absent")
        for pattern in (source.scene, *source.hold_other, *source.hold_same):
            try:
                re.compile(pattern)
            except re.error as error:
                raise _refuse(path, f"sources.{source.name}", f"{pattern!r} is no regular expression") from error


def _refuse(path: Path, key: str, what: str) -> ConfigurationError:
    return ConfigurationError(what, file=str(path), key=key)
