"""Warp pictures: thin-plate bending, and sampling through moving projective maps."""

import dataclasses
import functools
from collections.abc import Collection

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pocketmatte.training.motion import KNOTS, FloatArray, Track, random_progress

Box = tuple[int, int, int, int]

# Samples a side of a bend's field; it is smooth, and bilinear between them.
_FIELD_SIDE = 17

# Where the control points of each side are in ``(M, rows, columns, 2)``.
_LINES = {
    "bottom": np.s_[:, -1],
    "left": np.s_[:, :, 0],
    "right": np.s_[:, :, -1],
    "top": np.s_[:, 0],
}


@functools.cache
def thin_plate_basis(points: int, samples: int) -> FloatArray:
    """How a thin plate over the square -1..1 follows its control points (Bookstein, 1989).

    The spline that takes given values at the control points is linear in these values, so one
    matrix serves every bend.

    Args:
        points: Control points a side, evenly spaced, those at the border included.
        samples: Samples a side, spaced alike.

    Returns:
        ``(samples ** 2, points ** 2)``: values at the samples from values at the control points.
    """
    control, wanted = _square(points), _square(samples)
    count = len(control)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _kernel(control, control)
    system[:count, count:] = _affine(control)
    system[count:, :count] = _affine(control).T
    weights = np.linalg.inv(system)[:, :count]
    return np.asarray(np.hstack((_kernel(wanted, control), _affine(wanted))) @ weights)


def _square(side: int) -> FloatArray:
    """Points ``(side ** 2, 2)`` as x and y, row by row."""
    line = np.linspace(-1.0, 1.0, side)
    return np.stack((np.tile(line, side), np.repeat(line, side)), -1)


def _kernel(first: FloatArray, second: FloatArray) -> FloatArray:
    """``r^2 log r^2`` of all pairs, twice the kernel of the paper; the factor cancels."""
    squared = ((first[:, None] - second[None]) ** 2).sum(-1)
    return np.asarray(squared * np.log(np.maximum(squared, 1e-300)))


def _affine(points: FloatArray) -> FloatArray:
    return np.hstack((np.ones((len(points), 1)), points))


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Bend:
    """A picture's bending over a clip: a sum of fixed displacements with changing weights.

    Attributes:
        modes: ``(M, P, 2)`` displacements of the ``P`` control points along x and y; 1 is half
            the picture's side.
        weights: ``(KNOTS, M)``.
    """

    modes: FloatArray
    weights: Track

    def fields(self, times: FloatArray) -> Tensor:
        """Displacements ``(N, 2, side, side)`` over the picture at ``(N,)`` times in 0..1."""
        moved = np.tensordot(self.weights.at(times), self.modes, 1)
        basis = thin_plate_basis(round(self.modes.shape[1] ** 0.5), _FIELD_SIDE)
        fields = np.einsum("sp,npc->ncs", basis, moved).astype(np.float32)
        return torch.from_numpy(fields).view(-1, 2, _FIELD_SIDE, _FIELD_SIDE)

    def held_at(self, sides: Collection[str]) -> "Bend":
        """The bend without the displacements at some of ``left``, ``right``, ``top``, ``bottom``.

        Between control points the thin plate may still give by a little.
        """
        points = round(self.modes.shape[1] ** 0.5)
        modes = self.modes.reshape(-1, points, points, 2).copy()
        for side, line in _LINES.items():
            if side in sides:
                modes[line] = 0.0
        return dataclasses.replace(self, modes=modes.reshape(self.modes.shape))


def random_bend(random: np.random.Generator, strength: float) -> Bend:
    """A bend that swells and eases, or a wave that runs through the picture like wind in cloth.

    Args:
        random: Source of chance.
        strength: Largest displacement of a control point, in half sides.
    """
    points = int(random.integers(3, 6))
    if random.random() < 0.7:
        modes = random.uniform(-strength, strength, (2, points**2, 2))
        weights = np.stack([random_progress(random, KNOTS) for _ in modes], -1)
        return Bend(modes=modes, weights=Track(knots=weights))
    heading = random.uniform(0.0, 2.0 * np.pi, 2)
    travelled = _square(points) @ (np.cos(heading[0]), np.sin(heading[0]))
    phase = travelled * random.uniform(1.0, 3.0)
    sideways = strength * np.array((np.cos(heading[1]), np.sin(heading[1])))
    modes = np.stack((np.cos(phase), np.sin(phase)))[..., None] * sideways
    turn = 2.0 * np.pi * (random.random() + random.uniform(0.3, 2.0) * np.linspace(0.0, 1.0, KNOTS))
    return Bend(modes=modes, weights=Track(knots=np.stack((np.cos(turn), np.sin(turn)), -1)))


