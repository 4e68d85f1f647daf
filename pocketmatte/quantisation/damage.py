"""How much a rounded tier differs from itself in single precision, and whether that is too much."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.tally import flipped_share
from pocketmatte.tolerances import MATTES, limits
from tiers.contract_table import contracts
from tiers.spec import TierSpec

# Files are judged on another scene than they are made with, where damage was up to 2.4 times as
# large: so much of a limit is used up here.
_MARGIN = 0.4
_MARGIN_DB = 4.0


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Damage:
    """Of the judged output, over clips in which a tier carries its own states and memories.

    Attributes:
        mad: Mean absolute difference.
        flipped: Share of values that change sides of one half.
        psnr_db: With peak 1; infinite where nothing differs.
    """

    mad: float
    flipped: float
    psnr_db: float


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
        psnr_db=-10 * math.log10(squares) if squares else math.inf,
    )


def excess(found: Damage, spec: TierSpec, recipe: str) -> float:
    """Return how many times what is allowed a damage is; up to 1 it will do.

    Args:
        found: The damage.
        spec: The tier.
        recipe: Whose limits hold; see ``tolerances``.
    """
    held_to = limits(recipe)
    judged = next(each.judged for each in contracts(spec) if each.judged is not None)
    matte = judged in MATTES
    most = held_to.matte_mad if matte else held_to.mask_flipped
    value = found.mad if matte else found.flipped
    # as a ratio of RMS errors
    ratio = 10 ** ((held_to.psnr_db + _MARGIN_DB - found.psnr_db) / 20)
    return ratio if most is None else max(ratio, value / (_MARGIN * most))
