"""Training ``propagation``: three frames, the masks of the first one, two objects.

Cheng, Tai, Tang, "Rethinking Space-Time Networks with Improved Memory Coverage for Efficient Video
Object Segmentation", NeurIPS 2021, section 4: the second frame is segmented from the first, the
third from the first and from what was found of the second. The attention keeps all of the memory
here and only its best pixels on a phone, as published. The auxiliary decoder (Kuaishou) asks every
value for the mask that it was made of. Keys learn from the first step on where an object went: the
true masks of the frames before are carried over by the same attention, as colours are in Vondrick
et al., "Tracking Emerges by Colorizing Videos", ECCV 2018, and held to the true mask.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pocketmatte.training.made import made
from pocketmatte.training.mask_losses import (
    aggregated_logits,
    bootstrap_share,
    bootstrapped_bce,
    bootstrapped_cross_entropy,
    carried_loss,
    dice_loss,
    logits_of,
)
from pocketmatte.training.moved_stills import moved_still
from pocketmatte.training.stages import Stage, norms
from pocketmatte.training.task import Tensors
from pocketmatte.training.tasks.foreground import mean_iou
from pocketmatte.training.triplets import FRAMES, triplet
from pocketmatte.training.video import Video, VideoSource, confidence_of
from tiers.networks.propagation import Propagation
from tiers.rows.propagation import OBJECTS, PropagationShape
from tiers.spec import STRIDE, TierSpec

_AUXILIARY_WEIGHT = 0.5
_CARRIED_WEIGHT = 0.5
_ALONE_SHARE = 0.5  # of the samples, in which one object is carried: what apps do most
_BOOTSTRAP = (2 / 15, 7 / 15)  # of the training: 20 000 and 70 000 of the published 150 000 steps
_HALF = 0.5

_SMALL = (
    Stage(
        name="stills", steps=900, size_hw=(112, 192), length=1, batch=4,
        learning_rate=(1.5e-3, 1e-3), distillation=0.5, widest="t01",
    ),
    Stage(
        name="near", steps=900, size_hw=(112, 192), length=25, batch=4,
        learning_rate=(1e-3, 7e-4), distillation=0.5, widest="t01",
    ),
    Stage(
        name="middle", steps=150, size_hw=(112, 192), length=25, batch=4,
        learning_rate=(1e-3, 5e-4), distillation=0.5, widest="t04",
    ),
    Stage(
        name="wide", steps=100, size_hw=(112, 192), length=25, batch=4,
        learning_rate=(7e-4, 3e-4), distillation=0.5,
    ),
    Stage(
        name="far", steps=60, size_hw=(176, 320), length=25, batch=2,
        learning_rate=(5e-4, 2e-5), distillation=0.5,
    ),
)  # fmt: skip

_NARROW = ("stills", "near")  # stages of the narrowest row, which the others grow from


class PropagationForm(nn.Module):
    """``Propagation`` over clips of a few frames.

    Input:
        batch: ``frames (N, T, 3, H, W)`` in 0..1, ``masks (N, T, K, H, W)`` of which those of the
            first frame are taken, and the others for ``carried`` alone; ``present (N, K)``: 1 for
            an object that there is.
        ratio: 1; the network works at frame size.

    Output:
        ``aggregated (N, T - 1, K + 1, H, W)``: logits of background and objects, of all frames but
        the first; ``auxiliary (N, T - 1, K, h, w)``: logits of the masks that each frame but the
        last was memorised with, at stride 16; ``carried``, of the same shape: logits of the true
        masks of all frames before, carried over by the attention.
    """

    def __init__(self, network: Propagation) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Tensors, ratio: float) -> dict[str, Tensor]:  # noqa: ARG002
        """Memorise a frame, segment the next one, and so on."""
        frames, masks, present = batch["frames"], batch["masks"][:, 0], batch["present"] > 0
        count, length = frames.shape[:2]
        encoded = self.network.encode_key(frames.flatten(0, 1))
        key, *features = (_apart(each, count, length) for each in encoded)
        values: list[Tensor] = []
        found: list[Tensor] = []
        auxiliary: list[Tensor] = []
        carried: list[Tensor] = []
        small = _apart(functional.avg_pool2d(batch["masks"].flatten(0, 1), STRIDE), count, length)
        for last in range(length - 1):
            value = self._memorised(frames[:, last], masks, features[0][:, last])
            auxiliary.append(self.network.auxiliary(value.flatten(0, 1))[:, 0])
            values.append(value)
            memory = torch.stack(values, dim=2)  # (N, K, S, V, h, w)
            readout = _read(key[:, last + 1], key[:, : last + 1], memory)
            seen = small[:, : last + 1].transpose(1, 2)[:, :, :, None]  # (N, K, S, 1, h, w)
            carried.append(_read(key[:, last + 1], key[:, : last + 1], seen)[:, :, 0])
            decoded = self.network.decode(
                readout.flatten(0, 1), *(_repeated(each[:, last + 1]) for each in features)
            )
            logits = _apart(decoded[:, 0], count, OBJECTS)
            aggregated = aggregated_logits(logits, present)
            found.append(aggregated)
            masks = aggregated.softmax(1)[:, 1:].to(frames.dtype)
        return {
            "aggregated": torch.stack(found, dim=1),
            "auxiliary": torch.stack([_apart(each, count, OBJECTS) for each in auxiliary], dim=1),
            "carried": logits_of(torch.stack(carried, dim=1)),
        }

    def _memorised(self, frame: Tensor, masks: Tensor, f16: Tensor) -> Tensor:
        """Return values ``(N, K, V, h, w)`` of a frame."""
        others = masks.sum(1, keepdim=True) - masks
        value = self.network.encode_value(
            _repeated(frame),
            masks.flatten(0, 1)[:, None],
            others.flatten(0, 1)[:, None],
            _repeated(f16),
        )
        return _apart(value, *masks.shape[:2])


def _apart(tensor: Tensor, count: int, each: int) -> Tensor:
    """Return ``(count * each, ...)`` as ``(count, each, ...)``."""
    return tensor.reshape(count, each, *tensor.shape[1:])


def _repeated(picture: Tensor) -> Tensor:
    """Return ``(N, ...)`` once an object: ``(N * K, ...)``."""
    return picture.repeat_interleave(OBJECTS, dim=0)


def _read(query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Read a memory; see ``MemoryAttention``, whose ``distance`` this is, for batches.

    Args:
        query: ``(N, C, h, w)``.
        keys: ``(N, S, C, h, w)``.
        values: ``(N, K, S, V, h, w)``.

    Returns:
        ``(N, K, V, h, w)``.
    """
    rows = query.float().flatten(2).transpose(1, 2)  # (N, h*w, C)
    memory = keys.float().transpose(1, 2).flatten(2)  # (N, C, S*h*w)
    with torch.autocast(query.device.type, enabled=False):  # large terms nearly cancel out
        affinity = 2 * torch.bmm(rows, memory) - memory.square().sum(1, keepdim=True)
    weights = (affinity / math.sqrt(query.shape[1])).softmax(-1).to(values.dtype)
    held = values.transpose(2, 3).flatten(3).flatten(1, 2)  # (N, K*V, S*h*w)
    readout = torch.bmm(held, weights.transpose(1, 2))
    count, objects, _, channels = values.shape[:4]
    return readout.reshape(count, objects, channels, *query.shape[2:])


