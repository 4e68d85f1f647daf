"""Bring pictures into a frame: colour tables, and affine sampling of moving layers."""

import dataclasses
import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from pocketmatte.training.motion import FloatArray

Picture = NDArray[np.uint8]

# A picture is averaged down before it is sampled when the frame shows it smaller than this:
# bilinear sampling alone would alias.
_POOL_BELOW_SCALE = 0.67


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """A moving cutout within a frame; outside of its box it is empty.

    Attributes:
        colour: ``(T, 3, h, w)`` straight RGB, 0..1.
        alpha: ``(T, 1, h, w)``, 0..1.
        box: Top, left, bottom, right of the box in the frame.
    """

    colour: Tensor
    alpha: Tensor
    box: tuple[int, int, int, int]


def random_colour_table(random: np.random.Generator, strength: float) -> FloatArray:
    """A table of 256 values in 0..1 for each channel: brightness, contrast, tint and gamma.

    Returns:
        ``(256, 3)``.
    """
    level = np.linspace(0.0, 1.0, 256)[:, None]
    common = np.exp(random.normal(0.0, 0.25 * strength))
    gamma = np.exp(random.normal(0.0, 0.3 * strength)) * np.exp(
        random.normal(0.0, 0.08 * strength, 3)
    )
    gain = common * np.exp(random.normal(0.0, 0.12 * strength, 3))
    offset = random.normal(0.0, 0.04 * strength)
    return np.asarray(np.clip(gain * level**gamma + offset, 0.0, 1.0))


def chain_tables(first: FloatArray, second: FloatArray) -> FloatArray:
    """The table that does ``first``, then ``second``."""
    index = np.rint(first * 255.0).astype(np.intp)
    return np.take_along_axis(second, index, 0)


def to_tensor(picture: Picture, table: FloatArray) -> Tensor:
    """``(T, H, W, 3)`` uint8 through a colour table to ``(T, 3, H, W)`` float32."""
    planes = [table[:, channel].astype(np.float32)[picture[..., channel]] for channel in range(3)]
    return torch.from_numpy(np.stack(planes, 1))


def mixed_channels(colour: Tensor, matrix: NDArray[np.float32]) -> Tensor:
    """Multiply the channels of ``(T, 3, H, W)`` by a 3 x 3 matrix; the result stays in 0..1."""
    return torch.einsum("ij,tjhw->tihw", torch.from_numpy(matrix), colour).clamp_(0.0, 1.0)


def hue_matrix(
    random: np.random.Generator, turn_rad: float, saturation: float
) -> NDArray[np.float32]:
    """Turn the hue by up to ``turn_rad`` and scale the saturation, keeping grey as it is.

    The turn is Rodrigues' rotation about the grey axis ``(1, 1, 1)``.
    """
    angle = random.uniform(-turn_rad, turn_rad)
    axis = np.full((3, 3), 1.0 / 3.0)
    cross = np.array(((0.0, -1.0, 1.0), (1.0, 0.0, -1.0), (-1.0, 1.0, 0.0))) / math.sqrt(3.0)
    turn = axis + math.cos(angle) * (np.eye(3) - axis) + math.sin(angle) * cross
    return np.asarray(axis + saturation * (turn - axis), np.float32)


def _pooled(picture: Tensor, factor: int) -> Tensor:
    if factor <= 1 or min(picture.shape[-2:]) < 2 * factor:
        return picture
    return F.avg_pool2d(picture, factor)


def _theta(
    matrices: FloatArray, source_hw: tuple[int, int], box: tuple[int, int, int, int]
) -> Tensor:
    """Maps of ``affine_grid`` from the box to a source whose matrices lead to the frame."""
    top, left, bottom, right = box
    to_frame = np.array(
        (
            ((right - left) / 2.0, 0.0, (right + left) / 2.0),
            (0.0, (bottom - top) / 2.0, (bottom + top) / 2.0),
            (0.0, 0.0, 1.0),
        )
    )
    to_unit = np.array(
        ((2.0 / source_hw[1], 0.0, -1.0), (0.0, 2.0 / source_hw[0], -1.0), (0.0, 0.0, 1.0))
    )
    maps = to_unit @ np.linalg.inv(matrices) @ to_frame
    return torch.from_numpy(maps[:, :2].astype(np.float32))


