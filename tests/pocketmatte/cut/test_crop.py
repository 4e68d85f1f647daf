import numpy as np
import pytest

from pocketmatte.matting.crop import Box, Stroke, crop_box, cropped, drawn, pasted
from tiers.errors import UsageError

MASK = np.zeros((100, 200), dtype=np.float32)
MASK[40:60, 90:110] = 1


def stroke(*points: tuple[float, float], positive: bool = True) -> Stroke:
    return Stroke(positive=positive, points=points)


def test_without_a_mask_the_whole_picture_is_looked_at() -> None:
    box = crop_box([stroke((10, 10))], np.zeros((100, 200), np.float32))
    assert box == Box(top=0, left=0, height=100, width=200)


def test_the_crop_is_twice_the_strokes_about_their_middle() -> None:
    # columns 70..129 are 60 long: a square of 120 about 100, cut to the 100 rows there are
    box = crop_box([stroke((70, 50), (129, 50))], MASK)
    assert box == Box(top=0, left=40, height=100, width=120)
    # 30 long: 60 about row 50 and column 100
    assert crop_box([stroke((85, 50), (114, 50))], MASK) == Box(
        top=20, left=70, height=60, width=60
    )


def test_a_click_sees_half_of_the_shorter_side() -> None:
    assert crop_box([stroke((100, 50))], MASK) == Box(top=25, left=75, height=50, width=50)


def test_a_crop_at_the_edge_is_moved_into_the_picture() -> None:
    assert crop_box([stroke((0, 0))], MASK) == Box(top=0, left=0, height=50, width=50)
    assert crop_box([stroke((199, 99))], MASK) == Box(top=50, left=150, height=50, width=50)


def test_all_strokes_of_a_round_count_positive_and_negative() -> None:
    near = crop_box([stroke((90, 50))], MASK)
    both = crop_box([stroke((80, 50)), stroke((119, 50), positive=False)], MASK)
    assert (near.width, both.width) == (50, 80)
    assert both.left == 60


@pytest.mark.parametrize("point", [(200, 5), (-1, 5), (5, 100), (float("nan"), 1)])
def test_a_point_outside_the_picture_is_refused(point: tuple[float, float]) -> None:
    with pytest.raises(UsageError, match="lies outside the picture of 200x100 pixels"):
        crop_box([stroke((5, 5), point)], MASK)


def test_a_round_without_points_is_refused() -> None:
    with pytest.raises(UsageError, match="no point of a stroke"):
        crop_box([], MASK)


def test_strokes_are_three_pixels_wide_at_the_networks_size_wherever_they_were_drawn() -> None:
    box = Box(top=20, left=40, height=60, width=60)
    made = drawn([stroke((40, 50), (99, 50)), stroke((70, 21), positive=False)], box, (30, 30))
    # row 50 is 30.5 below the top of 60 rows: row 15 of 30
    assert np.flatnonzero(made.positive.any(axis=1)).tolist() == [14, 15, 16]
    assert made.positive[15].all()
    assert np.flatnonzero(made.negative.any(axis=0)).tolist() == [14, 15, 16]
    assert np.flatnonzero(made.negative.any(axis=1)).tolist() == [0, 1]
    assert not (made.positive & made.negative).any()


def test_a_paste_changes_the_box_alone() -> None:
    box = Box(top=20, left=40, height=60, width=60)
    whole = pasted(MASK, np.full((30, 30), 0.25, np.float32), box)
    assert (whole[20:80, 40:100] == 0.25).all()
    outside = np.ones_like(MASK, dtype=bool)
    outside[20:80, 40:100] = False
    assert np.array_equal(whole[outside], MASK[outside])
    assert np.allclose(cropped(whole[None, None], box, (30, 30)), 0.25)
