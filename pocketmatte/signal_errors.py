"""Errors of what a program gives, over frames: PSNR, and how much more it errs at the end."""

import math
from collections.abc import Sequence

from pocketmatte.tolerances import DRIFT_FRAMES


def drift_ratio(errors: Sequence[float], floor: float) -> float | None:
    """Return how much larger the error is in the second half of a recurrent sequence.

    ``mean(last half) / max(mean(first half), floor)`` of the RMS errors, frame by frame. The halves
    should show the same, since content moves the error by a factor of ten, and so does what is
    remembered of it: an error that comes and goes with the content gives 1, one that grows without
    end 3.

    Args:
        errors: RMS error of each frame.
        floor: Error that counts as rounding noise; see ``tolerances.Limits``.

    Returns:
        The ratio, or ``None`` below ``DRIFT_FRAMES`` frames.
    """
    if len(errors) < DRIFT_FRAMES:
        return None
    half = len(errors) // 2
    start, end = (math.fsum(part) / half for part in (errors[:half], errors[-half:]))
    return end / max(start, floor)


def psnr_db_of(mse: float) -> float | None:
    """Return the PSNR of a mean squared error, peak 1; ``None`` where nothing differs."""
    return -10 * math.log10(mse) if mse else None
