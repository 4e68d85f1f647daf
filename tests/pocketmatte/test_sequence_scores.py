import math

import numpy as np
import numpy.typing as npt
import pytest

from pocketmatte.boundary_metrics import boundary_f
from pocketmatte.segmentation_metrics import iou
from pocketmatte.sequence_scores import score_first_repeated, score_masks, series

Masks = npt.NDArray[np.bool_]


def masks(*rows: str) -> Masks:
    """Draw the objects of one frame, of one row of pixels each: ``(K, 1, W)``."""
    return np.array([[[sign == "#" for sign in row]] for row in rows])


WRONG = masks("#.....")
MOVING = [masks("##...."), masks(".##..."), masks("..##.."), masks("...##.")]


def test_mean_recall_and_decay_by_hand() -> None:
    found = series([1.0, 0.8, 0.6, 0.4, 0.2])
    assert found.mean == pytest.approx(0.6)
    assert found.recall == pytest.approx(3 / 5)
    # The quarters' borders are frames 0, 1, 2, 3 and 4, and belong to both sides.
    assert found.decay == pytest.approx((1.0 + 0.8) / 2 - (0.4 + 0.2) / 2)


def test_a_frame_at_a_half_is_not_recalled() -> None:
    assert series([0.5, 0.51]).recall == 0.5


@pytest.mark.parametrize("count", range(1, 30))
def test_the_quarters_end_at_the_rounded_borders(count: int) -> None:
    values = np.random.default_rng(count).random(count)
    borders = [math.floor(x + 0.5) for x in np.linspace(0, count - 1, 5)]
    first = [value for index, value in enumerate(values) if index <= borders[1]]
    last = [value for index, value in enumerate(values) if index >= borders[3]]
    expected = sum(first) / len(first) - sum(last) / len(last)
    assert series(values.tolist()).decay == pytest.approx(expected, abs=1e-12)


def test_the_first_and_the_last_frame_are_not_counted() -> None:
    right = masks("..##..")
    frames = [(WRONG, right), (right, right), (right, right), (WRONG, right)]
    scores = score_masks(frames)
    assert (scores.frames, scores.j, scores.f, scores.jf) == (2, 1, 1, 1)
    every = score_masks(frames, skip_first=0, skip_last=0)
    assert (every.frames, every.j) == (4, 0.5)
    assert score_masks(frames, skip_last=0).j == pytest.approx(2 / 3)


def test_objects_are_scored_by_themselves_and_count_the_same() -> None:
    true = masks("####........", "........#...")
    pred = masks("##..........", "........#...")
    scores = score_masks([(pred, true)] * 3)
    first, second = scores.objects
    assert (first.j.mean, second.j.mean, second.f.mean) == (0.5, 1, 1)
    assert first.f.mean == boundary_f(pred[0], true[0])
    assert scores.j == pytest.approx((0.5 + 1) / 2)
    assert scores.f == pytest.approx((first.f.mean + 1) / 2)
    assert scores.jf == pytest.approx((scores.j + scores.f) / 2)


def test_the_mean_is_over_the_frames_of_a_measure_a_frame() -> None:
    pairs = list(zip(MOVING, MOVING[::-1], strict=True))
    scores = score_masks(pairs)
    assert scores.j == pytest.approx(np.mean([iou(p[0], t[0]) for p, t in pairs[1:-1]]))
    assert scores.f == pytest.approx(np.mean([boundary_f(p[0], t[0]) for p, t in pairs[1:-1]]))


def test_the_first_mask_held_still_loses_what_moves_away() -> None:
    # Of the two frames in between, one overlaps by one of three pixels, the other not at all.
    assert score_first_repeated(iter(MOVING)).j == pytest.approx((1 / 3 + 0) / 2)
    assert score_first_repeated([MOVING[0]] * 3).jf == 1


def test_frames_may_come_one_by_one() -> None:
    assert score_masks((true, true) for true in MOVING).jf == 1


@pytest.mark.parametrize(
    ("frames", "skips", "message"),
    [
        ([], (1, 1), r"^0 frame\(s\) leave none to count without the first 1 and the last 1"),
        ([(WRONG, WRONG)] * 2, (1, 1), r"^2 frame\(s\) leave none to count"),
        ([(WRONG, WRONG)], (-1, 0), r"^skip_first is -1 and skip_last 0; leave out 0 frames"),
        (
            [(WRONG, WRONG), (np.tile(WRONG, (2, 1, 1)),) * 2],
            (0, 0),
            r"^frames hold \[1, 2\] objects; give every frame the same",
        ),
        ([(WRONG[:0], WRONG[:0])], (0, 0), r"^frames hold \[0\] objects"),
    ],
)
def test_what_cannot_be_scored_is_refused(
    frames: list[tuple[Masks, Masks]], skips: tuple[int, int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        score_masks(frames, skip_first=skips[0], skip_last=skips[1])


def test_more_predicted_than_true_objects_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        score_masks([(np.tile(WRONG, (2, 1, 1)), WRONG)] * 3)


def test_no_value_has_no_mean() -> None:
    with pytest.raises(ValueError, match=r"^no frame was measured; a mean needs at least one$"):
        series([])
