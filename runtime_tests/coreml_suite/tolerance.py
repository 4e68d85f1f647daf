"""How closely coremltools' tests hold what the evaluator gives.

coremltools compares with ``numpy.testing.assert_allclose``, in single precision within 1e-4 plus
1e-5 of what is expected unless a test says otherwise. What is converted to half precision it lets
depart by 0.5 plus 5 % at least, which hides nearly every mistake; and where half precision is
declared in a program that counts as single it allows what only a CPU meets that computes in single
precision all the same, as Core ML's may. Both are held here within ``HALF``, the only number that
is not coremltools' own; everything else within its own tolerances, to the letter.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from runtime_tests.coreml_suite.stand_in import Watch

# Absolute and relative, for results rounded to half precision wherever a program declares it. The
# largest departures seen are 6.4e-3, of activations quantised to eight bits, and 4.4e-3, of a
# transformer of several layers; of one operation 1.7e-3.
HALF = 1e-2
# What coremltools makes of a tolerance for half precision: 100 times as much, and this at least.
_FACTOR, _LEAST_ABSOLUTE, _LEAST_RELATIVE = 100.0, 0.5, 5e-2

Compare: TypeAlias = Callable[..., None]


def own(rtol: float, atol: float) -> tuple[float, float] | None:
    """Return what a test asked for before coremltools loosened it for half precision.

    Returns:
        Relative and absolute tolerance, 0 where the raised minimum hides it; ``None`` where
        nothing was loosened.
    """
    if rtol < _LEAST_RELATIVE or atol < _LEAST_ABSOLUTE:
        return None
    return (
        rtol / _FACTOR if rtol > _LEAST_RELATIVE else 0.0,
        atol / _FACTOR if atol > _LEAST_ABSOLUTE else 0.0,
    )


def departure(found: Any, expected: Any) -> float:
    """Return the largest finite ``|found - expected| / (1 + |expected|)``, 0 of what is no number.

    A comparison passes within a relative and an absolute tolerance of that size.
    """
    pair = [np.asarray(each) for each in (found, expected)]
    if any(not np.issubdtype(each.dtype, np.number) for each in pair):
        return 0.0
    left, right = (each.astype(np.float64) for each in pair)
    if left.shape != right.shape:
        return 0.0
    with np.errstate(all="ignore"):
        share = np.abs(left - right) / (1 + np.abs(right))
    return float(share[np.isfinite(share)].max(initial=0.0))


def install(watch: Watch) -> None:
    """Let NumPy's two comparisons, which coremltools' tests use, hold results as said above.

    Args:
        watch: Knows whether half precision is declared; is told what was needed.
    """
    all_close: Compare = np.testing.assert_allclose
    close = np.isclose

    def assert_allclose(
        actual: Any,
        desired: Any,
        rtol: float = 1e-7,
        atol: float = 0,
        equal_nan: bool = True,
        err_msg: str = "",
        verbose: bool = True,
    ) -> None:
        others = (equal_nan, err_msg, verbose)
        if watch.half:
            watch.departure = max(watch.departure, departure(actual, desired))
        strict = own(rtol, atol)
        if strict is not None:
            all_close(actual, desired, max(strict[0], HALF), max(strict[1], HALF), *others)
            return
        try:
            all_close(actual, desired, rtol, atol, *others)
        except AssertionError:
            if not watch.half:
                raise
            all_close(actual, desired, max(rtol, HALF), max(atol, HALF), *others)
            watch.widened = True

    def isclose(
        a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
    ) -> Any:
        strict = own(rtol, atol)
        if strict is not None:
            rtol, atol = max(strict[0], HALF), max(strict[1], HALF)
        return close(a, b, rtol, atol, equal_nan)

    vars(np.testing)["assert_allclose"] = assert_allclose
    vars(np)["isclose"] = isclose  # counts what is beyond, where a test allows a share of that
