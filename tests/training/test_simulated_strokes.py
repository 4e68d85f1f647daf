import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.measure import label

from pocketmatte.training import simulated_strokes as module
from pocketmatte.training.simulated_strokes import Strokes, simulated_strokes

Mask = npt.NDArray[np.bool_]


def canvas(*boxes: tuple[int, int, int, int], size_hw: tuple[int, int] = (60, 80)) -> Mask:
    """Boxes of top, left, bottom, right."""
    mask = np.zeros(size_hw, bool)
    for top, left, bottom, right in boxes:
        mask[top:bottom, left:right] = True
    return mask


def parts(mask: Mask) -> int:
    return int(np.max(label(mask)))  # type: ignore[no-untyped-call]


def noise(seed: int, size_hw: tuple[int, int]) -> Mask:
    random = np.random.default_rng(seed)
    coarse = random.random((-(-size_hw[0] // 5), -(-size_hw[1] // 5))) < random.uniform(0.1, 0.9)
    large: Mask = coarse.repeat(5, axis=0).repeat(5, axis=1)[: size_hw[0], : size_hw[1]]
    speckle: Mask = random.random(size_hw) < 0.03
    return large ^ speckle


@settings(max_examples=80, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), height=st.integers(1, 40), width=st.integers(1, 50))
def test_strokes_mark_what_is_missing_and_what_is_too_much_and_never_the_contrary(
    seed: int, height: int, width: int
) -> None:
    true, mask = noise(seed, (height, width)), noise(seed + 1, (height, width))
    before = true.copy(), mask.copy()
    strokes = simulated_strokes(mask, true, np.random.default_rng(seed))
    for drawn, wrong, allowed in (
        (strokes.positive, true & ~mask, true),
        (strokes.negative, mask & ~true, ~true),
    ):
        assert drawn.dtype == np.bool_
        assert drawn.shape == (height, width)
        assert not (drawn & ~allowed).any()
        assert (drawn & wrong).any() == wrong.any()
        assert drawn.any() == wrong.any()
    np.testing.assert_array_equal(before, (true, mask))


def test_a_right_mask_gets_no_strokes() -> None:
    true = canvas((10, 10, 40, 50))
    strokes = simulated_strokes(true, true, np.random.default_rng(0))
    assert not strokes.positive.any()
    assert not strokes.negative.any()


def test_an_empty_mask_gets_positive_strokes_on_the_object_alone() -> None:
    true = canvas((10, 10, 40, 50))
    for seed in range(20):
        strokes = simulated_strokes(canvas(), true, np.random.default_rng(seed))
        assert strokes.positive.sum() > 15
        assert not strokes.negative.any()


def test_the_robot_draws_along_the_middle_and_three_pixels_wide(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "ROBOT_SHARE", 1.0)
    true = canvas((20, 10, 31, 70))  # 11 rows; the middle one is 25
    stroke = simulated_strokes(canvas(), true, np.random.default_rng(0)).positive
    amid = stroke[:, 20:60]
    rows = np.flatnonzero(amid.any(axis=1))
    assert rows.tolist() == [24, 25, 26]
    assert amid[rows].all()
    assert parts(stroke) == 1


def test_the_robot_follows_a_bend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROBOT_SHARE", 1.0)
    bend = canvas((5, 5, 55, 14), (46, 5, 55, 75))
    stroke = simulated_strokes(canvas(), bend, np.random.default_rng(0)).positive
    assert stroke[:15].any()
    assert stroke[:, 65:].any()
    # the skeleton is 50 + 70 pixels long at most, less its ends and the corner
    assert 80 < stroke.sum() / 3 < 120


def test_the_robots_line_is_smooth_and_keeps_its_ends() -> None:
    region = np.zeros((60, 80), bool)
    for column in range(4, 76):  # a band that goes up and down by 6 rows every 8 columns
        top = 20 + 6 * (column // 8 % 2)
        region[top : top + 9, column] = True
    path = module._longest_path(module._skeleton(region))
    line = module._middle_line(region)
    np.testing.assert_array_equal(line[[0, -1]], path[[0, -1]])
    steps, smooth_steps = (np.diff(points, axis=0) for points in (path, line))
    assert np.hypot(*steps.T).max() < 1.5  # from pixel to pixel
    assert np.abs(smooth_steps[:, 0]).sum() < 0.5 * np.abs(steps[:, 0]).sum()


def test_other_strokes_follow_the_border_fill_the_skeleton_or_wander(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "ROBOT_SHARE", 0.0)
    true = canvas((5, 5, 55, 75))
    y, x = np.mgrid[:60, :80]
    depth = np.minimum.reduce([y - 4, 55 - y, x - 4, 75 - x])
    deepest = {"border": 0, "else": 0}
    for seed in range(40):
        stroke = simulated_strokes(canvas(), true, np.random.default_rng(seed), most=1).positive
        # 1 to 3 pixels inside, half a pixel less for the line, one more for its width
        deepest["border" if depth[stroke].max() <= 5 else "else"] += 1
    assert 6 < deepest["border"] < 20


def test_three_in_four_strokes_are_the_robots(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    middle = module._middle_line

    def counted(region: Mask) -> npt.NDArray[np.float64]:
        drawn.append(region)
        return middle(region)

    monkeypatch.setattr(module, "_middle_line", counted)
    true, random = canvas((5, 5, 55, 75)), np.random.default_rng(0)
    for _ in range(200):
        simulated_strokes(canvas(), true, random, most=1)
    assert 130 < len(drawn) < 170


def test_only_the_largest_regions_get_strokes_and_not_more_than_asked() -> None:
    boxes = ((2, 2, 22, 32), (2, 40, 22, 60), (30, 2, 50, 22), (30, 40, 48, 58), (55, 70, 57, 72))
    true = canvas(*boxes)
    counts = set()
    for seed in range(60):
        strokes = simulated_strokes(canvas(), true, np.random.default_rng(seed), most=3)
        hit = [bool((strokes.positive & canvas(box)).any()) for box in boxes]
        counts.add(sum(hit))
        assert hit[0]
        assert not hit[4]
    assert counts == {1, 2, 3}


@pytest.mark.parametrize("stroke_px", [1, 3, 7])
def test_strokes_are_as_wide_as_asked(stroke_px: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROBOT_SHARE", 1.0)
    true = canvas((20, 10, 31, 70))
    random = np.random.default_rng(0)
    stroke = simulated_strokes(canvas(), true, random, stroke_px=stroke_px).positive
    assert np.count_nonzero(stroke[:, 40]) == stroke_px


def test_regions_at_the_pictures_edge_are_drawn_in() -> None:
    true = np.ones((30, 40), bool)
    for seed in range(30):
        strokes = simulated_strokes(np.zeros_like(true), true, np.random.default_rng(seed))
        assert strokes.positive.any()


def test_the_same_seed_gives_the_same_strokes() -> None:
    true, mask = noise(3, (50, 60)), noise(4, (50, 60))
    drawn: list[Strokes] = [
        simulated_strokes(mask, true, np.random.default_rng(seed)) for seed in (1, *range(1, 9))
    ]
    np.testing.assert_array_equal(drawn[0].positive, drawn[1].positive)
    np.testing.assert_array_equal(drawn[0].negative, drawn[1].negative)
    assert len({strokes.positive.tobytes() for strokes in drawn[1:]}) > 1
    assert len({strokes.negative.tobytes() for strokes in drawn[1:]}) > 1


def test_senseless_strokes_are_refused() -> None:
    true, random = canvas((10, 10, 40, 50)), np.random.default_rng(0)
    with pytest.raises(ValueError, match="stroke_px is 4 and most 3"):
        simulated_strokes(canvas(), true, random, stroke_px=4)
    with pytest.raises(ValueError, match="stroke_px is 3 and most 0"):
        simulated_strokes(canvas(), true, random, most=0)
