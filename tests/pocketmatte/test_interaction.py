from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from pocketmatte.interaction import (
    Click,
    ClickScores,
    iou_by_click,
    iou_by_round,
    next_click,
    number_of_clicks,
    painted,
)
from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.scribbles import BoolArray

SIZE_HW = (60, 100)
IMAGE = np.random.default_rng(0).random((*SIZE_HW, 3), dtype=np.float32)


def box(*boxes: tuple[int, int, int, int]) -> FloatArray:
    """Draw a mask of boxes of top, bottom, left and right."""
    mask = np.zeros(SIZE_HW, dtype=np.float32)
    for top, bottom, left, right in boxes:
        mask[top:bottom, left:right] = 1
    return mask


# 800, 400 and 200 pixels
TRUE = box((10, 50, 5, 25), (20, 40, 40, 60), (30, 40, 70, 90))


class Filler:
    """Segments all of a wrong region that a stroke touches, and notes what it was given."""

    def __init__(self, true: FloatArray = TRUE) -> None:
        self.true = true
        self.given: list[tuple[FloatArray, BoolArray, BoolArray]] = []

    def __call__(
        self, image: FloatArray, mask: FloatArray, positive: BoolArray, negative: BoolArray
    ) -> FloatArray:
        assert image is IMAGE
        self.given.append((mask, positive, negative))
        labels, _ = ndimage.label(self.true != mask)
        touched = np.isin(labels, np.unique(labels[positive | negative])) & (labels > 0)
        return np.where(touched, self.true, mask).astype(np.float32) * np.float32(0.8)


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


def test_every_round_mends_the_largest_error_that_is_left() -> None:
    filler = Filler()
    scores = iou_by_round(filler, IMAGE, TRUE, generator(), rounds=5)
    assert scores.before == 0
    assert scores.after == pytest.approx((800 / 1400, 1200 / 1400, 1, 1, 1))
    assert scores.drawn == len(filler.given) == 3  # nothing was left to draw


def test_a_round_is_given_the_decided_mask_and_its_own_strokes_alone() -> None:
    filler = Filler()
    iou_by_round(filler, IMAGE, TRUE, generator(), rounds=2)
    first, second = filler.given
    assert not first[0].any()
    assert np.unique(second[0]).tolist() == [0, 1]
    assert second[0].sum() == 800
    assert not (second[1] & first[1]).any()
    assert not second[2].any()


def test_rounds_may_begin_with_a_mask() -> None:
    start = box((10, 50, 5, 25), (0, 10, 90, 100)) * np.float32(0.6)
    filler = Filler()
    scores = iou_by_round(filler, IMAGE, TRUE, generator(), rounds=1, start=start)
    assert scores.before == pytest.approx(800 / 1500)
    # the largest missing part and the surplus corner are mended in one round
    assert scores.after == pytest.approx((1200 / 1400,))
    assert np.array_equal(filler.given[0][0], start > 0)
    assert filler.given[0][2][0:10, 90:100].any()


def test_the_same_seed_draws_the_same_strokes() -> None:
    fillers = Filler(), Filler()
    for filler in fillers:
        iou_by_round(filler, IMAGE, TRUE, generator(), rounds=2, width_px=5)
    for first, second in zip(fillers[0].given, fillers[1].given, strict=True):
        assert np.array_equal(first[1], second[1])


def test_a_click_falls_into_the_middle_of_the_largest_error() -> None:
    true = box((10, 31, 20, 41))
    assert next_click(box(), true) == Click(row=20, column=30, positive=True)
    surplus = box((10, 31, 20, 41), (35, 60, 50, 100))
    # the frame's edges count: the region of rows 35..59 is deepest in the middle of its height
    click = next_click(surplus, true)
    assert click is not None
    assert (click.row, click.positive) == (47, False)
    assert 62 <= click.column <= 87
    assert next_click(true, true) is None


def test_of_a_missing_and_a_surplus_region_of_one_size_the_missing_one_is_clicked() -> None:
    click = next_click(box((0, 10, 0, 10)), box((0, 10, 50, 60)))
    assert click is not None
    assert click.positive


def test_clicks_go_on_until_the_mask_will_do() -> None:
    filler = Filler()
    scores = iou_by_click(filler, IMAGE, TRUE, stop_at=0.85)
    assert scores.before == 0
    assert scores.after == pytest.approx((800 / 1400, 1200 / 1400))
    assert scores.clicks_to(0.5) == 1
    assert scores.clicks_to(0.85) == 2
    assert scores.reaches(0.85)
    assert not scores.reaches(0.9)
    assert scores.clicks_to(0.9) == 20


def test_a_click_is_a_disk_inside_its_class() -> None:
    true, start = box((20, 23, 0, 100)), box((20, 23, 0, 47), (20, 23, 50, 100))
    filler = Filler(true)
    iou_by_click(filler, IMAGE, true, most=1, radius_px=4, start=start)
    (_, positive, negative) = filler.given[0]
    assert not negative.any()
    assert positive.sum() == 9 + 2 * 7  # 3 rows of a disk of radius 4, the outer ones 7 wide
    assert not (positive & (true == 0)).any()


@pytest.mark.parametrize("remember", [False, True])
def test_clicks_before_are_given_again_where_asked(remember: bool) -> None:
    filler = Filler()
    iou_by_click(filler, IMAGE, TRUE, most=2, remember=remember)
    first, second = filler.given
    assert bool((second[1] & first[1]).any()) is remember
    assert (second[1] & ~first[1]).any()


def test_who_never_gets_there_gives_up() -> None:
    scores = iou_by_click(lambda _, mask, *__: mask, IMAGE, TRUE, most=4)
    assert scores.after == (0, 0, 0, 0)
    assert scores.clicks_to(0.01) == 4


def test_a_mask_that_will_do_needs_no_click() -> None:
    filler = Filler()
    scores = iou_by_click(filler, IMAGE, TRUE, stop_at=0.9, start=TRUE)
    assert (scores.before, scores.after, scores.clicks_to(0.9)) == (1, (), 0)
    assert filler.given == []


def test_the_number_of_clicks_counts_failures_in_full() -> None:
    def clicked(*after: float) -> ClickScores:
        return ClickScores(before=0, after=after, most=20)

    noc = number_of_clicks([clicked(0.5, 0.92), clicked(0.9), clicked(*[0.8] * 20)], 0.9)
    assert noc.mean == pytest.approx((2 + 1 + 20) / 3)
    assert noc.failed == pytest.approx(1 / 3)
    assert noc.target == 0.9


def test_paint_changes_what_it_covers_and_nothing_else() -> None:
    positive, negative = box((0, 2, 0, 50)) > 0, box((30, 32, 40, 60)) > 0
    expected = TRUE.copy()
    expected[0:2, 0:50] = 1
    expected[30:32, 40:60] = 0
    np.testing.assert_array_equal(painted(IMAGE, TRUE, positive, negative), expected)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: iou_by_round(f, IMAGE, TRUE, generator(), rounds=0), "^rounds is 0; it must"),
        (lambda f: iou_by_click(f, IMAGE, TRUE, most=0), "^most is 0; it must be 1 or more"),
        (lambda f: iou_by_click(f, IMAGE, TRUE, radius_px=0), "^radius_px is 0; it must be 1"),
        (lambda f: iou_by_click(f, IMAGE, TRUE, start=TRUE[:9]), "^the shapes differ: "),
        (lambda _: number_of_clicks([], 0.9), "^no picture was clicked on; a mean needs"),
    ],
)
def test_what_cannot_be_played_is_refused(call: Callable[[Any], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(Filler())