def _shrunk(planes: Tensor, size_hw: Sequence[int]) -> Tensor:
    """Return ``(N, T, K, H, W)`` at a smaller size."""
    small = functional.interpolate(planes.flatten(0, 1), tuple(size_hw), mode="area")
    return _apart(small, *planes.shape[:2])


class PropagationTask:
    """See ``Task``."""

    network = "propagation"
    recipes: Mapping[str, tuple[Stage, ...]] = MappingProxyType(
        {
            "small": _SMALL,
            "more": tuple(stage for stage in _SMALL if stage.name not in _NARROW),
            "norms": norms(_SMALL[-1], batch=4),
            # at about the sizes of the narrow rows, with --widest t04
            "narrower": (
                Stage(
                    name="own size", steps=500, size_hw=(144, 256), length=25, batch=4,
                    learning_rate=(1e-3, 2e-5), distillation=0.5,
                ),
            ),
            # what they lack, after it, with --start t04=FILE; t01 to t04 stay as they are
            "wider": (
                Stage(
                    name="wide rows", steps=120, size_hw=(144, 256), length=25, batch=3,
                    learning_rate=(1e-3, 4e-4), distillation=0.5, held="t04",
                ),
                Stage(
                    name="wide rows, fine", steps=60, size_hw=(192, 336), length=25, batch=2,
                    learning_rate=(4e-4, 2e-5), distillation=0.5, held="t04",
                ),
            ),
            # BL30K's stage and the main one, 384 x 384, as published
            "paper": (
                Stage(
                    name="synthetic", steps=500_000, size_hw=(384, 384), length=25, batch=4,
                    learning_rate=(1e-5, 1e-5), distillation=0.5, random_rows=2,
                ),
                Stage(
                    name="main", steps=150_000, size_hw=(384, 384), length=25, batch=4,
                    learning_rate=(1e-5, 1e-6), distillation=0.5, random_rows=2,
                ),
            ),
        }
    )  # fmt: skip

    def form(self, spec: TierSpec) -> nn.Module:
        """Return a row's ``PropagationForm``.

        Raises:
            ValueError: If it is the official row.
        """
        shape = spec.shaped(PropagationShape)
        if shape.topology == "stm":
            msg = f"{spec.network} {spec.name} is the official network, which is not trained here"
            raise ValueError(msg)
        return PropagationForm(Propagation(shape))

    def is_head(self, name: str) -> bool:
        """Name the masks' convolutions."""
        return name in {"network.mask", "network.auxiliary.mask"}

    def source(self, stage: Stage, data: Path | None, seed: int) -> VideoSource:
        """Return things that hide one another."""
        return made(stage, data, seed, OBJECTS)

    def sample(self, video: Video, random: np.random.Generator, progress: float) -> Tensors:
        """Return what ``PropagationForm`` takes, of three frames, or of a still that moves.

        An object that is not in the first of them is not there; often one of two is not asked for.
        ``confidence (T, 1, H, W)`` is how far the masks are to be believed.
        """
        if len(video.frames) == 1:
            video = moved_still(video, random, FRAMES)
        numbers = list(triplet(len(video.frames), progress, random))
        masks = video.masks[numbers].clone()
        several = masks[0].flatten(1).any(1).all()
        if several and random.random() < _ALONE_SHARE:
            masks[:, int(random.integers(OBJECTS))] = 0  # it belongs to the background
        present = (masks[0].flatten(1).sum(1) > 0).float()
        return {
            "frames": video.frames[numbers],
            "masks": masks * present[None, :, None, None],
            "present": present,
            "confidence": confidence_of(video)[numbers],
        }

    def losses(self, predicted: Tensors, batch: Tensors, progress: float) -> dict[str, Tensor]:
        """Return bootstrapped cross-entropy, dice, and cross-entropy of the coarse masks."""
        first, last = (int(1e6 * share) for share in _BOOTSTRAP)
        share = bootstrap_share(int(1e6 * progress), first, last)
        aggregated = predicted["aggregated"].flatten(0, 1)
        true = batch["masks"][:, 1:].flatten(0, 1)
        auxiliary, carried = (predicted[key].flatten(0, 1) for key in ("auxiliary", "carried"))
        sure = batch["confidence"][:, 1:].flatten(0, 1)
        small, surely = (
            _shrunk(batch[name], auxiliary.shape[-2:]) for name in ("masks", "confidence")
        )
        memorised, of_it = (each[:, :-1].flatten(0, 1) for each in (small, surely))
        return {
            "mask": bootstrapped_cross_entropy(aggregated, true, share, sure),
            "dice": dice_loss(torch.lerp(true, aggregated.softmax(1)[:, 1:], sure), true),
            "auxiliary": _AUXILIARY_WEIGHT * bootstrapped_bce(auxiliary, memorised, weight=of_it),
            "carried": _CARRIED_WEIGHT
            * carried_loss(carried, *(each[:, 1:].flatten(0, 1) for each in (small, surely))),
        }

    def distance(self, predicted: Tensors, teacher: Tensors) -> Tensor:
        """Return the mean absolute difference of the objects' probabilities."""
        own, other = (each["aggregated"].softmax(2)[:, :, 1:] for each in (predicted, teacher))
        return (own - other).abs().mean()

    def error(self, predicted: Tensors, batch: Tensors) -> Tensor:
        """Return 1 less the mean IoU of the objects that there are, over frames."""
        found = predicted["aggregated"].argmax(2, keepdim=True)  # 0 is the background
        numbers = torch.arange(1, OBJECTS + 1, device=found.device).view(1, 1, -1, 1, 1)
        there = batch["present"] > 0
        if not there.any():
            return found.new_zeros((), dtype=torch.float32)
        own = (found == numbers).transpose(1, 2)[there]
        true = (batch["masks"][:, 1:] > _HALF).transpose(1, 2)[there]
        return 1 - mean_iou(own.flatten(0, 1), true.flatten(0, 1))
