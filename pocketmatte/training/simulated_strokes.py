"""Scribbles to train on: strokes where a mask is wrong.

Cheng, Tai, Tang (MiVOS, CVPR 2021) draw three in four as the robot of the DAVIS challenge does,
along the middle of a wrong region; the others follow its border, are all of its skeleton, or are
random Bezier curves. Strokes are 3 pixels wide.
"""

import dataclasses
import math
from collections import deque

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter
from skimage import measure, morphology

Mask = npt.NDArray[np.bool_]
Points = npt.NDArray[np.float64]  # (P, 2): row and column, in pixels

STROKE_PX = 3
ROBOT_SHARE = 0.75

_LEAST_AREA = 1 / 20  # of a region beside the largest one, that it gets a stroke too
_SMOOTHED = 1 / 6  # of a path's length is averaged over
_PIECE = (0.3, 1.0)  # share of a border that is followed
_CURVE_POINTS = 64
_STEP_PX = 0.5  # between the samples of a line


@dataclasses.dataclass(frozen=True, slots=True)
class Strokes:
    """What a user draws onto a mask to have it corrected.

    Attributes:
        positive: ``(H, W)`` bool: strokes that say the object is here; all of them on it.
        negative: ``(H, W)`` bool: strokes that say it is not; none of them on it.
    """

    positive: Mask
    negative: Mask


def simulated_strokes(
    mask: Mask,
    true: Mask,
    random: np.random.Generator,
    *,
    stroke_px: int = STROKE_PX,
    most: int = 3,
) -> Strokes:
    """Draw strokes where a mask lacks something, and where it has too much.

    Each of the two gets one to ``most`` strokes, in its largest regions, if there is any. Every
    stroke passes through the region it is for; what would cross the object's true border is left
    out.

    Args:
        mask: ``(H, W)``, to be corrected; empty in a first round.
        true: ``(H, W)``.
        random: Source of chance.
        stroke_px: Width of a stroke, odd.
        most: Largest number of strokes of either kind, at least 1.

    Raises:
        ValueError: If the width is even or no stroke allowed.
    """
    if stroke_px < 1 or stroke_px % 2 == 0 or most < 1:
        msg = f"stroke_px is {stroke_px} and most {most}; give an odd width and at least 1 stroke"
        raise ValueError(msg)
    return Strokes(
        positive=_strokes(true & ~mask, true, random, stroke_px, most),
        negative=_strokes(mask & ~true, ~true, random, stroke_px, most),
    )


def _strokes(
    wrong: Mask, allowed: Mask, random: np.random.Generator, stroke_px: int, most: int
) -> Mask:
    lines = np.zeros_like(wrong)
    if not wrong.any():
        return lines
    for region, corner in _largest_regions(wrong, int(random.integers(1, most, endpoint=True))):
        rows, columns = np.rint(_drawn(region, random) + corner).astype(int).T
        _paint(lines, rows, columns, stroke_px)
    return lines & allowed


def _largest_regions(wrong: Mask, count: int) -> list[tuple[Mask, npt.NDArray[np.int64]]]:
    """Return connected regions with a margin of one pixel, and the corners they lie at."""
    labels = np.asarray(measure.label(wrong))  # type: ignore[no-untyped-call]
    areas = np.bincount(labels.ravel())
    areas[0] = 0
    regions = []
    for label in np.argsort(-areas, kind="stable")[:count]:
        if areas[label] < max(_LEAST_AREA * areas.max(), 1):
            break
        rows, columns = (np.flatnonzero((labels == label).any(axis)) for axis in (1, 0))
        box = labels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] == label
        regions.append((np.pad(box, 1), np.array((rows[0] - 1, columns[0] - 1))))
    return regions


def _drawn(region: Mask, random: np.random.Generator) -> Points:
    """Return the points of one stroke, close to each other, among them some of the region."""
    if random.random() < ROBOT_SHARE:
        return _resampled(_middle_line(region))
    kind = random.integers(3)
    if kind == 0:
        return _resampled(_border_line(region, random))
    if kind == 1:
        return np.argwhere(_skeleton(region)).astype(np.float64)
    return _resampled(_curve(region, random))


