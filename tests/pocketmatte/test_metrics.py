import dataclasses
import math
from collections import deque
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pocketmatte.metrics import (
    AlphaMetrics,
    MetricAccumulator,
    best_constant_mad,
    conn,
    dtssd,
    grad,
    mad,
    max_abs,
    measure,
    mse,
    psnr_db,
)

Mattes = npt.NDArray[np.float64]
Metric = Callable[[Mattes, Mattes], Mattes]

PER_FRAME: tuple[Metric, ...] = (mad, mse, grad, conn, dtssd)

mattes = arrays(np.float32, (2, 6, 7), elements=st.integers(0, 255).map(lambda v: v / 255))
few_examples = settings(max_examples=40, deadline=None, derandomize=True)


def blobs(seed: int, frames: int = 3, size_hw: tuple[int, int] = (14, 17)) -> Mattes:
    """Soft mattes of several regions: random levels on a coarse grid, plus a fine grain."""
    random = np.random.default_rng(seed)
    height, width = size_hw
    coarse = random.random((frames, height // 3 + 1, width // 3 + 1))
    large = coarse.repeat(3, axis=1).repeat(3, axis=2)[:, :height, :width]
    return np.asarray((large + 0.1 * random.random((frames, *size_hw))).clip(0, 1))


# The definitions written out pixel by pixel, sharing no line with the code under test.


def slow_gradient(matte: Mattes, y: int, x: int) -> float:
    sigma = 1.4
    along_x = along_y = norm = 0.0
    for dy in range(-4, 5):
        for dx in range(-4, 5):
            bell = math.exp(-(dx * dx + dy * dy) / (2 * sigma**2)) / (2 * math.pi * sigma**2)
            near_y = min(max(y + dy, 0), matte.shape[0] - 1)
            near_x = min(max(x + dx, 0), matte.shape[1] - 1)
            value = float(matte[near_y, near_x])
            along_x += value * bell * dx / sigma**2
            along_y += value * bell * dy / sigma**2
            norm += (bell * dx / sigma**2) ** 2
    return math.sqrt((along_x**2 + along_y**2) / norm)


def slow_grad(pred: Mattes, true: Mattes) -> float:
    height, width = pred.shape
    return sum(
        (slow_gradient(pred, y, x) - slow_gradient(true, y, x)) ** 2
        for y in range(height)
        for x in range(width)
    )


def slow_largest_region(inside: npt.NDArray[np.bool_]) -> set[tuple[int, int]]:
    left = {(int(y), int(x)) for y, x in np.argwhere(inside)}
    largest: set[tuple[int, int]] = set()
    for start in sorted(left):
        if start not in left:
            continue
        left.discard(start)
        region, queue = {start}, deque([start])
        while queue:
            y, x = queue.popleft()
            for near in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
                if near in left:
                    left.discard(near)
                    region.add(near)
                    queue.append(near)
        largest = region if len(region) > len(largest) else largest
    return largest


def slow_conn(pred: Mattes, true: Mattes) -> float:
    regions = [slow_largest_region((pred >= k / 10) & (true >= k / 10)) for k in range(11)]
    total = 0.0
    for y, x in np.ndindex(pred.shape):
        dropped = [k for k in range(1, 11) if (y, x) not in regions[k]]
        level = (dropped[0] - 1) / 10 if dropped else 1.0
        phi = [1 - (a - level) * (a - level >= 0.15) for a in (pred[y, x], true[y, x])]
        total += float(abs(phi[0] - phi[1]))
    return total


def test_by_hand_two_frames_of_two_pixels() -> None:
    true = np.array([[[0.0, 1.0]], [[0.5, 1.0]]])
    pred = np.array([[[0.25, 1.0]], [[0.5, 0.5]]])
    np.testing.assert_allclose(mad(pred, true), [0.125, 0.25])
    np.testing.assert_allclose(mse(pred, true), [0.03125, 0.125])
    # Changes of pred: +0.25, -0.5; of true: +0.5, 0. Differences -0.25, -0.5.
    np.testing.assert_allclose(dtssd(pred, true), [0, math.sqrt((0.0625 + 0.25) / 2)])
    measured = measure(pred, true)
    assert measured.mad == pytest.approx(187.5)
    assert measured.mse == pytest.approx(78.125)
    assert measured.dtssd == pytest.approx(100 * math.sqrt(0.15625) / 2)


def test_by_hand_connectivity_of_a_detached_pixel() -> None:
    # The right pixel is cut off by the gap: connected up to level 0 only.
    true = np.array([[[1.0, 1.0, 0.0, 1.0]]])
    pred = np.array([[[1.0, 1.0, 0.0, 0.4]]])
    # phi(true) = 1 - (1 - 0) = 0, phi(pred) = 1 - (0.4 - 0) = 0.6.
    np.testing.assert_allclose(conn(pred, true), [0.6])
    # Attached at level 0.4: phi(true) = 1 - (1 - 0.4) = 0.4; pred's distance 0 gives 1.
    joined = np.array([[[1.0, 1.0, 1.0]]]), np.array([[[1.0, 1.0, 0.4]]])
    np.testing.assert_allclose(conn(joined[1], joined[0]), [0.6])
    # Within 0.15 of its level a pixel counts as connected.
    near = np.array([[[1.0, 1.0, 0.51]]]), np.array([[[1.0, 1.0, 0.64]]])
    np.testing.assert_allclose(conn(*near), [0])


def test_by_hand_the_gradient_of_an_edge() -> None:
    # Far from other borders only x counts: the edge's response is the sum of the slope's taps on
    # one side, times the smooth taps' sum, both of unit L2 norm.
    edge = np.zeros((1, 1, 21))
    edge[..., 11:] = 1
    x = np.arange(-4, 5)
    bell = np.exp(-(x**2) / (2 * 1.4**2))
    slope = x * bell
    gain = bell.sum() / np.linalg.norm(bell) / np.linalg.norm(slope)
    responses = [gain * abs(slope[x >= 11 - column].sum()) for column in range(21)]
    found = grad(edge, np.zeros_like(edge))
    np.testing.assert_allclose(found, [np.square(responses).sum()])


@pytest.mark.parametrize("seed", range(5))
def test_gradient_and_connectivity_agree_with_the_definition_pixel_by_pixel(seed: int) -> None:
    pred, true = blobs(seed, frames=1), blobs(seed + 100, frames=1)
    true[seed % 2 :] = (true[seed % 2 :] * 0.3 + pred[seed % 2 :] * 0.7).clip(0, 1)
    wanted = slow_grad(pred[0], true[0])
    np.testing.assert_allclose(grad(pred, true, normalize=False), [wanted], rtol=1e-12)
    np.testing.assert_allclose(conn(pred, true), [slow_conn(pred[0], true[0])], rtol=1e-12)
    assert conn(pred, true)[0] > 1


def test_normalised_gradients_ignore_a_mattes_range() -> None:
    pred, true = blobs(0), blobs(1)
    np.testing.assert_allclose(grad(0.2 + 0.5 * pred, true), grad(pred, true), rtol=1e-9)
    assert grad(0.2 + 0.5 * pred, true, normalize=False)[0] != pytest.approx(grad(pred, true)[0])


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_a_constant_matte_has_no_gradient(value: float) -> None:
    constant, true = np.full((1, 9, 9), value), blobs(0, 1, (9, 9))
    assert grad(constant, constant).tolist() == [0.0]
    np.testing.assert_allclose(grad(constant, true), grad(np.zeros((1, 9, 9)), true))


@pytest.mark.parametrize("metric", PER_FRAME)
@few_examples
@given(matte=mattes)
def test_every_metric_is_zero_on_equal_mattes(metric: Metric, matte: Mattes) -> None:
    assert metric(matte, matte).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("metric", PER_FRAME)
@few_examples
@given(pred=mattes, true=mattes)
def test_every_metric_is_symmetric_and_never_negative(
    metric: Metric, pred: Mattes, true: Mattes
) -> None:
    np.testing.assert_allclose(metric(pred, true), metric(true, pred), rtol=1e-12)
    assert (metric(pred, true) >= 0).all()


@few_examples
@given(pred=mattes, true=mattes)
def test_mad_and_mse_see_no_order_of_pixels(pred: Mattes, true: Mattes) -> None:
    for metric in (mad, mse):
        turned = metric(pred[:, ::-1, ::-1], true[:, ::-1, ::-1])
        np.testing.assert_allclose(turned, metric(pred, true), rtol=1e-12)
    assert (mse(pred, true) <= mad(pred, true)).all()


@few_examples
@given(pred=mattes, true=mattes)
def test_no_constant_beats_the_best_constant(pred: Mattes, true: Mattes) -> None:
    constant = np.full_like(true, pred[0, 0, 0])
    assert best_constant_mad(true) <= measure(constant, true).mad + 1e-9


def test_the_best_constant_by_hand() -> None:
    assert best_constant_mad(np.array([[[0.0, 0.0, 0.0, 1.0]]])) == pytest.approx(250)


def test_a_still_error_has_no_dtssd_and_a_flicker_has() -> None:
    true = np.tile(blobs(0, 1), (4, 1, 1)) * 0.5
    assert measure(true + 0.25, true).dtssd == pytest.approx(0, abs=1e-12)
    flicker = true + np.array([0, 0.25, 0, 0.25])[:, None, None]
    assert measure(flicker, true).dtssd == pytest.approx(100 * 0.25 * 3 / 4)


def test_published_scales_are_means_over_the_frames() -> None:
    pred, true = blobs(0), blobs(1)
    wanted = AlphaMetrics(
        mad=mad(pred, true).mean() * 1e3,
        mse=mse(pred, true).mean() * 1e3,
        grad=grad(pred, true).mean() / 1e3,
        conn=conn(pred, true).mean() / 1e3,
        dtssd=dtssd(pred, true).mean() * 1e2,
    )
    found = measure(pred, true)
    assert dataclasses.asdict(found) == pytest.approx(dataclasses.asdict(wanted))
    accumulator = MetricAccumulator()
    for pred_frame, true_frame in zip(pred, true, strict=True):
        accumulator.update(pred_frame, true_frame)
    assert accumulator.result() == found


def test_float32_mattes_are_summed_in_float64() -> None:
    true = np.zeros((1, 1000, 1000), np.float32)
    pred = np.full_like(true, 0.1)
    assert mad(pred, true)[0] == pytest.approx(float(np.float32(0.1)), rel=1e-12)


def test_parity_figures_by_hand() -> None:
    reference, candidate = np.zeros((2, 2)), np.array([[0.1, 0.0], [0.0, -0.1]])
    assert psnr_db(reference, candidate) == pytest.approx(-10 * math.log10(0.005))
    assert max_abs(reference, candidate) == pytest.approx(0.1)
    assert psnr_db(reference, reference) == math.inf
    assert max_abs(reference, reference) == 0


NAN = np.full((1, 2, 2), np.nan)
ONES = np.ones((1, 2, 2))


@pytest.mark.parametrize("function", [*PER_FRAME, measure])
@pytest.mark.parametrize(
    ("pred", "true", "message"),
    [
        (ONES, np.ones((1, 2, 3)), r"the shapes differ: \(1, 2, 2\) and \(1, 2, 3\)"),
        (ONES[0], ONES[0], r"the shape is \(2, 2\); it must be \(T, H, W\)"),
        (ONES[:0], ONES[:0], r"nothing to measure in shape \(0, 2, 2\); give at least one frame"),
        (NAN, ONES, r"pred holds NaN or infinity in 4 of 4 values"),
        (ONES, NAN, r"true holds NaN or infinity in 4 of 4 values"),
        (ONES, ONES * np.inf, r"true holds NaN or infinity"),
        (ONES.astype(np.uint8), ONES, r"pred is uint8; give floating-point values in 0\.\.1"),
    ],
    ids=["sizes", "one frame", "no frame", "NaN pred", "NaN true", "infinity", "uint8"],
)
def test_what_cannot_be_measured_is_refused(
    function: Callable[[Mattes, Mattes], object], pred: Mattes, true: Mattes, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        function(pred, true)


def test_an_accumulator_refuses_what_cannot_be_measured() -> None:
    accumulator = MetricAccumulator()
    with pytest.raises(ValueError, match=r"no frame was measured; add at least one"):
        accumulator.result()
    accumulator.update(ONES[0], ONES[0])
    with pytest.raises(ValueError, match=r"frame 1 is \(3, 2\), those before \(2, 2\)"):
        accumulator.update(np.ones((3, 2)), np.ones((3, 2)))
    with pytest.raises(ValueError, match=r"pred holds NaN or infinity in 4 of 4 values"):
        accumulator.update(NAN[0], ONES[0])
    assert accumulator.result().mad == 0


def test_the_other_figures_refuse_nan() -> None:
    with pytest.raises(ValueError, match=r"candidate holds NaN"):
        psnr_db(ONES, NAN)
    with pytest.raises(ValueError, match=r"reference holds NaN"):
        max_abs(NAN, ONES)
    with pytest.raises(ValueError, match=r"true holds NaN"):
        best_constant_mad(NAN)
