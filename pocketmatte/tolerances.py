"""The one table of limits that files are held to, each beside the measurement it came from."""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType

from tiers.errors import UnknownRecipeError

DRIFT_FRAMES = 50  # recurrent frames below which drift is not judged
DRIFT_WINDOW = 5  # frames averaged at either end: one frame's error follows its content


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What a candidate of one recipe must keep to, against PyTorch eager fp32.

    Attributes:
        psnr_db: Smallest PSNR, peak 1, over all frames.
        psnr_of: The outputs held to ``psnr_db``; ``None`` means every output and state.
        max_abs: Largest absolute difference of any element of any output or state, ``None`` where
            the recipe sets none.
        drift_ratio: Largest error of alpha at the end over that at the start; see
            ``parity.drift_ratio``.
        drift_floor: RMS error of alpha below which the start counts as this much, so that
            rounding noise divided by rounding noise is no drift.
    """

    psnr_db: float
    psnr_of: tuple[str, ...] | None
    max_abs: float | None
    drift_ratio: float
    drift_floor: float


LIMITS: Mapping[str, Limits] = MappingProxyType(
    {
        # Measured over 52-60 frames on ONNX Runtime and XNNPACK, states fed back: max abs
        # 2e-6 to 6e-6 and PSNR 141-142 dB (t01, random weights), 4e-5 to 8e-5 and 134-144 dB
        # (t08, official weights, whose own eager fp32 run is 1e-4 from float64); drift 0.57-0.92.
        # RMS of alpha 4e-8 to 7e-7, which is rounding: the floor lies just above, and 50 dB
        # below what 70 dB allows (3e-4).
        "fp32": Limits(psnr_db=70.0, psnr_of=None, max_abs=5e-5, drift_ratio=2.0, drift_floor=1e-6),
        # Measured likewise: PSNR of alpha 62 dB (t01), 66-67 dB (t08); drift 0.72-1.21. RMS of
        # alpha 2e-4 to 2e-3. The floor is what storing alpha in half precision alone costs: a
        # spacing of 2^-11 below 1, uniform, gives 1.4e-4.
        "fp16": Limits(
            psnr_db=50.0, psnr_of=("alpha",), max_abs=None, drift_ratio=2.0, drift_floor=2e-4
        ),
    }
)


def limits(recipe_name: str) -> Limits:
    """Return the limits of one recipe.

    Raises:
        UnknownRecipeError: If no limits are set for it; the message lists those there are.
    """
    try:
        return LIMITS[recipe_name]
    except KeyError:
        msg = f"no limits for recipe {recipe_name!r}; there are {', '.join(LIMITS)}"
        raise UnknownRecipeError(msg) from None
