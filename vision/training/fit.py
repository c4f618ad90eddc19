"""Train the kitchen branch: the engine room of `kitchen train`, the only place that needs torch.

The first layers stay exactly as COCO left them, because the exported model shares them with the borrowed classes.
A class that a source neither labels nor lacks takes no part in the loss at that source's anchors.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import structlog
import torch
from torch.utils.data import DataLoader, Dataset
from ultralytics.nn.tasks import DetectionModel
from ultralytics.utils import IterableSimpleNamespace
from ultralytics.utils.loss import v8DetectionLoss
from ultralytics.utils.torch_utils import ModelEMA

from vision.training.canvas import Canvas, Sample, compose, tiles_of
from vision.training.pictures import Picture, Split, find_pictures, read_picture
from vision.training.recipe import Recipe

log = structlog.get_logger()

GAINS = IterableSimpleNamespace(box=7.5, cls=0.7, dfl=1.5)
SAVE_EVERY_STEPS = 250
REPORT_EVERY_STEPS = 25
WARM_UP_STEPS = 200
WEIGHT_DECAY = 0.005


class Canvases(Dataset[dict[str, Any]]):  # type: ignore[misc]  # torch has no types here
    """Endless canvases: item `i` depends on the seed and on `i` alone, so a resumed run sees what it would have seen."""

    def __init__(self, recipe: Recipe, pictures: list[Picture], start: int) -> None:
        self.recipe, self.start = recipe, start
        aspects = {s.name: s.aspect for s in recipe.sources}
        order = {s.name: i for i, s in enumerate(recipe.sources)}
        weights = np.array([s.weight for s in recipe.sources])
        self.shares = weights / weights.sum()
        self.by_source: list[list[Sample]] = [[] for _ in recipe.sources]
        for picture in pictures:
            if picture.split is Split.TRAIN:
                sample = sample_of(picture, aspects[picture.source], order[picture.source])
                self.by_source[order[picture.source]].append(sample)

    def __len__(self) -> int:
        return self.recipe.steps * self.recipe.batch - self.start

    def __getitem__(self, index: int) -> dict[str, Any]:
        draw = np.random.default_rng((self.recipe.seed, self.start + index))
        tiles = tiles_of(self.recipe.width, self.recipe.height, draw)
        picks = [self.by_source[int(draw.choice(len(self.shares), p=self.shares))] for _ in tiles]
        samples = [pick[int(draw.integers(len(pick)))] for pick in picks]
        return _tensors(compose(tiles, samples, draw))


class MaskedLoss(v8DetectionLoss):  # type: ignore[misc]
    """YOLOv8's loss with the class part silenced where a class is unknown."""

    def __init__(self, model: DetectionModel, known: torch.Tensor) -> None:
        """Prepare the loss.

        Args:
            model: The model, with its hyper-parameters in `args`.
            known: float (S + 1, C): 1 where source s labels or lacks class c; the last row is for cells of no source.
        """
        super().__init__(model)
        self.known = known
        self.mask = torch.ones(())
        self.bce = self._masked_bce

    def _masked_bce(self, scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        losses = torch.nn.functional.binary_cross_entropy_with_logits(scores, targets, reduction="none")
        return losses * self.mask

    def __call__(self, preds: Any, batch: dict[str, torch.Tensor]) -> Any:
        """Compute the loss of a batch which also carries `sources`, the source at each cell."""
        feats = self.parse_output(preds)["feats"]
        self.mask = self.known[anchor_sources(batch["sources"], [f.shape[2:] for f in feats])]
        return super().__call__(preds, batch)


def anchor_sources(cells: torch.Tensor, grids: list[torch.Size]) -> torch.Tensor:
    """Look up the source under each anchor.

    Args:
        cells: int64 (B, H / 8, W / 8), source index, -1 for none.
        grids: Height and width of each feature level, finest first.

    Returns:
        int64 (B, A), in the order of the network's anchors.
    """
    levels = []
    for height, width in grids:
        step = cells.shape[1] // height
        middle = cells[:, step // 2 :: step, step // 2 :: step]
        levels.append(middle[:, :height, :width].reshape(cells.shape[0], -1))
    return torch.cat(levels, dim=1)


def known_classes(recipe: Recipe) -> torch.Tensor:
    """Tabulate which classes each source knows.

    Args:
        recipe: The recipe.

    Returns:
        float32 (S + 1, C); the last row (index -1: no source) is all ones, because plain grey holds nothing.
    """
    table = torch.zeros(len(recipe.sources) + 1, len(recipe.classes))
    for row, source in enumerate(recipe.sources):
        for name in (*source.labelled, *source.absent):
            table[row, recipe.classes.index(name)] = 1
    table[-1] = 1
    return table


def sample_of(picture: Picture, aspect: float | None, source: int) -> Sample:
    """Decode a picture for training.

    Args:
        picture: The picture.
        aspect: True width / height when it was stretched.
        source: Index of its source.

    Returns:
        The sample, boxes in pixels.
    """
    image = read_picture(picture, aspect)
    height, width = image.shape[:2]
    half = picture.boxes[:, 2:] / 2
    shares = np.concatenate([picture.boxes[:, :2] - half, picture.boxes[:, :2] + half], axis=1)
    scale = np.array([width, height, width, height], dtype=np.float32)
    return Sample(image, picture.classes, (shares * scale).astype(np.float32), source)


def build(recipe: Recipe) -> DetectionModel:
    """Make the network: the starting weights with a new class head, the shared layers frozen.

    Args:
        recipe: The recipe.

    Returns:
        The model on the CPU, in training mode.
    """
    torch.manual_seed(recipe.seed)
    teacher = torch.load(recipe.start, map_location="cpu", weights_only=False)["model"].float()
    model = DetectionModel(teacher.yaml, nc=len(recipe.classes), verbose=False)
    model.load(teacher, verbose=False)
    model.args = GAINS
    model.names = dict(enumerate(recipe.classes))
    for name, parameter in model.named_parameters():
        parameter.requires_grad = int(name.split(".")[1]) >= recipe.shared_layers and "dfl" not in name
    return model.train()


@dataclass(frozen=True, slots=True)
class _Run:
    """What a run changes as it goes."""

    model: DetectionModel
    ema: ModelEMA
    optimiser: torch.optim.Optimizer
    loss_of: MaskedLoss
    device: torch.device


def fit(recipe: Recipe, out: Path, *, resume: bool = False, threads: int = 2, workers: int = 1) -> Path:
    """Train and leave a checkpoint that `export` can read.

    Args:
        recipe: The recipe.
        out: Folder for `last.pt` and `progress.jsonl`.
        resume: Continue from `last.pt` in that folder.
        threads: Threads for torch.
        workers: Processes which compose canvases.

    Returns:
        Path of the checkpoint.
    """
    torch.set_num_threads(threads)
    cv2.setNumThreads(1)
    out.mkdir(parents=True, exist_ok=True)
    checkpoint = out / "last.pt"
    run = _begin(recipe)
    first = _restore(checkpoint, run) if resume and checkpoint.exists() else 0
    canvases = Canvases(recipe, find_pictures(recipe), first * recipe.batch)
    log.info("training", pictures=sum(len(s) for s in canvases.by_source), first_step=first, steps=recipe.steps)
    started = time.monotonic()
    for step, batch in enumerate(_batches(canvases, recipe.batch, workers), start=first):
        losses = _step(run, batch, _rate(recipe, step))
        if step % REPORT_EVERY_STEPS == 0:
            _report(out, step, recipe.steps, losses, (time.monotonic() - started) / (step - first + 1))
        if (step + 1) % SAVE_EVERY_STEPS == 0 or step + 1 == recipe.steps:
            _save(checkpoint, recipe, step + 1, run)
    return checkpoint


def _begin(recipe: Recipe) -> _Run:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = build(recipe).to(device=device, memory_format=torch.channels_last)
    loss_of = MaskedLoss(model, known_classes(recipe).to(device))
    return _Run(model, ModelEMA(model), _optimiser(model), loss_of, device)


def _step(run: _Run, batch: dict[str, torch.Tensor], rate: float) -> list[float]:
    for layer in run.model.model:  # frozen layers keep their running statistics too
        if not any(p.requires_grad for p in layer.parameters()):
            layer.eval()
    for group in run.optimiser.param_groups:
        group["lr"] = rate
    batch = {key: value.to(run.device) for key, value in batch.items()}
    images = batch["img"].float().div_(255).contiguous(memory_format=torch.channels_last)
    with torch.autocast(run.device.type, torch.bfloat16):
        predictions = run.model(images)
    predictions = {k: [f.float() for f in v] if isinstance(v, list) else v.float() for k, v in predictions.items()}
    total, parts = run.loss_of(predictions, batch)
    run.optimiser.zero_grad(set_to_none=True)
    total.sum().backward()
    torch.nn.utils.clip_grad_norm_([p for p in run.model.parameters() if p.requires_grad], 10.0)
    run.optimiser.step()
    run.ema.update(run.model)
    return [float(value) for value in (parts.values() if isinstance(parts, dict) else parts)]


def _optimiser(model: DetectionModel) -> torch.optim.Optimizer:
    trained = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": WEIGHT_DECAY},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.999))


def _rate(recipe: Recipe, step: int) -> float:
    warm = min(1.0, (step + 1) / WARM_UP_STEPS)
    return recipe.rate * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, step / recipe.steps))))


