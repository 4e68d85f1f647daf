"""Training ``trimap``: three frames of a clip, the trimap of the first one, now and then a second.

Sun, Wang, Gu, Tang, Tai, "Deep Video Matting via Spatio-Temporal Alignment and Aggregation", CVPR
2021, publish no training of this stage. So it is as Seong, Oh, Price, Kim, Lee, "One-Trimap Video
Matting" (OTVM), ECCV 2022, train theirs: cross-entropy of three classes, frames ever farther apart,
and bands of any width, which the network is to carry over as they are given. Its keys learn from
the first step on, by the classes that its attention carries over: see ``propagation``.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pocketmatte.training.made import made
from pocketmatte.training.mask_losses import carried_loss, logits_of
from pocketmatte.training.stages import Stage, going_on, norms
from pocketmatte.training.task import Tensors
from pocketmatte.training.tasks.foreground import mean_iou
from pocketmatte.training.trimaps import (
    FOREGROUND,
    as_channel,
    perturbed_trimap,
    trimap_loss,
    trimap_of,
)
from pocketmatte.training.triplets import triplet
from pocketmatte.training.video import Video, VideoSource, confidence_of
from tiers.networks.trimap import TrimapPropagation
from tiers.rows.trimap import CLASSES, TrimapShape
from tiers.spec import STRIDE, TierSpec

REFERENCES = 2  # of a sample, its first and its last frame
_SECOND_SHARE = 0.3  # of the samples, whose last frame is annotated too
_FAULTY_SHARE = 0.3  # of the samples, whose references are drawn badly
_CARRIED_WEIGHT = 0.5
_CLASS_WEIGHTS = (1.0, 2.0, 1.0)  # the unknown band is narrow
_CERTAIN = 20.0  # of a logit, instead of one of a pixel that is in doubt

# Of a picture's height: OTVM widens by up to 25 pixels on crops of 320.
_WIDEST = 25 / 320
_REDRAWN = 10 / 320

# of the frames that are made, a sample takes three
_SMALL = (
    Stage(
        name="narrow", steps=1200, size_hw=(112, 192), length=7, batch=4,
        learning_rate=(1.5e-3, 1e-3), distillation=0.5, widest="t01",
    ),
    Stage(
        name="middle", steps=200, size_hw=(112, 192), length=7, batch=4,
        learning_rate=(1e-3, 5e-4), distillation=0.5, widest="t05",
    ),
    Stage(
        name="wide", steps=120, size_hw=(112, 192), length=7, batch=4,
        learning_rate=(7e-4, 3e-4), distillation=0.5,
    ),
    Stage(
        name="fine", steps=60, size_hw=(176, 320), length=7, batch=2,
        learning_rate=(5e-4, 2e-5), distillation=0.5,
    ),
)  # fmt: skip


class TrimapForm(nn.Module):
    """``TrimapPropagation`` from the first frame of a clip to all others.

    Input:
        batch: ``frames (N, T, 3, H, W)`` in 0..1; ``given (N, 2, 1, H, W)``, the trimaps of the
            first and the last frame: 0 background, 0.5 unknown, 1 foreground; ``valid (N, 2)``: 1
            for one that is a reference.
        ratio: 1; the network works at frame size.

    Output:
        Logits ``trimap (N, T - 1, 3, H, W)`` of background, unknown, foreground, of all frames but
        the first; ``carried (N, T - 1, 3, h, w)``, logits of each class of the references for
        itself, carried over by the attention, at stride 16.
    """

    def __init__(self, network: TrimapPropagation) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Tensors, ratio: float) -> dict[str, Tensor]:  # noqa: ARG002
        """Set the references and propagate."""
        frames, valid = batch["frames"], batch["valid"]
        count, targets = len(frames), frames.shape[1] - 1
        annotated = torch.stack((frames[:, 0], frames[:, -1]), dim=1)
        encoded = self.network.encode_reference(
            annotated.flatten(0, 1), batch["given"].flatten(0, 1)
        )
        classes = shares_of(annotated_classes(batch["given"]).flatten(0, 1))
        key, value, carried = (
            torch.unflatten(each, 0, (count, REFERENCES)).transpose(1, 2).flatten(2)
            for each in (*encoded, classes)
        )  # (N, C, R * h * w)
        aligned, features = self.network.align(
            frames[:, 1:].flatten(0, 1),
            key.repeat_interleave(targets, dim=0),
            torch.cat([value, carried], dim=1).repeat_interleave(targets, dim=0),
            valid[:, None, :, None].repeat_interleave(targets, dim=0),
        )
        logits = self.network.decode(aligned[:, :-CLASSES], features)
        found = {"trimap": logits, "carried": logits_of(aligned[:, -CLASSES:])}
        return {name: torch.unflatten(each, 0, (count, targets)) for name, each in found.items()}


class TrimapTask:
    """See ``Task``."""

    network = "trimap"
    recipes: Mapping[str, tuple[Stage, ...]] = MappingProxyType(
        {
            "small": _SMALL,
            "more": going_on(_SMALL),
            "norms": norms(_SMALL[-1], batch=4),
            # at the sizes of the narrow rows, with --widest t04
            "narrower": (
                Stage(
                    name="own size", steps=900, size_hw=(128, 224), length=7, batch=4,
                    learning_rate=(1.5e-3, 4e-4), distillation=0.5,
                ),
                Stage(
                    name="own size, fine", steps=400, size_hw=(144, 256), length=7, batch=4,
                    learning_rate=(4e-4, 1e-5), distillation=0.5,
                ),
            ),
            # what they lack, after it, with --start t04=FILE; t01 to t04 stay as they are
            "wider": (
                Stage(
                    name="wide rows", steps=240, size_hw=(208, 368), length=7, batch=3,
                    learning_rate=(7e-4, 2e-5), distillation=0.5, held="t04",
                ),
            ),
            # Three frames of 320 x 320 and the rate are OTVM's, where they train a network that
            # knows masks already; the warmer first stage, batches and numbers of steps are ours.
            "paper": (
                Stage(
                    name="from nothing", steps=200_000, size_hw=(320, 320), length=16, batch=8,
                    learning_rate=(1e-4, 1e-5), distillation=0.5, random_rows=2,
                ),
                Stage(
                    name="published", steps=100_000, size_hw=(320, 320), length=16, batch=8,
                    learning_rate=(1e-5, 1e-5), distillation=0.5, random_rows=2,
                ),
            ),
        }
    )  # fmt: skip

    def form(self, spec: TierSpec) -> nn.Module:
        """Return a row's ``TrimapForm``."""
        return TrimapForm(TrimapPropagation(spec.shaped(TrimapShape)))

    def is_head(self, name: str) -> bool:
        """Name the classes' convolution."""
        return name == "network.head"

    def source(self, stage: Stage, data: Path | None, seed: int) -> VideoSource:
        """Return things of any kind and people."""
        return made(stage, data, seed)

    def sample(self, video: Video, random: np.random.Generator, progress: float) -> Tensors:
        """Return what ``TrimapForm`` takes, and of the targets ``truth (T - 1, 1, H, W)``, classes.

        ``confidence`` is how far they are to be believed, of the same shape.
        """
        numbers = list(triplet(len(video.frames), progress, random))
        truth = random_trimaps(video.alpha[numbers], random)
        given = torch.stack((truth[0], truth[-1]))
        if random.random() < _FAULTY_SHARE:
            given = badly_drawn(given, random)
        return {
            "frames": video.frames[numbers],
            "given": as_channel(given),
            "valid": torch.tensor((1.0, float(random.random() < _SECOND_SHARE))),
            "truth": truth[1:],
            "confidence": confidence_of(video)[numbers[1:]],
        }

    def losses(self, predicted: Tensors, batch: Tensors, progress: float) -> dict[str, Tensor]:  # noqa: ARG002
        """Return the cross-entropy of the three classes, and of those that were carried over.

        What a weighted class is found too often by is taken off what the network learns: its
        probabilities are to be those of the classes (Menon et al., "Long-tail learning via logit
        adjustment", ICLR 2021).
        """
        truth = batch["truth"].flatten(0, 1)
        right = _CERTAIN * functional.one_hot(truth[:, 0], CLASSES).movedim(3, 1)
        found = predicted["trimap"].flatten(0, 1)
        weighted = found + found.new_tensor(_CLASS_WEIGHTS).log().view(1, CLASSES, 1, 1)
        logits = torch.lerp(right, weighted, batch["confidence"].flatten(0, 1))
        shares, sure = (
            shares_of(truth),
            functional.avg_pool2d(batch["confidence"].flatten(0, 1), STRIDE),
        )
        carried = carried_loss(predicted["carried"].flatten(0, 1), shares, sure)
        return {
            "trimap": trimap_loss(logits, truth, _CLASS_WEIGHTS),
            "carried": _CARRIED_WEIGHT * carried,
        }

    def distance(self, predicted: Tensors, teacher: Tensors) -> Tensor:
        """Return the mean absolute difference of the classes' probabilities."""
        own, other = (each["trimap"].softmax(2) for each in (predicted, teacher))
        return (own - other).abs().mean()

    def error(self, predicted: Tensors, batch: Tensors) -> Tensor:
        """Return 1 less the IoU of a class, the mean over the three of them and the frames."""
        found = predicted["trimap"].argmax(2, keepdim=True)
        classes = torch.arange(CLASSES, device=found.device).view(1, 1, -1, 1, 1)
        own, true = found == classes, batch["truth"] == classes
        return 1 - mean_iou(own.flatten(0, 2), true.flatten(0, 2))


