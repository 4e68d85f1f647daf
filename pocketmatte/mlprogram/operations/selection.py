"""Operations that choose values by what they are."""

from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor

from pocketmatte.mlprogram.binding import Compute
from pocketmatte.mlprogram.context import Context
from pocketmatte.mlprogram.operations.reduction import require_index_type

_BOXES_LAST = 7  # the first opset whose suppression has boxes in the last dimension
_ALL = -1


def select(cond: Tensor, a: Tensor | None = None, b: Tensor | None = None) -> Tensor:
    """Return ``a`` where the condition holds, else ``b``; without both, where it holds.

    Raises:
        ValueError: If only one of both is given.
    """
    if a is not None and b is not None:
        return torch.where(cond, a, b)
    if a is not None or b is not None:
        msg = "of a and b, only one is given"
        raise ValueError(msg)
    return non_zero(cond)


def non_zero(x: Tensor) -> Tensor:
    """Return the indices of every value but 0, one row each."""
    return torch.nonzero(x)


def argsort(x: Tensor, axis: int = -1, ascending: bool = False) -> Tensor:
    """Return the indices that sort ``x``; of equal values the first comes first."""
    return torch.sort(x, dim=axis, descending=not ascending, stable=True).indices


def topk(
    x: Tensor,
    k: int = 1,
    axis: int = -1,
    ascending: bool = False,
    sort: bool = True,  # noqa: ARG001 - no order is right too where none is asked for
    return_indices: bool = True,
    output_indices_dtype: str | None = None,
) -> Tensor | tuple[Tensor, Tensor]:
    """Return the ``k`` largest or smallest values and their indices, sorted; -1 takes all.

    Of equal values the first comes first.

    Raises:
        ValueError: If there are fewer values, or no indices of that type.
    """
    if output_indices_dtype is not None:
        require_index_type(output_indices_dtype)
        if not return_indices:
            msg = f"indices of type {output_indices_dtype!r} are not returned"
            raise ValueError(msg)
    size = x.shape[axis]
    count = size if k == _ALL else k
    if not 0 <= count <= size:
        msg = f"{k} of {size} values"
        raise ValueError(msg)
    values, indices = torch.sort(x, dim=axis, descending=not ascending, stable=True)
    values = values.narrow(axis, 0, count)
    return (values, indices.narrow(axis, 0, count)) if return_indices else values


def non_maximum_suppression(
    boxes: Tensor,
    scores: Tensor,
    iou_threshold: float,
    max_boxes: int,
    context: Context,
    score_threshold: float | None = None,
    per_class_suppression: bool = False,
) -> tuple[Tensor, ...]:
    """Return the best boxes, none of which overlaps a better one by more than a threshold.

    A box is ``(x, y, width, height)`` round its centre, its score the largest over the classes and
    its class the one that has it. Where no score reaches its threshold, the best box is returned.

    Args:
        boxes: ``(N, B, 4)``; since iOS 17 ``(N, 4, B)``.
        scores: ``(N, B, K)``; since iOS 17 ``(N, K, B)``.
        iou_threshold: Of the intersection divided by the union.
        max_boxes: How many boxes are returned at most, and how many with those that fill up.
        context: Says which opset it is.
        score_threshold: Needed before iOS 17, and not known since.
        per_class_suppression: Whether boxes of different classes leave one another alone.

    Returns:
        Boxes and scores as they were given, filled up with 0; indices, filled up with -1; before
        iOS 17 also the number of boxes.

    Raises:
        ValueError: If a score threshold is given where none is known, or lacks.
    """
    boxes_last = context.opset >= _BOXES_LAST
    if boxes_last == (score_threshold is not None):
        msg = f"score_threshold {score_threshold} in opset {context.opset}"
        raise ValueError(msg)
    if boxes_last:
        boxes, scores = boxes.mT, scores.mT
    least = -torch.inf if score_threshold is None else score_threshold
    batch = [
        _survivors(each, points, iou_threshold, least, max_boxes, per_class=per_class_suppression)
        for each, points in zip(boxes, scores, strict=True)
    ]
    counts = torch.tensor([len(kept) for kept in batch])
    indices = torch.full((len(batch), max_boxes), -1)
    for row, kept in zip(indices, batch, strict=True):
        row[: len(kept)] = kept
    kept_boxes, kept_scores = _rows(boxes, indices), _rows(scores, indices)
    if boxes_last:
        return kept_boxes.mT, kept_scores.mT, indices
    return kept_boxes, kept_scores, indices, counts


def _survivors(
    boxes: Tensor,
    scores: Tensor,
    iou_threshold: float,
    score_threshold: float,
    max_boxes: int,
    *,
    per_class: bool,
) -> Tensor:
    """Return the indices of the boxes that stay, the best first."""
    best, classes = scores.max(dim=-1)
    order = argsort(best)
    alive = best >= score_threshold
    alive[order[0]] |= not bool(alive.any())
    kept: list[int] = []
    for index in order.tolist():
        if not alive[index] or len(kept) == max_boxes:
            continue
        kept.append(index)
        beaten = _overlaps(boxes[index], boxes) > iou_threshold
        if per_class:
            beaten &= classes == classes[index]
        alive &= ~beaten
    return torch.tensor(kept, dtype=torch.int64)


def _overlaps(box: Tensor, boxes: Tensor) -> Tensor:
    """Return the intersection of one box with each, divided by the union."""
    low = torch.maximum(box[:2] - box[2:] / 2, boxes[:, :2] - boxes[:, 2:] / 2)
    high = torch.minimum(box[:2] + box[2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2)
    shared = (high - low).clamp(min=0).prod(dim=-1)
    return shared / (box[2:].prod() + boxes[:, 2:].prod(dim=-1) - shared)


def _rows(values: Tensor, indices: Tensor) -> Tensor:
    """Return rows of ``(N, B, ...)`` at ``(N, M)``, zeros at -1."""
    wanted = indices[..., None].expand(-1, -1, values.shape[-1])
    rows = values.gather(1, wanted.clamp(min=0))
    return torch.where(wanted < 0, torch.zeros_like(rows), rows)


OPERATIONS: Mapping[str, Compute] = MappingProxyType(
    {
        "select": select,
        "non_zero": non_zero,
        "argsort": argsort,
        "topk": topk,
        "non_maximum_suppression": non_maximum_suppression,
    }
)
