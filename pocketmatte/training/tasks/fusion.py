"""Training ``fusion``: two masks of a frame, each with faults of its own, and the truth.

Cheng, Tai, Tang, "Modular Interactive Video Object Segmentation" (MiVOS), CVPR 2021; the rounds are
simulated, see ``fusion_rounds``.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor, nn

from pocketmatte.training.fusion_rounds import (
    FusionRound,
    colour_keys,
    round_frames,
    simulated_rounds,
)
from pocketmatte.training.made import made
from pocketmatte.training.mask_losses import bootstrapped_bce, dice_loss
from pocketmatte.training.mixtures import Mixture
from pocketmatte.training.stages import Stage, going_on, norms
from pocketmatte.training.task import Tensors
from pocketmatte.training.tasks.foreground import mean_iou
from pocketmatte.training.video import Video, VideoSource, confidence_of
from tiers.networks.fusion import MobileFusion
from tiers.rows.fusion import FusionShape
from tiers.spec import TierSpec

_HALF = 0.5
_OBJECTS = 2  # of the clips of several, of whose masks one takes a part of the other
_SEVERAL_SHARE = 0.5
_INPUTS = ("frame", "previous_mask", "new_mask", "attention", "distances")

_SMALL = (
    Stage(
        name="all", steps=1500, size_hw=(144, 256), length=5, batch=6,
        learning_rate=(2e-3, 2e-5), distillation=0.5,
    ),
)  # fmt: skip


class FusionForm(nn.Module):
    """``MobileFusion`` on rounds.

    Input:
        batch: ``frame (N, 3, H, W)``, ``previous_mask`` and ``new_mask (N, 1, H, W)``, ``attention
            (N, 2, H, W)`` and ``distances (N, 2, 1, 1)``, all in 0..1.
        ratio: 1; the network works at frame size.

    Output:
        Logits ``mask (N, 1, H, W)``.
    """

    def __init__(self, network: MobileFusion) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Tensors, ratio: float) -> dict[str, Tensor]:  # noqa: ARG002
        """Fuse the masks."""
        return {"mask": self.network(*(batch[name] for name in _INPUTS))}


class FusionTask:
    """See ``Task``."""

    network = "fusion"
    recipes: Mapping[str, tuple[Stage, ...]] = MappingProxyType(
        {
            "small": _SMALL,
            "more": going_on(_SMALL),
            "norms": norms(_SMALL[-1]),
            "paper": (
                Stage(
                    name="all", steps=30_000, size_hw=(480, 480), length=25, batch=8,
                    learning_rate=(1e-4, 1e-5), distillation=0.5, random_rows=2,
                ),
            ),
        }
    )  # fmt: skip

    def form(self, spec: TierSpec) -> nn.Module:
        """Return a row's ``FusionForm``."""
        shape = spec.shaped(FusionShape).mobile
        if shape is None:
            msg = f"{spec.network} {spec.name} is the official network, which is not trained here"
            raise ValueError(msg)
        return FusionForm(MobileFusion(shape))

    def is_head(self, name: str) -> bool:
        """Name the mask's convolution."""
        return name == "network.logit"

    def source(self, stage: Stage, data: Path | None, seed: int) -> VideoSource:
        """Return clips of one thing, and of two that hide one another."""
        both = (made(stage, data, seed), made(stage, data, seed, _OBJECTS))
        return Mixture(both, (1 - _SEVERAL_SHARE, _SEVERAL_SHARE), seed + 1)

    def sample(self, video: Video, random: np.random.Generator, progress: float) -> Tensors:  # noqa: ARG002
        """Return a round of one of the objects and ``mask``, the truth.

        ``confidence`` is how far it is to be believed, of the same shape.
        """
        frames = round_frames(len(video.frames), random)
        rounds = simulated_rounds(video, random, colour_keys, frames)
        held = rounds[int(random.integers(len(rounds)))] if rounds else _nothing(video)
        inputs = {name: getattr(held, name)[0] for name in _INPUTS}
        confidence = confidence_of(video)[frames[1] if rounds else 0]
        return {**inputs, "mask": held.true[0], "confidence": confidence}

    def losses(self, predicted: Tensors, batch: Tensors, progress: float) -> dict[str, Tensor]:  # noqa: ARG002
        """Return cross-entropy and dice."""
        logits, true, sure = predicted["mask"], batch["mask"], batch["confidence"]
        return {
            "mask": bootstrapped_bce(logits, true, weight=sure),
            "dice": dice_loss(torch.lerp(true, logits.sigmoid(), sure), true),
        }

    def distance(self, predicted: Tensors, teacher: Tensors) -> Tensor:
        """Return the mean absolute difference of the masks."""
        return (predicted["mask"].sigmoid() - teacher["mask"].sigmoid()).abs().mean()

    def error(self, predicted: Tensors, batch: Tensors) -> Tensor:
        """Return 1 less the mean IoU of the pictures."""
        return 1 - mean_iou(predicted["mask"] > 0, batch["mask"] >= _HALF)


def _nothing(video: Video) -> FusionRound:
    """Return the round of an object that the frame does not show: both masks are empty."""
    frame = video.frames[:1]
    empty = torch.zeros_like(frame[:, :1])
    return FusionRound(
        frame=frame,
        previous_mask=empty,
        new_mask=empty,
        attention=torch.zeros_like(frame[:, :2]),
        distances=frame.new_full((1, 2, 1, 1), _HALF),
        true=empty,
    )
