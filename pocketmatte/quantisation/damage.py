"""How much a rounded tier differs from itself in single precision, and whether that is too much."""

import dataclasses
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from pocketmatte.matting.board import Moment
from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.segmentation_metrics import flipped_share
from pocketmatte.signal_errors import psnr_db_of
from pocketmatte.tolerances import is_matte, limits
from pocketmatte.truth_errors import TruthErrors
from tiers.contract_table import judged_of
from tiers.spec import TierSpec

Figures: TypeAlias = tuple[float, float, float, float, float]  # of one clip

# Files are judged on other scenes than they are made with, where damage was two to three times as
# large: so much of a limit is used up when they are made.
_MARGIN = 0.4
_MARGIN_DB = 4.0


# Where a network is unsure of a whole scene, any rounding moves everything in it, and that scene
# would rule all the rest: of so many the worst is left out.
_ENOUGH_SCENES = 4


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Damage:
    """Of the judged output, over clips in which a tier carries its own states and memories.

    Attributes:
        mad: Mean absolute difference.
        flipped: Share of values that change sides of one half.
        psnr_db: With peak 1; ``None`` where nothing differs.
        rise: Of a matte: by how much its MAD to the true mattes is above that of single precision.
            A clip that fits better by chance counts as 0, and makes good for no other.
        flicker: Likewise, by what share its dtSSD is.
    """

    mad: float
    flipped: float
    psnr_db: float | None
    rise: float = 0.0
    flicker: float = 0.0


def damage(
    reference: Sequence[Sequence[FloatArray]],
    rounded: Sequence[Sequence[FloatArray]],
    truths: Sequence[Sequence[FloatArray]] | None = None,
) -> Damage:
    """Compare judged outputs, by clip and frame; every clip counts the same.

    Of ``_ENOUGH_SCENES`` clips and more, the one with the largest difference is left out.

    Args:
        reference: In single precision.
        rounded: Of the same shapes.
        truths: True mattes, ``(1, 1, H, W)``, if the outputs are mattes.
    """
    return of_clips(
        [
            clip_figures(before, after, truths[number] if truths else None)
            for number, (before, after) in enumerate(zip(reference, rounded, strict=True))
        ]
    )


def of_clips(clips: Sequence[Figures]) -> Damage:
    """Return the damage of all clips; see ``damage``."""
    held = sorted(clips, key=lambda clip: clip[0])
    if len(held) >= _ENOUGH_SCENES:
        held.pop()
    return _damage(np.mean(held, axis=0))


def least_of(clips: Sequence[Figures], count: int) -> Damage:
    """Return what the damage of ``count`` clips is at least, when these of them are known.

    No figure of a clip is below 0: those to come may add nothing, and the worst is left out.

    Args:
        clips: Figures of some clips.
        count: Of all clips, as many at least.
    """
    totals = np.sum(clips, axis=0)
    if count < _ENOUGH_SCENES:
        return _damage(totals / count)
    return _damage((totals - np.max(clips, axis=0)) / (count - 1))


def _damage(figures: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> Damage:
    mad, flipped, squares, rise, flicker = figures.tolist()
    return Damage(mad=mad, flipped=flipped, psnr_db=psnr_db_of(squares), rise=rise, flicker=flicker)


def clip_figures(
    reference: Sequence[FloatArray],
    rounded: Sequence[FloatArray],
    truths: Sequence[FloatArray] | None,
) -> Figures:
    """Return MAD, share of values that change sides, MSE, rise and flicker of one clip."""
    pairs = list(zip(reference, rounded, strict=True))
    errors = TruthErrors()
    for (before, after), truth in zip(pairs, truths or (), strict=truths is not None):
        errors.add(before, after, truth)
    return (
        float(np.mean([np.abs(a - b).mean() for a, b in pairs])),
        float(np.mean([flipped_share(b, a) for a, b in pairs])),
        float(np.mean([np.square(a - b, dtype=np.float64).mean() for a, b in pairs])),
        max(errors.rise, 0.0),
        max(errors.flicker, 0.0),
    )


def true_mattes(
    spec: TierSpec, scenes: Sequence[Sequence[Moment]]
) -> list[list[FloatArray]] | None:
    """Return the true mattes of scenes for ``damage``, if it is mattes that a tier gives."""
    if not is_matte(judged_of(spec)):
        return None
    return [[moment.mask for moment in scene] for scene in scenes]


def excess(found: Damage, spec: TierSpec, recipe: str, *, spare: bool = True) -> float:
    """Return how many times what is allowed a damage is; up to 1 it will do.

    Args:
        found: The damage.
        spec: The tier.
        recipe: Whose limits hold; see ``tolerances``.
        spare: Whether a part of them is left for other scenes.
    """
    held_to = limits(recipe)
    share, spare_db = (_MARGIN, _MARGIN_DB) if spare else (1.0, 0.0)
    judged = judged_of(spec)
    times = [0.0]
    if found.psnr_db is not None:  # as a ratio of RMS errors
        times.append(10 ** ((held_to.psnr_db + spare_db - found.psnr_db) / 20))
    if (held := held_to.strayed(judged, found.mad, found.flipped)) is not None:
        _, value, most = held
        times.append(value / (share * most))
    for _, value, most in held_to.worse(judged, found.rise, found.flicker):
        times.append(value / (share * most))
    return max(times)
