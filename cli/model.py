"""``kitchen train`` and ``kitchen evaluate``: hand over to ``vision.training``, which alone knows torch."""

from __future__ import annotations

from pathlib import Path

from cli.output import show_json, show_table
from vision.training import commands


def train(recipe: Path, out: Path, *, root: Path | None, start: Path | None, resume: bool) -> None:
    """Train, export and measure; prints where the weights lie."""
    print(commands.train(recipe, out, root=root, start=start, resume=resume))


def evaluate(recipe: Path, *, model: str, root: Path | None, as_json: bool) -> None:
    """Measure a model on the recipe's held-apart pictures."""
    document = commands.evaluate(recipe, model=model, root=root, progress=not as_json)
    if as_json:
        show_json(document)
        return
    for split, result in document.get("splits", {}).items():
        classes = result.get("classes", {})
        columns = ("class", "images", "boxes", "ap50", "precision", "recall")
        show_table(columns, ([name, *(row.get(key, "") for key in columns[1:])] for name, row in classes.items()), title=split)
