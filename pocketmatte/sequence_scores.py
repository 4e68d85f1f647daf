"""Masks of a video as the DAVIS benchmark scores them: J, F and their mean J&F.

J is the region similarity of ``segmentation_metrics.iou``, F the boundary measure of
``boundary_metrics.boundary_f``; mean, recall and decay over the frames are those of Perazzi et al.,
CVPR 2016, section 4, several objects those of Pont-Tuset et al., "The 2017 DAVIS Challenge on Video
Object Segmentation", 2017.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from pocketmatte.boundary_metrics import boundary_f
from pocketmatte.segmentation_metrics import Mask, iou

RECALLED = 0.5  # above this value a frame counts as found


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """One measure of one object over the frames of a video.

    Attributes:
        mean: Over the frames, 0..1.
        recall: Share of the frames above 0.5.
        decay: Mean of the first quarter of the frames minus that of the last: how much is lost on
            the way; negative where it gets better.
    """

    mean: float
    recall: float
    decay: float


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ObjectScores:
    """What the masks of one object reach; see ``Series``."""

    j: Series
    f: Series


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class VideoScores:
    """What the masks of a video reach.

    Attributes:
        frames: Frames that were counted.
        objects: Every object's scores, in the order of the masks.
    """

    frames: int
    objects: tuple[ObjectScores, ...]

    @property
    def j(self) -> float:
        """Mean J over the objects."""
        return sum(each.j.mean for each in self.objects) / len(self.objects)

    @property
    def f(self) -> float:
        """Mean F over the objects."""
        return sum(each.f.mean for each in self.objects) / len(self.objects)

    @property
    def jf(self) -> float:
        """J&F: the mean of J and F."""
        return (self.j + self.f) / 2


def score_masks(
    frames: Iterable[tuple[Mask, Mask]], *, skip_first: int = 1, skip_last: int = 1
) -> VideoScores:
    """Score the masks of a video.

    Args:
        frames: Predicted and true masks of every frame, ``(K, H, W)`` in 0..1 each, one object a
            plane; a value counts as the object from 0.5 on.
        skip_first: Frames left out at the start. DAVIS leaves out one, whose masks are given.
        skip_last: Frames left out at the end. DAVIS leaves out one.

    Raises:
        ValueError: If no frame is left, a count is negative, or masks differ in number or size.
    """
    if min(skip_first, skip_last) < 0:
        msg = f"skip_first is {skip_first} and skip_last {skip_last}; leave out 0 frames or more"
        raise ValueError(msg)
    every = [_of_frame(pred, true) for pred, true in frames]
    counted = every[skip_first : len(every) - skip_last]
    if not counted:
        msg = (
            f"{len(every)} frame(s) leave none to count without the first {skip_first} and the "
            f"last {skip_last}; give more, or leave out fewer"
        )
        raise ValueError(msg)
    numbers = {len(row) for row in counted}
    if len(numbers) != 1 or 0 in numbers:
        msg = f"frames hold {sorted(numbers)} objects; give every frame the same, at least 1"
        raise ValueError(msg)
    objects = []
    for values in zip(*counted, strict=True):  # (J, F) of one object in every frame
        j, f = zip(*values, strict=True)
        objects.append(ObjectScores(j=series(j), f=series(f)))
    return VideoScores(frames=len(counted), objects=tuple(objects))


def score_first_repeated(
    truths: Iterable[Mask], *, skip_first: int = 1, skip_last: int = 1
) -> VideoScores:
    """Score the first frame's true masks held up as those of every frame: what no work reaches.

    Args:
        truths: True masks of every frame, ``(K, H, W)`` in 0..1.
        skip_first: See ``score_masks``.
        skip_last: See ``score_masks``.

    Raises:
        ValueError: As ``score_masks`` does.
    """

    def pairs() -> Iterator[tuple[Mask, Mask]]:
        first: Mask | None = None
        for true in truths:
            first = true if first is None else first
            yield first, true

    return score_masks(pairs(), skip_first=skip_first, skip_last=skip_last)


def series(values: Sequence[float]) -> Series:
    """Sum up one value a frame.

    The quarters that the decay compares end where the benchmark's do: the borders
    ``round(i (n - 1) / 4)``, halves up, belong to both sides.

    Raises:
        ValueError: If there is no value.
    """
    if not values:
        msg = "no frame was measured; a mean needs at least one"
        raise ValueError(msg)
    array = np.array(values)
    _, first_end, _, last_start, _ = ((i * (len(values) - 1) + 2) // 4 for i in range(5))
    return Series(
        mean=float(array.mean()),
        recall=float((array > RECALLED).mean()),
        decay=float(array[: first_end + 1].mean() - array[last_start:].mean()),
    )


def _of_frame(pred: Mask, true: Mask) -> list[tuple[float, float]]:
    """Return J and F of every object of one frame."""
    objects = zip(pred, true, strict=True)
    return [(iou(found, wanted), boundary_f(found, wanted)) for found, wanted in objects]
