"""How much a rounded tier differs from itself in single precision, and whether that is too much."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.segmentation_metrics import flipped_share
from pocketmatte.signal_errors import psnr_db_of
from pocketmatte.tolerances import limits
from tiers.contract_table import judged_of
from tiers.spec import TierSpec

# Files are judged on another scene than they are made with, where damage was up to 2.4 times as
# large: so much of a limit is used up when they are made.
_MARGIN = 0.4
_MARGIN_DB = 4.0


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Damage:
    """Of the judged output, over clips in which a tier carries its own states and memories.

    Attributes:
        mad: Mean absolute difference.
        flipped: Share of values that change sides of one half.
        psnr_db: With peak 1; ``None`` where nothing differs.
    """

    mad: float
    flipped: float
    psnr_db: float | None


def damage(
    reference: Sequence[Sequence[FloatArray]], rounded: Sequence[Sequence[FloatArray]]
) -> Damage:
    """Compare judged outputs, by clip and frame."""
    pairs = [
        pair
        for before, after in zip(reference, rounded, strict=True)
        for pair in zip(before, after, strict=True)
    ]
    squares = float(np.mean([np.square(a - b, dtype=np.float64).mean() for a, b in pairs]))
    return Damage(
        mad=float(np.mean([np.abs(a - b).mean() for a, b in pairs])),
        flipped=float(np.mean([flipped_share(b, a) for a, b in pairs])),
        psnr_db=psnr_db_of(squares),
    )


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
    return max(times)