def _sampled(
    picture: Tensor,
    matrices: FloatArray,
    source_hw: tuple[int, int],
    box: tuple[int, int, int, int],
    padding: str,
) -> Tensor:
    frame_count = len(matrices)
    theta = _theta(matrices, source_hw, box)
    size = [frame_count, picture.shape[1], box[2] - box[0], box[3] - box[1]]
    grid = F.affine_grid(theta, size, align_corners=False)
    source = picture if len(picture) == frame_count else picture.expand(frame_count, -1, -1, -1)
    return F.grid_sample(source, grid, "bilinear", padding, align_corners=False)


def _pool_factor(matrices: FloatArray, softness: float) -> int:
    scale = math.sqrt(abs(float(np.linalg.det(matrices[0, :2, :2]))))
    shown = 1.0 / max(scale, 1e-6) if scale < _POOL_BELOW_SCALE else 1.0
    return max(round(shown), round(softness / max(scale, 1e-6)), 1)


def full_frame(
    colour: Tensor, matrices: FloatArray, frame_hw: tuple[int, int], softness: float = 0.0
) -> Tensor:
    """Sample a background over the whole frame, reflected beyond its borders.

    Args:
        colour: ``(1, 3, h, w)`` or ``(T, 3, h, w)``.
        matrices: ``(T, 3, 3)`` from the picture's pixels to the frame's.
        frame_hw: Size of the frame.
        softness: Blur, as the size of a blurred pixel in the frame; 0 is sharp.

    Returns:
        ``(T, 3, H, W)``.
    """
    source_hw = colour.shape[-2], colour.shape[-1]
    picture = _pooled(colour, _pool_factor(matrices, softness))
    box = 0, 0, *frame_hw
    if len(colour) == 1 and bool((matrices == matrices[:1]).all()):
        still = _sampled(picture, matrices[:1], source_hw, box, "reflection")
        return still.expand(len(matrices), -1, -1, -1)
    return _sampled(picture, matrices, source_hw, box, "reflection")


def place(
    colour: Tensor,
    alpha: Tensor,
    matrices: FloatArray,
    frame_hw: tuple[int, int],
    softness: float = 0.0,
) -> Layer | None:
    """Sample a cutout where its matrices put it.

    Args:
        colour: ``(1 or T, 3, h, w)`` straight RGB, also sensible where alpha is 0.
        alpha: ``(1 or T, 1, h, w)``.
        matrices: ``(T, 3, 3)`` from the cutout's pixels to the frame's.
        frame_hw: Size of the frame.
        softness: As for `full_frame`.

    Returns:
        The layer, or None if it lies outside of the frame.
    """
    height, width = source_hw = colour.shape[-2], colour.shape[-1]
    corners = np.array(((0, width, 0, width), (0, 0, height, height), (1, 1, 1, 1)), np.float64)
    reached = (matrices @ corners)[:, :2]
    left, top = np.floor(reached.min((0, 2)) - 2.0).astype(int)
    right, bottom = np.ceil(reached.max((0, 2)) + 2.0).astype(int)
    box = (
        max(int(top), 0),
        max(int(left), 0),
        min(int(bottom), frame_hw[0]),
        min(int(right), frame_hw[1]),
    )
    if box[0] >= box[2] or box[1] >= box[3]:
        return None
    factor = _pool_factor(matrices, softness)
    # Colour under low alpha must not bleed: average and sample it weighted.
    stacked = _pooled(torch.cat((colour * alpha, alpha), 1), factor)
    sampled = _sampled(stacked, matrices, source_hw, box, "zeros")
    coverage = sampled[:, 3:].clamp(0.0, 1.0)
    straight = (sampled[:, :3] / sampled[:, 3:].clamp(min=1e-3)).clamp_(0.0, 1.0)
    return Layer(colour=straight, alpha=coverage, box=box)
