from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from pocketmatte.segmentation_metrics import (
    accuracy,
    class_mean_iou,
    confusion,
    iou,
    mean_iou,
)

Mask = npt.NDArray[np.float32]


def mask(*rows: str) -> Mask:
    """Draw a mask: ``#`` is 1, ``+`` is 0.5, ``.`` is 0."""
    values = {"#": 1.0, "+": 0.5, ".": 0.0}
    return np.array([[values[sign] for sign in row] for row in rows], dtype=np.float32)


FULL = mask("####", "####")
EMPTY = mask("....", "....")
LEFT = mask("##..", "##..")


def test_equal_masks_overlap_wholly() -> None:
    assert iou(LEFT, LEFT) == 1


def test_masks_beside_each_other_do_not_overlap() -> None:
    assert iou(LEFT, 1 - LEFT) == 0


@pytest.mark.parametrize(
    ("pred", "true", "expected"),
    [
        (LEFT, FULL, 4 / 8),  # half of the subject
        (FULL, LEFT, 4 / 8),  # twice the subject
        (mask(".##.", ".##."), LEFT, 2 / 6),  # moved by one of two columns
        (mask("#...", "...."), mask("##..", "#..."), 1 / 3),
        (EMPTY, LEFT, 0),  # a subject missed
        (LEFT, EMPTY, 0),  # a subject where there is none
    ],
)
def test_overlap_is_what_both_have_over_what_either_has(
    pred: Mask, true: Mask, expected: float
) -> None:
    assert iou(pred, true) == pytest.approx(expected, abs=1e-12)


def test_two_masks_without_foreground_agree() -> None:
    assert iou(EMPTY, EMPTY) == 1


def test_a_soft_value_counts_from_the_threshold_on() -> None:
    soft = mask("#+..", "#+..")
    assert iou(soft, LEFT) == 1
    assert iou(soft, LEFT, threshold=0.51) == 0.5  # the column of 0.5 is background now
    assert iou(soft, mask("#...", "#...")) == 0.5


def test_a_truth_of_booleans_is_a_mask() -> None:
    assert iou(mask("##..", "...."), LEFT.astype(bool)) == 0.5


def test_the_mean_counts_pictures() -> None:
    small = (mask("#."), mask("##"))  # 1 of 2
    large = (FULL, FULL)  # 8 of 8
    assert mean_iou([small, large]) == pytest.approx((1 / 2 + 1) / 2, abs=1e-12)


def test_pictures_may_come_one_by_one() -> None:
    assert mean_iou((LEFT, true) for true in (LEFT, FULL)) == 0.75


def test_the_threshold_reaches_every_picture() -> None:
    pairs = [(mask("#+"), mask("##")), (mask("+#"), mask("##"))]
    assert mean_iou(pairs) == 1
    assert mean_iou(pairs, threshold=0.6) == 0.5


def test_no_picture_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^there is no pair of masks; a mean needs at least one$"):
        mean_iou([])


@pytest.mark.parametrize(
    ("pred", "true", "threshold", "message"),
    [
        (LEFT, LEFT[:1], 0.5, r"^the shapes differ: \(2, 4\) and \(1, 4\); resize"),
        (LEFT, LEFT, 0.0, r"^threshold is 0\.0; it must lie in \(0, 1\]"),
        (LEFT, LEFT, 1.5, r"^threshold is 1\.5; it must lie in \(0, 1\]"),
        (LEFT * 255, LEFT, 0.5, r"^pred is in 0\.0\.\.255\.0; a mask has pixels"),
        (LEFT, LEFT - 1, 0.5, r"^true is in -1\.0\.\.0\.0; a mask has pixels"),
        (LEFT, LEFT * np.nan, 0.5, r"^true is in nan\.\.nan; a mask has pixels"),
        (LEFT[:0], LEFT[:0], 0.5, r"^pred is empty; a mask has pixels"),
    ],
)
def test_what_are_no_masks_is_refused(
    pred: Mask, true: Mask, threshold: float, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        iou(pred, true, threshold)


TRUE_CLASSES = np.array([[0, 0, 0, 1, 2, 2]])
PRED_CLASSES = np.array([[0, 0, 1, 1, 1, 2]])


def test_classes_are_counted_by_what_they_are_and_what_they_were_taken_for() -> None:
    expected = [[2, 1, 0], [0, 1, 0], [0, 1, 1]]
    assert confusion(PRED_CLASSES, TRUE_CLASSES, 3).tolist() == expected


def test_accuracy_and_the_mean_over_classes_by_hand() -> None:
    counts = confusion(PRED_CLASSES, TRUE_CLASSES, 3)
    assert accuracy(counts) == pytest.approx(4 / 6)
    assert class_mean_iou(counts) == pytest.approx((2 / 3 + 1 / 3 + 1 / 2) / 3)


def test_class_ious_are_those_of_the_classes_masks() -> None:
    random = np.random.default_rng(0)
    pred, true = random.integers(0, 4, (2, 3, 20, 30))
    ious = [iou(pred == c, true == c) for c in range(4)]
    assert class_mean_iou(confusion(pred, true, 4)) == pytest.approx(np.mean(ious))
    assert accuracy(confusion(pred, true, 4)) == pytest.approx((pred == true).mean())


def test_a_class_that_is_nowhere_is_left_out() -> None:
    pred, true = np.array([0, 1, 1]), np.array([0, 0, 1])
    assert class_mean_iou(confusion(pred, true, 3)) == pytest.approx(0.5)


def test_counts_of_frames_add_up() -> None:
    halves = confusion(PRED_CLASSES[:, :3], TRUE_CLASSES[:, :3], 3)
    halves = halves + confusion(PRED_CLASSES[:, 3:], TRUE_CLASSES[:, 3:], 3)
    assert halves.tolist() == confusion(PRED_CLASSES, TRUE_CLASSES, 3).tolist()


@pytest.mark.parametrize(
    ("pred", "true", "message"),
    [
        (PRED_CLASSES, TRUE_CLASSES[:, :2], r"^the shapes differ: \(1, 6\) and \(1, 2\)"),
        (PRED_CLASSES + 1, TRUE_CLASSES, r"^pred holds class 3; 3 classes are 0 to 2$"),
        (PRED_CLASSES, TRUE_CLASSES + 5, r"^true holds class 7; 3 classes are 0 to 2$"),
    ],
)
def test_what_are_no_classes_is_refused(pred: Mask, true: Mask, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        confusion(pred, true, 3)


@pytest.mark.parametrize("score", [accuracy, class_mean_iou])
def test_nothing_counted_has_no_score(score: Callable[..., float]) -> None:
    with pytest.raises(ValueError, match=r"^no pixel was counted; a \w+ needs at least one$"):
        score(np.zeros((3, 3), dtype=np.int64))
