"""How far a replay lies from its trace, and whether that is too much: see docs/harness-protocol.md.

Runners compute these on the device; this is the one they are held to.
"""

import dataclasses
import math
from collections.abc import Iterator

import numpy as np

from export.trace import Limits, Output
from pocketmatte.runtimes.protocol import FloatArray

_HALF = 0.5


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """How far one output of a replay lies from the reference, over all of its calls.

    Attributes:
        calls: Compared.
        finite: Whether every value was; where one was not, the other figures are ``None``.
        psnr_db: In free replay, peak 1; ``None`` where nothing differs.
        free_max_abs: Largest difference in free replay.
        max_abs: Largest difference in a single step from the reference's own inputs; ``None`` where
            that was not measured.
        mad: Mean absolute difference in free replay.
        flipped: Share of values that lie on the other side of one half in free replay.
    """

    calls: int
    finite: bool
    psnr_db: float | None
    free_max_abs: float | None
    max_abs: float | None
    mad: float | None
    flipped: float | None


class Comparison:
    """Running figures of one output.

    Args:
        output: Of the trace.
        feature_range: Of the trace.
    """

    def __init__(self, output: Output, feature_range: float) -> None:
        self._output, self._feature_range = output, feature_range
        self._calls = 0
        self._finite = True
        self._squares = self._mad = self._flipped = self._free_max_abs = 0.0
        self._max_abs: float | None = None

    def free(self, given: FloatArray, reference: FloatArray, matte: FloatArray | None) -> None:
        """Take one call of free replay.

        Args:
            given: What the file gave.
            reference: What the trace expects, of the same shape.
            matte: What the trace expects of the output that this one is shown by, if any.
        """
        self._calls += 1
        if not np.isfinite(given).all():
            self._finite = False
            return
        difference = (given - reference) / self._scale(reference)
        shown = difference if matte is None else difference * matte
        self._squares += float(np.square(shown, dtype=np.float64).sum())
        self._free_max_abs = max(self._free_max_abs, float(np.abs(difference).max()))
        self._mad += float(np.abs(difference, dtype=np.float64).mean())
        self._flipped += float(((given >= _HALF) != (reference >= _HALF)).mean())

    def forced(self, given: FloatArray, reference: FloatArray) -> None:
        """Take one call that was made from the reference's own inputs."""
        if not np.isfinite(given).all():
            self._finite = False
            return
        difference = np.abs((given - reference) / self._scale(reference))
        self._max_abs = max(self._max_abs or 0.0, float(difference.max()))

    def figures(self) -> Figures:
        """Return what was found; at least one call of free replay must have been taken."""
        if not self._finite:
            return Figures(
                calls=self._calls, finite=False, psnr_db=None, free_max_abs=None, max_abs=None,
                mad=None, flipped=None,
            )  # fmt: skip
        values = math.prod(self._output.shape) * self._calls
        mse = self._squares / values
        return Figures(
            calls=self._calls,
            finite=True,
            psnr_db=-10 * math.log10(mse) if mse else None,
            free_max_abs=self._free_max_abs,
            max_abs=self._max_abs,
            mad=self._mad / self._calls,
            flipped=self._flipped / self._calls,
        )

    def _scale(self, reference: FloatArray) -> np.float32:
        if not self._output.relative:
            return np.float32(1)
        return np.float32(max(self._feature_range, float(np.abs(reference).max())))


def faults(output: Output, found: Figures, held_to: Limits) -> list[str]:
    """Return the codes of the limits that an output passes; none where it will do.

    ``not_finite``, ``max_abs``, ``psnr_db``, ``mad``, ``flipped``, in this order.
    """
    return list(_faults(output, found, held_to))


def _faults(output: Output, found: Figures, held_to: Limits) -> Iterator[str]:
    if not found.finite:
        yield "not_finite"
        return
    if above(found.max_abs, held_to.max_abs):
        yield "max_abs"
    least = held_to.psnr_db if output.seen else held_to.others_psnr_db
    if found.psnr_db is not None and found.psnr_db < least:
        yield "psnr_db"
    if output.judged == "matte" and above(found.mad, held_to.matte_mad):
        yield "mad"
    if output.judged == "mask" and above(found.flipped, held_to.mask_flipped):
        yield "flipped"


def above(value: float | None, most: float | None) -> bool:
    """Say whether a figure passes a limit; one that is not known, or not set, does not."""
    return value is not None and most is not None and value > most
