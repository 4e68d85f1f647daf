"""How fast a network that takes strokes or clicks gets to the mask that a user wants.

Two protocols over one callable: the IoU after every round of scribbles (Caelles et al., "The 2018
DAVIS Challenge on Video Object Segmentation", 2018), and the number of clicks to a wanted IoU, NoC
(Xu et al., "Deep Interactive Object Selection", CVPR 2016).
"""

import dataclasses
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from scipy import ndimage

from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.scribbles import (
    WIDTH_PX,
    BoolArray,
    Scribbles,
    error_regions,
    largest_region,
    next_scribbles,
)
from pocketmatte.segmentation_metrics import iou

MOST_CLICKS = 20  # Xu et al. give up after as many
CLICK_RADIUS_PX = 5

_THRESHOLD = 0.5


class Segment(Protocol):
    """What segments: one round, independent of the one before.

    It is given the picture, ``(H, W, 3)`` RGB in 0..1; the mask so far, ``(H, W)`` of 0 and 1; and
    where the user said yes and no, ``(H, W)`` each, at least one stroke in all. It returns the new
    soft mask, ``(H, W)`` in 0..1.
    """

    def __call__(
        self, image: FloatArray, mask: FloatArray, positive: BoolArray, negative: BoolArray
    ) -> FloatArray:
        """Run one round."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class RoundScores:
    """What rounds of scribbles on one picture reached.

    Attributes:
        before: IoU of the mask that the first round began with.
        after: IoU after each round. Where nothing was left to draw, that of the round before.
        drawn: Rounds that something was drawn in.
    """

    before: float
    after: tuple[float, ...]
    drawn: int


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Click:
    """A place where the user says yes or no, in pixels; ``positive`` says that the subject is."""

    row: int
    column: int
    positive: bool


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ClickScores:
    """What clicks on one picture reached.

    Attributes:
        before: IoU of the mask that the first click began with.
        after: IoU after each click that was made.
        most: Clicks after which the user would have given up.
    """

    before: float
    after: tuple[float, ...]
    most: int

    def reaches(self, target: float) -> bool:
        """Say whether any number of clicks reached an IoU."""
        return max(self.before, *self.after, 0.0) >= target

    def clicks_to(self, target: float) -> int:
        """Return the clicks until an IoU was first reached; ``most`` where it never was."""
        ious = (self.before, *self.after)
        return next((count for count, value in enumerate(ious) if value >= target), self.most)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class NumberOfClicks:
    """NoC of several pictures.

    Attributes:
        target: The wanted IoU.
        mean: Clicks to it, the mean over pictures; a picture that never got there counts in full.
        failed: Share of the pictures that never got there.
    """

    target: float
    mean: float
    failed: float


def iou_by_round(
    segment: Segment,
    image: FloatArray,
    true: FloatArray,
    random: np.random.Generator,
    *,
    rounds: int,
    start: FloatArray | None = None,
    width_px: int = WIDTH_PX,
) -> RoundScores:
    """Let a simulated user draw round after round, each into what the last one left wrong.

    Args:
        segment: What segments.
        image: ``(H, W, 3)`` RGB in 0..1.
        true: ``(H, W)`` in 0..1, what the user wants; foreground from 0.5 on.
        random: Where strokes begin and end.
        rounds: Number of rounds, at least 1.
        start: ``(H, W)``, the mask to begin with; ``None`` for an empty one.
        width_px: Of the pen.

    Raises:
        ValueError: If there is no round, or a mask has another size.
    """
    _require_positive("rounds", rounds)
    mask = _begun(start, true)
    before = iou(mask, true)
    after: list[float] = []
    drawn = 0
    for _ in range(rounds):
        strokes = next_scribbles(mask, true, random, width_px)
        if strokes.drawn:
            mask = _decided(segment(image, mask, strokes.positive, strokes.negative))
            drawn += 1
        after.append(iou(mask, true))
    return RoundScores(before=before, after=tuple(after), drawn=drawn)


def iou_by_click(
    segment: Segment,
    image: FloatArray,
    true: FloatArray,
    *,
    stop_at: float = 1.0,
    most: int = MOST_CLICKS,
    start: FloatArray | None = None,
    radius_px: int = CLICK_RADIUS_PX,
    remember: bool = False,
) -> ClickScores:
    """Let a simulated user click into the middle of the largest error until the mask will do.

    Args:
        segment: What segments.
        image: ``(H, W, 3)`` RGB in 0..1.
        true: ``(H, W)`` in 0..1, what the user wants; foreground from 0.5 on.
        stop_at: IoU at which the user stops, in 0..1.
        most: Clicks after which the user gives up, at least 1.
        start: ``(H, W)``, the mask to begin with; ``None`` for an empty one.
        radius_px: Radius of the disk that a click becomes, cut where the other class begins.
        remember: Give all clicks so far, as to the network of Xu et al., which sees no mask;
            otherwise the last one alone.

    Raises:
        ValueError: If a count is too small or a mask has another size.
    """
    _require_positive("most", most)
    _require_positive("radius_px", radius_px)
    mask = _begun(start, true)
    before = value = iou(mask, true)
    after: list[float] = []
    positive, negative = np.zeros(true.shape, bool), np.zeros(true.shape, bool)
    while value < stop_at and len(after) < most:
        click = next_click(mask, true)
        if click is None:
            break
        if not remember:
            positive, negative = np.zeros_like(positive), np.zeros_like(negative)
        disk = _disk(click, true >= _THRESHOLD, radius_px)
        positive, negative = positive | disk.positive, negative | disk.negative
        mask = _decided(segment(image, mask, positive, negative))
        value = iou(mask, true)
        after.append(value)
    return ClickScores(before=before, after=tuple(after), most=most)


def next_click(predicted: FloatArray, true: FloatArray) -> Click | None:
    """Return where a user would click next; ``None`` where nothing is wrong.

    The middle of the largest wrong region of either kind: the pixel farthest from anything that is
    not the region, the picture's edge included; of equal ones the first in reading order.

    Args:
        predicted: ``(H, W)`` in 0..1, the mask so far.
        true: Of the same shape.

    Raises:
        ValueError: If the shapes differ.
    """
    errors = error_regions(predicted, true)
    missing, surplus = largest_region(errors.missing), largest_region(errors.surplus)
    positive = int(missing.sum()) >= int(surplus.sum())
    region = missing if positive else surplus
    if not region.any():
        return None
    depth = ndimage.distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1]
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    return Click(row=int(row), column=int(column), positive=positive)


def number_of_clicks(scores: Sequence[ClickScores], target: float) -> NumberOfClicks:
    """Return NoC of several pictures.

    Args:
        scores: Of every picture, from runs that did not stop before ``target``.
        target: The wanted IoU, in 0..1.

    Raises:
        ValueError: If there is no picture.
    """
    if not scores:
        msg = "no picture was clicked on; a mean needs at least one"
        raise ValueError(msg)
    clicks = [each.clicks_to(target) for each in scores]
    failed = [not each.reaches(target) for each in scores]
    return NumberOfClicks(
        target=target, mean=sum(clicks) / len(clicks), failed=sum(failed) / len(failed)
    )


def painted(
    image: FloatArray,  # noqa: ARG001 - a Segment sees the picture
    mask: FloatArray,
    positive: BoolArray,
    negative: BoolArray,
) -> FloatArray:
    """Take the strokes as paint and nothing more: what a ``Segment`` must beat."""
    covered: FloatArray = np.where(positive, 1, np.where(negative, 0, mask)).astype(np.float32)
    return covered


def _begun(start: FloatArray | None, true: FloatArray) -> FloatArray:
    return np.zeros(true.shape, np.float32) if start is None else _decided(start)


def _decided(mask: FloatArray) -> FloatArray:
    return (mask >= _THRESHOLD).astype(np.float32)


def _disk(click: Click, true: BoolArray, radius_px: int) -> Scribbles:
    """Return a click as a disk that says nothing false."""
    rows, columns = np.ogrid[: true.shape[0], : true.shape[1]]
    near = np.hypot(rows - click.row, columns - click.column) <= radius_px
    none = np.zeros_like(true)
    if click.positive:
        return Scribbles(positive=near & true, negative=none)
    return Scribbles(positive=none, negative=near & ~true)


def _require_positive(name: str, value: int) -> None:
    if value < 1:
        msg = f"{name} is {value}; it must be 1 or more"
        raise ValueError(msg)
