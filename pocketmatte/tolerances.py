"""The one table of limits that files are held to, each beside the measurement it came from."""

import dataclasses
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from tiers.errors import UnknownRecipeError

DRIFT_FRAMES = 50  # recurrent frames below which drift is not judged
STEP_EVERY = 6  # of so many calls and frames one is also compared from the reference's inputs
STATELESS_FRAMES = 8  # compared of a network that carries no state: nothing builds up there
# Alpha must span so much in PyTorch where it is neither 0 nor 1: a file that gives one value
# everywhere comes within the limits of an alpha that hardly changes. 0.05 is 16 times the RMS error
# that 50 dB allows.
ALPHA_RANGE = 0.05
# Of features and memories, which have no range of their own: those that span less carry no signal,
# and differences are not taken relative to a magnitude below it.
FEATURE_RANGE = 1e-3
# Magnitudes of a half-precision result before it is rounded: the largest that half precision holds,
# and where the multipliers of the M1's engine saturate, measured on one machine by a project of no
# connection to Apple; see docs/lint.md.
HALF_LARGEST = 65504.0
ENGINE_LARGEST = 32768.0


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What a candidate of one recipe must keep to, against PyTorch eager fp32.

    Attributes:
        psnr_db: Smallest PSNR, peak 1, over all frames, of what people see: the judged output and
            every picture.
        others_psnr_db: Likewise, of features, memories and states: what they do to that is held
            to ``psnr_db`` once more.
        max_abs: Largest absolute difference of any element of any output or state in one step
            from the reference's inputs, relative to the tensor's size where it has no range (see
            ``tally.Parity``); ``None`` where the recipe sets none.
        drift_ratio: Largest error of alpha in the second lap over that in the first; see
            ``signal_errors.drift_ratio``.
        drift_floor: RMS error of alpha below which the first lap counts as this much, so that
            rounding noise divided by rounding noise is no drift.
        pictures_max_abs: ``max_abs`` of pictures where these are of 8 bits; see ``eight_bit``.
        matte_mad: Largest mean absolute difference of a judged matte over all frames. MAD against
            the true matte rises by no more than this, whatever the truth is.
        matte_rise: Of a judged matte: by how much its MAD against the true matte may be above that
            of PyTorch's.
        matte_flicker: Likewise, by what share its dtSSD may be above that of PyTorch's.
        mask_flipped: Of a judged mask or class map: largest share of values that change sides of
            one half, over all frames.
    """

    psnr_db: float
    others_psnr_db: float
    max_abs: float | None
    drift_ratio: float
    drift_floor: float
    pictures_max_abs: float | None = None
    matte_mad: float | None = None
    matte_rise: float | None = None
    matte_flicker: float | None = None
    mask_flipped: float | None = None

    def worse(self, judged: str, rise: float, flicker: float) -> Iterator[tuple[str, float, float]]:
        """Yield what a judged matte is held to beside the truth, its value and the limit.

        Args:
            judged: Name of the output.
            rise: Of its MAD; see ``truth_errors.TruthErrors``.
            flicker: Likewise.
        """
        if is_matte(judged):
            if self.matte_rise is not None:
                yield "rise of MAD of", rise, self.matte_rise
            if self.matte_flicker is not None:
                yield "rise by share of dtSSD of", flicker, self.matte_flicker

    def strayed(self, judged: str, mad: float, flipped: float) -> tuple[str, float, float] | None:
        """Return what a judged output is held to beside its PSNR, its value and the limit.

        Args:
            judged: Name of the output: of a matte every value counts, of a mask or class map an app
                takes what lies above one half.
            mad: Its mean absolute difference.
            flipped: Share of its values that change sides of one half.
        """
        if is_matte(judged):
            return None if self.matte_mad is None else ("MAD of", mad, self.matte_mad)
        what = "share that changes sides in"
        return None if self.mask_flipped is None else (what, flipped, self.mask_flipped)


_MATTES = frozenset({"alpha", "alphas"})

LIMITS: Mapping[str, Limits] = MappingProxyType(
    {
        # Measured over 52 standard frames with one thread. One step from PyTorch's states: at most
        # 1.7e-5 (shipped weights, t01-t11), 3.8e-5 (official weights, t08), 4.5e-5 (seeded, t12).
        # With its own states fed back 4.4e-5, 2.1e-4 and 5.8e-5: rounding that recurrence
        # amplifies, as it does in PyTorch, whose fp32 is up to 1e-4 from its float64. PSNR of alpha
        # 119-162 dB. Drift 0.04-0.44 with the floor (t01 and t04 of the networks with states): RMS
        # of alpha is 4e-8 to 7e-7, which is rounding. The floor lies just above, 50 dB below what
        # 70 dB allows (3e-4).
        "fp32": Limits(
            psnr_db=70.0, others_psnr_db=70.0, max_abs=5e-5, drift_ratio=1.5, drift_floor=1e-6
        ),
        # Measured likewise: PSNR of alpha 65-88 dB (t01-t11, official t08); drift 0.65-1.35 (t01
        # and t04 of the networks with states). RMS of alpha 2e-4 to 2e-3. The floor is what storing
        # alpha in half precision alone costs: a spacing of 2^-11 below 1, uniform, gives 1.4e-4.
        # States of rvm 56-74 dB; features of the other networks' deepest rows, seeded, from 48 dB,
        # of ExecuTorch's matanyone t12.
        "fp16": Limits(
            psnr_db=50.0, others_psnr_db=40.0, max_abs=None, drift_ratio=1.5, drift_floor=2e-4
        ),
        # Measured of t04 of rvm, scribble, propagation and matanyone with shipped weights, and of
        # rvm t08, official and shipped: PSNR of alpha and masks from 43 dB, of states from 31 dB;
        # drift 0.72-1.16. The floors of both recipes lie ten times below what the PSNR allows.
        "w8": Limits(
            psnr_db=40.0, others_psnr_db=25.0, max_abs=None, drift_ratio=1.5, drift_floor=8e-4
        ),
        # Measured likewise: MAD of mattes 1.3e-3 to 1.8e-3, of shipped rvm t08 4.0e-3; it rises by
        # 4e-4 at most; 4.5e-3 of scribble's pixels change sides; PSNR from 33 dB, of states from
        # 17 dB; drift 0.64-1.09. Why these limits:
        # docs/decisions/0011-eight-bits-are-held-to-the-truth.md.
        "w8a8": Limits(
            psnr_db=30.0,
            others_psnr_db=15.0,
            max_abs=None,
            drift_ratio=1.5,
            drift_floor=3e-3,
            matte_mad=4e-3,
            matte_rise=1e-3,
            matte_flicker=0.1,
            mask_flipped=1e-2,
        ),
    }
)


def is_matte(judged: str | None) -> bool:
    """Return whether a judged output is a matte, of which every value counts."""
    return judged in _MATTES


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