def reach(
    matrices: FloatArray, picture_hw: tuple[int, int], frame_hw: tuple[int, int], bulge: float
) -> Box | None:
    """The part of the frame that a picture reaches in any of its positions.

    Args:
        matrices: ``(N, 3, 3)`` from the picture's pixels to the frame's.
        picture_hw: Size of the picture.
        frame_hw: Size of the frame.
        bulge: How far it bends beyond its border, in half sides.

    Returns:
        Top, left, bottom and right, or None if it is outside of the frame.
    """
    height, width = picture_hw
    low, high = -0.5 * bulge, 1.0 + 0.5 * bulge
    x = np.array((low, high, low, high)) * width
    y = np.array((low, low, high, high)) * height
    reached = matrices @ np.stack((x, y, np.ones(4)))
    flat = reached[:, :2] / reached[:, 2:]
    left, top = np.floor(flat.min((0, 2)) - 1.0)
    right, bottom = np.ceil(flat.max((0, 2)) + 1.0)
    box = (
        max(int(top), 0),
        max(int(left), 0),
        min(int(bottom), frame_hw[0]),
        min(int(right), frame_hw[1]),
    )
    return box if box[0] < box[2] and box[1] < box[3] else None


def sampled(
    picture: Tensor,
    matrices: FloatArray,
    box: Box,
    bends: Tensor | None = None,
    padding: str = "zeros",
) -> Tensor:
    """Show a picture as its maps put it into the frame.

    Args:
        picture: ``(C, h, w)``; colour premultiplied where it has an alpha.
        matrices: ``(N, 3, 3)`` from the picture's pixels to the frame's, projective.
        box: Top, left, bottom and right of the part of the frame that is wanted.
        bends: ``(N, 2, side, side)`` of `Bend.fields`; a point shows what lies that much aside.
        padding: What is beyond the picture: ``zeros``, ``border`` or ``reflection``.

    Returns:
        ``(N, C, bottom - top, right - left)``.
    """
    height, width = picture.shape[-2:]
    to_unit = np.array(((2.0 / width, 0.0, -1.0), (0.0, 2.0 / height, -1.0), (0.0, 0.0, 1.0)))
    grid = _grid(to_unit @ np.linalg.inv(matrices), box)
    if bends is not None:
        aside = F.grid_sample(bends, grid, "bilinear", "border", align_corners=True)
        grid += aside.permute(0, 2, 3, 1)
    pictures = picture.expand(len(matrices), -1, -1, -1)
    return F.grid_sample(pictures, grid, "bilinear", padding, align_corners=False)


def _grid(maps: FloatArray, box: Box) -> Tensor:
    """Where the pixels of a box lie in the picture, ``(N, h, w, 2)`` as x and y in -1..1."""
    top, left, bottom, right = box
    x = torch.arange(left, right) + 0.5
    y = (torch.arange(top, bottom) + 0.5)[:, None]
    rows = torch.from_numpy(maps.astype(np.float32))[..., None, None]
    grid = torch.empty(len(maps), bottom - top, right - left, 2)
    for axis in (0, 1):
        grid[..., axis] = rows[:, axis, 0] * x + (rows[:, axis, 1] * y + rows[:, axis, 2])
    if np.any(maps[:, 2, :2]):
        grid /= (rows[:, 2, 0] * x + (rows[:, 2, 1] * y + rows[:, 2, 2]))[..., None]
    elif np.any(maps[:, 2, 2] != 1.0):
        grid /= rows[:, 2, 2, None]
    return grid
