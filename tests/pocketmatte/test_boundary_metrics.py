import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.morphology import dilation, disk

from pocketmatte.boundary_metrics import boundary_f, contour

Mask = npt.NDArray[np.bool_]

masks = arrays(np.bool_, (9, 11))
few_examples = settings(max_examples=60, deadline=None, derandomize=True)


def mask(*rows: str) -> Mask:
    """Draw a mask: ``#`` is foreground."""
    return np.array([[sign == "#" for sign in row] for row in rows])


def blobs(seed: int, size_hw: tuple[int, int] = (60, 90)) -> Mask:
    """Several ragged regions: a coarse random grid with a fine grain."""
    random = np.random.default_rng(seed)
    height, width = size_hw
    coarse = random.random((height // 12 + 1, width // 12 + 1)) < 0.4
    large = coarse.repeat(12, axis=0).repeat(12, axis=1)[:height, :width]
    return np.asarray(large ^ (random.random(size_hw) < 0.02))


# The published definition with shifted copies and a dilated contour, sharing no line with ours.


def slow_contour(region: Mask) -> Mask:
    height, width = region.shape
    edge = np.zeros_like(region)
    for y, x in np.ndindex(region.shape):
        for down, right in ((0, 1), (1, 0), (1, 1)):
            near = region[min(y + down, height - 1), min(x + right, width - 1)]
            edge[y, x] |= near != region[y, x]
    return edge


def slow_f(pred: Mask, true: Mask, tolerance: float) -> float:
    radius = math.ceil(tolerance * math.sqrt(pred.shape[0] ** 2 + pred.shape[1] ** 2))
    footprint = disk(radius)  # type: ignore[no-untyped-call]
    found, wanted = slow_contour(pred), slow_contour(true)
    near_found, near_wanted = dilation(found, footprint), dilation(wanted, footprint)
    if not found.any() and not wanted.any():
        return 1.0
    precision = (found & near_wanted).sum() / found.sum() if found.any() else 1.0
    recall = (wanted & near_found).sum() / wanted.sum() if wanted.any() else 1.0
    if not wanted.any():
        precision = 0.0
    if not found.any():
        recall = 0.0
    return float(2 * precision * recall / (precision + recall)) if precision + recall else 0.0


def test_the_contour_of_one_pixel_is_it_and_what_it_is_right_of_or_below() -> None:
    expected = mask("##..", "##..", "....")
    np.testing.assert_array_equal(contour(mask("....", ".#..", "....")), expected)


def test_the_frames_edge_is_no_contour() -> None:
    assert not contour(mask("###", "###")).any()
    np.testing.assert_array_equal(contour(mask("##.", "##.")), mask(".#.", ".#."))


@few_examples
@given(region=masks)
def test_the_contour_is_where_a_neighbour_right_or_below_differs(region: Mask) -> None:
    np.testing.assert_array_equal(contour(region), slow_contour(region))


def test_f_by_hand() -> None:
    # Contours in columns 1 and 3, and in column 1: one of two is right, nothing is missed.
    pred, true = mask("##..##"), mask("##....")
    assert boundary_f(pred, true, tolerance=0) == pytest.approx(2 * 0.5 * 1 / 1.5)
    # One pixel further is within ceil(0.008 * 6.1) = 1 pixel.
    assert boundary_f(mask("###..."), true) == 1
    assert boundary_f(mask("###..."), true, tolerance=0) == 0


@pytest.mark.parametrize(("moved_px", "expected"), [(8, 1.0), (9, 0.0)])
def test_the_tolerance_is_a_share_of_the_diagonal_rounded_up(
    moved_px: int, expected: float
) -> None:
    # 0.008 of the 979.7 pixels' diagonal are 7.8.
    true = np.zeros((480, 854), dtype=bool)
    true[:, :400] = True
    pred = np.zeros_like(true)
    pred[:, : 400 + moved_px] = True
    assert boundary_f(pred, true) == expected


@pytest.mark.parametrize("tolerance", [0.0, 0.008, 0.03])
@pytest.mark.parametrize("seed", range(4))
def test_f_is_what_dilated_contours_give(seed: int, tolerance: float) -> None:
    pred, true = blobs(seed), blobs(seed + 50)
    wanted = slow_f(pred, true, tolerance)
    assert 0.1 < wanted < 1
    assert boundary_f(pred, true, tolerance=tolerance) == pytest.approx(wanted, abs=1e-12)


@few_examples
@given(pred=masks, true=masks, tolerance=st.sampled_from([0.0, 0.008, 0.1, 0.2]))
def test_small_masks_agree_with_the_definition_too(
    pred: Mask, true: Mask, tolerance: float
) -> None:
    found = boundary_f(pred, true, tolerance=tolerance)
    assert found == pytest.approx(slow_f(pred, true, tolerance), abs=1e-12)
    assert found == pytest.approx(boundary_f(true, pred, tolerance=tolerance), abs=1e-12)


@pytest.mark.parametrize("value", [False, True])
def test_two_masks_without_a_contour_agree(value: bool) -> None:
    flat = np.full((5, 6), value)
    assert boundary_f(flat, flat) == 1
    assert boundary_f(flat, ~flat) == 1


def test_where_one_mask_alone_has_a_contour_nothing_matches() -> None:
    some, none = mask("##..", "##.."), mask("....", "....")
    assert boundary_f(some, none) == 0
    assert boundary_f(none, some) == 0


def test_soft_masks_count_from_the_threshold_on() -> None:
    soft = np.array([[1.0, 0.6, 0.2, 0.0]])
    assert boundary_f(soft, mask("##.."), tolerance=0) == 1
    assert boundary_f(soft, mask("#..."), tolerance=0, threshold=0.7) == 1


@pytest.mark.parametrize(
    ("pred", "true", "tolerance", "message"),
    [
        (mask("#."), mask("#.."), 0.1, r"the shapes differ: \(1, 2\) and \(1, 3\)"),
        (mask("#.")[0], mask("#.")[0], 0.1, r"a mask is \(H, W\), not \(2,\); measure one"),
        (mask("#."), mask("#."), -0.1, r"tolerance is -0\.1; it is a share of the diagonal"),
        (mask("#."), mask("#."), 1.5, r"tolerance is 1\.5; it is a share of the diagonal"),
        (mask("#.") * 255, mask("#."), 0.1, r"pred is in 0\.\.255; a mask has pixels"),
    ],
)
def test_what_are_no_masks_is_refused(
    pred: Mask, true: Mask, tolerance: float, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        boundary_f(pred, true, tolerance=tolerance)
