import copy

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pocketmatte.interaction import iou_by_click, iou_by_round
from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.scribbles import BoolArray, Scribbles, next_scribbles
from pocketmatte.training import simulated_strokes as module
from pocketmatte.training.simulated_strokes import simulated_strokes

Mask = npt.NDArray[np.bool_]


def canvas(*boxes: tuple[int, int, int, int], size_hw: tuple[int, int] = (60, 80)) -> Mask:
    """Boxes of top, left, bottom, right."""
    mask = np.zeros(size_hw, bool)
    for top, left, bottom, right in boxes:
        mask[top:bottom, left:right] = True
    return mask


def only(monkeypatch: pytest.MonkeyPatch, *, robot: float = 0.0, click: float = 0.0) -> None:
    """Have all samples drawn in one way; by hand where neither is 1."""
    monkeypatch.setattr(module, "ROBOT_SHARE", robot)
    monkeypatch.setattr(module, "CLICK_SHARE", click)


def same(first: Scribbles, second: Scribbles) -> bool:
    return np.array_equal(first.positive, second.positive) and np.array_equal(
        first.negative, second.negative
    )


class Recorder:
    """A ``Segment`` that keeps what evaluation draws and leaves the mask as it was."""

    def __init__(self) -> None:
        self.drawn: list[Scribbles] = []

    def __call__(
        self,
        image: FloatArray,  # noqa: ARG002 - a Segment sees the picture
        mask: FloatArray,
        positive: BoolArray,
        negative: BoolArray,
    ) -> FloatArray:
        self.drawn.append(Scribbles(positive=positive, negative=negative))
        return mask


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
    assert strokes.drawn == (true ^ mask).any()
    for drawn, wrong, allowed in (
        (strokes.positive, true & ~mask, true),
        (strokes.negative, mask & ~true, ~true),
    ):
        assert drawn.dtype == np.bool_
        assert drawn.shape == (height, width)
        assert not (drawn & ~allowed).any()
        assert (drawn & wrong).any() == drawn.any()
    np.testing.assert_array_equal(before, (true, mask))


def test_a_right_mask_gets_no_strokes() -> None:
    true = canvas((10, 10, 40, 50))
    for seed in range(20):
        assert not simulated_strokes(true, true, np.random.default_rng(seed)).drawn


def test_an_empty_mask_gets_positive_strokes_on_the_object_alone() -> None:
    true = canvas((10, 10, 40, 50))
    for seed in range(20):
        strokes = simulated_strokes(canvas(), true, np.random.default_rng(seed))
        assert strokes.positive.sum() > 15
        assert not strokes.negative.any()


def test_a_robots_sample_is_what_a_round_of_the_evaluation_draws(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    only(monkeypatch, robot=1.0)
    true, mask = noise(3, (128, 128)), noise(4, (128, 128))
    for seed in range(5):
        recorder, random = Recorder(), np.random.default_rng(seed)
        random.random()  # the choice of the robot
        evaluated = (np.zeros((128, 128, 3), np.float32), true.astype(np.float32), random)
        iou_by_round(recorder, *evaluated, rounds=1, start=mask.astype(np.float32))
        strokes = simulated_strokes(mask, true, np.random.default_rng(seed))
        assert strokes.positive.any()
        assert strokes.negative.any()
        assert same(strokes, recorder.drawn[0])


@settings(max_examples=40, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), height=st.integers(1, 40), width=st.integers(1, 50))
def test_a_clicks_sample_is_what_a_click_of_the_evaluation_draws(
    seed: int, height: int, width: int
) -> None:
    true, mask = noise(seed, (height, width)), noise(seed + 1, (height, width))
    recorder, image = Recorder(), np.zeros((height, width, 3), np.float32)
    wanted, start = true.astype(np.float32), mask.astype(np.float32)
    # no mask is so good that the user would not click
    iou_by_click(recorder, image, wanted, start=start, most=1, stop_at=2.0)
    with pytest.MonkeyPatch.context() as monkeypatch:
        only(monkeypatch, click=1.0)
        strokes = simulated_strokes(mask, true, np.random.default_rng(seed))
    if recorder.drawn:
        assert same(strokes, recorder.drawn[0])
    else:
        assert not strokes.drawn


def test_what_is_too_small_for_the_robot_is_clicked_on(monkeypatch: pytest.MonkeyPatch) -> None:
    true, speck = canvas((10, 10, 40, 50)), canvas((50, 60, 53, 65))  # 15 pixels
    only(monkeypatch, robot=1.0)
    robots = simulated_strokes(true, true | speck, np.random.default_rng(0))
    only(monkeypatch, click=1.0)
    assert robots.positive.any()
    assert same(robots, simulated_strokes(true, true | speck, np.random.default_rng(0)))


