"""Scores that matting protocols share."""

import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pocketmatte.metrics import best_constant_mad
from pocketmatte.protocols.alpha import UnknownErrors, score_alpha
from pocketmatte.runtimes.protocol import FloatArray


def frames(count: int, seed: int, size_hw: tuple[int, int] = (5, 7)) -> list[FloatArray]:
    """Mattes of 8-bit values, many of them 0 or 255."""
    random = np.random.default_rng(seed)
    levels = random.integers(-200, 456, (count, *size_hw)).clip(0, 255)
    return list(levels.astype(np.float32) / np.float32(255))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_the_best_constant_is_the_median(count: int, seed: int) -> None:
    truths = frames(count, seed)
    found = score_alpha((true, true) for true in truths)
    assert found.frames == count
    assert found.constant_mad == pytest.approx(best_constant_mad(np.stack(truths)), rel=1e-5)


def peak_bytes(count: int) -> int:
    def pairs() -> Iterator[tuple[FloatArray, FloatArray]]:
        for seed in range(count):
            (true,) = frames(1, seed, (64, 64))
            yield true, true

    tracemalloc.start()
    score_alpha(pairs())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def test_a_long_clip_needs_no_more_memory_than_a_short_one() -> None:
    peak_bytes(2)
    assert peak_bytes(60) < peak_bytes(4) + 64 * 64 * 8  # one frame more, not 56


def test_every_frame_with_anything_unknown_counts_once() -> None:
    errors = UnknownErrors()
    true = np.zeros((1, 4), np.float32)
    trimap = np.array([[0.5, 0.5, 1, 0]], np.float32)
    errors.add(np.array([[0.2, 0.4, 0.9, 0.9]], np.float32), true, trimap)
    errors.add(
        np.array([[0.5, 0.9, 0.9, 0.9]], np.float32), true, np.array([[0.5, 0, 1, 0]], np.float32)
    )
    errors.add(true + 1, true, true)
    assert errors.named("x_") == pytest.approx(
        {
            "x_unknown_mad": 1e3 * (0.3 + 0.5) / 2,
            "x_unknown_mse": 1e3 * (0.1 + 0.25) / 2,
            "x_unknown_sad": (0.6 + 0.5) / 2 / 1e3,
        }
    )
