"""What a matte loses beside the truth, against hand-computed cases, and the gate on it."""

import numpy as np
import pytest

from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.tolerances import limits
from pocketmatte.truth_errors import TruthErrors

TRUTH = np.array([[[[0.0, 1.0]]]], dtype=np.float32)


def _alpha(*values: float) -> FloatArray:
    return np.array(values, dtype=np.float32).reshape(1, 1, 1, 2)


def test_the_rise_is_of_the_mean_over_frames() -> None:
    errors = TruthErrors()
    errors.add(_alpha(0.1, 1.0), _alpha(0.3, 1.0), TRUTH)
    errors.add(_alpha(0.2, 1.0), _alpha(0.1, 0.9), TRUTH)
    before, after = (0.05 + 0.1) / 2, (0.15 + 0.1) / 2
    assert errors.rise == pytest.approx(after - before)
    # the errors change by (0.1, 0) and by (-0.2, -0.1)
    assert errors.flicker == pytest.approx((0.025**0.5) / (0.005**0.5) - 1)


def test_what_fits_better_rises_by_less_than_nothing() -> None:
    errors = TruthErrors()
    errors.add(_alpha(0.5, 1.0), _alpha(0.1, 1.0), TRUTH)
    assert errors.rise == pytest.approx(-0.2)
    assert errors.flicker == 0  # of one frame


def test_objects_count_together() -> None:
    errors = TruthErrors()
    halves = np.array([0.0, 0.5, 0.0, 0.5], dtype=np.float32).reshape(2, 1, 1, 2)
    errors.add(halves, 2 * halves, TRUTH)
    assert errors.rise == pytest.approx(0)


def test_a_still_clip_has_no_flicker_to_be_a_share_of() -> None:
    errors = TruthErrors()
    for _ in range(3):
        errors.add(_alpha(0.0, 1.0), _alpha(0.0, 1.0), TRUTH)
    assert errors.flicker == 0


def test_only_mattes_are_held_to_the_truth() -> None:
    held_to = limits("w8a8")
    found = list(held_to.worse("alpha", 2e-3, 0.2))
    assert [(value, most) for _, value, most in found] == [(2e-3, 1e-3), (0.2, 0.1)]
    assert list(held_to.worse("masks", 2e-3, 0.2)) == []
    assert list(limits("fp16").worse("alpha", 2e-3, 0.2)) == []
