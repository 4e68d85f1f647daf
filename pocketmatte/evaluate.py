"""Measure a tier's mattes against clips with true alpha."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pocketmatte.clips import Clip, open_clip
from pocketmatte.metrics import AlphaMetrics, MetricAccumulator, best_constant_mad
from pocketmatte.runtimes.protocol import FloatArray, Session
from pocketmatte.stepping import roll
from tiers.contract_table import contracts
from tiers.errors import MediaError
from tiers.networks.rvm import Rvm
from tiers.spec import STRIDE, TierSpec


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ClipResult:
    """What one clip gave.

    Attributes:
        clip: Name of the clip's folder.
        frames: Frames measured.
        size_hw: Size at which predicted and true alpha were compared, in pixels.
        metrics: In the published scales, see ``metrics.AlphaMetrics``.
        constant_mad: MAD (x1e3) of the best alpha that is the same everywhere: what a network
            that sees nothing could reach.
    """

    clip: str
    frames: int
    size_hw: tuple[int, int]
    metrics: AlphaMetrics
    constant_mad: float


def open_clips(folders: Sequence[Path], limit: int | None) -> list[Clip]:
    """Open every clip before any is measured, so that a bad one costs no time.

    Raises:
        MediaError: If a folder is no clip.
    """
    return [open_clip(folder, limit) for folder in folders]


def evaluate_torch(network: Rvm, spec: TierSpec, clip: Clip) -> ClipResult:
    """Run PyTorch at the clip's own size.

    Frames and true mattes are resized bilinearly down to multiples of 16; the network works at the
    tier's long side (never above the clip's); states are carried through the clip.

    Raises:
        MediaError: If the clip is smaller than the network's stride.
    """
    height, width = clip.size_hw
    if min(height, width) < STRIDE:
        msg = f"{clip.path}: is {width}x{height}; the network takes {STRIDE}x{STRIDE} or more"
        raise MediaError(msg)
    size_hw = (height // STRIDE * STRIDE, width // STRIDE * STRIDE)
    ratio = min(1.0, max(spec.working_hw) / max(size_hw))

    def predict() -> Iterator[tuple[FloatArray, FloatArray]]:
        states: tuple[Tensor, ...] | None = None
        for frame, alpha in clip:
            given = _resized(_tensor(frame), size_hw)
            with torch.inference_mode():
                _, predicted, states = network(given, states, ratio)
            yield predicted[0, 0].numpy(), _resized(_tensor(alpha), size_hw)[0, 0].numpy()

    return _measured(clip, size_hw, predict())


def evaluate_session(session: Session, spec: TierSpec, clip: Clip) -> ClipResult:
    """Run an artifact at its tier's fixed size; frames and true mattes are resized to it."""
    (contract,) = contracts(spec)
    size_hw = spec.output_hw
    frames = (_resized(_tensor(frame), size_hw).numpy() for frame, _ in clip)
    true = (_resized(_tensor(alpha), size_hw)[0, 0].numpy() for _, alpha in clip)
    outputs = (outputs["alpha"][0, 0] for outputs in roll(session, contract, frames))
    return _measured(clip, size_hw, zip(outputs, true, strict=True))


def mean_of(results: Sequence[ClipResult]) -> AlphaMetrics:
    """Average the clips' metrics, each clip counting once."""
    fields = [field.name for field in dataclasses.fields(AlphaMetrics)]
    return AlphaMetrics(
        **{name: float(np.mean([getattr(r.metrics, name) for r in results])) for name in fields}
    )


def _measured(
    clip: Clip, size_hw: tuple[int, int], pairs: Iterator[tuple[FloatArray, FloatArray]]
) -> ClipResult:
    accumulator = MetricAccumulator()
    truths = []
    for predicted, true in pairs:
        accumulator.update(predicted, true)
        truths.append((true * 255).round().astype(np.uint8))  # an eighth of the floats' memory
    return ClipResult(
        clip=clip.name,
        frames=len(truths),
        size_hw=size_hw,
        metrics=accumulator.result(),
        constant_mad=best_constant_mad(np.stack(truths).astype(np.float32) / 255),
    )


def _tensor(picture: FloatArray) -> Tensor:
    """Return ``(H, W, 3)`` or ``(H, W)`` as ``(1, C, H, W)``."""
    channels_last = torch.from_numpy(picture)
    if channels_last.dim() == 2:
        return channels_last[None, None]
    return channels_last.permute(2, 0, 1)[None].contiguous()


def _resized(picture: Tensor, size_hw: tuple[int, int]) -> Tensor:
    if tuple(picture.shape[2:]) == size_hw:
        return picture
    resized = functional.interpolate(picture, size_hw, mode="bilinear", align_corners=False)
    return resized.contiguous()
