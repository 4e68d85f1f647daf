"""``rvm``: mattes of clips with true alpha; MAD, MSE, Grad, Conn, dtSSD.

In PyTorch a clip runs at its own size, cut down to multiples of 16, the network working at the
tier's long side. A file runs at its tier's fixed size, and true mattes are resized to it.
"""

import functools
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from pocketmatte.clips import Clip, open_clip
from pocketmatte.matting.board import Board
from pocketmatte.protocols.alpha import COLUMNS, score_alpha
from pocketmatte.protocols.protocol import EvaluationProtocol, Measure, Opener, OpenTier, Result
from pocketmatte.runtimes.checks import require_finite
from pocketmatte.runtimes.protocol import FloatArray
from tiers.errors import MediaError
from tiers.networks.rvm import Rvm
from tiers.spec import STRIDE, TierSpec


def prepare(path: Path, limit: int | None) -> Measure:
    """Open a clip of ``frames/`` and ``alpha/`` or ``masks/``."""
    clip = open_clip(path, limit)
    measured = functools.partial(_measure, clip)
    return Measure(sizes_hw=frozenset({clip.size_hw}), measured=measured)


PROTOCOL = EvaluationProtocol(prepare=prepare, columns=COLUMNS)


def _measure(clip: Clip, opener: Opener) -> Result:
    tier = opener(clip.size_hw)
    if isinstance(tier.network, Rvm):
        size_hw = _own_size_hw(clip)
        pairs = _by_network(tier.network, tier.spec, clip, size_hw)
    else:
        size_hw = tier.spec.output_hw
        pairs = _by_file(tier, clip)
    scores = score_alpha(pairs)
    return Result(
        path=clip.path,
        frames=scores.frames,
        size_hw=size_hw,
        metrics=scores.metrics,
        baselines={"constant_mad": scores.constant_mad},
    )


def _own_size_hw(clip: Clip) -> tuple[int, int]:
    """Return the clip's size, cut down to multiples of 16."""
    height, width = clip.size_hw
    if min(height, width) < STRIDE:
        msg = f"{clip.path}: is {width}x{height}; the network takes {STRIDE}x{STRIDE} or more"
        raise MediaError(msg)
    return height // STRIDE * STRIDE, width // STRIDE * STRIDE


def _by_network(
    network: Rvm, spec: TierSpec, clip: Clip, size_hw: tuple[int, int]
) -> Iterator[tuple[FloatArray, FloatArray]]:
    ratio = min(1.0, max(spec.working_hw) / max(size_hw))
    states: tuple[Tensor, ...] | None = None
    for number, (frame, alpha) in enumerate(clip):
        given = _resized(_tensor(frame), size_hw)
        with torch.inference_mode():
            _, predicted, states = network(given, states, ratio)
        require_finite("matte", {"alpha": predicted.numpy()}, number)
        yield predicted[0, 0].numpy(), _resized(_tensor(alpha), size_hw)[0, 0].numpy()


def _by_file(tier: OpenTier, clip: Clip) -> Iterator[tuple[FloatArray, FloatArray]]:
    board = Board(tier.spec, tier.run)
    size_hw = tier.spec.output_hw
    for frame, alpha in clip:
        board.put(frame=_resized(_tensor(frame), size_hw).numpy())
        predicted = board.call("matte")["alpha"][0, 0]
        yield predicted, _resized(_tensor(alpha), size_hw)[0, 0].numpy()


def _tensor(picture: FloatArray) -> Tensor:
    """Return ``(H, W, 3)`` or ``(H, W)`` as ``(1, C, H, W)``."""
    channels_last = torch.from_numpy(picture)
    if channels_last.dim() == 2:
        return channels_last[None, None]
    return channels_last.permute(2, 0, 1)[None].contiguous()


def _resized(picture: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """Resize bilinearly, without smoothing: as the published figures were taken."""
    if tuple(picture.shape[2:]) == size_hw:
        return picture
    resized = functional.interpolate(picture, size_hw, mode="bilinear", align_corners=False)
    return resized.contiguous()
