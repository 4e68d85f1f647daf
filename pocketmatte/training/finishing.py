"""From a trained run to the elastic checkpoint that ships."""

import dataclasses
import math
from collections.abc import Callable, Collection
from pathlib import Path

import torch

from pocketmatte.training.batches import fixed_batches, moved
from pocketmatte.training.elastic import Elastic
from pocketmatte.training.stages import Stage
from pocketmatte.training.task import Task
from tiers.checkpoint import write_safetensors
from tiers.errors import CheckpointError
from tiers.spec import TierSpec
from tiers.weights import ELASTIC_FORMAT, load, rows_of

_FRAMES = 72  # of a row: with a third of them statistics are a source of error
_FEWEST = 24  # clips: frames of one clip are alike
_LONGEST = 7  # frames that are made of a clip; how far apart frames are is no matter here
_SEED = 2  # apart from what was trained on, and from what chose the best


def recalibrate(
    task: Task,
    elastic: Elastic,
    last: Stage,
    *,
    data: Path | None,
    seed: int,
    rows: Collection[str] | None = None,
    on_row: Callable[[str], None] = lambda _: None,
) -> None:
    """Measure BatchNorm's statistics of rows at the size of each.

    Args:
        task: The network's.
        elastic: Its weights, on any device.
        last: The stage whose number of frames is taken.
        data: The user's own folder, or ``None``.
        seed: Of the run.
        rows: Names of the rows; ``None`` for all.
        on_row: Called with each row's name when it is done.
    """
    device = next(elastic.parameters()).device
    for name, spec in elastic.specs.items():
        if rows is not None and name not in rows:
            continue
        stage = at_own_size(last, spec)
        stage = dataclasses.replace(stage, length=min(stage.length, _LONGEST))
        source = task.source(stage, data, seed + _SEED)
        samples = max(_FRAMES // stage.length, _FEWEST)
        count = math.ceil(samples / stage.batch)
        batches = fixed_batches(task, source, stage, count, seed=seed + _SEED)
        elastic.calibrate(name, (moved(batch, device) for batch in batches), spec.ratio)
        on_row(name)


def at_own_size(stage: Stage, spec: TierSpec) -> Stage:
    """Return a stage at the size that a row runs at on a phone."""
    return dataclasses.replace(stage, name=spec.name, steps=1, size_hw=spec.output_hw, ratio=None)


def write_checkpoint(
    task: Task, elastic: Elastic, path: Path, *, origin: str, licence: str
) -> None:
    """Write an elastic checkpoint.

    Args:
        task: The network's.
        elastic: Its weights.
        path: The file; an older one is replaced.
        origin: One phrase for people and manifests.
        licence: What manifests say of the weights.

    Raises:
        CheckpointError: If a value is not finite: the training went wrong.
    """
    state = elastic.export_state()
    bad = [key for key, value in state.items() if not torch.isfinite(value.float()).all()]
    if bad:
        msg = (
            f"{bad[0]} is not finite after training; train again with another --seed and --out, or "
            "with --precision fp32"
        )
        raise CheckpointError(msg)
    metadata = {
        "format": ELASTIC_FORMAT,
        "network": task.network,
        "origin": origin,
        "licence": licence,
    }
    write_safetensors(path, state, metadata)


def opened(task: Task, path: Path) -> Elastic:
    """Return the elastic form of a checkpoint of ours.

    Raises:
        CheckpointError: If it is no elastic checkpoint of the network, or lacks a tensor.
    """
    weights = load(path, task.network)
    if weights.metadata.get("format") != ELASTIC_FORMAT:
        msg = f"{path} is no elastic checkpoint of {task.network}, but of one architecture alone"
        raise CheckpointError(msg)
    rows = sorted(rows_of(weights))
    if not rows:
        msg = f"{path} is no elastic checkpoint of {task.network}: it has no row's BatchNorm"
        raise CheckpointError(msg)
    elastic = Elastic(task, rows[-1])
    wanted = elastic.export_state()
    missing = sorted(wanted.keys() - weights.tensors.keys())
    if missing or any(weights.tensors[key].shape != wanted[key].shape for key in wanted):
        what = f"lacks {missing[0]}" if missing else "has other shapes"
        msg = f"{path} {what}; it was trained with another ladder: train it again"
        raise CheckpointError(msg)
    elastic.load_export(weights.tensors)
    return elastic
