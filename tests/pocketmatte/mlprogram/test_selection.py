import pytest
import torch
from torch import Tensor

from pocketmatte.mlprogram.context import Context
from pocketmatte.mlprogram.operations.selection import (
    argsort,
    non_maximum_suppression,
    non_zero,
    select,
    topk,
)
from pocketmatte.mlprogram.program import Operation

# Two that overlap by a third, one apart from all, one that covers the first in part.
BOXES = torch.tensor(
    [[2.0, 2.0, 4.0, 4.0], [4.0, 2.0, 4.0, 4.0], [20.0, 9.0, 2.0, 6.0], [2.0, 2.0, 2.0, 4.0]]
)
SCORES = torch.tensor([[0.2, 0.8], [0.9, 0.1], [0.3, 0.0], [0.6, 0.7]])


def in_opset(number: int) -> Context:
    operation = Operation(kind="topk", inputs={}, attributes={}, outputs=(), blocks=())
    return Context(opset=number, operation=operation, run=lambda _, values: values)


def suppressed(
    threshold: float, score: float, count: int = 4, per_class: bool = False
) -> tuple[Tensor, ...]:
    return non_maximum_suppression(
        BOXES[None], SCORES[None], threshold, count, in_opset(5), score, per_class
    )


def test_a_condition_chooses_between_two_that_broadcast() -> None:
    cond = torch.tensor([[True], [False]])
    found = select(cond, torch.tensor([1.0, 2.0, 3.0]), torch.tensor(0.5))
    assert found.tolist() == [[1, 2, 3], [0.5, 0.5, 0.5]]


def test_a_condition_alone_says_where_it_holds() -> None:
    cond = torch.tensor([[True, False], [True, True]])
    assert select(cond).tolist() == [[0, 0], [1, 0], [1, 1]]
    for given in ({"a": torch.tensor(1.0)}, {"b": torch.tensor(1.0)}):
        with pytest.raises(ValueError, match="of a and b, only one is given"):
            select(cond, **given)


def test_every_value_but_0_has_its_row_of_indices() -> None:
    x = torch.tensor([[3.0, 0.0, -0.5], [0.0, 4.0, 0.0]])
    assert non_zero(x).tolist() == [[0, 0], [0, 2], [1, 1]]
    assert non_zero(torch.zeros(2, 3, 4)).shape == (0, 3)


def test_a_sort_goes_down_unless_told() -> None:
    x = torch.tensor([[3.1, 5.4, 32.9, 3.2, 77.0]])
    assert argsort(x).tolist() == [[4, 2, 1, 3, 0]]
    assert argsort(x, ascending=True).tolist() == [[0, 3, 1, 2, 4]]
    assert argsort(x.T, axis=0).T.tolist() == [[4, 2, 1, 3, 0]]


def test_equal_values_keep_their_order() -> None:
    x = torch.arange(100, dtype=torch.int32) % 2
    even, odd = list(range(0, 100, 2)), list(range(1, 100, 2))
    assert argsort(x).tolist() == odd + even
    assert argsort(x, ascending=True).tolist() == even + odd
    values, indices = topk(x, k=52)
    assert indices.tolist() == odd + even[:2]
    assert values.tolist() == [1] * 50 + [0] * 2


@pytest.mark.parametrize("sort", [True, False])
def test_the_largest_or_smallest_are_chosen(sort: bool) -> None:
    x = torch.tensor([[4.0, 9.0, 1.0], [7.0, 2.0, 8.0]])
    values, indices = topk(x, k=2, sort=sort)
    assert (values.tolist(), indices.tolist()) == ([[9, 4], [8, 7]], [[1, 0], [2, 0]])
    values, indices = topk(x, axis=0, ascending=True, output_indices_dtype="uint16")
    assert (values.tolist(), indices.tolist()) == ([[4, 2, 1]], [[0, 1, 0]])
    alone = topk(x, k=1, axis=-2, return_indices=False)
    assert isinstance(alone, Tensor)
    assert alone.tolist() == [[7, 9, 8]]


def test_minus_1_chooses_all() -> None:
    values, indices = topk(torch.tensor([2, 3, 1]), k=-1, ascending=True)
    assert (values.tolist(), indices.tolist()) == ([1, 2, 3], [2, 0, 1])


