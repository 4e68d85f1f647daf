import numpy as np
import pytest

from pocketmatte.interactive.robot import corrections, first_strokes, true_masks, worst_first
from pocketmatte.scribbles import LEAST_AREA_PX, scribble_line

BoolArray = np.ndarray


def randoms(count: int, seed: int = 0) -> list[np.random.Generator]:
    return [np.random.default_rng((seed, number)) for number in range(count)]


def filled(*boxes: tuple[int, int, int, int]) -> BoolArray:
    """A mask of 40x60 with boxes of first and last row and column."""
    mask = np.zeros((40, 60), dtype=bool)
    for top, bottom, left, right in boxes:
        mask[top : bottom + 1, left : right + 1] = True
    return mask


def covered(points: tuple[tuple[float, float], ...], mask: BoolArray) -> bool:
    return all(mask[int(y), int(x)] for x, y in points)


def test_frames_come_worst_first_and_the_earlier_of_equal_ones() -> None:
    values = [0.9, 0.2, 0.5, 0.2]
    assert worst_first(values) == [1, 3, 2, 0]
    assert worst_first(values, asked={1, 2}) == [3, 0]
    assert worst_first(values, asked=range(4)) == []


def test_strokes_lie_in_what_is_missing_and_in_what_is_too_much() -> None:
    true = filled((5, 20, 5, 30))[None]
    found = filled((5, 20, 20, 30), (28, 36, 40, 56))[None]
    (hint,) = corrections(found, true, randoms(1))
    assert hint is not None
    assert [stroke.positive for stroke in hint.strokes] == [True, False]
    missing, surplus = (stroke.points for stroke in hint.strokes)
    assert covered(missing, filled((5, 20, 5, 19)))
    assert covered(surplus, filled((28, 36, 40, 56)))


def test_the_largest_wrong_regions_are_drawn_into_first() -> None:
    large, middle, small = (2, 15, 2, 25), (20, 30, 2, 18), (34, 38, 40, 50)
    true = filled(large, middle, small)[None]
    hints = corrections(np.zeros_like(true), true, randoms(1), strokes=2)
    assert hints[0] is not None
    assert [covered(s.points, filled(box)) for s, box in zip(
        hints[0].strokes, (large, middle), strict=True)] == [True, True]  # fmt: skip


def test_nothing_is_drawn_where_nothing_can_be_seen_to_be_wrong() -> None:
    true = filled((5, 20, 5, 30))[None]
    assert corrections(true, true, randoms(1)) == (None,)
    almost = true.copy()
    almost[0, 5, 5 : 5 + LEAST_AREA_PX - 1] = False
    assert corrections(almost, true, randoms(1)) == (None,)
    almost[0, 5, 5 : 5 + LEAST_AREA_PX] = False
    assert corrections(almost, true, randoms(1)) != (None,)


def test_the_same_seed_draws_the_same_and_another_does_not() -> None:
    true = filled((3, 36, 3, 50))[None]
    nothing = np.zeros_like(true)
    same = [corrections(nothing, true, randoms(1)) for _ in range(2)]
    assert same[0] == same[1]
    others = {corrections(nothing, true, randoms(1, seed)) for seed in range(4)}
    assert len(others) > 1


def test_a_stroke_on_one_object_says_no_to_the_others() -> None:
    one, other = (3, 16, 3, 30), (22, 36, 30, 55)
    hints = first_strokes(np.stack([filled(one), filled(other)]), randoms(2))
    for hint, own, theirs in zip(hints, (one, other), (other, one), strict=True):
        assert hint is not None
        for stroke in hint.strokes:
            assert covered(stroke.points, filled(own if stroke.positive else theirs))
        assert [stroke.positive for stroke in hint.strokes] == [True, False]


def test_an_object_that_is_not_there_gets_no_first_stroke() -> None:
    shown = filled((3, 16, 3, 30))
    hints = first_strokes(np.stack([shown, np.zeros_like(shown)]), randoms(2))
    assert hints[0] is not None
    assert hints[1] is None


def test_a_perfect_user_gives_the_masks_that_are_wrong() -> None:
    right, wrong = filled((3, 16, 3, 30)), filled((22, 36, 30, 55))
    gone = np.zeros_like(right)
    true = np.stack([right, wrong, gone])
    hints = true_masks(np.stack([right, gone, wrong]), true)
    assert hints[0] is None
    assert hints[1] is not None
    assert hints[1].mask is not None
    assert np.array_equal(hints[1].mask, wrong)
    assert hints[2] is None  # a mask of nothing is no subject
    first = true_masks(None, true)
    assert [hint is not None for hint in first] == [True, True, False]


def test_masks_of_other_shapes_are_refused() -> None:
    true = filled((5, 20, 5, 30))[None]
    with pytest.raises(ValueError, match="masks are"):
        corrections(true[:, :-1], true, randoms(1))


def test_a_line_runs_through_the_region_that_a_stroke_is_drawn_in() -> None:
    region = filled((4, 30, 10, 14))
    line = scribble_line(region, np.random.default_rng(1))
    assert region[tuple(line.T)].all()
    assert len(line) >= 13  # half of the way or more
    assert (np.abs(np.diff(line, axis=0)).sum(axis=1) > 0).all()
    assert scribble_line(np.zeros_like(region), np.random.default_rng(1)).shape == (0, 2)
