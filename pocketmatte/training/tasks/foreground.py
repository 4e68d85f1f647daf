"""Training ``foreground``: pictures of one subject, and its matte.

Qin et al., "U2-Net: Going Deeper with Nested U-Structure for Salient Object Detection", 2020, train
on stills with the cross-entropy of all outputs; here the refined mask and the coarse one that it
comes from, the former with a dice term and more weight along borders.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pocketmatte.training.made import made
from pocketmatte.training.mask_losses import (
    bootstrapped_bce,
    boundary_weight,
    dice_loss,
)
from pocketmatte.training.stages import Stage, going_on, norms
from pocketmatte.training.task import Tensors
from pocketmatte.training.video import Video, VideoSource, confidence_of
from tiers.networks.foreground import Foreground
from tiers.networks.foreground_official import NESTED_STRIDE, NestedU
from tiers.rows.foreground import ForegroundShape, NestedUShape
from tiers.spec import TierSpec

_COARSE_WEIGHT = 0.5
_CLUTTER = 0.2  # nothing tells the network which of several things is meant
_HALF = 0.5

_SMALL = (
    Stage(
        name="narrow", steps=2400, size_hw=(128, 128), ratio=1.0, length=1, batch=12,
        learning_rate=(2e-3, 1e-3), distillation=1.0, widest="t01",
    ),
    Stage(
        name="middle", steps=360, size_hw=(128, 128), ratio=1.0, length=1, batch=12,
        learning_rate=(1e-3, 7e-4), distillation=1.0, widest="t05",
    ),
    Stage(
        name="wide", steps=240, size_hw=(160, 160), length=1, batch=8,
        learning_rate=(1e-3, 5e-4), distillation=1.0,
    ),
    Stage(
        name="fine", steps=160, size_hw=(256, 256), length=1, batch=6,
        learning_rate=(7e-4, 2e-5), distillation=1.0,
    ),
)  # fmt: skip


class ForegroundForm(nn.Module):
    """``Foreground`` with its coarse mask.

    Input:
        batch: ``frame (N, 3, H, W)`` in 0..1.
        ratio: Working size over frame size: 1, 1/2 or 1/4.

    Output:
        Logits: ``mask (N, 1, H, W)`` and ``coarse``, at stride 2 of the working size.
    """

    def __init__(self, network: Foreground) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Tensors, ratio: float) -> dict[str, Tensor]:
        """Segment the pictures."""
        mask, coarse = self.network.logits(batch["frame"], round(1 / ratio))
        return {"mask": mask, "coarse": coarse}


class NestedForm(nn.Module):
    """``NestedU``, the official network, as a teacher of ``ForegroundForm``.

    Input:
        batch: As of ``ForegroundForm``; a frame of any size.
        ratio: Not heeded; it works at the frame's size, brought to multiples of 32.

    Output:
        Logits: ``mask (N, 1, H, W)``.
    """

    def __init__(self, network: NestedU) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Tensors, ratio: float) -> dict[str, Tensor]:  # noqa: ARG002
        """Segment the pictures."""
        frame = batch["frame"]
        even = [max(round(side / NESTED_STRIDE), 1) * NESTED_STRIDE for side in frame.shape[-2:]]
        picture = functional.interpolate(frame, even, mode="bilinear")
        mask, *_ = self.network.logits(self.network.normalise(picture))
        return {"mask": functional.interpolate(mask, frame.shape[-2:], mode="bilinear")}


class ForegroundTask:
    """See ``Task``."""

    network = "foreground"
    recipes: Mapping[str, tuple[Stage, ...]] = MappingProxyType(
        {
            "small": _SMALL,
            "more": going_on(_SMALL),
            "norms": norms(_SMALL[-1], batch=12),
            # with --start t05=FILE: the rows that run at a size which few steps of the others saw
            "wider": (
                Stage(
                    name="wide rows", steps=400, size_hw=(320, 320), ratio=1.0, length=1, batch=4,
                    learning_rate=(7e-4, 2e-5), distillation=1.0, held="t05",
                ),
            ),
            # 320 x 320 and batches of 12 as published; random rows are ours
            "paper": (
                Stage(
                    name="all", steps=600_000, size_hw=(320, 320), length=1, batch=12,
                    learning_rate=(1e-3, 1e-5), distillation=1.0, random_rows=2,
                ),
            ),
        }
    )  # fmt: skip

    def form(self, spec: TierSpec) -> nn.Module:
        """Return a row's ``ForegroundForm``, or the official row's ``NestedForm``."""
        if isinstance(spec.shape, NestedUShape):
            return NestedForm(NestedU(spec.shape))
        return ForegroundForm(Foreground(spec.shaped(ForegroundShape)))

    def is_head(self, name: str) -> bool:
        """Name the coarse mask's convolution."""
        return name == "network.coarse"

    def source(self, stage: Stage, data: Path | None, seed: int) -> VideoSource:
        """Return things of any kind and people."""
        return made(stage, data, seed, clutter=_CLUTTER)

    def sample(self, video: Video, random: np.random.Generator, progress: float) -> Tensors:  # noqa: ARG002
        """Return the first ``frame``, ``mask``, all subjects' matte, and ``confidence`` in it."""
        confidence = confidence_of(video)[0]
        return {"frame": video.frames[0], "mask": video.alpha[0], "confidence": confidence}

    def losses(self, predicted: Tensors, batch: Tensors, progress: float) -> dict[str, Tensor]:  # noqa: ARG002
        """Return cross-entropy and dice of the mask, and cross-entropy of the coarse one."""
        logits, true, sure = predicted["mask"], batch["mask"], batch["confidence"]
        radius = max(min(true.shape[-2:]) // 20, 1)
        coarse_hw = predicted["coarse"].shape[-2:]
        small, surely = (functional.interpolate(x, coarse_hw, mode="area") for x in (true, sure))
        coarse = bootstrapped_bce(predicted["coarse"], small, weight=surely)
        return {
            "mask": bootstrapped_bce(logits, true, weight=sure * boundary_weight(true, radius)),
            "dice": dice_loss(torch.lerp(true, logits.sigmoid(), sure), true),
            "coarse": _COARSE_WEIGHT * coarse,
        }

    def distance(self, predicted: Tensors, teacher: Tensors) -> Tensor:
        """Return the mean of ``KL(teacher || predicted)`` over the masks' pixels.

        (Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network", 2015.)
        """
        return distilled(predicted["mask"], teacher["mask"])

    def error(self, predicted: Tensors, batch: Tensors) -> Tensor:
        """Return 1 less the mean IoU of the pictures."""
        return 1 - mean_iou(predicted["mask"] > 0, batch["mask"] >= _HALF)


def distilled(logits: Tensor, teacher: Tensor) -> Tensor:
    """Return the mean of ``KL(sigmoid(teacher) || sigmoid(logits))``; 0 where they agree.

    ``mask_losses.carried_loss`` is of shares of 1e-3 at least, which would draw what is sure back.

    Args:
        logits: ``(N, ...)``.
        teacher: Of the same shape, logits too.
    """
    true = teacher.sigmoid()
    off, own = (
        functional.binary_cross_entropy_with_logits(each, true) for each in (logits, teacher)
    )
    return off - own


def mean_iou(found: Tensor, true: Tensor) -> Tensor:
    """Return the mean over ``(N, ...)`` boolean masks; 1 where both of a pair are empty."""
    both = (found & true).flatten(1).sum(1).float()
    either = (found | true).flatten(1).sum(1).float()
    return ((both + (either == 0)) / either.clamp(min=1)).mean()
