"""Errors of what a program gives, over frames: PSNR, and how much more it errs at the end."""

import math
from collections.abc import Sequence

from pocketmatte.tolerances import DRIFT_FRAMES, DRIFT_WINDOW


def drift_ratio(errors: Sequence[float], floor: float) -> float | None:
    """Return how much larger the error is at the end of a recurrent sequence than at its start.

    ``mean(last n) / max(mean(first n), floor)`` of the RMS errors, frame by frame, with ``n``
    = ``DRIFT_WINDOW``. The sequence should end on what it began with, so that the content, which
    moves the error by a factor of ten, is the same at either end.

    Args:
        errors: RMS error of each frame.
        floor: Error that counts as rounding noise; see ``tolerances.Limits``.

    Returns:
        The ratio, or ``None`` below ``DRIFT_FRAMES`` frames.
    """
    if len(errors) < DRIFT_FRAMES:
        return None
    start = math.fsum(errors[:DRIFT_WINDOW]) / DRIFT_WINDOW
    end = math.fsum(errors[-DRIFT_WINDOW:]) / DRIFT_WINDOW
    return end / max(start, floor)


def psnr_db_of(mse: float) -> float | None:
    """Return the PSNR of a mean squared error, peak 1; ``None`` where nothing differs."""
    return -10 * math.log10(mse) if mse else None