def test_three_in_five_samples_are_the_robots_and_one_in_five_is_a_click() -> None:
    true = canvas((3, 3, 22, 35), size_hw=(25, 40))
    none = np.zeros_like(true)
    with pytest.MonkeyPatch.context() as monkeypatch:
        only(monkeypatch, click=1.0)
        click = simulated_strokes(none, true, np.random.default_rng(0))
    random = np.random.default_rng(0)
    counts = {"robot": 0, "click": 0, "hand": 0}
    for _ in range(600):
        robots = copy.deepcopy(random)
        robots.random()  # the choice of the robot
        strokes = simulated_strokes(none, true, random)
        if same(strokes, click):
            counts["click"] += 1
        elif same(strokes, next_scribbles(none, true, robots)):
            counts["robot"] += 1
        else:
            counts["hand"] += 1
    # three standard deviations to either side
    assert 324 < counts["robot"] < 396
    assert 90 < counts["click"] < 150
    assert 90 < counts["hand"] < 150


def test_a_hand_follows_the_border_or_wanders(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch)
    true = canvas((5, 5, 55, 75))
    y, x = np.mgrid[:60, :80]
    depth = np.minimum.reduce([y - 4, 55 - y, x - 4, 75 - x])
    deepest = {"border": 0, "else": 0}
    for seed in range(60):
        stroke = simulated_strokes(canvas(), true, np.random.default_rng(seed), most=1).positive
        # 1 to 3 pixels inside, half a pixel less for the line, one more for its width
        deepest["border" if depth[stroke].max() <= 5 else "else"] += 1
    assert 20 < deepest["border"] < 40


def test_a_hand_that_finds_no_border_to_follow_inside_draws_the_middle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    only(monkeypatch)
    monkeypatch.setattr(module, "_BORDER_SHARE", 1.0)
    thin = canvas((20, 10, 21, 70))
    stroke = simulated_strokes(canvas(), thin, np.random.default_rng(0), width_px=1).positive
    assert 55 <= stroke.sum() <= 60


def test_a_hand_draws_in_the_largest_regions_and_not_in_more_than_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    only(monkeypatch)
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


def test_a_hand_leaves_out_what_is_a_speck_beside_the_largest_region(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    only(monkeypatch)
    speck, small = canvas((55, 70, 57, 72)), canvas((30, 60, 37, 67))  # of 600 pixels: 4 and 49
    true, random = canvas((2, 2, 22, 32)) | small | speck, np.random.default_rng(0)
    drawn = [simulated_strokes(canvas(), true, random, most=5).positive for _ in range(20)]
    assert any((stroke & small).any() for stroke in drawn)
    assert not any((stroke & speck).any() for stroke in drawn)


@pytest.mark.parametrize("width_px", [1, 3, 7])
def test_the_robots_pen_is_as_wide_as_asked(width_px: int, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, robot=1.0)
    true, random = canvas((20, 10, 41, 70)), np.random.default_rng(0)
    stroke = simulated_strokes(canvas(), true, random, width_px=width_px).positive
    assert np.count_nonzero(stroke[:, 40]) == width_px


@pytest.mark.parametrize("width_px", [1, 3, 5])
def test_a_hands_pen_is_as_wide_as_asked(width_px: int, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch)
    monkeypatch.setattr(module, "_BORDER_SHARE", 1.0)
    true, random = canvas((10, 10, 50, 70)), np.random.default_rng(0)
    widths = set()
    for _ in range(12):
        stroke = simulated_strokes(canvas(), true, random, width_px=width_px).positive
        widths.add(np.count_nonzero(stroke[:30, 40]))
    # less where the line is so close to the border that the pen leaves the object
    assert max(widths) == width_px


def test_regions_at_the_pictures_edge_are_drawn_in() -> None:
    true = np.ones((30, 40), bool)
    for seed in range(30):
        strokes = simulated_strokes(np.zeros_like(true), true, np.random.default_rng(seed))
        assert strokes.positive.any()


def test_the_same_seed_gives_the_same_strokes() -> None:
    true, mask = noise(3, (50, 60)), noise(4, (50, 60))
    drawn = [
        simulated_strokes(mask, true, np.random.default_rng(seed)) for seed in (1, *range(1, 9))
    ]
    assert same(drawn[0], drawn[1])
    assert len({strokes.positive.tobytes() for strokes in drawn[1:]}) > 1
    assert len({strokes.negative.tobytes() for strokes in drawn[1:]}) > 1


def test_senseless_strokes_are_refused() -> None:
    true, random = canvas((10, 10, 40, 50)), np.random.default_rng(0)
    with pytest.raises(ValueError, match="width_px is 0 and most 3"):
        simulated_strokes(canvas(), true, random, width_px=0)
    with pytest.raises(ValueError, match="width_px is 3 and most 0"):
        simulated_strokes(canvas(), true, random, most=0)
