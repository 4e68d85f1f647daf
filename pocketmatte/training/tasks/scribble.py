"""Training ``scribble``: a picture, a mask that is wrong somewhere, and strokes that say where.

Cheng, Tai, Tang, "Modular Interactive Video Object Segmentation" (MiVOS), CVPR 2021: the previous
mask is none or a perturbed truth, strokes are simulated from what it has wrong, and cross-entropy
counts the hardest pixels alone after some time.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor, nn

from pocketmatte.scribbles import LEAST_AREA_PX
from pocketmatte.training.made import made
from pocketmatte.training.mask_losses import bootstrap_share, bootstrapped_bce, dice_loss
from pocketmatte.training.simulated_masks import previous_mask
from pocketmatte.training.simulated_strokes import simulated_strokes
from pocketmatte.training.stages import Stage, going_on, norms
from pocketmatte.training.task import Tensors
from pocketmatte.training.tasks.foreground import mean_iou
from pocketmatte.training.video import Video, VideoSource, confidence_of
from tiers.networks.scribble import Scribble
from tiers.rows.scribble import ScribbleShape
from tiers.spec import TierSpec

_BOOTSTRAP = (1 / 8, 3 / 8)  # of the training: 10 000 and 30 000 of the published 80 000 steps
_HALF = 0.5

_SMALL = (
    Stage(
        name="narrow", steps=1600, size_hw=(128, 128), length=1, batch=12,
        learning_rate=(2e-3, 1e-3), distillation=1.0, widest="t01",
    ),
    Stage(
        name="middle", steps=240, size_hw=(128, 128), length=1, batch=12,
        learning_rate=(1e-3, 7e-4), distillation=1.0, widest="t05",
    ),
    Stage(
        name="wide", steps=160, size_hw=(128, 128), length=1, batch=12,
        learning_rate=(1e-3, 5e-4), distillation=1.0,
    ),
    Stage(
        name="fine", steps=100, size_hw=(208, 208), length=1, batch=6,
        learning_rate=(7e-4, 2e-5), distillation=1.0,
    ),
)  # fmt: skip


class ScribbleForm(nn.Module):
    """``Scribble`` on pictures, masks and strokes.

    Input:
        batch: ``frame (N, 3, H, W)``, ``before``, ``positive`` and ``negative (N, 1, H, W)``, 0..1.
        ratio: 1; the network works at frame size.

    Output:
        Logits ``mask (N, 1, H, W)``.
    """

    def __init__(self, network: Scribble) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Tensors, ratio: float) -> dict[str, Tensor]:  # noqa: ARG002
        """Correct the masks."""
        frame = self.network.normalise(batch["frame"])
        planes = [frame, batch["before"], batch["positive"], batch["negative"]]
        return {"mask": self.network(torch.cat(planes, dim=1))}


class ScribbleTask:
    """See ``Task``."""

    network = "scribble"
    recipes: Mapping[str, tuple[Stage, ...]] = MappingProxyType(
        {
            "small": _SMALL,
            "more": going_on(_SMALL),
            "norms": norms(_SMALL[-1], batch=12),
            # at the sizes of the narrow rows, with --widest t04: steps of wide ones cost them some
            "narrower": (
                Stage(
                    name="own size", steps=1200, size_hw=(144, 144), length=1, batch=12,
                    learning_rate=(1.5e-3, 4e-4), distillation=1.0,
                ),
                Stage(
                    name="own size, fine", steps=500, size_hw=(160, 160), length=1, batch=12,
                    learning_rate=(4e-4, 1e-5), distillation=1.0,
                ),
            ),
            # what they lack, after it, with --start t04=FILE; t01 to t04 stay as they are
            "wider": (
                Stage(
                    name="wide rows", steps=300, size_hw=(208, 208), length=1, batch=6,
                    learning_rate=(1e-3, 2e-5), distillation=0.5, held="t04",
                ),
            ),
            # 480 x 480 and batches of 16 for 80 000 steps as published
            "paper": (
                Stage(
                    name="all", steps=80_000, size_hw=(480, 480), length=1, batch=16,
                    learning_rate=(1e-4, 1e-4), distillation=1.0, random_rows=2,
                ),
            ),
        }
    )  # fmt: skip

    def form(self, spec: TierSpec) -> nn.Module:
        """Return a row's ``ScribbleForm``."""
        return ScribbleForm(Scribble(spec.shaped(ScribbleShape)))

    def is_head(self, name: str) -> bool:
        """Name the mask's convolution."""
        return name == "network.head"

    def source(self, stage: Stage, data: Path | None, seed: int) -> VideoSource:
        """Return things of any kind and people."""
        return made(stage, data, seed)

    def sample(self, video: Video, random: np.random.Generator, progress: float) -> Tensors:  # noqa: ARG002
        """Return what ``ScribbleForm`` takes, ``mask``, the truth, and ``confidence`` in it.

        All of the first frame.
        """
        true = video.alpha[0, 0].numpy() >= _HALF
        # of a few pixels no part has the IoU that is asked for
        large = int(true.sum()) >= LEAST_AREA_PX
        before = previous_mask(true, random) if large else np.zeros_like(true)
        strokes = simulated_strokes(before, true, random)
        planes = {
            "before": before, "positive": strokes.positive, "negative": strokes.negative,
            "mask": true,
        }  # fmt: skip
        held = {name: torch.from_numpy(plane)[None].float() for name, plane in planes.items()}
        return {"frame": video.frames[0], "confidence": confidence_of(video)[0], **held}

    def losses(self, predicted: Tensors, batch: Tensors, progress: float) -> dict[str, Tensor]:
        """Return bootstrapped cross-entropy and dice."""
        first, last = (int(1e6 * share) for share in _BOOTSTRAP)
        share = bootstrap_share(int(1e6 * progress), first, last)
        logits, true, sure = predicted["mask"], batch["mask"], batch["confidence"]
        return {
            "mask": bootstrapped_bce(logits, true, share, weight=sure),
            "dice": dice_loss(torch.lerp(true, logits.sigmoid(), sure), true),
        }

    def distance(self, predicted: Tensors, teacher: Tensors) -> Tensor:
        """Return the mean absolute difference of the masks."""
        return (predicted["mask"].sigmoid() - teacher["mask"].sigmoid()).abs().mean()

    def error(self, predicted: Tensors, batch: Tensors) -> Tensor:
        """Return 1 less the mean IoU of the pictures."""
        return 1 - mean_iou(predicted["mask"] > 0, batch["mask"] >= _HALF)
