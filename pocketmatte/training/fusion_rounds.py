"""Rounds of interaction to train fusion on, made of videos with true masks.

Cheng, Tai, Tang (MiVOS, CVPR 2021) run whole rounds of interaction and propagation over videos and
keep what fusion would have met. Here the rounds are simulated: the masks of the last round are the
truth with one fault, the same one in the same place of the object all along the video; the user
mends it at one frame, and the mended mask is propagated, which brings in another fault. The first
is worst at the frame that is mended and gone at the frame that was mended a round before; the
second is the other way round. So neither mask is always the better one, and what tells them apart
is what fusion is given: how far away both frames are, and where the correction added and removed.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pocketmatte.training.mask_faults import STRENGTH, Fault, faulty, random_fault, severity
from pocketmatte.training.video import Video
from tiers.blocks.difference_attention import DifferenceAttention

# From frames (N, 3, H, W) to keys (N, C, H/16, W/16), as a propagation network gives them.
Keys: TypeAlias = Callable[[Tensor], Tensor]

_STRIDE = 16  # of keys
_FEWEST_FRAMES = 3  # two that a user mended and one between them

# Of colour_keys; see there.
_CHANNELS = 64
_FINENESS = 8.0
_CONTRAST = 8.0


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class FusionRound:
    """What fusion is given of one frame and one object, as in ``tiers.rows.fusion``, and the truth.

    Attributes:
        frame: ``(1, 3, H, W)`` RGB, 0..1.
        previous_mask: ``(1, 1, H, W)``, 0..1, of the last round.
        new_mask: ``(1, 1, H, W)``, 0..1, propagated in this round.
        attention: ``(1, 2, H, W)``, 0..1: where the correction added and removed, carried over.
        distances: ``(1, 2, 1, 1)``, 0..1: to the frame corrected in this round, and to that of the
            last one, over the frames between them; their sum is 1.
        true: ``(1, 1, H, W)``, 0 or 1.
    """

    frame: Tensor
    previous_mask: Tensor
    new_mask: Tensor
    attention: Tensor
    distances: Tensor
    true: Tensor


def simulated_rounds(
    video: Video,
    random: np.random.Generator,
    keys: Keys,
    frames: tuple[int, int, int] | None = None,
) -> tuple[FusionRound, ...]:
    """Simulate a round for each object by itself, of those seen in the frame to be fused.

    Args:
        video: Of at least three frames; H and W are multiples of 16.
        random: Source of chance.
        keys: A trained propagation network's, or ``colour_keys``.
        frames: As ``round_frames`` gives them, and drawn by it if left out.

    Returns:
        One round an object, all of the same frames; none if that frame shows no object.

    Raises:
        ValueError: If the video is too short.
    """
    numbers = round_frames(len(video.frames), random) if frames is None else frames
    interacted, target, reference = numbers
    span = abs(reference - interacted)
    distances = [abs(target - end) / span for end in (interacted, reference)]
    seen = [interacted, target]
    pair = Video(
        frames=video.frames[seen], alphas=video.alphas[seen], foreground=video.foreground[seen]
    )
    masks = pair.masks
    with torch.no_grad():
        carried = keys(pair.frames).chunk(2)
    rounds = []
    for number in range(masks.shape[1]):
        own = masks[:, number : number + 1]
        others = masks.sum(1, keepdim=True) - own
        if own[1].any():
            rounds.append(_round(pair.frames[1:], own, others, carried, distances, random))
    return tuple(rounds)


def _round(
    frame: Tensor,
    own: Tensor,
    others: Tensor,
    keys: tuple[Tensor, ...],
    distances: list[float],
    random: np.random.Generator,
) -> FusionRound:
    """Simulate a round of one object; masks ``(2, 1, H, W)`` are of the frames of the keys."""
    to_interacted, to_reference = distances
    old, new = random_fault(random), random_fault(random)
    old_strength, new_strength = random.uniform(*STRENGTH, 2)

    def spoiled(which: int, fault: Fault, severity: float) -> Tensor:
        mask, rest = own[which : which + 1], others[which : which + 1]
        return _softened(faulty(mask, rest, fault, severity))

    # the frame that is corrected is as far from the reference as can be, and right afterwards
    gained = _softened(own[:1]) - spoiled(0, old, old_strength)
    added, removed = gained.clamp(min=0), (-gained).clamp(min=0)
    return FusionRound(
        frame=frame,
        previous_mask=spoiled(1, old, severity(old_strength, to_reference)),
        new_mask=spoiled(1, new, severity(new_strength, to_interacted)),
        attention=DifferenceAttention()(*keys, added, removed),
        distances=own.new_tensor(distances).view(1, 2, 1, 1),
        true=own[1:],
    )


def round_frames(length: int, random: np.random.Generator) -> tuple[int, int, int]:
    """Draw the frames of a round: corrected in it, to be fused, and corrected a round before.

    Args:
        length: Frames of the video, at least 3.
        random: Source of chance.

    Returns:
        Three numbers, rising or falling.

    Raises:
        ValueError: If the video is too short.
    """
    if length < _FEWEST_FRAMES:
        msg = f"the video has {length} frames; a round needs {_FEWEST_FRAMES}, one between two"
        raise ValueError(msg)
    first, target, last = sorted(random.choice(length, _FEWEST_FRAMES, replace=False).tolist())
    return (first, target, last) if random.random() < 0.5 else (last, target, first)


def colour_keys(frames: Tensor) -> Tensor:
    """Return keys that are close where colours are, of no network: for want of a trained one.

    Random Fourier features of the mean colour of every 16 x 16 pixels,
    ``scale * cos(W colour + b)`` with normal ``W`` and uniform ``b``; the product of two keys is
    near a Gaussian of their colours' difference (Rahimi and Recht, "Random Features for Large-Scale
    Kernel Machines", NIPS 2007). ``scale`` is such that attention, which divides by the root of the
    channels, weighs an equal colour ``exp(8)`` times as much as a foreign one.

    Args:
        frames: ``(N, 3, H, W)`` RGB in 0..1; H and W are multiples of 16.

    Returns:
        ``(N, 64, H/16, W/16)``; the same for the same frames.
    """
    generator = np.random.default_rng(0)  # the features are a constant, not a source of chance
    directions = frames.new_tensor(generator.normal(0, _FINENESS, (_CHANNELS, 3)))
    phases = frames.new_tensor(generator.uniform(0, 2 * math.pi, _CHANNELS))
    colours = functional.avg_pool2d(frames, _STRIDE)
    turned = functional.conv2d(colours, directions[:, :, None, None], phases)
    return math.sqrt(2 * _CONTRAST / math.sqrt(_CHANNELS)) * turned.cos()


def _softened(mask: Tensor) -> Tensor:
    """Give a mask the soft border, a pixel wide, that probabilities have."""
    return functional.avg_pool2d(mask, 3, stride=1, padding=1, count_include_pad=False)
