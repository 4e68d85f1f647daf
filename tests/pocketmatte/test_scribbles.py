from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.draw import ellipse
from skimage.measure import label

from pocketmatte.scribbles import (
    error_regions,
    largest_region,
    next_scribbles,
    scribble,
)
from pocketmatte.stroke_paths import inked, middle

Mask = npt.NDArray[np.bool_]


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def box(size_hw: tuple[int, int], rows: tuple[int, int], columns: tuple[int, int]) -> Mask:
    region = np.zeros(size_hw, dtype=bool)
    region[slice(*rows), slice(*columns)] = True
    return region


def pieces(mask: Mask) -> int:
    return int(np.max(label(mask, connectivity=2)))  # type: ignore[no-untyped-call]


def ring() -> Mask:
    rows, columns = np.ogrid[:200, :200]
    radius = np.hypot(rows - 100, columns - 100)
    return np.asarray((radius > 70) & (radius < 84))


def egg() -> Mask:
    region = np.zeros((150, 220), dtype=bool)
    region[ellipse(75, 110, 40, 90)] = True  # type: ignore[no-untyped-call]
    return region


def thread() -> Mask:
    """A diagonal line two pixels wide over a large picture: many cells, none of them full."""
    region = np.zeros((700, 900), dtype=bool)
    steps = np.arange(600)
    region[steps + 50, steps + 100] = region[steps + 50, steps + 101] = True
    return region


def zigzag() -> Mask:
    """A line of a few pixels whose turns are closer than a stroke is smoothed."""
    region = np.zeros((300, 900), dtype=bool)
    for x in range(20, 880):
        top = 147 + 2 * abs(x % 40 - 20)
        region[top : top + 6, x] = True
    return region


SHAPES: tuple[Callable[[], Mask], ...] = (
    ring,
    egg,
    thread,
    lambda: box((60, 90), (10, 50), (5, 80)),
    lambda: box((30, 30), (0, 30), (0, 30)),
    lambda: box((30, 30), (29, 30), (29, 30)),
)


def test_what_is_wrong_is_missing_or_surplus() -> None:
    predicted, true = np.array([[1, 1, 0, 0]]), np.array([[1, 0, 1, 0]])
    found = error_regions(predicted, true)
    assert found.missing.tolist() == [[False, False, True, False]]
    assert found.surplus.tolist() == [[False, True, False, False]]


def test_soft_masks_count_from_a_half_on() -> None:
    found = error_regions(np.array([[0.4, 0.5]]), np.array([[0.5, 0.4]]))
    assert found.missing.tolist() == [[True, False]]
    assert found.surplus.tolist() == [[False, True]]


def test_regions_join_across_corners_and_the_largest_is_taken() -> None:
    drawn = np.array([[1, 1, 0, 0, 1], [0, 0, 0, 1, 0], [0, 0, 1, 0, 0]], dtype=bool)
    expected = np.array([[0, 0, 0, 0, 1], [0, 0, 0, 1, 0], [0, 0, 1, 0, 0]], dtype=bool)
    np.testing.assert_array_equal(largest_region(drawn), expected)
    assert not largest_region(drawn, least_area_px=4).any()
    assert not largest_region(np.zeros_like(drawn)).any()


def test_of_regions_of_one_size_the_first_is_taken() -> None:
    assert largest_region(np.array([[True, False, True]])).tolist() == [[True, False, False]]


def test_the_stroke_runs_along_the_middle() -> None:
    drawn = scribble(box((61, 260), (10, 51), (20, 240)), generator())
    rows, columns = np.nonzero(drawn)
    assert abs(rows.mean() - 30) <= 1.5  # the middle row, to half a cell of three pixels
    assert np.ptp(rows) == 2  # the pen is three pixels wide
    # the skeleton is about 220 - 41 long, and at least half of it is drawn
    assert 85 <= columns.max() - columns.min() <= 200


def test_the_longer_way_through_a_forked_region_is_drawn() -> None:
    region = box((120, 200), (20, 40), (10, 190)) | box((120, 200), (20, 70), (90, 110))
    for seed in range(5):
        rows, columns = np.nonzero(scribble(region, generator(seed)))
        assert columns.max() - columns.min() > 75  # along the bar, not down the stem of 50
        assert rows.max() < 42


def test_the_way_leads_from_one_far_end_to_the_other() -> None:
    region = np.zeros((120, 240), dtype=bool)
    for x in range(10, 230):  # a roof, whose topmost pixel is no end
        top = 10 + abs(x - 120) * 3 // 4
        region[top : top + 12, x] = True
    strokes = [scribble(region, generator(seed)) for seed in range(6)]
    assert sum(stroke[:, :110].any() and stroke[:, 130:].any() for stroke in strokes) >= 3


def test_a_rim_around_the_subject_is_not_followed() -> None:
    rim = box((200, 200), (20, 180), (20, 180)) & ~box((200, 200), (22, 178), (22, 178))
    region = rim | box((200, 200), (60, 140), (20, 80))
    blob = box((200, 200), (58, 142), (18, 82))
    for seed in range(5):
        drawn = scribble(region, generator(seed))
        assert drawn.any()
        assert not (drawn & ~blob).any()


