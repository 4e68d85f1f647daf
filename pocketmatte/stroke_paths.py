"""The geometry of strokes: the way through the middle of a region, and the pen that draws it."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import KDTree
from skimage.morphology import skeletonize

Mask: TypeAlias = npt.NDArray[np.bool_]
Pixels: TypeAlias = npt.NDArray[np.int64]  # (N, 2): row and column
Points: TypeAlias = npt.NDArray[np.float64]  # (N, 2): row and column

# Standard deviation along the path, as a share of its length, and at most so many cells: what is
# left of a long way through a winding region must still wind.
_SMOOTHING = 0.05
_MOST_SMOOTHING = 3.0
_LEAST_SHARE = 0.5  # of the path that a stroke covers


def middle(region: Mask) -> Points:
    """Return the longest path through the skeleton of a region.

    Args:
        region: ``(H, W)``, 8-connected, not empty.

    Returns:
        The path's pixels from end to end, ``(N, 2)``, each a neighbour of the one before.
    """
    pixels = np.argwhere(skeletonize(region))  # type: ignore[no-untyped-call]
    return np.asarray(pixels[_longest_path(pixels)].astype(np.float64))


def part(path: Points, random: np.random.Generator) -> Points:
    """Return a stretch of a path, ``(N, 2)``: half of it at least, as ``random`` has it."""
    share, start = random.uniform(_LEAST_SHARE, 1), random.random()
    kept = max(1, round(share * len(path)))
    first = round(start * (len(path) - kept))
    return path[first : first + kept]


def stroke(region: Mask, path: Points, width_px: int, cell_px: int = 1) -> Mask:
    """Draw a path, smoothed, where its middle stays in a region.

    Args:
        region: ``(H, W)``.
        path: ``(N, 2)``, of cells that hold some of the region, each a neighbour of the one before.
        width_px: Of the pen.
        cell_px: Side of a cell.

    Returns:
        ``(H, W)``; the pen's edge may be outside the region.
    """
    pixels = line(region, path, cell_px)
    return inked(pixels, (region.shape[0], region.shape[1]), width_px)


def line(region: Mask, path: Points, cell_px: int = 1) -> Pixels:
    """Return the pixels that the middle of the pen goes through, ``(N, 2)``, all in the region.

    Args:
        region: ``(H, W)``.
        path: See ``stroke``.
        cell_px: Side of a cell.
    """
    deviation = min(_SMOOTHING * len(path), _MOST_SMOOTHING)
    smooth = ndimage.gaussian_filter1d(path, deviation, axis=0, mode="nearest")
    steps = np.linspace(0, len(path) - 1, 2 * cell_px * len(path))  # no gap between two points
    whole = np.arange(len(path))
    rows, columns = (np.interp(steps, whole, smooth[:, axis]) for axis in (0, 1))
    last = np.array(region.shape) - 1
    fine = ((np.stack([rows, columns], axis=1) + 0.5) * cell_px).astype(np.int64).clip(0, last)
    outside = ~region[tuple(fine.T)]
    if outside.any():
        # where smoothing cuts a corner, the stroke goes along the region beside it
        held = np.argwhere(region & _fine(path, cell_px, region.shape))
        fine[outside] = held[KDTree(held).query(fine[outside])[1]]
    return np.asarray(fine)


def inked(pixels: Pixels, size_hw: tuple[int, int], diameter_px: int) -> Mask:
    """Return ``(H, W)``, true under a round pen that is put down on ``pixels``, ``(N, 2)``."""
    drawn = np.zeros(size_hw, dtype=bool)
    last = np.array(size_hw) - 1
    for offset in _disk(diameter_px):
        # a pixel beyond the edge becomes one of the edge, which is nearer to the pen's middle
        drawn[tuple((pixels + offset).clip(0, last).T)] = True
    return drawn


def _longest_path(pixels: Pixels) -> list[int]:
    """Return the way between two ends of a skeleton that lie far apart, as indices of ``pixels``.

    The pixel farthest from any one, and the pixel farthest from that: the longest shortest path of
    a tree; where branches close a ring, nearly so.
    """
    index = np.full(pixels.max(axis=0) + 3, -1)
    index[tuple((pixels + 1).T)] = np.arange(len(pixels))
    ends, lengths = [], []
    for step in ((0, 1), (1, 0), (1, 1), (1, -1)):
        neighbour = index[tuple((pixels + 1 + step).T)]
        near = np.flatnonzero(neighbour >= 0)
        ends.append(np.stack([near, neighbour[near]]))
        lengths.append(np.full(len(near), float(np.hypot(*step))))
    count = len(pixels)
    graph = coo_array((np.concatenate(lengths), np.concatenate(ends, axis=1)), (count, count))
    graph = graph.tocsr()
    first = _farthest(dijkstra(graph, directed=False, indices=0))
    distances, before = dijkstra(graph, directed=False, indices=first, return_predecessors=True)
    path = [_farthest(distances)]
    while path[-1] != first:
        path.append(int(before[path[-1]]))
    return path


def _farthest(distances: npt.NDArray[np.float64]) -> int:
    return int(np.where(np.isfinite(distances), distances, -1).argmax())


def _fine(path: Points, cell_px: int, size_hw: tuple[int, ...]) -> Mask:
    """Return the pixels of a path's cells."""
    cells = np.zeros([-(-side // cell_px) for side in size_hw], dtype=bool)
    cells[tuple(path.astype(np.int64).T)] = True
    pixels = cells.repeat(cell_px, axis=0).repeat(cell_px, axis=1)
    return np.asarray(pixels[: size_hw[0], : size_hw[1]])


def _disk(diameter_px: int) -> Pixels:
    """Return the offsets of a round pen's pixels, ``(N, 2)``."""
    reach = diameter_px // 2
    offsets = np.argwhere(np.ones((2 * reach + 1, 2 * reach + 1), dtype=bool)) - reach
    near = np.square(offsets).sum(axis=1) <= (diameter_px / 2) ** 2
    return np.asarray(offsets[near])
