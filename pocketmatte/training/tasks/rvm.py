"""Training ``rvm``: clips of composed frames, alpha and foreground.

Lin et al., "Robust High-Resolution Video Matting with Temporal Guidance", WACV 2022, section 4.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pocketmatte.training.losses import alpha_loss, foreground_loss, segmentation_loss
from pocketmatte.training.made import made
from pocketmatte.training.stages import Stage, going_on, norms
from pocketmatte.training.task import Tensors
from pocketmatte.training.video import Video, VideoSource, confidence_of
from tiers.networks.rvm import Rvm
from tiers.rows.rvm import RvmShape
from tiers.spec import TierSpec

_SEGMENTATION_WEIGHT = 0.5

# short clips and low resolution first, the guided filter last, for a small computer
_SMALL = (
    Stage(
        name="coarse", steps=500, size_hw=(96, 176), ratio=1.0, length=2, batch=6,
        learning_rate=(1e-3, 5e-4), distillation=0.25, widest="t05",
    ),
    Stage(
        name="wide", steps=200, size_hw=(144, 256), ratio=1.0, length=2, batch=3,
        learning_rate=(7e-4, 3e-4), distillation=0.25,
    ),
    Stage(
        name="large", steps=80, size_hw=(288, 512), ratio=1.0, length=2, batch=1,
        learning_rate=(3e-4, 1e-4), distillation=0.25,
    ),
    Stage(
        name="refined", steps=80, size_hw=(288, 512), ratio=0.5, length=2, batch=2,
        learning_rate=(2e-4, 2e-5), distillation=0.25,
    ),
)  # fmt: skip


class RvmForm(nn.Module):
    """``Rvm`` over a batch of clips.

    Input:
        batch: ``frames (N, T, 3, H, W)`` in 0..1.
        ratio: Working size over frame size.

    Output:
        ``foreground (N, T, 3, H, W)`` and ``alpha (N, T, 1, H, W)`` at frame size and
        ``segmentation``, logits ``(N, T, 1, h, w)`` at working size; none clamped.
    """

    def __init__(self, network: Rvm) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Tensors, ratio: float) -> dict[str, Tensor]:
        """Matte and segment the clips frame after frame."""
        states: tuple[Tensor, ...] | None = None
        outputs: dict[str, list[Tensor]] = {"foreground": [], "alpha": [], "segmentation": []}
        for frame in batch["frames"].unbind(1):
            residual, alpha, hidden, states = self.network.matte(frame, states, ratio)
            outputs["foreground"].append(frame + residual)
            outputs["alpha"].append(alpha)
            outputs["segmentation"].append(self.network.project_seg(hidden))
        return {name: torch.stack(each, dim=1) for name, each in outputs.items()}


class RvmTask:
    """See ``Task``."""

    network = "rvm"
    recipes: Mapping[str, tuple[Stage, ...]] = MappingProxyType(
        {
            "small": _SMALL,
            "more": going_on(_SMALL),
            "norms": norms(_SMALL[-1], batch=4, length=3),
            # at the sizes of the narrow rows, with --widest t04
            "narrower": (
                Stage(
                    name="narrow rows", steps=700, size_hw=(144, 256), ratio=1.0, length=3, batch=4,
                    learning_rate=(1e-3, 4e-4), distillation=0.25,
                ),
                Stage(
                    name="narrow rows, fine", steps=300, size_hw=(160, 288), ratio=1.0, length=3,
                    batch=4, learning_rate=(4e-4, 3e-5), distillation=0.25,
                ),
                Stage(
                    name="narrow rows, refined", steps=60, size_hw=(288, 512), ratio=0.5, length=2,
                    batch=2, learning_rate=(1e-4, 1e-5), distillation=0.25,
                ),
            ),
            # the rows that run at sizes which few steps of the others saw
            "wider": (
                Stage(
                    name="own size", steps=300, size_hw=(288, 512), ratio=1.0, length=2, batch=2,
                    learning_rate=(7e-4, 3e-5), distillation=0.25, held="t05",
                ),
            ),
            # all rows once more, each at its own size
            "together": (
                Stage(
                    name="own sizes", steps=220, size_hw=(288, 512), own_sizes=True, length=2,
                    batch=2, learning_rate=(5e-4, 2e-5), distillation=0.25, random_rows=2,
                ),
            ),
            # Section 4.2: 20 epochs of clips of 15, 2 of 50, 1 with HD, 5 on images; steps of the
            # paper's counts, on one node of several GPUs
            "paper": (
                Stage(
                    name="stage 1", steps=200_000, size_hw=(256, 256), ratio=1.0, length=15,
                    batch=4, learning_rate=(1e-4, 1e-4), distillation=0.5, random_rows=2,
                ),
                Stage(
                    name="stage 2", steps=20_000, size_hw=(256, 256), ratio=1.0, length=50, batch=4,
                    learning_rate=(5e-5, 5e-5), distillation=0.5, random_rows=2,
                ),
                Stage(
                    name="stage 3", steps=10_000, size_hw=(1088, 1920), ratio=0.25, length=6,
                    batch=4, learning_rate=(1e-5, 1e-5), distillation=0.5, random_rows=2,
                ),
            ),
        }
    )  # fmt: skip

    def form(self, spec: TierSpec) -> nn.Module:
        """Return a row's ``RvmForm``."""
        return RvmForm(Rvm(spec.shaped(RvmShape)))

    def is_head(self, name: str) -> bool:
        """Name the projections and the guided filter's last convolution."""
        return "project_" in name or name.endswith("refiner.conv.6")

    def source(self, stage: Stage, data: Path | None, seed: int) -> VideoSource:
        """Return people, and what the user's folder has."""
        return made(stage, data, seed, things=False)

    def sample(self, video: Video, random: np.random.Generator, progress: float) -> Tensors:  # noqa: ARG002
        """Return ``frames``, ``alpha`` and ``foreground`` as the video has them.

        ``confidence (T, 1, H, W)`` is how far the latter two are to be believed.
        """
        return {
            "frames": video.frames,
            "alpha": video.alpha,
            "foreground": video.foreground,
            "confidence": confidence_of(video),
        }

    def losses(self, predicted: Tensors, batch: Tensors, progress: float) -> dict[str, Tensor]:  # noqa: ARG002
        """Return the paper's terms; those of the network's clips are ``(T, N, C, H, W)``."""
        raw, foreground = (
            torch.lerp(batch[name], predicted[name], batch["confidence"]).transpose(0, 1)
            for name in ("alpha", "foreground")
        )
        true = batch["alpha"].transpose(0, 1)
        segmentation = predicted["segmentation"]
        small, sure = (
            functional.interpolate(batch[name].flatten(0, 1), segmentation.shape[-2:], mode="area")
            for name in ("alpha", "confidence")
        )
        return {
            "alpha": alpha_loss(raw, true),
            "foreground": foreground_loss(foreground, batch["foreground"].transpose(0, 1), true),
            "segmentation": _SEGMENTATION_WEIGHT
            * segmentation_loss(segmentation.flatten(0, 1), small, sure),
        }

    def distance(self, predicted: Tensors, teacher: Tensors) -> Tensor:
        """Return the mean absolute difference of the alphas."""
        return (predicted["alpha"].clamp(0, 1) - teacher["alpha"].clamp(0, 1)).abs().mean()

    def error(self, predicted: Tensors, batch: Tensors) -> Tensor:
        """Return the MAD of alpha, x 1e3."""
        return 1e3 * (predicted["alpha"].clamp(0, 1) - batch["alpha"]).abs().mean()