def _batches(canvases: Canvases, batch: int, workers: int) -> Iterator[dict[str, torch.Tensor]]:
    loader = DataLoader(
        canvases, batch_size=batch, shuffle=False, num_workers=workers, collate_fn=_collate,
        prefetch_factor=6 if workers else None,
    )  # fmt: skip
    return iter(loader)


def _tensors(canvas: Canvas) -> dict[str, Any]:
    height, width = canvas.image.shape[:2]
    sides = canvas.boxes[:, 2:] - canvas.boxes[:, :2]
    centred = np.concatenate([canvas.boxes[:, :2] + sides / 2, sides], axis=1)
    shares = centred / np.array([width, height, width, height], dtype=np.float32)
    rgb = np.ascontiguousarray(canvas.image[:, :, ::-1].transpose(2, 0, 1))
    return {"img": rgb, "cls": canvas.classes, "bboxes": shares.astype(np.float32), "sources": canvas.sources}


def _collate(items: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    index = np.concatenate([np.full(len(item["cls"]), i, dtype=np.float32) for i, item in enumerate(items)])
    return {
        "img": torch.from_numpy(np.stack([item["img"] for item in items])),
        "cls": torch.from_numpy(np.concatenate([item["cls"] for item in items]).astype(np.float32)),
        "bboxes": torch.from_numpy(np.concatenate([item["bboxes"] for item in items])),
        "batch_idx": torch.from_numpy(index),
        "sources": torch.from_numpy(np.stack([item["sources"] for item in items])),
    }


def _report(out: Path, step: int, steps: int, losses: list[float], seconds_per_step: float) -> None:
    box, cls, dfl = (round(value, 4) for value in losses)
    line = {"step": step, "box": box, "cls": cls, "dfl": dfl, "seconds_per_step": round(seconds_per_step, 4)}
    with (out / "progress.jsonl").open("a", encoding="ascii") as handle:
        handle.write(json.dumps(line) + "\n")
    log.info(
        "step", step=step, of=steps, minutes_left=round(seconds_per_step * (steps - step) / 60, 1), box=box, cls=cls, dfl=dfl
    )


def _save(path: Path, recipe: Recipe, step: int, run: _Run) -> None:
    state = {
        "step": step,
        "model": run.model.state_dict(),
        "ema": run.ema.ema.state_dict(),
        "ema_updates": run.ema.updates,
        "optimiser": run.optimiser.state_dict(),
        "classes": list(recipe.classes),
        "shared_layers": recipe.shared_layers,
    }
    part = path.with_suffix(".part")
    torch.save(state, part)
    part.replace(path)
    log.info("saved", file=str(path), step=step)


def _restore(path: Path, run: _Run) -> int:
    state = torch.load(path, map_location=run.device, weights_only=True)
    run.model.load_state_dict(state["model"])
    run.ema.ema.load_state_dict(state["ema"])
    run.ema.updates = state["ema_updates"]
    run.optimiser.load_state_dict(state["optimiser"])
    return int(state["step"])
