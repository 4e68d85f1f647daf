"""Training ``stfam``: a few frames in a row, each with a trimap.

Sun, Wang, Gu, Tang, Tai, "Deep Video Matting via Spatio-Temporal Alignment and Aggregation" (DVM),
CVPR 2021, second stage. What the trimap knows is copied, so only unknown pixels are learnt from:
L1, Laplacian pyramid and temporal coherence of alpha. DVM adds terms of the composition, of
gradients and of a second output, which the network for phones has not.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pocketmatte.training.losses import alpha_loss
from pocketmatte.training.made import made
from pocketmatte.training.stages import Stage, going_on, norms
from pocketmatte.training.task import Tensors
from pocketmatte.training.tasks.trimap import badly_drawn, random_trimaps
from pocketmatte.training.trimaps import as_channel
from pocketmatte.training.video import Video, VideoSource, confidence_of
from pocketmatte.training.windows import frame_numbers
from tiers.blocks.global_mean import global_mean
from tiers.blocks.temporal_fusion import TemporalFusion, channel_max
from tiers.networks.stfam import Stfam, keep_known
from tiers.rows.stfam import LEVELS, StfamShape
from tiers.spec import TierSpec

SLOWER = 3  # times as many frames of a clip are made as are looked at
_FAULTY_SHARE = 0.3  # of the samples, whose trimaps are drawn badly
_HALF = 0.5
_OWN_CHANCE = 71  # which part of a clip is taken has nothing to do with what the clip is
_LEAST_SHARE = 0.01  # of unknown pixels; a loss over fewer would be one of chance

_SMALL = (
    Stage(
        name="narrow", steps=700, size_hw=(112, 192), length=3, batch=4,
        learning_rate=(1.5e-3, 1e-3), distillation=1.0, widest="t01",
    ),
    Stage(
        name="wide", steps=250, size_hw=(112, 192), length=3, batch=4,
        learning_rate=(1e-3, 5e-4), distillation=1.0,
    ),
    Stage(
        name="fine", steps=120, size_hw=(176, 320), length=3, batch=2,
        learning_rate=(5e-4, 2e-5), distillation=1.0,
    ),
)  # fmt: skip


class StfamForm(nn.Module):
    """``Stfam`` over a batch of clips: all frames at once, since none needs what another gave.

    Input:
        batch: ``frames (N, T, 3, H, W)`` in 0..1 and ``trimaps (N, T, 1, H, W)``: 0 background,
            0.5 unknown, 1 foreground.
        ratio: 1; the network works at frame size.

    Output:
        ``alpha (N, T, 1, H, W)`` in 0..1; what the trimap knows is kept.
    """

    def __init__(self, network: Stfam) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Tensors, ratio: float) -> dict[str, Tensor]:  # noqa: ARG002
        """Encode every frame, look back, decode."""
        network, frames = self.network, batch["frames"]
        trimaps = batch["trimaps"].flatten(0, 1)
        planes = torch.cat([network.normalise(frames.flatten(0, 1)), trimaps], dim=1)
        at2, at4, at8, at16 = network.encoder(planes)
        seen = []
        for level, tap in zip(LEVELS, (at16, at8, at4), strict=True):
            present = network.lateral[level](tap)
            looks_back = level in network.aligned
            seen.append(self._fused(level, present, len(frames)) if looks_back else present)
        coarse, *skips = seen
        logits = network.head(network.decoder(coarse, (*skips, at2, planes)))
        alpha = keep_known(logits.sigmoid(), trimaps)
        return {"alpha": torch.unflatten(alpha, 0, frames.shape[:2])}

    def _fused(self, level: str, present: Tensor, count: int) -> Tensor:
        """Fuse features ``(N * T, C, h, w)`` with those of the two frames before.

        Where there is no past frame, the present one stands in for it.
        """
        clips = torch.unflatten(present, 0, (count, -1))
        newer = torch.cat([clips[:, :1], clips[:, :-1]], dim=1)
        older = torch.cat([clips[:, :2], clips[:, :-2]], dim=1)
        past = torch.cat([newer.flatten(0, 1), older.flatten(0, 1)])
        aligned = self.network.align[level](past, present.repeat(2, 1, 1, 1))
        fusion = cast("TemporalFusion", self.network.fuse[level])
        return _mixed(fusion, torch.cat([*aligned.chunk(2), present], dim=1), present)


def _mixed(fusion: TemporalFusion, x: Tensor, present: Tensor) -> Tensor:
    """Compute what ``TemporalFusion`` does, for batches.

    Args:
        fusion: The block.
        x: ``(N, 3 C, h, w)``: the newer past frame, aligned, the older one, the present one.
        present: ``(N, C, h, w)``.
    """
    gate = fusion.expand(functional.relu(fusion.squeeze(global_mean(x))))
    x = x * gate.sigmoid()
    seen = torch.cat([functional.conv2d(x, fusion.mean_weight), channel_max(x)], dim=1)
    x = x * fusion.spatial(seen).sigmoid()
    return functional.relu(present + fusion.fuse(x))


class StfamTask:
    """See ``Task``."""

    network = "stfam"
    recipes: Mapping[str, tuple[Stage, ...]] = MappingProxyType(
        {
            "small": _SMALL,
            "more": going_on(_SMALL),
            "norms": norms(_SMALL[-1], batch=4),
            # Crops brought to 320 x 320 and rates of 5e-5 falling to 5e-6 as published; larger
            # batches, and steps for what they publish as 100 epochs, are ours.
            "paper": (
                Stage(
                    name="all", steps=200_000, size_hw=(320, 320), length=4, batch=8,
                    learning_rate=(5e-5, 5e-6), distillation=1.0, random_rows=2,
                ),
            ),
        }
    )  # fmt: skip

    def form(self, spec: TierSpec) -> nn.Module:
        """Return a row's ``StfamForm``."""
        return StfamForm(Stfam(spec.shaped(StfamShape)))

    def is_head(self, name: str) -> bool:
        """Name alpha's convolution."""
        return name == "network.head"

    def source(self, stage: Stage, data: Path | None, seed: int) -> VideoSource:
        """Return things of any kind and people."""
        longer = dataclasses.replace(stage, length=SLOWER * stage.length)
        return Excerpts(made(longer, data, seed), stage.length, seed)

    def sample(self, video: Video, random: np.random.Generator, progress: float) -> Tensors:  # noqa: ARG002
        """Return ``frames``, ``trimaps``, ``alpha``, the truth, and ``confidence`` in it."""
        trimaps = random_trimaps(video.alpha, random)
        if random.random() < _FAULTY_SHARE:
            trimaps = badly_drawn(trimaps, random)
        return {
            "frames": video.frames,
            "trimaps": as_channel(trimaps),
            "alpha": video.alpha,
            "confidence": confidence_of(video),
        }

    def losses(self, predicted: Tensors, batch: Tensors, progress: float) -> dict[str, Tensor]:  # noqa: ARG002
        """Return the terms of alpha over unknown pixels; the others add nothing to their sums."""
        unknown = batch["trimaps"] == _HALF
        share = unknown.float().mean().clamp(min=_LEAST_SHARE)
        told = torch.where(unknown, batch["alpha"], batch["trimaps"])
        alpha = torch.lerp(told, predicted["alpha"], batch["confidence"])
        return {"alpha": alpha_loss(alpha.transpose(0, 1), told.transpose(0, 1)) / share}

    def distance(self, predicted: Tensors, teacher: Tensors) -> Tensor:
        """Return the mean absolute difference of the alphas, over pixels that differ at all.

        Both keep what the trimap knows.
        """
        apart = (predicted["alpha"] - teacher["alpha"]).abs()
        return apart.sum() / (apart > 0).sum().clamp(min=1)

    def error(self, predicted: Tensors, batch: Tensors) -> Tensor:
        """Return the MAD of alpha, x 1e3, of unknown pixels."""
        unknown = batch["trimaps"] == _HALF
        apart = (predicted["alpha"] - batch["alpha"]).abs() * unknown
        return 1e3 * apart.sum() / unknown.sum().clamp(min=1)


class Excerpts:
    """A few frames in a row of every clip of a source; a `VideoSource`.

    A made clip has all that happens in it, however few its frames are: of a longer one, a part
    moves as little from frame to frame as what is filmed.

    Args:
        source: Of clips of more frames.
        length: Frames to take.
        seed: Of what is taken.
    """

    def __init__(self, source: VideoSource, length: int, seed: int) -> None:
        self._source, self._length, self._seed = source, length, seed

    def video(self, index: int) -> Video:
        """Return the part of that number; half of them run backwards, some in larger steps."""
        clip = self._source.video(index)
        random = np.random.default_rng((self._seed, index, _OWN_CHANCE))
        gap = int(random.integers(1, SLOWER, endpoint=True))
        taken = frame_numbers(random, len(clip.frames), self._length, gap)
        return Video(
            frames=clip.frames[taken],
            alphas=clip.alphas[taken],
            foreground=clip.foreground[taken],
            confidence=None if clip.confidence is None else clip.confidence[taken],
        )
