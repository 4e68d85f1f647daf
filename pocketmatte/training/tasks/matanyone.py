"""Training ``matanyone``: the masks of a clip's first frame, and the mattes of all.

Yang, Zhou, Zhao, Tao, Loy, "MatAnyone: Stable Video Matting with Consistent Memory Propagation",
CVPR 2025. A clip is played as an app plays it: the first frame is matted some times over, its last
matte stays in the bank, some later frames join it. Mattes are learnt by L1, Laplacian pyramid and
temporal coherence; clips of which masks alone are known by core supervision with scaled DDC; the
predicted change by where alpha did change; keys, from the first step on, by the mattes that the
attention carries over, see ``propagation``. The head for segmentation that the official network has
beside the matte's, in training alone, is left out: masks train the matte itself.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pocketmatte.training.core_supervision import change_loss, core_supervision
from pocketmatte.training.losses import alpha_loss
from pocketmatte.training.made import Beside, made
from pocketmatte.training.mask_losses import carried_loss
from pocketmatte.training.mixtures import Mixture
from pocketmatte.training.simulated_masks import perturbed_mask
from pocketmatte.training.stages import Stage, going_on, norms
from pocketmatte.training.task import Tensors
from pocketmatte.training.tasks.matanyone_form import MatAnyoneForm
from pocketmatte.training.tasks.stfam import SLOWER, Excerpts
from pocketmatte.training.video import Video, VideoSource, confidence_of
from tiers.networks.matanyone_mobile import MobileMatAnyone
from tiers.rows.matanyone import OBJECTS, MatAnyoneShape
from tiers.spec import STRIDE, TierSpec

_ONE_SHARE = 0.5  # of the clips, those of one object
_ALONE_SHARE = 0.25  # of the clips of two, in which one is not asked for
_FAULTY_SHARE = 0.3  # of the masks, which are perturbed
_FAULTY_IOU = (0.75, 0.97)
_LEAST_AREA = 64  # of a mask that is perturbed, in pixels
_CHANGE_WEIGHT = 0.25
_CARRIED_WEIGHT = 0.5
_BORDER = 1 / 32  # half the width of what a hard mask does not tell, of a picture's height

_SMALL = (
    Stage(
        name="narrow", steps=1000, size_hw=(96, 160), length=3, batch=3,
        learning_rate=(1.5e-3, 1e-3), distillation=0.25, widest="t01",
    ),
    Stage(
        name="middle", steps=200, size_hw=(96, 160), length=3, batch=3,
        learning_rate=(1e-3, 5e-4), distillation=0.25, widest="t05",
    ),
    Stage(
        name="wide", steps=120, size_hw=(112, 192), length=3, batch=3,
        learning_rate=(7e-4, 3e-4), distillation=0.25,
    ),
    Stage(
        name="long", steps=60, size_hw=(160, 288), length=4, batch=2,
        learning_rate=(5e-4, 2e-5), distillation=0.5,
    ),
)  # fmt: skip


class MatAnyoneTask:
    """See ``Task``."""

    network = "matanyone"
    recipes: Mapping[str, tuple[Stage, ...]] = MappingProxyType(
        {
            "small": _SMALL,
            "more": going_on(_SMALL),
            "norms": norms(_SMALL[-1], batch=3),
            # Steps, batch, sizes and frames are published, and the rates of the first and the last
            # stage; that masks are learnt from in every stage, and the rest, is ours.
            "paper": (
                Stage(
                    name="short", steps=80_000, size_hw=(384, 384), length=3, batch=16,
                    learning_rate=(1e-4, 1e-4), distillation=0.25, random_rows=2,
                ),
                Stage(
                    name="long", steps=40_000, size_hw=(480, 480), length=8, batch=16,
                    learning_rate=(1e-4, 1e-5), distillation=0.5, random_rows=2,
                ),
                Stage(
                    name="stills", steps=20_000, size_hw=(480, 480), length=1, batch=16,
                    learning_rate=(1e-5, 1e-5), distillation=0.5, random_rows=2,
                ),
            ),
        }
    )  # fmt: skip

    def form(self, spec: TierSpec) -> nn.Module:
        """Return a row's ``MatAnyoneForm``.

        Raises:
            ValueError: If it is the official row.
        """
        shape = spec.shaped(MatAnyoneShape)
        if shape.official:
            msg = f"{spec.network} {spec.name} is the official network, which is not trained here"
            raise ValueError(msg)
        return MatAnyoneForm(MobileMatAnyone(shape), shape.slots)

    def is_head(self, name: str) -> bool:
        """Name the convolutions of alpha and of the change."""
        return name in {"network.alpha", "network.change.out"}

    def source(self, stage: Stage, data: Path | None, seed: int) -> VideoSource:
        """Return clips of two things that hide one another, and of one subject of any kind."""
        longer = dataclasses.replace(stage, length=SLOWER * stage.length)
        one = Beside(made(longer, data, seed), OBJECTS)
        both = Mixture(
            (one, made(longer, data, seed, OBJECTS)), (_ONE_SHARE, 1 - _ONE_SHARE), seed + 1
        )
        return Excerpts(both, stage.length, seed)

    def sample(self, video: Video, random: np.random.Generator, progress: float) -> Tensors:  # noqa: ARG002
        """Return what ``MatAnyoneForm`` takes, ``alpha (T, K, H, W)``, the truth, and ``soft ()``.

        ``confidence (T, 1, H, W)`` is how far the truth is to be believed.
        ``soft`` is 0 where every alpha is exactly 0 or 1: of such a clip masks alone are known.
        What filmed or drawn mattes are of has some pixels in between.
        """
        masks, alpha = video.masks[0].clone(), video.alphas.clone()
        if random.random() < _ALONE_SHARE:
            masks[1:] = 0  # the other one belongs to the background
        alpha *= (masks.flatten(1).amax(1) > 0)[:, None, None]
        for mask in masks:
            if random.random() < _FAULTY_SHARE and mask.sum() >= _LEAST_AREA:
                faulty = perturbed_mask(mask.numpy() > 0, random, _FAULTY_IOU)
                mask.copy_(torch.from_numpy(faulty))
        soft = ((alpha > 0) & (alpha < 1)).any().float()
        return {
            "frames": video.frames,
            "masks": masks,
            "alpha": alpha,
            "confidence": confidence_of(video),
            "soft": soft,
        }

    def losses(self, predicted: Tensors, batch: Tensors, progress: float) -> dict[str, Tensor]:  # noqa: ARG002
        """Return the terms of mattes, of hard masks where there are any, and of the change."""
        surely = torch.lerp(batch["alpha"], predicted["alpha"], batch["confidence"])
        raw, true = (each.transpose(1, 2) for each in (surely, batch["alpha"]))  # (N, K, T, H, W)
        present, soft = _present(batch), batch["soft"][:, None] > 0
        count = present.sum().clamp(min=1)
        known = (present & soft)[:, :, None, None, None]  # the others add 0 to every sum
        mattes = alpha_loss(_by_time(raw * known), _by_time(true * known))
        terms = {"alpha": mattes * present.numel() / count}
        if (guessed := present & ~soft).any():
            terms["core"] = _core(raw, true, batch["frames"], guessed) * guessed.sum() / count
        change = predicted["change"].transpose(1, 2)
        if change.shape[2] and present.any():
            after, before = (
                each[present].flatten(0, 1)[:, None] for each in (true[:, :, 1:], true[:, :, :-1])
            )
            logits = change[present].flatten(0, 1)[:, None]
            terms["change"] = _CHANGE_WEIGHT * change_loss(logits, after, before)
            carried = predicted["carried"].transpose(1, 2)[present].flatten(0, 1)[:, None]
            small = functional.avg_pool2d(after, STRIDE)
            sure = functional.avg_pool2d(batch["confidence"][:, 1:].flatten(0, 1), STRIDE)
            sure = torch.unflatten(sure, 0, (len(present), -1))[:, None].expand(
                -1, OBJECTS, -1, -1, -1, -1
            )[present]
            terms["carried"] = _CARRIED_WEIGHT * carried_loss(carried, small, sure.flatten(0, 1))
        return terms

    def distance(self, predicted: Tensors, teacher: Tensors) -> Tensor:
        """Return the mean absolute difference of the alphas."""
        return (predicted["alpha"].clamp(0, 1) - teacher["alpha"].clamp(0, 1)).abs().mean()

    def error(self, predicted: Tensors, batch: Tensors) -> Tensor:
        """Return the MAD of alpha, x 1e3, of the objects that there are."""
        apart = (predicted["alpha"].clamp(0, 1) - batch["alpha"]).abs().mean((1, 3, 4))
        present = _present(batch)
        mean: Tensor = (apart * present).sum() / present.sum().clamp(min=1)
        return 1e3 * mean


def _present(batch: Tensors) -> Tensor:
    """Return which objects there are, ``(N, K)``."""
    return batch["masks"].flatten(2).amax(2) > 0


def _by_time(alphas: Tensor) -> Tensor:
    """Return ``(N, K, T, H, W)`` as ``(T, N * K, 1, H, W)``."""
    return alphas.flatten(0, 1).transpose(0, 1)[:, :, None]


def _core(raw: Tensor, true: Tensor, frames: Tensor, guessed: Tensor) -> Tensor:
    """Return core supervision and scaled DDC of the objects of ``guessed (N, K)``."""
    of_object = frames[:, None].expand(-1, OBJECTS, -1, -1, -1, -1)[guessed]
    alpha, mask = (each[guessed].flatten(0, 1)[:, None] for each in (raw, true))
    radius = max(round(_BORDER * raw.shape[3]), 1)
    radii = torch.full((len(alpha),), radius, device=raw.device)
    return core_supervision(alpha, of_object.flatten(0, 1), mask, radii)