def _middle_line(region: Mask) -> Points:
    """Return the longest path of the skeleton, smoothed; its ends stay where they are."""
    path = _longest_path(_skeleton(region))
    reach = round(len(path) * _SMOOTHED / 2)
    if not reach:
        return path
    sums = np.concatenate((np.zeros((1, 2)), path.cumsum(0)))
    places = np.arange(len(path))
    around = np.minimum(np.minimum(places, places[::-1]), reach)
    total = sums[places + around + 1] - sums[places - around]
    return np.asarray(total / (2 * around + 1)[:, None])


def _border_line(region: Mask, random: np.random.Generator) -> Points:
    """Return a piece of the border, one to three pixels inside; the middle line if it is thin."""
    picture = Image.fromarray(region.astype(np.uint8))
    depth = int(random.integers(1, 4))
    inside = np.asarray(picture.filter(ImageFilter.MinFilter(2 * depth + 1)))
    if not inside.any():
        return _middle_line(region)
    borders = measure.find_contours(inside.astype(np.float32), 0.5)  # type: ignore[no-untyped-call]
    border = np.asarray(max(borders, key=len))
    length = max(round(random.uniform(*_PIECE) * len(border)), 2)
    return np.roll(border, random.integers(len(border)), axis=0)[:length]


def _curve(region: Mask, random: np.random.Generator) -> Points:
    """Return a Bezier curve with three to five random pixels of the region as its points."""
    inside = np.argwhere(region)
    count = int(random.integers(3, 6))
    points = inside[random.integers(len(inside), size=count)].astype(np.float64)
    t = np.linspace(0, 1, _CURVE_POINTS)[:, None]
    degree = count - 1
    weights = [math.comb(degree, k) * t**k * (1 - t) ** (degree - k) for k in range(count)]
    return np.hstack(weights) @ points


def _skeleton(region: Mask) -> Mask:
    return np.asarray(morphology.skeletonize(region))  # type: ignore[no-untyped-call]


def _longest_path(skeleton: Mask) -> Points:
    """Return the longest of the shortest paths in a skeleton, as if it were a tree."""
    width = skeleton.shape[1]
    steps = [row * width + column for row in (-1, 0, 1) for column in (-1, 0, 1)]
    inside = set(np.flatnonzero(skeleton).tolist())
    *_, end = _walked(inside, steps, min(inside))
    before = _walked(inside, steps, end)
    *_, pixel = before
    trail = [pixel]
    while pixel != end:
        pixel = before[pixel]
        trail.append(pixel)
    return np.stack(np.unravel_index(trail, skeleton.shape), axis=1).astype(np.float64)


def _walked(inside: set[int], steps: list[int], start: int) -> dict[int, int]:
    """Return what pixel each was first reached from, in the order in which they were reached."""
    before = {start: start}
    queue = deque((start,))
    while queue:
        pixel = queue.popleft()
        for step in steps:
            near = pixel + step
            if near in inside and near not in before:
                before[near] = pixel
                queue.append(near)
    return before


def _resampled(line: Points) -> Points:
    """Return points at most ``_STEP_PX`` apart along a line."""
    places = np.concatenate(((0,), np.hypot(*np.diff(line, axis=0).T).cumsum()))
    wanted = np.linspace(0, places[-1], math.ceil(places[-1] / _STEP_PX) + 1)
    return np.stack([np.interp(wanted, places, axis) for axis in line.T], axis=1)


def _paint(
    canvas: Mask, rows: npt.NDArray[np.int_], columns: npt.NDArray[np.int_], px: int
) -> None:
    """Set squares of ``px`` pixels a side round the points, in place."""
    reach = np.arange(-(px // 2), px // 2 + 1)
    down = (rows[:, None, None] + reach[:, None]).clip(0, canvas.shape[0] - 1)
    right = (columns[:, None, None] + reach).clip(0, canvas.shape[1] - 1)
    canvas[down, right] = True