def test_choices_that_cannot_be_made_are_refused() -> None:
    x = torch.tensor([1.0, 2.0])
    for k in (3, -2):
        with pytest.raises(ValueError, match=f"{k} of 2 values"):
            topk(x, k=k)
    with pytest.raises(ValueError, match="indices of type 'int8' are not known here"):
        topk(x, output_indices_dtype="int8")
    with pytest.raises(ValueError, match="indices of type 'int32' are not returned"):
        topk(x, return_indices=False, output_indices_dtype="int32")


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [
        (0.3, [1, 3, 2]),  # 1 beats 0, of which it shares a third; of 3 it shares a fifth
        (0.34, [1, 0, 2]),  # 0 stays, and beats 3, of which it shares a half
        (0.51, [1, 0, 3, 2]),
        (0.0, [1, 2]),
    ],
)
def test_a_box_goes_that_shares_too_much_with_a_better_one(
    threshold: float, expected: list[int]
) -> None:
    boxes, scores, indices, count = suppressed(threshold, 0.0)
    filled = 4 - len(expected)
    assert indices.tolist() == [expected + [-1] * filled]
    assert count.tolist() == [len(expected)]
    assert torch.equal(boxes[0, : len(expected)], BOXES[expected])
    assert torch.equal(scores[0, : len(expected)], SCORES[expected])
    assert not boxes[0, len(expected) :].any()
    assert not scores[0, len(expected) :].any()


def test_boxes_of_different_classes_leave_one_another_alone() -> None:
    # 0 and 3 are of the second class, 1 and 2 of the first
    assert suppressed(0.0, 0.0, per_class=True)[2].tolist() == [[1, 0, 2, -1]]


def test_boxes_below_a_score_go_unless_all_would() -> None:
    assert suppressed(1.0, 0.7)[2].tolist() == [[1, 0, 3, -1]]
    *_, indices, count = suppressed(1.0, 5.0)
    assert (indices.tolist(), count.tolist()) == ([[1, -1, -1, -1]], [1])


def test_a_box_below_a_score_suppresses_none() -> None:
    assert suppressed(0.3, 0.85)[2].tolist() == [[1, -1, -1, -1]]
    boxes = BOXES[[1, 0]]
    scores = torch.tensor([[0.4], [0.5]])
    found = non_maximum_suppression(boxes[None], scores[None], 0.3, 2, in_opset(5), 0.45)
    assert found[2].tolist() == [[1, -1]]


def test_no_more_boxes_are_returned_than_asked_for() -> None:
    boxes, scores, indices, count = suppressed(0.51, 0.0, count=2)
    assert (indices.tolist(), count.tolist()) == ([[1, 0]], [2])
    assert (boxes.shape, scores.shape) == ((1, 2, 4), (1, 2, 2))
    more = suppressed(0.51, 0.0, count=6)
    assert more[2].tolist() == [[1, 0, 3, 2, -1, -1]]


def test_boxes_are_in_the_last_dimension_since_ios_17() -> None:
    boxes = torch.stack([BOXES, BOXES.flip(0)]).mT
    scores = torch.stack([SCORES, SCORES.flip(0)]).mT
    kept, points, indices = non_maximum_suppression(boxes, scores, 0.3, 4, in_opset(7))
    assert indices.tolist() == [[1, 3, 2, -1], [2, 0, 1, -1]]
    assert torch.equal(kept[0, :, :3], BOXES[[1, 3, 2]].T)
    assert torch.equal(kept[0], kept[1])
    assert torch.equal(points[1, :, :3], SCORES[[1, 3, 2]].T)
    assert not kept[:, :, 3].any()


@pytest.mark.parametrize(("opset", "score"), [(5, None), (6, None), (7, 0.0), (8, 0.0)])
def test_a_score_threshold_belongs_to_opsets_before_ios_17(opset: int, score: float | None) -> None:
    with pytest.raises(ValueError, match=f"score_threshold {score} in opset {opset}"):
        non_maximum_suppression(BOXES[None], SCORES[None], 0.5, 4, in_opset(opset), score)


def test_boxes_of_no_area_suppress_none() -> None:
    boxes, scores = torch.zeros(1, 3, 4), torch.tensor([[[0.1], [0.3], [0.2]]])
    found = non_maximum_suppression(boxes, scores, 0.5, 3, in_opset(5), 0.0)
    assert found[2].tolist() == [[1, 2, 0]]
