"""Learning-rate schedules: the share of the peak rate at a point of training.

Every schedule is a pure function of ``progress``, 0 at the first step and 1 after the last, so a
training that is taken up again needs no state of it. The first ``warm_up`` of the progress rises
linearly from 0 to the peak (Goyal et al., "Accurate, Large Minibatch SGD", 2017); what comes after
falls over the rest.
"""

import math
from collections.abc import Sequence


def cosine(progress: float, *, warm_up: float = 0.0, least: float = 0.0) -> float:
    """Fall from 1 to ``least`` along half a cosine, after the warm-up.

    ``least + (1 - least) (1 + cos(pi x)) / 2`` of the share ``x`` of the way after the warm-up:
    Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017.

    Args:
        progress: In 0..1.
        warm_up: Share of the training that the rate rises in, in [0, 1).
        least: What is left at the end, in 0..1.

    Returns:
        In 0..1, to multiply the peak rate by.

    Raises:
        ValueError: If an argument is out of its range.
    """
    risen, passed = _phases(progress, warm_up)
    return risen * _above(least, 0.5 + 0.5 * math.cos(math.pi * passed))


def polynomial(
    progress: float, *, power: float = 0.9, warm_up: float = 0.0, least: float = 0.0
) -> float:
    """Fall from 1 to ``least`` as ``(1 - x) ** power``, after the warm-up.

    With the power 0.9 it is the "poly" policy of semantic segmentation: Chen et al., "DeepLab",
    TPAMI 2018.

    Args:
        progress: In 0..1.
        power: Above 0; 1 is a straight line.
        warm_up: As of ``cosine``.
        least: As of ``cosine``.

    Returns:
        In 0..1, to multiply the peak rate by.

    Raises:
        ValueError: If an argument is out of its range.
    """
    if power <= 0:
        msg = f"power is {power}; the rate only falls with one above 0"
        raise ValueError(msg)
    risen, passed = _phases(progress, warm_up)
    return risen * _above(least, (1 - passed) ** power)


def stepped(
    progress: float, *, drops: Sequence[float], factor: float = 0.1, warm_up: float = 0.0
) -> float:
    """Stay at the peak but for a drop by ``factor`` at every progress in ``drops``.

    MiVOS trains propagation with one drop to a tenth after five sixths, fusion after two thirds.

    Args:
        progress: In 0..1.
        drops: Progresses from which on the rate is lower, in any order; each in 0..1.
        factor: What a drop leaves, in (0, 1].
        warm_up: As of ``cosine``.

    Returns:
        In 0..1, to multiply the peak rate by.

    Raises:
        ValueError: If an argument is out of its range.
    """
    for drop in drops:
        _check("a drop", drop)
    if not 0 < factor <= 1:
        msg = f"factor is {factor}; a drop leaves more than 0 and at most all, 1"
        raise ValueError(msg)
    risen, _ = _phases(progress, warm_up)
    return risen * float(factor ** sum(progress >= drop for drop in drops))


def _phases(progress: float, warm_up: float) -> tuple[float, float]:
    """Return how far the rise has come, and how far what is after it, each 0..1."""
    _check("progress", progress)
    if not 0 <= warm_up < 1:
        msg = f"warm_up is {warm_up}; it is a share of the training, at least 0 and below 1"
        raise ValueError(msg)
    if progress < warm_up:
        return progress / warm_up, 0.0
    return 1.0, (progress - warm_up) / (1 - warm_up)


def _above(least: float, fallen: float) -> float:
    _check("least", least)
    return least + (1 - least) * fallen


def _check(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        msg = f"{name} is {value}; it must lie in 0..1"
        raise ValueError(msg)