@pytest.mark.parametrize("width_px", [1, 3, 5])
def test_the_pen_has_its_width(width_px: int) -> None:
    drawn = scribble(box((60, 200), (10, 50), (10, 190)), generator(), width_px)
    columns = np.flatnonzero(drawn.any(axis=0))
    middle = drawn[:, columns[10:-10]].sum(axis=0)
    assert np.median(middle) == width_px


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seed", range(3))
def test_a_stroke_is_one_piece_inside_its_region(shape: Callable[[], Mask], seed: int) -> None:
    region = shape()
    drawn = scribble(region, generator(seed))
    assert not (drawn & ~region).any()
    assert pieces(drawn) == 1


def test_a_stroke_keeps_to_a_winding_line() -> None:
    region = zigzag()
    for seed in range(3):
        drawn = scribble(region, generator(seed))
        assert not (drawn & ~region).any()
        assert drawn.sum() > 0.09 * region.sum()  # half of it where the stroke cut the turns


@settings(max_examples=80, deadline=None, derandomize=True)
@given(region=arrays(np.bool_, (13, 17)), seed=st.integers(0, 9), width_px=st.integers(1, 4))
def test_any_region_gets_a_stroke_inside_it(region: Mask, seed: int, width_px: int) -> None:
    drawn = scribble(region, generator(seed), width_px)
    assert not (drawn & ~region).any()
    assert drawn.any() == region.any()


@pytest.mark.parametrize("scale", [1, 7])
def test_a_larger_picture_gets_the_same_stroke_enlarged(scale: int) -> None:
    small = box((50, 80), (10, 30), (10, 70))
    drawn = scribble(small.repeat(scale, axis=0).repeat(scale, axis=1), generator(3))
    rows, columns = np.nonzero(drawn)
    plain_rows, plain_columns = np.nonzero(scribble(small, generator(3)))
    assert rows.mean() / scale == pytest.approx(plain_rows.mean(), abs=1)
    assert np.ptp(columns) / scale == pytest.approx(np.ptp(plain_columns), abs=4)


def test_the_same_seed_gives_the_same_stroke_and_another_another() -> None:
    region = egg()
    first = scribble(region, generator(1))
    assert np.array_equal(first, scribble(region, generator(1)))
    assert not np.array_equal(first, scribble(region, generator(2)))


def test_a_round_marks_what_is_missing_and_what_is_too_much() -> None:
    true = box((100, 160), (20, 80), (40, 120))
    predicted = box((100, 160), (20, 80), (70, 150))
    drawn = next_scribbles(predicted, true, generator())
    assert drawn.drawn
    assert drawn.positive.any()
    assert drawn.negative.any()
    assert not (drawn.positive & ~(true & ~predicted)).any()
    assert not (drawn.negative & ~(predicted & ~true)).any()


def test_only_the_largest_error_is_marked() -> None:
    true = box((60, 100), (5, 15), (5, 15)) | box((60, 100), (20, 50), (30, 90))
    drawn = next_scribbles(np.zeros_like(true), true, generator())
    assert not drawn.positive[:18, :18].any()
    assert drawn.positive[20:50, 30:90].any()
    assert not drawn.negative.any()


def test_an_error_too_small_to_see_is_not_marked() -> None:
    true = box((40, 40), (10, 13), (10, 15))  # 15 pixels
    assert not next_scribbles(np.zeros_like(true), true, generator()).drawn
    assert next_scribbles(np.zeros_like(true), true, generator(), least_area_px=15).drawn


def test_a_right_mask_needs_no_stroke() -> None:
    assert not next_scribbles(egg(), egg(), generator()).drawn


def test_masks_of_two_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^masks are \(4, 4\) and \(4, 5\); give two of one"):
        next_scribbles(np.zeros((4, 4)), np.zeros((4, 5)), generator())
    with pytest.raises(ValueError, match=r"^masks are \(4,\) and \(4,\); give two of one shape"):
        error_regions(np.zeros(4), np.zeros(4))


def test_a_pen_without_width_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^width_px is 0; a pen draws at least 1 pixel wide$"):
        scribble(egg(), generator(), 0)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(row=st.integers(0, 11), column=st.integers(0, 14), diameter_px=st.integers(1, 12))
def test_a_round_pen_covers_what_is_within_its_radius_at_the_edge_too(
    row: int, column: int, diameter_px: int
) -> None:
    drawn = inked(np.array([(row, column)]), (12, 15), diameter_px)
    for y in range(12):
        for x in range(15):
            near = 4 * ((y - row) ** 2 + (x - column) ** 2) <= diameter_px**2
            assert drawn[y, x] == near


@pytest.mark.parametrize("shape", SHAPES)
def test_the_middle_of_a_region_leads_from_neighbour_to_neighbour(
    shape: Callable[[], Mask],
) -> None:
    region = shape()
    path = middle(region).astype(np.int64)
    assert region[tuple(path.T)].all()
    assert (np.abs(np.diff(path, axis=0)).max(axis=1) == 1).all() or len(path) == 1
    assert len(np.unique(path, axis=0)) == len(path)


def test_the_middle_of_a_region_reaches_the_picture_edge_it_ends_at() -> None:
    path = middle(np.ones((9, 60), dtype=bool))
    assert path[:, 1].min() < 5
    assert path[:, 1].max() > 54
    assert set(path[10:-10, 0]) == {4.0}
