"""Where things are in a frame, how large, and how they move."""

import dataclasses

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pocketmatte.training import textures
from pocketmatte.training.drawing import rounded
from pocketmatte.training.library import CutoutItem
from pocketmatte.training.motion import (
    STILL,
    FloatArray,
    MotionLimits,
    random_path,
    scaling,
    translation,
)

SizeHW = tuple[int, int]


def random_limits(
    random: np.random.Generator, frame_hw: SizeHW, *, still_share: float, strength: float
) -> MotionLimits:
    """How much something moves within a clip; nothing at all at ``still_share`` of the draws."""
    if random.random() < still_share:
        return STILL
    amount = strength * random.random() ** 2
    return MotionLimits(
        shift_px=0.09 * frame_hw[1] * amount, turn_rad=0.12 * amount, zoom=0.1 * amount
    )


def cover(
    random: np.random.Generator,
    picture_hw: SizeHW,
    frame_hw: SizeHW,
    length: int,
    limits: MotionLimits,
) -> FloatArray:
    """Matrices that fill the frame with a random part of a picture, seen by a moving camera."""
    fill = max(frame_hw[0] / picture_hw[0], frame_hw[1] / picture_hw[1])
    scale = fill * float(np.exp(random.uniform(0.0, 0.8)))
    stretch = float(np.exp(random.uniform(-0.1, 0.1)))
    spare_y = picture_hw[0] * scale - frame_hw[0]
    spare_x = max(picture_hw[1] * scale * stretch - frame_hw[1], 0.0)
    at = translation(-random.random() * spare_x, -random.random() * spare_y)
    path = random_path(random, length, (frame_hw[1] / 2.0, frame_hw[0] / 2.0), limits)
    return path @ at @ scaling(scale * stretch, scale)


def anywhere(
    random: np.random.Generator,
    size_hw: SizeHW,
    frame_hw: SizeHW,
    height_px: float,
    path: FloatArray,
) -> FloatArray:
    """Matrices that put something of ``height_px`` anywhere, its centre in the frame."""
    scale = height_px / size_hw[0]
    centre = random.random(2) * frame_hw
    at = translation(centre[1] - scale * size_hw[1] / 2.0, centre[0] - height_px / 2.0)
    return path @ at @ scaling(scale, scale)


def figure_height_px(random: np.random.Generator, frame_height: int) -> float:
    """Height to draw a figure at, near what it will be shown at."""
    return frame_height * random.uniform(0.45, 1.0)


def cropped(item: CutoutItem) -> CutoutItem:
    """The cutout without the rows and columns that stay empty through all frames."""
    seen = item.pixels[..., 3].max(0)
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    if not len(rows):
        return item
    area = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return dataclasses.replace(item, pixels=item.pixels[:, area[0], area[1]])


def mirrored(item: CutoutItem) -> CutoutItem:
    """The cutout with left and right exchanged."""
    swapped = {"left": "right", "right": "left"}
    cut = frozenset(swapped.get(side, side) for side in item.cut)
    return dataclasses.replace(item, pixels=item.pixels[:, :, ::-1], cut=cut)


def _shown_height(random: np.random.Generator, kind: str) -> float:
    """Height of a cutout in frame heights."""
    chance = random.random()
    if kind == "full":
        if chance < 0.2:
            return random.uniform(0.3, 0.6)
        # Beyond about 1.2 the lower frame edge cuts at knees, hips or waist.
        return random.uniform(0.6, 1.05) if chance < 0.75 else random.uniform(1.2, 2.6)
    if kind == "half":
        # Beyond about 1.1 the lower frame edge cuts at the chest or shoulders: a close-up.
        return random.uniform(0.4, 1.1) if chance < 0.5 else random.uniform(1.1, 2.3)
    return random.uniform(0.3, 1.2)