def annotated_classes(trimap: Tensor) -> Tensor:
    """Return the classes, 0 to 2, of trimaps of 0, 0.5 and 1 and of the same shape."""
    return (2 * trimap).round().long()


def shares_of(classes: Tensor) -> Tensor:
    """Return each class's share of every position at stride 16.

    Args:
        classes: ``(N, 1, H, W)``.

    Returns:
        ``(N, 3, H / 16, W / 16)`` in 0..1.
    """
    planes = functional.one_hot(classes[:, 0], CLASSES).movedim(3, 1).float()
    return functional.avg_pool2d(planes, STRIDE)


def random_trimaps(alpha: Tensor, random: np.random.Generator) -> Tensor:
    """Make the trimaps of a clip; its band is as wide in every frame, and as chance wills.

    It is narrower where nothing in the first frame would be foreground: apps refuse such trimaps.

    Args:
        alpha: ``(T, 1, H, W)`` in 0..1.
        random: Source of chance.

    Returns:
        ``(T, 1, H, W)`` int64 classes.
    """
    widest = max(round(_WIDEST * alpha.shape[2]), 1)
    radius = int(random.integers(1, widest, endpoint=True))
    while radius and not (trimap_of(alpha[:1], torch.tensor([radius])) == FOREGROUND).any():
        radius //= 2
    return trimap_of(alpha, torch.full((len(alpha),), radius))


def badly_drawn(trimap: Tensor, random: np.random.Generator) -> Tensor:
    """Redraw trimaps, each in its own way, the way a hurried hand or a network would have.

    Args:
        trimap: ``(T, 1, H, W)`` classes.
        random: Source of chance.

    Returns:
        ``(T, 1, H, W)`` int64 classes.
    """
    generator = torch.Generator().manual_seed(int(random.integers(2**62)))
    radius = max(round(_REDRAWN * trimap.shape[2]), 1)
    return perturbed_trimap(trimap, generator, radius)
