"""Film moving layers: a camera, exposures within each frame, and exact shares of every pixel."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pocketmatte.training.looks import Parts, from_shares
from pocketmatte.training.motion import (
    KNOTS,
    FloatArray,
    MotionLimits,
    Track,
    random_path,
    random_progress,
)
from pocketmatte.training.warps import Bend, reach, sampled

SizeHW = tuple[int, int]

# Exposures of one frame are at most this many pixels apart, where their number allows it.
_STEP_PX = 1.8
_MOST_EXPOSURES = 8
# A longer smear, in frame sides, would need more exposures to be smooth.
_LONGEST_SMEAR = 0.055

_SHADOW_CELL_PX = 8


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Shadow:
    """A soft shadow on all that lies behind.

    Attributes:
        strength: How much it darkens, 0..1.
        shift_cells: Down and right, in cells of 8 pixels.
    """

    strength: float
    shift_cells: tuple[int, int]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Actor:
    """A moving layer.

    Attributes:
        pixels: ``(1 or T, 4, h, w)`` premultiplied RGB and alpha, 0..1.
        path: ``(KNOTS, 3, 3)`` from its pixels to the frame's.
        owner: Number of the object that it is part of, or None if it belongs to the background.
        bend: How it deforms, if it does.
        shadow: What it casts, if anything.
    """

    pixels: Tensor
    path: Track
    owner: int | None
    bend: Bend | None = None
    shadow: Shadow | None = None

    @property
    def size_hw(self) -> SizeHW:
        """Height and width of its pixels."""
        return self.pixels.shape[-2], self.pixels.shape[-1]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Backdrop:
    """What is behind everything, reflected beyond its border.

    Attributes:
        pictures: ``(1 or T, 3, h, w)``, 0..1.
        path: ``(KNOTS, 3, 3)`` from its pixels to the frame's.
    """

    pictures: Tensor
    path: Track

    @property
    def size_hw(self) -> SizeHW:
        """Height and width of its pixels."""
        return self.pictures.shape[-2], self.pictures.shape[-1]


def random_camera(random: np.random.Generator, frame_hw: SizeHW, strength: float) -> Track:
    """A camera that pans, turns and zooms, at times held by a shaking hand; often it stands still.

    Returns:
        ``(KNOTS, 3, 3)`` from where things would be in the frame to where they are; the identity
        at time 0.
    """
    height, width = frame_hw
    if random.random() < 0.3:
        return Track(knots=np.broadcast_to(np.eye(3), (KNOTS, 3, 3)))
    amount = strength * random.random() ** 1.5
    limits = MotionLimits(shift_px=0.2 * width * amount, turn_rad=0.25 * amount, zoom=0.3 * amount)
    knots = np.array(random_path(random, KNOTS, (0.5 * width, 0.5 * height), limits))
    if random.random() < 0.4:
        time = np.linspace(0.0, 1.0, KNOTS)
        for axis in (0, 1):
            for beats in (1.0, 2.7, 6.1):
                size_px = random.normal(0.0, 0.006 * width / beats**0.5)
                phase = random.random()
                knots[:, axis, 2] += size_px * np.sin(2.0 * np.pi * (beats * time + phase))
    return Track(knots=knots @ np.linalg.inv(knots[0]))


def seen(camera: Track, path: FloatArray, closeness: float) -> Track:
    """A path as the camera sees it.

    Args:
        camera: Of `random_camera`.
        path: ``(KNOTS, 3, 3)`` to where things would be in the frame.
        closeness: 1 moves with the camera as the background does; nearer things move more.
    """
    moved = np.eye(3) + closeness * (camera.knots - np.eye(3))
    return Track(knots=moved @ path)


def random_attitude(random: np.random.Generator, side_px: float, strength: float) -> FloatArray:
    """How a thing turns, grows and tumbles about its centre.

    A plane that turns by ``a`` about the y axis and ``b`` about the x axis, seen from a distance
    ``f``, is shown at ``f X / (f + Z)``.

    Args:
        random: Source of chance.
        side_px: Side of the square that holds the thing.
        strength: 1 turns by up to 1.2 rad in the picture and 0.9 rad out of it.

    Returns:
        ``(KNOTS, 3, 3)``.
    """
    amount = strength * random.random()
    limits = MotionLimits(shift_px=0.0, turn_rad=1.2 * amount, zoom=0.4 * amount)
    path = random_path(random, KNOTS, (0.0, 0.0), limits)
    if random.random() < 0.5:
        return path
    most = 0.9 * strength
    angles = [random.uniform(-most, most) * random_progress(random, KNOTS) for _ in "ab"]
    (cosine_a, cosine_b), (sine_a, sine_b) = np.cos(angles), np.sin(angles)
    distance_px = 2.0 * side_px
    tumble = np.zeros((KNOTS, 3, 3))
    tumble[:, 0, 0], tumble[:, 0, 1] = cosine_a, sine_a * sine_b
    tumble[:, 1, 1] = cosine_b
    tumble[:, 2, 0], tumble[:, 2, 1] = -sine_a / distance_px, cosine_a * sine_b / distance_px
    tumble[:, 2, 2] = 1.0
    return path @ tumble


def exposures(
    random: np.random.Generator, length: int, moving: Sequence[Actor | Backdrop], frame_hw: SizeHW
) -> FloatArray:
    """When each frame is exposed.

    Args:
        random: Source of chance.
        length: Frames of the clip.
        moving: All layers.
        frame_hw: Size of the frames.

    Returns:
        ``(T, S)`` times in 0..1; the faster things move, the more a frame, up to 8.
    """
    middle = np.linspace(0.0, 1.0, length) if length > 1 else np.full(1, 0.5)
    if random.random() < 0.25:
        return middle[:, None]
    open_for = math.exp(random.uniform(math.log(0.01), math.log(0.7))) / max(length - 1, 3)
    middle = np.clip(middle, 0.5 * open_for, 1.0 - 0.5 * open_for)
    smear_px = max(_smear_px(layer, middle, open_for) for layer in moving)
    longest_px = _LONGEST_SMEAR * min(frame_hw)
    if smear_px > longest_px:
        open_for *= longest_px / smear_px
        smear_px = longest_px
    count = min(max(math.ceil(smear_px / _STEP_PX), 1), _MOST_EXPOSURES)
    offsets = (np.arange(count) + 0.5) / count - 0.5
    return np.asarray(middle[:, None] + open_for * offsets)


def _smear_px(layer: Actor | Backdrop, middle: FloatArray, open_for: float) -> float:
    """How far the corners of a layer move while a frame is exposed."""
    height, width = layer.size_hw
    corners = np.array(((0.0, width, 0.0, width), (0.0, 0.0, height, height), (1.0,) * 4))
    ends = [layer.path.at(middle + half) @ corners for half in (-0.5 * open_for, 0.5 * open_for)]
    first, last = (at[:, :2] / at[:, 2:] for at in ends)
    return float(np.hypot(*(last - first).transpose(1, 0, 2)).max())


def filmed(
    actors: list[Actor], backdrop: Backdrop, times: FloatArray, frame_hw: SizeHW, objects: int
) -> Parts:
    """Show layers over a backdrop; each frame is the mean of its exposures.

    An object's alpha is the mean share of a pixel that shows it, what lies before it left out.

    Args:
        actors: The farthest first.
        backdrop: What is behind them.
        times: ``(T, S)`` of `exposures`.
        frame_hw: Size of the frames.
        objects: Number of objects, ``K``.
    """
    shots = []
    for number, moments in enumerate(times):
        picture = backdrop.pictures[number % len(backdrop.pictures)]
        path = backdrop.path.at(moments)
        # Channels: the rest, all objects' colour, and each object's share.
        stack = torch.zeros(len(moments), 6 + objects, *frame_hw)
        stack[:, :3] = sampled(picture, path, (0, 0, *frame_hw), padding="reflection")
        for actor in actors:
            _lay(actor, actor.pixels[number % len(actor.pixels)], moments, stack)
        shots.append(stack.mean(0))
    clip = torch.stack(shots)
    return from_shares(clip[:, 3:6], clip[:, 6:], clip[:, :3])


def _lay(actor: Actor, pixels: Tensor, moments: FloatArray, stack: Tensor) -> None:
    """Lay a layer over what is there, ``(S, 6 + K, H, W)``."""
    frame_hw = stack.shape[-2], stack.shape[-1]
    matrices = actor.path.at(moments)
    bends = None if actor.bend is None else actor.bend.fields(moments)
    bulge = 0.0 if bends is None else float(bends.abs().max())
    box = reach(matrices, actor.size_hw, frame_hw, bulge)
    if box is None:
        return
    layer = sampled(pixels, matrices, box, bends)
    top, left, bottom, right = box
    if actor.shadow is not None:
        cover = torch.zeros(1, 1, *frame_hw)
        cover[..., top:bottom, left:right] = layer[:, 3:].mean(0)
        stack[:, :6] *= 1.0 - actor.shadow.strength * _shadow(cover, actor.shadow.shift_cells)
    area = stack[..., top:bottom, left:right]
    area *= 1.0 - layer[:, 3:]
    if actor.owner is None:
        area[:, :3] += layer[:, :3]
    else:
        area[:, 3:6] += layer[:, :3]
        area[:, 6 + actor.owner] += layer[:, 3]


def _shadow(cover: Tensor, shift_cells: tuple[int, int]) -> Tensor:
    """A silhouette ``(1, 1, H, W)``, shifted and blurred."""
    height, width = cover.shape[-2:]
    coarse = F.avg_pool2d(cover, _SHADOW_CELL_PX, ceil_mode=True)
    rows, columns = coarse.shape[-2:]
    down, right = shift_cells
    edge = max(abs(down), abs(right)) + 1
    padded = F.pad(coarse, (edge, edge, edge, edge))
    moved = padded[..., edge - down :, edge - right :][..., :rows, :columns]
    soft = F.avg_pool2d(moved, 3, 1, 1)
    return F.interpolate(soft, (height, width), mode="bilinear", align_corners=False)