def stand(
    random: np.random.Generator,
    item: CutoutItem,
    frame_hw: SizeHW,
    length: int,
    limits: MotionLimits,
) -> FloatArray:
    """Matrices that put a cutout where such a thing may be.

    People stand in the frame or are cut by its lower edge. A side where the source's edge cut the
    cutout lies outside of the frame, so that no false outline is taught.

    Returns:
        ``(length, 3, 3)`` from the cutout's pixels to the frame's.
    """
    height, width = item.pixels.shape[1:3]
    stretch = float(np.exp(random.uniform(-0.15, 0.15)))
    scale = _shown_height(random, item.kind) * frame_hw[0] / height
    if {"left", "right"} <= item.cut:
        scale = max(scale, 1.2 * frame_hw[1] / (width * stretch))
    if "top" in item.cut:
        # The head is outside, the feet are still to stand on the ground.
        scale = max(scale, random.uniform(0.8, 1.1) * frame_hw[0] / height)
    shown_hw = scale * height, scale * stretch * width
    if shown_hw[0] > 1.1 * frame_hw[0] and "top" not in item.cut:
        top = frame_hw[0] * random.uniform(-0.05, 0.25)
    elif item.kind == "full":
        floor = frame_hw[0] * random.uniform(0.72, 1.03)
        # Seldom is a head cut off.
        top = max(floor - shown_hw[0], -frame_hw[0] * random.choice((0.0, 0.0, 0.2)))
    else:
        top = random.uniform(-0.1, 0.5) * frame_hw[0]
    left = random.uniform(0.08, 0.92) * frame_hw[1] - shown_hw[1] / 2.0
    # Room for the clip's own movement, so that a cut side stays outside in every frame.
    room = 2.0 + limits.shift_px + (limits.turn_rad + limits.zoom) * max(shown_hw)
    if "bottom" in item.cut:
        top = max(top, frame_hw[0] + room - shown_hw[0])
    if "top" in item.cut:
        top = min(top, -room)
    if {"left", "right"} <= item.cut:
        left = 0.5 * (frame_hw[1] - shown_hw[1])
    elif "left" in item.cut:
        left = -room - random.uniform(0.0, 0.25) * shown_hw[1]
    elif "right" in item.cut:
        left = frame_hw[1] + room - random.uniform(0.75, 1.0) * shown_hw[1]
    pivot = left + shown_hw[1] / 2.0, top + shown_hw[0]
    path = random_path(random, length, pivot, limits)
    return path @ translation(left, top) @ scaling(scale * stretch, scale)


def blob(random: np.random.Generator, photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A shape that is no person: a box, an ellipse, or a polygon, filled with cloth or photo.

    Returns:
        ``(H, W, 4)`` uint8, straight RGB and alpha.
    """
    size_hw = int(random.integers(40, 200)), int(random.integers(40, 200))
    if random.random() < 0.5:
        colour = textures.crop(random, photo, size_hw)
    else:
        colour = np.clip(textures.cloth(random, size_hw), 0.0, 255.0).astype(np.uint8)
    stencil = Image.new("L", (2 * size_hw[1], 2 * size_hw[0]))
    draw = ImageDraw.Draw(stencil)
    extent = np.array(stencil.size, np.float64)
    kind = int(random.integers(3))
    if kind == 0:
        draw.rectangle((2, 2, extent[0] - 3, extent[1] - 3), fill=255)
    elif kind == 1:
        draw.ellipse((2, 2, extent[0] - 3, extent[1] - 3), fill=255)
    else:
        count = int(random.integers(3, 9))
        turn = np.sort(random.uniform(0.0, 2.0 * np.pi, count))
        reach = random.uniform(0.4, 1.0, count)
        corners = np.stack((np.cos(turn) * reach, np.sin(turn) * reach), -1)
        corners = (corners * 0.48 + 0.5) * extent
        if random.random() < 0.5:
            corners = rounded(corners)
        draw.polygon([(float(x), float(y)) for x, y in corners], fill=255)
    return np.dstack((colour, np.asarray(stencil.reduce(2))))
