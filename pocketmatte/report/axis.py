"""Axes of small pictures: from values to places, and round numbers between."""

import dataclasses
import math
from collections.abc import Sequence

_STEPS = (1, 2, 2.5, 5, 10)
_PER_DECADE = ((1,), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7))  # the fewest that give enough
_ENOUGH = 3


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Axis:
    """One axis.

    Attributes:
        low, high: Values at its ends; both above 0 where it is logarithmic.
        start, end: Places of the ends, in the picture's units.
        logarithmic: Whether equal ratios lie equally far apart.
    """

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def at(self, value: float) -> float:
        """Return the place of a value; what lies beyond an end is put there."""
        low, high, value = self.low, self.high, min(max(value, self.low), self.high)
        if self.logarithmic:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return self.start + (value - low) / (high - low) * (self.end - self.start)

    def ticks(self, most: int = 6) -> list[float]:
        """Return round values within the axis, at least one where it holds one."""
        if not self.logarithmic:
            return _linear(self.low, self.high, most)
        found: list[float] = []
        for digits in _PER_DECADE:
            found = _logarithmic(self.low, self.high, digits)
            if len(found) >= _ENOUGH:
                break
        else:
            found = _linear(self.low, self.high, most)
        return found[:: -(-len(found) // most)]


def around(values: Sequence[float], start: float, end: float, *, logarithmic: bool = False) -> Axis:
    """Return an axis that holds ``values`` with a little room at both ends.

    Args:
        values: At least one; above 0 where it is logarithmic.
        start: Place of its low end.
        end: Place of its high end.
        logarithmic: See ``Axis``.
    """
    low, high = min(values), max(values)
    if logarithmic:
        room = (high / low) ** 0.06 if high > low else 1.5
        return Axis(low=low / room, high=high * room, start=start, end=end, logarithmic=True)
    most = max(abs(low), abs(high))
    # what differs by its last bits alone is drawn as one value
    room = (high - low) * 0.08 if high - low > 1e-9 * most else max(most * 0.1, 1e-6)
    return Axis(low=low - room, high=high + room, start=start, end=end)


def label(value: float) -> str:
    """Write a tick's value."""
    return f"{value:.0e}" if value and not 1e-3 <= abs(value) < 1e6 else f"{value:,.10g}"


def _linear(low: float, high: float, most: int) -> list[float]:
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * each for each in _STEPS if power * each >= rough)
    first = math.ceil(low / step)
    return [round(number * step, 12) for number in range(first, math.floor(high / step) + 1)]


def _logarithmic(low: float, high: float, digits: Sequence[float]) -> list[float]:
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    powers = [float(f"1e{decade}") for decade in decades]
    every = [power * each for power in powers for each in digits]
    return [round(value, 12) for value in every if low <= value <= high]
