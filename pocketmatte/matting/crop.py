"""The part of a picture that a round of scribbles looks at, and how strokes are drawn in it.

The rule, ours, as the published description of custom matting ("adaptive local dynamic crop around
the scribbled region") gives none:

1. where the mask so far is empty, the whole picture: nothing tells how large the subject is;
2. else a square about the middle of all points of the round, ``GROWTH`` times as long as the longer
   side of the box that holds them, at least ``LEAST_SHARE`` of the picture's shorter side;
3. moved until it lies inside the picture; cut where it is longer than one of the picture's sides.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from pocketmatte.protocols.resizing import resized
from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.scribbles import WIDTH_PX, Scribbles
from pocketmatte.stroke_paths import inked
from tiers.errors import UsageError

GROWTH = 2.0  # as much around the strokes as they are long
LEAST_SHARE = 0.5  # a click, too, is seen with what surrounds it
_STEPS_A_PIXEL = 2  # along a stroke, so that the pen leaves no gap


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Stroke:
    """One line of a user's pen.

    Attributes:
        positive: Whether it says that the subject is there; else that it is not.
        points: ``(x, y)`` in pixels of the upright picture, from the top left one, (0, 0).
    """

    positive: bool
    points: tuple[tuple[float, float], ...]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """A part of a picture, in pixels."""

    top: int
    left: int
    height: int
    width: int

    @property
    def rows(self) -> slice:
        """Its rows."""
        return slice(self.top, self.top + self.height)

    @property
    def columns(self) -> slice:
        """Its columns."""
        return slice(self.left, self.left + self.width)


def crop_box(strokes: Sequence[Stroke], mask: FloatArray) -> Box:
    """Return what a round looks at; see the rule above.

    Args:
        strokes: Of the round.
        mask: ``(H, W)`` in 0..1, the mask so far.

    Raises:
        UsageError: If there is no point, or one lies outside the picture.
    """
    height, width = mask.shape
    points = np.array([point for stroke in strokes for point in stroke.points], dtype=np.float64)
    if not points.size:
        msg = "the round has no point of a stroke; draw one, or leave the round out"
        raise UsageError(msg)
    inside = (points >= -0.5) & (points < np.array([width, height]) - 0.5)
    if not inside.all():
        x, y = points[~inside.all(axis=1)][0]
        msg = f"the point ({x:g}, {y:g}) lies outside the picture of {width}x{height} pixels"
        raise UsageError(msg)
    if not (mask >= 0.5).any():
        return Box(top=0, left=0, height=height, width=width)
    low, high = points.min(axis=0), points.max(axis=0)
    longer = float((high - low).max()) + 1
    side = round(max(GROWTH * longer, LEAST_SHARE * min(height, width)))
    centre_x, centre_y = (low + high + 1) / 2
    top, tall = _placed(float(centre_y), side, height)
    left, wide = _placed(float(centre_x), side, width)
    return Box(top=top, left=left, height=tall, width=wide)


def cropped(planes: FloatArray, box: Box, size_hw: tuple[int, int]) -> FloatArray:
    """Return a part of ``(..., H, W)`` in 0..1, stretched to a size."""
    return resized(planes[..., box.rows, box.columns], size_hw)


def pasted(mask: FloatArray, part: FloatArray, box: Box) -> FloatArray:
    """Return ``(H, W)`` with ``part``, of any size, in the place of the box."""
    whole = mask.copy()
    whole[box.rows, box.columns] = resized(part, (box.height, box.width))
    return whole


def drawn(strokes: Sequence[Stroke], box: Box, size_hw: tuple[int, int]) -> Scribbles:
    """Draw strokes as the network is trained to see them: ``WIDTH_PX`` wide at its own size.

    Args:
        strokes: In pixels of the picture.
        box: The part of it that the network sees.
        size_hw: Height and width of the network's input, in pixels.
    """
    made = {True: np.zeros(size_hw, dtype=bool), False: np.zeros(size_hw, dtype=bool)}
    scale = np.array([size_hw[1] / box.width, size_hw[0] / box.height])
    last = np.array([size_hw[1], size_hw[0]]) - 1
    for stroke in strokes:
        points = (np.array(stroke.points) + 0.5 - (box.left, box.top)) * scale
        pixels = np.floor(_walked(points)).astype(np.int64).clip(0, last)
        made[stroke.positive] |= inked(pixels[:, ::-1], size_hw, WIDTH_PX)
    return Scribbles(positive=made[True], negative=made[False])


def _placed(centre: float, side: int, length: int) -> tuple[int, int]:
    """Return start and length of a span of ``side`` about ``centre``, inside ``length``."""
    if side >= length:
        return 0, length
    return min(max(int(centre - side / 2), 0), length - side), side


def _walked(points: FloatArray) -> FloatArray:
    """Return points along a line, so near to each other that no pixel is left out."""
    lengths = np.abs(np.diff(points, axis=0)).max(axis=1, initial=0)
    ends = np.concatenate([[0.0], np.cumsum(lengths)])
    steps = np.linspace(0, ends[-1], max(2, round(_STEPS_A_PIXEL * float(ends[-1]))))
    return np.stack([np.interp(steps, ends, points[:, axis]) for axis in (0, 1)], axis=1)
