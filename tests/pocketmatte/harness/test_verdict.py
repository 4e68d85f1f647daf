import math
from typing import Literal

import numpy as np
import pytest

from export.trace import Limits, Output
from pocketmatte.harness.verdict import Comparison, Figures, faults
from pocketmatte.runtimes.protocol import FloatArray

SHAPE = (1, 2, 3, 4)
LIMITS = Limits(psnr_db=50.0, others_psnr_db=30.0, max_abs=5e-3, matte_mad=4e-3, mask_flipped=0.1)
GOOD = Figures(
    calls=1, finite=True, psnr_db=60.0, free_max_abs=1.0, max_abs=1e-3, mad=1e-3, flipped=0.01
)


def output(
    *,
    relative: bool = False,
    seen: bool = True,
    shown_by: str | None = None,
    judged: Literal["matte", "mask"] | None = None,
) -> Output:
    return Output(
        name="x", shape=list(SHAPE), relative=relative, seen=seen, shown_by=shown_by, judged=judged
    )


def drawn(seed: int) -> FloatArray:
    return np.random.default_rng(seed).random(SHAPE, dtype=np.float32)


def test_figures_are_those_of_their_formulas() -> None:
    given, reference = [drawn(1), drawn(2)], [drawn(3), drawn(4)]
    comparison = Comparison(output(), 1e-3)
    for a, b in zip(given, reference, strict=True):
        comparison.free(a, b, None)
    comparison.forced(given[0], reference[0])
    found = comparison.figures()
    difference = np.stack(given).astype(np.float64) - np.stack(reference)
    assert found.psnr_db == pytest.approx(-10 * math.log10((difference**2).mean()), rel=1e-6)
    assert found.free_max_abs == pytest.approx(np.abs(difference).max(), rel=1e-6)
    assert found.max_abs == pytest.approx(np.abs(difference[0]).max(), rel=1e-6)
    assert found.mad == pytest.approx(np.abs(difference).mean(), rel=1e-6)
    sides = (np.stack(given) >= 0.5) != (np.stack(reference) >= 0.5)
    assert found.flipped == pytest.approx(sides.mean(), rel=1e-6)


def test_a_picture_is_held_where_its_matte_shows_it() -> None:
    reference, matte = drawn(5), np.zeros((1, 1, 3, 4), dtype=np.float32)
    matte[..., 0] = 0.5
    given = reference + np.float32(0.2)
    comparison = Comparison(output(shown_by="alpha"), 1e-3)
    comparison.free(given, reference, matte)
    # a quarter of the pixels, at half of the error
    assert comparison.figures().psnr_db == pytest.approx(-10 * math.log10(0.01 / 4), abs=1e-3)


def test_a_feature_is_measured_by_its_magnitude() -> None:
    reference = drawn(6) * np.float32(100)
    comparison = Comparison(output(relative=True), 1e-3)
    comparison.free(reference + np.float32(1), reference, None)
    assert comparison.figures().free_max_abs == pytest.approx(1 / float(reference.max()), rel=1e-4)


def test_what_equals_has_no_psnr_and_no_fault() -> None:
    comparison = Comparison(output(judged="matte"), 1e-3)
    comparison.free(drawn(7), drawn(7), None)
    found = comparison.figures()
    assert (found.psnr_db, found.mad) == (None, 0.0)
    assert faults(output(judged="matte"), found, LIMITS) == []


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_is_the_one_fault(bad: float) -> None:
    broken = drawn(8)
    broken.flat[3] = bad
    comparison = Comparison(output(judged="matte"), 1e-3)
    comparison.free(drawn(8), drawn(8), None)
    comparison.forced(broken, drawn(8))
    found = comparison.figures()
    assert (found.finite, found.mad) == (False, None)
    assert faults(output(judged="matte"), found, LIMITS) == ["not_finite"]


@pytest.mark.parametrize(
    ("changed", "of", "codes"),
    [
        ({}, output(judged="matte"), []),
        ({"max_abs": 6e-3}, output(), ["max_abs"]),
        ({"max_abs": None}, output(), []),
        ({"psnr_db": 49.9}, output(), ["psnr_db"]),
        ({"psnr_db": 49.9}, output(seen=False), []),
        ({"psnr_db": 29.9}, output(seen=False), ["psnr_db"]),
        ({"mad": 5e-3}, output(judged="matte"), ["mad"]),
        ({"mad": 5e-3}, output(judged="mask"), []),
        ({"flipped": 0.2}, output(judged="mask"), ["flipped"]),
        ({"flipped": 0.2}, output(judged="matte"), []),
        ({"mad": 1.0, "max_abs": 1.0, "psnr_db": 0.0}, output(judged="matte"),
         ["max_abs", "psnr_db", "mad"]),
    ],
)  # fmt: skip
def test_each_limit_has_its_code(
    changed: dict[str, float | None], of: Output, codes: list[str]
) -> None:
    figures = {name: getattr(GOOD, name) for name in GOOD.__slots__} | changed
    assert faults(of, Figures(**figures), LIMITS) == codes
