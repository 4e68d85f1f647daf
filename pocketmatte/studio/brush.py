"""A brush of any size, as the lines that ``scribble`` is drawn to: those a cut's script holds.

The network sees lines ``WIDTH_PX`` of its own pixels wide. A wider brush is lines beside each other
along its way, and the chords of a disc at its ends and where it turns, so near to each other that
no tier sees a gap.
"""

import itertools
import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pocketmatte.matting.crop import LEAST_SHARE, Stroke
from pocketmatte.scribbles import WIDTH_PX
from tiers.errors import UsageError
from tiers.ladder import LADDERS

_Points: TypeAlias = npt.NDArray[np.float64]  # (N, 2): x and y

_MOST_LINES = 3000  # of a stroke; of one that turns without end they lie farther apart
_MOST_POINTS = 2000  # of a stroke's middle line
_MOST_WIDE_POINTS = 400  # of the way that lines beside it follow
_TURN = math.radians(40)  # from here on a turn is a corner, which gets a disc
_DIGITS = 2  # of a coordinate: a hundredth of a pixel


def painted(
    points: Sequence[tuple[float, float]],
    size_px: float,
    size_hw: tuple[int, int],
    *,
    positive: bool,
) -> tuple[Stroke, ...]:
    """Return the lines of one stroke of a round brush.

    Args:
        points: Its middle line, ``(x, y)`` in pixels of the picture.
        size_px: Width of the brush, in pixels of the picture.
        size_hw: Of the picture.
        positive: Whether it says that the subject is there.

    Raises:
        UsageError: If a point lies outside the picture.
    """
    way = np.array(points, dtype=np.float64)
    last = np.array([size_hw[1] - 1, size_hw[0] - 1], dtype=np.float64)
    outside = ((way < -0.5) | (way > last + 0.5)).any(axis=1)
    if outside.any():
        x, y = way[outside][0]
        whole = f"{size_hw[1]}x{size_hw[0]}"
        msg = f"the point ({x:g}, {y:g}) lies outside the picture of {whole} pixels"
        raise UsageError(msg)
    spacing = line_px(size_hw)
    lines = [_thinned(way, spacing / 2, _MOST_POINTS)]
    radius = (size_px - spacing) / 2
    if radius > 0:
        coarse = _thinned(way, max(spacing, radius / 3), _MOST_WIDE_POINTS)
        lines += _wide(coarse, radius, spacing)
    return tuple(
        Stroke(
            positive=positive,
            points=tuple((float(x), float(y)) for x, y in line.clip(0, last).round(_DIGITS)),
        )
        for line in lines
    )


def line_px(size_hw: tuple[int, int]) -> float:
    """Return the width, in pixels of a picture, of the thinnest line that any tier draws in it."""
    largest = max(max(spec.output_hw) for spec in LADDERS["scribble"].values())
    return max(1.0, WIDTH_PX * LEAST_SHARE * min(size_hw) / largest)


def _wide(way: _Points, radius: float, spacing: float) -> list[_Points]:
    """Return lines that fill what a disc covers on its way."""
    pieces = _pieces(way)
    most = max(3, _MOST_LINES // (2 * len(pieces) + 1))
    rows = np.linspace(-radius, radius, min(most, 2 + math.ceil(2 * radius / spacing)))
    lines: list[_Points] = []
    for piece in pieces:
        if len(piece) > 1:
            across = _across(piece)
            lines += [piece + row * across for row in rows]
    for centre in (way[0], *(piece[-1] for piece in pieces)):
        for row in rows:
            half = math.sqrt(max(radius**2 - row**2, 0.0))
            lines.append(centre + np.array([[-half, row], [half, row]]))
    return lines


def _pieces(way: _Points) -> list[_Points]:
    """Cut a line at its corners."""
    steps = np.diff(way, axis=0)
    angles = np.arctan2(steps[:, 1], steps[:, 0])
    turns = np.abs((np.diff(angles) + math.pi) % (2 * math.pi) - math.pi)
    corners = [0, *(np.flatnonzero(turns > _TURN) + 1), len(way) - 1]
    return [way[start : end + 1] for start, end in itertools.pairwise(corners)]


def _across(piece: _Points) -> _Points:
    """Return, at each point of a line, how lines beside it are moved for each pixel of distance."""
    steps = np.diff(piece, axis=0)
    normals = np.stack([-steps[:, 1], steps[:, 0]], axis=1)
    normals /= np.hypot(*steps.T)[:, None]
    before = np.concatenate([normals[:1], normals])
    behind = np.concatenate([normals, normals[-1:]])
    middle = before + behind
    across: _Points = middle * (2 / np.square(middle).sum(axis=1, keepdims=True))
    return across


def _thinned(points: _Points, step: float, most: int) -> _Points:
    """Return points of a line that lie ``step`` or more apart, about ``most`` of them at most."""
    kept = [points[0]]
    for point in points[1:-1]:
        if math.hypot(*(point - kept[-1])) >= step:
            kept.append(point)
    if len(points) > 1 and math.hypot(*(points[-1] - kept[-1])) > 0:
        kept.append(points[-1])
    return np.array([*kept[: -1 : math.ceil(len(kept) / most)], kept[-1]])
