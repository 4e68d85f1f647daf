import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pocketmatte.training.simulated_masks import IOU_RANGE, perturbed_mask, previous_mask

Mask = npt.NDArray[np.bool_]


def slow_iou(first: Mask, second: Mask) -> float:
    pairs = list(zip(first.flatten().tolist(), second.flatten().tolist(), strict=True))
    return sum(a and b for a, b in pairs) / sum(a or b for a, b in pairs)


def disk(size: int = 64, radius: float = 17.0) -> Mask:
    y, x = np.mgrid[:size, :size] - size / 2
    inside: Mask = x * x + y * y < radius**2
    return inside


def blob(seed: int, height: int, width: int) -> Mask:
    """A few rectangles, at least two pixels of them in the picture."""
    random = np.random.default_rng(seed)
    mask = np.zeros((height, width), bool)
    for _ in range(random.integers(1, 4)):
        top, left = random.integers(height), random.integers(width)
        mask[top : top + random.integers(1, height), left : left + random.integers(1, width)] = True
    mask[0, :2] |= np.count_nonzero(mask) < 2
    return mask


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), height=st.integers(2, 40), width=st.integers(2, 90))
def test_the_overlap_is_in_the_range_whatever_the_object(
    seed: int, height: int, width: int
) -> None:
    true = blob(seed, height, width)
    before = true.copy()
    mask = perturbed_mask(true, np.random.default_rng(seed))
    assert mask.dtype == np.bool_
    assert mask.shape == true.shape
    assert IOU_RANGE[0] <= slow_iou(mask, true) <= IOU_RANGE[1]
    np.testing.assert_array_equal(true, before)


def test_objects_far_longer_than_high_may_be_shifted_out_of_sight_and_no_farther() -> None:
    true, random = np.ones((2, 4000), bool), np.random.default_rng(0)
    for _ in range(60):
        assert IOU_RANGE[0] <= slow_iou(perturbed_mask(true, random), true) <= IOU_RANGE[1]


def test_the_whole_range_is_met_and_masks_are_too_large_as_well_as_too_small() -> None:
    true, random = disk(), np.random.default_rng(0)
    masks = [perturbed_mask(true, random) for _ in range(150)]
    overlaps = np.sort([slow_iou(mask, true) for mask in masks])
    assert overlaps[0] < 0.45
    assert overlaps[-1] > 0.9
    assert np.diff(overlaps).max() < 0.1
    larger = [np.count_nonzero(mask & ~true) > np.count_nonzero(true & ~mask) for mask in masks]
    assert 0.2 < np.mean(larger) < 0.8


def test_faults_are_of_many_kinds() -> None:
    """Holes, parts that lie apart, straight cuts and shifted borders: no two masks are alike."""
    true, random = disk(), np.random.default_rng(1)
    masks = [perturbed_mask(true, random) for _ in range(40)]
    assert len({mask.tobytes() for mask in masks}) == 40
    middle = true & (np.hypot(*(np.mgrid[:64, :64] - 32)) < 8)
    outside = ~disk(radius=30)
    assert any((middle & ~mask).any() for mask in masks)
    assert any((outside & mask).any() for mask in masks)
    assert any(not (true & ~mask).any() for mask in masks)
    assert any(not (mask & ~true).any() for mask in masks)


def test_another_range_is_kept() -> None:
    true, random = disk(), np.random.default_rng(2)
    for _ in range(20):
        assert 0.88 <= slow_iou(perturbed_mask(true, random, (0.88, 0.9)), true) <= 0.9


def test_the_same_seed_gives_the_same_mask() -> None:
    first, second, other = (
        perturbed_mask(disk(), np.random.default_rng(seed)) for seed in (4, 4, 5)
    )
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


def test_a_third_of_the_rounds_start_from_nothing() -> None:
    true, random = disk(24, 6), np.random.default_rng(0)
    empty = [not previous_mask(true, random).any() for _ in range(400)]
    assert 0.27 < np.mean(empty) < 0.39
    assert not previous_mask(true, random, empty_share=1.0).any()
    for _ in range(20):
        mask = previous_mask(true, random, empty_share=0.0, iou_range=(0.7, 0.8))
        assert 0.7 <= slow_iou(mask, true) <= 0.8


def test_what_cannot_be_perturbed_is_refused() -> None:
    random, dot = np.random.default_rng(0), np.zeros((5, 5), bool)
    with pytest.raises(ValueError, match=r"the object has 0 pixels; no part of it has an IoU"):
        perturbed_mask(dot, random)
    dot[2, 2] = True
    with pytest.raises(ValueError, match=r"the object has 1 pixels"):
        perturbed_mask(dot, random)
    with pytest.raises(ValueError, match=r"iou_range is \(0\.9, 0\.5\)"):
        perturbed_mask(disk(), random, (0.9, 0.5))
