"""Quality against time, as the interactive challenge draws and sums it up.

Caelles et al., "The 2018 DAVIS Challenge on Video Object Segmentation", 2018: a method has so many
seconds an object and a round, a round that ends later does not count, and what was reached last
stays until the time is over. Reported are the area under the curve, as a share of the time, and
the value at 60 seconds. The description does not say where the curve begins; here it rises in
straight lines from 0 at 0 seconds.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

SECONDS_A_ROUND = 30.0  # of one object: the challenge's
JF_AT_SECONDS = 60.0  # likewise


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """Values over time.

    Attributes:
        seconds: When each round ended, counted from the start; rising.
        values: What was reached then, in 0..1.
        budget_seconds: The time that there is.
    """

    seconds: tuple[float, ...]
    values: tuple[float, ...]
    budget_seconds: float

    def __post_init__(self) -> None:
        """Refuse what is no curve.

        Raises:
            ValueError: If times fall or are not finite, values leave 0..1, the numbers of both
                differ, or there is no time.
        """
        if not (np.isfinite(self.budget_seconds) and self.budget_seconds > 0):
            msg = f"budget_seconds is {self.budget_seconds}; there must be some time"
            raise ValueError(msg)
        if len(self.seconds) != len(self.values):
            msg = f"{len(self.seconds)} times but {len(self.values)} values; give one each"
            raise ValueError(msg)
        times = np.array([0.0, *self.seconds])
        if not (np.isfinite(times).all() and (np.diff(times) >= 0).all()):
            msg = f"times are {self.seconds}; they must rise from 0"
            raise ValueError(msg)
        if not all(0 <= value <= 1 for value in self.values):
            msg = f"values are {self.values}; they must lie in 0..1"
            raise ValueError(msg)

    @property
    def counted(self) -> int:
        """Rounds that ended in time."""
        return sum(each <= self.budget_seconds for each in self.seconds)

    def at(self, seconds: float) -> float:
        """Return the value at a time; behind the last round that counts, that of this round."""
        return float(np.interp(seconds, *self._points()))

    @property
    def area(self) -> float:
        """The area under the curve until the time is over, as a share of the time: 0..1."""
        times, values = self._points()
        times, values = [*times, self.budget_seconds], [*values, values[-1]]
        return float(np.trapezoid(values, times)) / self.budget_seconds

    def _points(self) -> tuple[list[float], list[float]]:
        count = self.counted
        return [0.0, *self.seconds[:count]], [0.0, *self.values[:count]]


def curve_of(
    durations: Sequence[float], values: Sequence[float], *, objects: int, rounds: int
) -> Curve:
    """Return the curve of rounds.

    Args:
        durations: Seconds that each round took.
        values: What was reached behind it.
        objects: Number of objects that were followed.
        rounds: Rounds that there could have been.

    Raises:
        ValueError: As ``Curve`` does.
    """
    return Curve(
        seconds=tuple(float(each) for each in np.cumsum(durations)),
        values=tuple(values),
        budget_seconds=SECONDS_A_ROUND * objects * rounds,
    )


def mean_over_rounds(values: Sequence[float], rounds: int) -> float:
    """Return the mean of what was reached behind every round, whatever time it took.

    Args:
        values: Behind each round that took place, at least one.
        rounds: Rounds that there could have been; those left out count as the last.

    Raises:
        ValueError: If there is no value, or more than there are rounds.
    """
    return float(np.mean(extended(values, rounds)))


def extended(values: Sequence[float], rounds: int) -> list[float]:
    """Return a value a round: a user who is content earlier keeps what was reached.

    Raises:
        ValueError: If there is no value, or more than there are rounds.
    """
    if not 1 <= len(values) <= rounds:
        msg = f"{len(values)} values of {rounds} rounds; give one at least, and one a round at most"
        raise ValueError(msg)
    return [*values, *([values[-1]] * (rounds - len(values)))]
