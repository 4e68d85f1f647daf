"""Scribbles to train on: strokes where a mask is wrong, most of them as evaluation draws them.

Three in five samples are a round of ``scribbles.next_scribbles`` and one in five is one click of
``interaction.iou_by_click``. In the others a hand follows the border of wrong regions or wanders
through them in Bezier curves, as in the training of S2M (Cheng, Tai, Tang, "Modular Interactive
Video Object Segmentation", CVPR 2021), of which the pen's 3 pixels are too. As in evaluation and
in use, a sample holds the strokes of one round: those of earlier rounds are in the mask alone.
"""

import math

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter
from scipy import ndimage
from skimage import measure

from pocketmatte import stroke_paths
from pocketmatte.interaction import CLICK_RADIUS_PX, next_click
from pocketmatte.scribbles import WIDTH_PX, Scribbles, next_scribbles
from pocketmatte.stroke_paths import Mask, Pixels, Points

ROBOT_SHARE = 0.6
CLICK_SHARE = 0.2

_BORDER_SHARE = 0.5  # of a hand's strokes; the others are curves
_LEAST_AREA = 1 / 20  # of a region beside the largest one, that a hand draws in too
_PIECE = (0.3, 1.0)  # share of a border that is followed
_CURVE_POINTS = 64
_STEP_PX = 0.5  # between the samples of a line


def simulated_strokes(
    mask: Mask,
    true: Mask,
    random: np.random.Generator,
    *,
    width_px: int = WIDTH_PX,
    most: int = 3,
) -> Scribbles:
    """Draw strokes where a mask lacks something, where it has too much, or both.

    Every stroke touches the region it is for, and none says anything false. Something is drawn
    wherever anything is wrong: if all of it is too small for the robot, it is clicked on.

    Args:
        mask: ``(H, W)``, to be corrected; empty in a first round.
        true: ``(H, W)``.
        random: Source of chance.
        width_px: Of the pen; a click is a disk of ``CLICK_RADIUS_PX`` at any width.
        most: Largest number of strokes of either kind that a hand draws, at least 1.

    Raises:
        ValueError: If the pen has no width, no stroke is allowed, or the masks' shapes differ.
    """
    if width_px < 1 or most < 1:
        msg = f"width_px is {width_px} and most {most}; give 1 or more of both"
        raise ValueError(msg)
    kind = random.random()
    if kind < ROBOT_SHARE:
        drawn = next_scribbles(mask, true, random, width_px)
        return drawn if drawn.drawn else _clicked(mask, true)
    if kind < ROBOT_SHARE + CLICK_SHARE:
        return _clicked(mask, true)
    return Scribbles(
        positive=_by_hand(true & ~mask, random, width_px, most) & true,
        negative=_by_hand(mask & ~true, random, width_px, most) & ~true,
    )


def _clicked(mask: Mask, true: Mask) -> Scribbles:
    """Return one click as the disk that evaluation makes of it."""
    none = np.zeros_like(true)
    click = next_click(mask.astype(np.float32), true.astype(np.float32))
    if click is None:
        return Scribbles(positive=none, negative=none)
    place = np.array([(click.row, click.column)])
    disk = stroke_paths.inked(place, (true.shape[0], true.shape[1]), 2 * CLICK_RADIUS_PX)
    if click.positive:
        return Scribbles(positive=disk & true, negative=none)
    return Scribbles(positive=none, negative=disk & ~true)


def _by_hand(wrong: Mask, random: np.random.Generator, width_px: int, most: int) -> Mask:
    """Draw one to ``most`` strokes into the largest wrong regions, if there are any."""
    lines = np.zeros_like(wrong)
    if not wrong.any():
        return lines
    for region, corner in _largest_regions(wrong, int(random.integers(1, most, endpoint=True))):
        follows = random.random() < _BORDER_SHARE
        line = _border_line(region, random) if follows else _curve(region, random)
        pixels = np.rint(_resampled(line) + corner).astype(np.int64)
        lines |= stroke_paths.inked(pixels, (wrong.shape[0], wrong.shape[1]), width_px)
    return lines


def _largest_regions(wrong: Mask, count: int) -> list[tuple[Mask, Pixels]]:
    """Return connected regions with a margin of one pixel, and the corners they lie at."""
    labels, _ = ndimage.label(wrong, structure=np.ones((3, 3), dtype=bool))
    areas = np.bincount(labels.ravel())[1:]
    boxes = ndimage.find_objects(labels)
    regions = []
    for number in np.argsort(-areas, kind="stable")[:count]:
        if areas[number] < _LEAST_AREA * areas.max():
            break
        rows, columns = boxes[number]
        corner = np.array((rows.start - 1, columns.start - 1))
        regions.append((np.pad(labels[rows, columns] == number + 1, 1), corner))
    return regions


def _border_line(region: Mask, random: np.random.Generator) -> Points:
    """Return a piece of the border, one to three pixels inside; the middle line if it is thin."""
    picture = Image.fromarray(region.astype(np.uint8))
    depth = int(random.integers(1, 4))
    inside = np.asarray(picture.filter(ImageFilter.MinFilter(2 * depth + 1)))
    if not inside.any():
        return stroke_paths.middle(region)
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
    curve: npt.NDArray[np.float64] = np.hstack(weights) @ points
    return curve


def _resampled(line: Points) -> Points:
    """Return points at most ``_STEP_PX`` apart along a line."""
    places = np.concatenate(((0,), np.hypot(*np.diff(line, axis=0).T).cumsum()))
    wanted = np.linspace(0, places[-1], math.ceil(places[-1] / _STEP_PX) + 1)
    return np.stack([np.interp(wanted, places, axis) for axis in line.T], axis=1)
