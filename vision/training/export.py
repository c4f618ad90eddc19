"""Merge the trained branch and the borrowed COCO branch into one ONNX file beside its sidecar JSON.

Both branches read the same frozen first layers, which run once; a picture is 1x3xHxW RGB in 0..1, the answer is
1x(4+C)xA as YOLOv8 exports it (centre x, centre y, width, height, then one score per label). Weights are stored as
float16 to halve the file and cast back when the session is made: the arithmetic stays float32.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import structlog
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn
from ultralytics.nn.tasks import DetectionModel

from vision.training.fit import build
from vision.training.recipe import Recipe

log = structlog.get_logger()

OPSET = 17
SMALLEST_HALF_TENSOR = 512
"""Tensors of fewer elements stay float32: shapes, strides and biases cost nothing."""


class Merged(nn.Module):  # type: ignore[misc]  # torch has no types here
    """Two detection networks on one frozen stem.

    Args:
        trained: The kitchen branch, in evaluation mode.
        borrowed: The COCO branch, in evaluation mode.
        shared: Number of first layers that both share.
        columns: COCO class id -> column of this model's labels.
        labels: Number of labels of the merged model.
    """

    def __init__(
        self, trained: DetectionModel, borrowed: DetectionModel, shared: int, columns: dict[int, int], labels: int
    ) -> None:
        super().__init__()
        self.trained, self.borrowed, self.shared = trained, borrowed, shared
        pick = torch.zeros(labels, len(columns))
        for row, column in enumerate(columns.values()):
            pick[column, row] = 1
        self.register_buffer("pick", pick)
        self.labels = labels

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Run both branches.

        Args:
            images: float (1, 3, H, W), RGB, 0 to 1.

        Returns:
            float (1, 4 + labels, anchors of both branches).
        """
        seen: list[torch.Tensor | None] = []
        x = images
        for layer in self.trained.model[: self.shared]:
            x = layer(x)
            seen.append(x)
        own = _finish(self.trained, self.shared, x, list(seen))
        coco = _finish(self.borrowed, self.shared, x, list(seen))
        spare = self.labels - (own.shape[1] - 4)
        own = torch.cat((own, torch.zeros(1, spare, own.shape[2])), 1)
        coco = torch.cat((coco[:, :4], torch.matmul(self.pick, coco[:, 4:])), 1)
        return torch.cat((own, coco), 2)


def _finish(model: DetectionModel, shared: int, x: torch.Tensor, seen: list[torch.Tensor | None]) -> torch.Tensor:
    result: torch.Tensor = x
    for layer in model.model[shared:]:
        if layer.f != -1:
            wanted = [layer.f] if isinstance(layer.f, int) else layer.f
            inputs = [result if index == -1 else seen[index] for index in wanted]
            result = layer(inputs[0] if isinstance(layer.f, int) else inputs)
        else:
            result = layer(result)
        seen.append(result)
    return result


def labels_of(recipe: Recipe) -> tuple[str, ...]:
    """Name the columns of the merged model.

    Args:
        recipe: The recipe.

    Returns:
        The trained classes, then borrowed names which are not among them.
    """
    return (*recipe.classes, *(name for name in recipe.borrowed.values() if name not in recipe.classes))


def export(recipe: Recipe, checkpoint: Path, weights: Path, *, thresholds: dict[str, float | None]) -> Path:
    """Write the ONNX file and its sidecar.

    Args:
        recipe: The recipe that made the checkpoint.
        checkpoint: What `fit` left.
        weights: Where to write the ONNX file; the sidecar lies beside it with the suffix `.json`.
        thresholds: Automatic confidence per label; None: never automatic.

    Returns:
        The path of the ONNX file.
    """
    labels = labels_of(recipe)
    merged = _merge(recipe, checkpoint, labels)
    weights.parent.mkdir(parents=True, exist_ok=True)
    picture = torch.zeros(1, 3, recipe.height, recipe.width)
    torch.onnx.export(
        merged, (picture,), str(weights), opset_version=OPSET, input_names=["images"], output_names=["output0"],
        dynamo=False,
    )  # fmt: skip
    model = halve(onnx.load(str(weights)))
    names = dict(enumerate(labels))
    metadata = {"names": json.dumps(names), "version": recipe.version, "imgsz": f"[{recipe.height}, {recipe.width}]"}
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model)
    onnx.save(model, str(weights))
    write_sidecar(recipe, weights, thresholds)
    log.info("exported", file=str(weights), megabytes=round(weights.stat().st_size / 1e6, 1))
    return weights


def write_sidecar(recipe: Recipe, weights: Path, thresholds: dict[str, float | None]) -> Path:
    """Write what a detector must know beside the network.

    Args:
        recipe: The recipe.
        weights: The ONNX file.
        thresholds: Automatic confidence per label; None: never automatic.

    Returns:
        The path of the JSON file.
    """
    sidecar = weights.with_suffix(".json")
    document = {
        "name": recipe.name,
        "version": recipe.version,
        "labels": list(labels_of(recipe)),
        "input_width": recipe.width,
        "input_height": recipe.height,
        "thresholds": thresholds,
    }
    sidecar.write_text(json.dumps(document, indent=2) + "\n", encoding="ascii")
    return sidecar


def _merge(recipe: Recipe, checkpoint: Path, labels: tuple[str, ...]) -> Merged:
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    trained = build(recipe)
    trained.load_state_dict(state["ema"])
    borrowed = torch.load(recipe.start, map_location="cpu", weights_only=False)["model"].float()
    ids = {name: index for index, name in borrowed.names.items()}
    columns = {ids[name]: labels.index(known_as) for name, known_as in recipe.borrowed.items()}
    for model in (trained, borrowed):
        model.eval()
    _check_shared(trained, borrowed, recipe.shared_layers)
    _keep_classes(borrowed, list(columns))
    for model in (trained, borrowed):
        model.fuse(verbose=False)
        model.model[-1].export = True
        model.model[-1].format = "onnx"
    merged = Merged(trained, borrowed, recipe.shared_layers, columns, len(labels))
    merged.eval()
    return merged


def _check_shared(trained: DetectionModel, borrowed: DetectionModel, shared: int) -> None:
    for own, other in zip(trained.model[:shared], borrowed.model[:shared], strict=True):
        for (name, a), b in zip(own.state_dict().items(), other.state_dict().values(), strict=True):
            if not torch.allclose(a, b, atol=1e-6):
                raise ValueError(f"layer {own.i} ({name}) of the trained branch is not the frozen one: cannot share it")


def _keep_classes(model: DetectionModel, kept: list[int]) -> None:
    """Cut the class head down to the kept classes, in this order."""
    head = model.model[-1]
    for level in head.cv3:
        old = level[-1]
        new = nn.Conv2d(old.in_channels, len(kept), 1)
        new.weight.data, new.bias.data = old.weight.data[kept].clone(), old.bias.data[kept].clone()
        level[-1] = new
    head.nc = len(kept)
    head.no = head.nc + head.reg_max * 4


def halve(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store large float32 weights as float16 with a cast in front of their use.

    Args:
        model: A float32 model; changed in place.

    Returns:
        The same model.
    """
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or int(np.prod(tensor.dims)) < SMALLEST_HALF_TENSOR:
            continue
        name = tensor.name
        half = numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), f"{name}_half")
        tensor.CopyFrom(half)
        casts.append(helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
    for node in reversed(casts):
        model.graph.node.insert(0, node)
    return model
