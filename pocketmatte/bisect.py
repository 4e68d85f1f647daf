"""Find the first operation at which two programs part."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.taps.protocol import Taps, paired
from pocketmatte.tolerances import FEATURE_RANGE
from tiers.errors import BundleError

_AT_ONCE = 32  # values held of either program at the same time


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """One value in both programs.

    Attributes:
        name: Of the value.
        operation: What gives it in the candidate.
        max_abs: Largest absolute difference, infinite where either is not finite.
        relative: That over the largest magnitude in the reference, which counts as 1e-3 at least.
    """

    name: str
    operation: str
    max_abs: float
    relative: float


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Parting:
    """Where a candidate leaves its reference.

    Attributes:
        first: The first value that differs by more than the limit, or ``None``.
        before: The last value compared before it, which does not.
        values: Number of values that both have.
        largest: The largest relative difference among those that were looked at.
    """

    first: Compared | None
    before: Compared | None
    values: int
    largest: float


def first_parting(
    reference: Taps, candidate: Taps, inputs: Mapping[str, FloatArray], limit: float
) -> Parting:
    """Return the first value, in the candidate's order, that differs by more than ``limit``.

    A few values along the program are compared at once, then those between the last that agrees
    and the first that does not, and so on: memory stays that of a few values. A difference that
    fades before any of the values first looked at is not found, and does not reach the outputs.
    Values that a converter gave another shape are passed over.

    Args:
        reference: Usually PyTorch.
        candidate: Usually a file.
        inputs: Of both.
        limit: Relative to the largest magnitude of each value.

    Raises:
        BundleError: If the two have no value in common.
    """
    names = paired(list(candidate.kinds), reference.kinds)
    if not names:
        msg = "the two programs have no value of the same name; they are of different captures"
        raise BundleError(msg)
    first, before, largest = None, None, 0.0
    low, high = 0, len(names)
    while low < high:
        chosen = _spread(names[low:high])
        rows = compared(reference, candidate, inputs, chosen)
        largest = max([largest, *(row.relative for row in rows)])
        index = next((i for i, row in enumerate(rows) if row.relative > limit), None)
        if index is None:
            # all that was looked at agrees: nothing parts, or the last that did stands alone
            before = rows[-1] if rows and first is not None else before
            break
        first = rows[index]
        high = names.index(first.name)
        if index:
            before = rows[index - 1]
            low = names.index(before.name) + 1
    return Parting(first=first, before=before, values=len(names), largest=largest)


def _spread(names: Sequence[str]) -> list[str]:
    """Return at most ``_AT_ONCE`` of the names, evenly, the last among them."""
    step = -(-len(names) // _AT_ONCE)
    return list(names[::-1][::step])[::-1]


def compared(
    reference: Taps, candidate: Taps, inputs: Mapping[str, FloatArray], names: Sequence[str]
) -> list[Compared]:
    """Return the differences of values by name, leaving out what either does not have."""
    expected, given = reference.run(inputs, names), candidate.run(inputs, names)
    return [
        _difference(name, candidate.kinds.get(name, "-"), expected[name], given[name])
        for name in names
        if name in expected and name in given and expected[name].shape == given[name].shape
    ]


def _difference(name: str, operation: str, expected: FloatArray, given: FloatArray) -> Compared:
    if not (np.isfinite(expected).all() and np.isfinite(given).all()):
        return Compared(name=name, operation=operation, max_abs=np.inf, relative=np.inf)
    largest = float(np.abs(expected - given).max(initial=0.0))
    size = max(float(np.abs(expected).max(initial=0.0)), FEATURE_RANGE)
    return Compared(name=name, operation=operation, max_abs=largest, relative=largest / size)
