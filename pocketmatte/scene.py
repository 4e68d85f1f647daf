"""The scene that every file is proven on: a photographed person who moves, with a mask."""

import functools
from collections.abc import Iterator

import numpy as np
from skimage.draw import polygon

from pocketmatte.matting.board import Moment
from pocketmatte.pictures import UInt8Array
from pocketmatte.pseudo_video import pseudo_video, standard_picture
from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.stepping import as_nchw
from tiers.spec import TierSpec

_PICTURE = "astronaut"
# Outline of the person and the helmet she holds in that picture of 512x512, x and y in pixels,
# traced by hand.
_OUTLINE = (
    (155, 70), (170, 40), (200, 20), (235, 14), (270, 28), (295, 55), (301, 90), (290, 115),
    (272, 130), (262, 165), (258, 175), (285, 195), (303, 225), (305, 240), (330, 255), (348, 275),
    (358, 310), (362, 345), (390, 343), (430, 350), (465, 368), (488, 400), (497, 440), (503, 460),
    (511, 490), (511, 511), (30, 511), (22, 430), (22, 380), (30, 330), (45, 280), (70, 245),
    (115, 210), (113, 195), (122, 175), (150, 155), (183, 148), (180, 130), (172, 118), (158, 105),
    (153, 85),
)  # fmt: skip


def standard_scene(spec: TierSpec, count: int) -> Iterator[Moment]:
    """Yield the moments that parity is proven on.

    Args:
        spec: The tier, whose output size frames and masks have.
        count: Their number; the last moment equals the first.

    Yields:
        A frame of multiples of 1/255, as a camera's are, and the person's mask.
    """
    frames = pseudo_video(standard_picture(_PICTURE), spec.output_hw, count, closed=True)
    masks = pseudo_video(_outlined(), spec.output_hw, count, closed=True)
    for frame, mask in zip(frames, masks, strict=True):
        yield Moment(frame=_unit(frame), mask=_unit(mask)[:, :1].copy())


def _unit(picture: UInt8Array) -> FloatArray:
    return as_nchw(picture.astype(np.float32) / np.float32(255))


@functools.cache
def _outlined() -> UInt8Array:
    height, width, _ = standard_picture(_PICTURE).shape
    x, y = np.array(_OUTLINE).T
    inside = np.zeros((height, width, 3), dtype=np.uint8)
    inside[polygon(y, x)] = 255  # type: ignore[no-untyped-call]
    return inside
