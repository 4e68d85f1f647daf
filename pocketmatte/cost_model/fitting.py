"""Fit rates to times: non-negative least squares on relative errors.

For every timed program ``p`` with work ``x`` and time ``t``, and every kind ``k`` whose share ``s``
of that time a profiler said:

    minimise  sum_p (r . x_p / t_p - 1)^2  +  SHARES^2 sum_p,k (r_k . x_pk / t_p - s_pk)^2
    where     r >= 0

The first sum is the relative error of what is wanted. The second keeps a kind from being paid for
by another that happens to grow with it. scipy's ``nnls`` solves it exactly.
"""

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pocketmatte.cost_model.rates import Fit
from pocketmatte.cost_model.work import FIELDS, KINDS, NOTHING, Works
from tiers.errors import PocketMatteError

SHARES = 0.3  # of 0, 0.1, 0.3 and 1 the least error on networks left out, over all recipes
# Of the frames that were left out with their network. Of frames of a network that the interval
# itself never saw it holds fewer: about nine of ten, benchmarks.cost_model_error counts them.
INSIDE = 0.98
# A rate that the times do not need is 0, and what they cannot tell apart is shared: 1 % of the
# largest share that a field has of a time.
_RIDGE = 0.01

FloatArray = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Timed:
    """A program that was timed.

    Attributes:
        network, tier, program: Which.
        works: Its work.
        ms: Its time, above 0.
        shares: Of that time, by kind, from 0 to 1; may lack any or all.
    """

    network: str
    tier: str
    program: str
    works: Works
    ms: float
    shares: Mapping[str, float] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class LeftOut:
    """A program that was left out of a fit, and what that fit says of it."""

    timed: Timed
    estimated_ms: float

    @property
    def ratio(self) -> float:
        """Time over estimate."""
        return self.timed.ms / self.estimated_ms

    @property
    def error(self) -> float:
        """Relative error of the estimate."""
        return abs(self.estimated_ms / self.timed.ms - 1)


def rates_of(timed: Sequence[Timed]) -> dict[str, dict[str, float]]:
    """Fit rates in nanoseconds, by kind and field; those of 0 are left out.

    Raises:
        PocketMatteError: If nothing is given, or a time is no time.
    """
    from scipy.optimize import nnls

    for each in timed:
        if not (math.isfinite(each.ms) and each.ms > 0):
            msg = f"{each.network} {each.tier} {each.program} took {each.ms} ms; time it again"
            raise PocketMatteError(msg)
    if not timed:
        msg = "no program was timed, and nothing can be fitted; time some first"
        raise PocketMatteError(msg)
    of_times, wanted = _equations(timed)
    scale = of_times[: len(timed)].max(axis=0)
    scale[scale == 0] = 1
    ridge = _RIDGE * np.eye(len(scale))
    padded = np.concatenate([wanted, np.zeros(len(scale))])
    solved, _ = nnls(np.vstack([of_times / scale, ridge]), padded)
    found: dict[str, dict[str, float]] = {}
    for (kind, field), rate in zip(_NAMES, solved / scale, strict=True):
        if rate > 0:
            found.setdefault(kind, {})[field] = float(rate)
    return found


def fitted(form: str, recipe: str, timed: Sequence[Timed]) -> Fit:
    """Fit the rates of a format and recipe, with the interval of networks that are left out."""
    low, high = interval(frames_of(leave_out(timed, lambda each: each.network)))
    macs = [sum(work.macs for work in each.works.values()) for each in timed]
    return Fit(
        format=form, recipe=recipe, rates=rates_of(timed), low=low, high=high, rows=len(timed),
        most_macs=max(1, *macs),
    )  # fmt: skip


def leave_out(timed: Sequence[Timed], by: Callable[[Timed], str]) -> list[LeftOut]:
    """Estimate every program by a fit to those that ``by`` calls otherwise."""
    found: list[LeftOut] = []
    for name in dict.fromkeys(map(by, timed)):
        fit = _plain(rates_of([each for each in timed if by(each) != name]))
        found += [
            LeftOut(timed=each, estimated_ms=max(fit.split(each.works).total, 1e-6))
            for each in timed
            if by(each) == name
        ]
    return found


def frames_of(left_out: Sequence[LeftOut]) -> dict[tuple[str, str], float]:
    """Return time over estimate of whole frames, every program once, by network and tier."""
    times: dict[tuple[str, str], list[float]] = {}
    for each in left_out:
        total = times.setdefault((each.timed.network, each.timed.tier), [0.0, 0.0])
        total[0] += each.timed.ms
        total[1] += each.estimated_ms
    return {name: ms / estimated_ms for name, (ms, estimated_ms) in times.items()}


def interval(
    frames: Mapping[tuple[str, str], float], inside: float = INSIDE
) -> tuple[float, float]:
    """Return the factors that an estimate is multiplied by for its lower and upper end.

    The quantiles of time over estimate that leave the same share on both sides, of frames that
    were left out of their fit; neither end crosses the estimate itself.
    """
    ratios = np.array(list(frames.values()))
    outside = (1 - inside) / 2
    low, high = np.quantile(ratios, (outside, 1 - outside)).tolist()
    return min(max(low, 1e-3), 1.0), min(max(high, 1.0), 1e3)


_NAMES = [(kind, field) for kind in KINDS for field in FIELDS]


def _plain(rates: Mapping[str, Mapping[str, float]]) -> Fit:
    return Fit(format="any", recipe="any", rates=rates, low=1, high=1, rows=1, most_macs=1)


def _row(works: Works) -> list[float]:
    # in 1e6: nanoseconds times counts are milliseconds then
    return [getattr(works.get(kind, NOTHING), field) / 1e6 for kind, field in _NAMES]


def _equations(timed: Sequence[Timed]) -> tuple[FloatArray, FloatArray]:
    whole = np.array([[value / each.ms for value in _row(each.works)] for each in timed])
    shares = list(_of_shares(timed, whole))
    rows = np.array([row for row, _ in shares]).reshape(-1, len(_NAMES))
    wanted = np.concatenate([np.ones(len(timed)), [share for _, share in shares]])
    return np.vstack([whole, rows]), wanted


def _of_shares(timed: Sequence[Timed], whole: FloatArray) -> Iterator[tuple[FloatArray, float]]:
    for each, row in zip(timed, whole, strict=True):
        for kind in KINDS if each.shares else ():
            mine = np.array([name == kind for name, _ in _NAMES])
            yield SHARES * np.where(mine, row, 0), SHARES * each.shares.get(kind, 0.0)
