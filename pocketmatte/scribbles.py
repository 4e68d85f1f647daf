"""Scribbles as a simulated user draws them: strokes through the middle of what a mask has wrong.

After the robot of the interactive challenge (Caelles et al., "The 2018 DAVIS Challenge on Video
Object Segmentation", 2018): thin the wrong region to its skeleton, keep the longest path through
it, smooth the path and draw it with a pen. Geometry is found on a grid of at most ``_CELLS`` cells
a side, so that a scribble costs the same at every picture size.
"""

import dataclasses
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from pocketmatte import stroke_paths

BoolArray: TypeAlias = npt.NDArray[np.bool_]

WIDTH_PX = 3  # of a pen at 480p: the strokes that S2M of Cheng et al., CVPR 2021, is trained with
LEAST_AREA_PX = 16  # a user sees no smaller error

_THRESHOLD = 0.5
_EIGHT = np.ones((3, 3), dtype=bool)  # neighbours across corners count
_CELLS = 96  # per side of the grid; the skeleton of a larger one costs more than a few milliseconds
# What is narrower than this share of the root of a region's area is left out where anything
# remains, as the challenge's robot does: no user follows a rim around the subject.
_CORE = 0.2


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ErrorRegions:
    """What a mask has wrong, ``(H, W)`` each.

    Attributes:
        missing: Foreground that it lacks.
        surplus: Background that it holds.
    """

    missing: BoolArray
    surplus: BoolArray


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Scribbles:
    """One round of strokes, ``(H, W)`` each.

    Attributes:
        positive: True where a stroke says that the subject is.
        negative: True where a stroke says that it is not.
    """

    positive: BoolArray
    negative: BoolArray

    @property
    def drawn(self) -> bool:
        """Whether there is any stroke."""
        return bool(self.positive.any() or self.negative.any())


def error_regions(predicted: npt.NDArray[Any], true: npt.NDArray[Any]) -> ErrorRegions:
    """Compare a mask with the true one.

    Args:
        predicted: ``(H, W)`` booleans, or values in 0..1 that count as foreground from 0.5 on.
        true: Of the same shape, likewise.

    Raises:
        ValueError: If the shapes differ or are no frames.
    """
    if predicted.shape != true.shape or true.ndim != 2:
        msg = f"masks are {predicted.shape} and {true.shape}; give two of one shape, (H, W)"
        raise ValueError(msg)
    found, wanted = predicted >= _THRESHOLD, true >= _THRESHOLD
    return ErrorRegions(missing=wanted & ~found, surplus=found & ~wanted)


def largest_region(mask: BoolArray, least_area_px: int = 1) -> BoolArray:
    """Return the largest 8-connected region of ``(H, W)``; of equal ones the first.

    Empty where no region has ``least_area_px`` pixels.
    """
    labels, count = ndimage.label(mask, structure=_EIGHT)
    if not count:
        return np.zeros_like(mask)
    areas = np.bincount(labels.ravel())[1:]
    number = int(areas.argmax())
    return np.asarray(labels == number + 1) & bool(areas[number] >= least_area_px)


def next_scribbles(
    predicted: npt.NDArray[Any],
    true: npt.NDArray[Any],
    random: np.random.Generator,
    width_px: int = WIDTH_PX,
    *,
    least_area_px: int = LEAST_AREA_PX,
) -> Scribbles:
    """Draw what a user would draw next: a stroke in the largest wrong region of either kind.

    Args:
        predicted: ``(H, W)``, the mask so far; see ``error_regions``.
        true: Of the same shape.
        random: Where the strokes begin and end.
        width_px: Of the pen.
        least_area_px: Smaller regions get no stroke.

    Returns:
        One stroke or none of either kind.

    Raises:
        ValueError: As ``error_regions`` and ``scribble`` do.
    """
    errors = error_regions(predicted, true)
    positive, negative = (
        scribble(largest_region(region, least_area_px), random, width_px)
        for region in (errors.missing, errors.surplus)
    )
    return Scribbles(positive=positive, negative=negative)


def scribble(region: BoolArray, random: np.random.Generator, width_px: int = WIDTH_PX) -> BoolArray:
    """Draw one stroke along the middle of a region.

    Args:
        region: ``(H, W)``.
        random: Which half or more of the way through the region is drawn.
        width_px: Of the pen, at least 1.

    Returns:
        ``(H, W)``, inside the region; empty where the region is.

    Raises:
        ValueError: If the pen has no width.
    """
    if width_px < 1:
        msg = f"width_px is {width_px}; a pen draws at least 1 pixel wide"
        raise ValueError(msg)
    drawn = np.zeros_like(region)
    if not region.any():
        return drawn
    ((rows, columns),) = ndimage.find_objects(region.astype(np.uint8))
    part = region[rows, columns]
    cell_px, path = _path(part, random)
    drawn[rows, columns] = part & stroke_paths.stroke(part, path, width_px, cell_px)
    return drawn


def scribble_line(region: BoolArray, random: np.random.Generator) -> stroke_paths.Pixels:
    """Return the line that ``scribble`` draws along the middle of a region, without the pen.

    Args:
        region: ``(H, W)``.
        random: As of ``scribble``.

    Returns:
        ``(N, 2)``: rows and columns of pixels, all in the region, none the same as the one before;
        none at all where the region is empty.
    """
    if not region.any():
        return np.zeros((0, 2), np.int64)
    ((rows, columns),) = ndimage.find_objects(region.astype(np.uint8))
    part = region[rows, columns]
    cell_px, path = _path(part, random)
    pixels = stroke_paths.line(part, path, cell_px)
    moves = np.ones(len(pixels), dtype=bool)
    moves[1:] = (np.diff(pixels, axis=0) != 0).any(axis=1)
    return np.asarray(pixels[moves] + (rows.start, columns.start))


def _path(part: BoolArray, random: np.random.Generator) -> tuple[int, stroke_paths.Points]:
    """Return the side of a cell, and the stretch of cells that a stroke goes through."""
    cell_px = -(-max(part.shape) // _CELLS)
    return cell_px, stroke_paths.part(stroke_paths.middle(_core(_coarse(part, cell_px))), random)


def _coarse(region: BoolArray, cell_px: int) -> BoolArray:
    """Return which cells of ``cell_px`` pixels a side hold any of the region."""
    if cell_px == 1:
        return region
    height, width = region.shape
    padded = np.pad(region, ((0, -height % cell_px), (0, -width % cell_px)))
    rows, columns = padded.shape[0] // cell_px, padded.shape[1] // cell_px
    return np.asarray(padded.reshape(rows, cell_px, columns, cell_px).any(axis=(1, 3)))


def _core(region: BoolArray) -> BoolArray:
    """Return the largest piece of a region that is left without what is narrow, if anything is."""
    side = 2 * round(_CORE / 2 * float(region.sum()) ** 0.5) + 1
    padded = np.pad(region, side).astype(np.uint8)
    opened = ndimage.grey_opening(padded, size=(side, side)) > 0
    core = opened[side:-side, side:-side]
    return largest_region(core if core.any() else region)
