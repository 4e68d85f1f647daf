"""What a pane shows of a frame, as pictures for the page."""

import io
from typing import Literal, TypeAlias

import numpy as np
from PIL import Image
from scipy import ndimage

from pocketmatte.cut.composing import Masks, laid_over
from pocketmatte.cut.footage import as_unit, shrunk
from pocketmatte.matting.steadying import one_frame_delayed
from pocketmatte.pictures import UInt8Array
from pocketmatte.protocols.resizing import resized
from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.studio.lane import Lane
from pocketmatte.studio.reel import Reel
from tiers.errors import UsageError

View: TypeAlias = Literal["frame", "mask", "alpha", "cutout", "difference", "thumb"]

MOST_SIDE = 1280  # of what is sent: as many pixels as a pane of a large screen has
_THUMB_SIDE = 96
_TINT = (92, 184, 255)
_LESS, _MORE = (255, 150, 60), (92, 184, 255)  # of the left pane than of the right, and the reverse
_FILL, _BORDER = 0.42, 0.95  # opacity of a mask, and of the line around it
_JPEG_QUALITY = 90


class NothingThereError(UsageError):
    """A frame of which nothing was made yet."""


def shown_hw(size_hw: tuple[int, int], most: int = MOST_SIDE) -> tuple[int, int]:
    """Return the size at which frames are sent."""
    scale = min(1.0, most / max(size_hw))
    return max(1, round(size_hw[0] * scale)), max(1, round(size_hw[1] * scale))


def frame_picture(reel: Reel, number: int, view: View) -> bytes:
    """Return a frame as JPEG, whole or as a thumb."""
    size_hw = shown_hw(reel.size_hw, _THUMB_SIDE if view == "thumb" else MOST_SIDE)
    return _encoded(_sized(reel.picture(number), size_hw), "jpeg")


def pane_picture(reel: Reel, lane: Lane, number: int, view: View) -> bytes:
    """Return mask, alpha or cut-out of a frame as PNG.

    Raises:
        NothingThereError: If the frame has none yet.
    """
    size_hw = shown_hw(reel.size_hw)
    if view == "mask":
        mask = lane.mask(number)
        if mask is None:
            raise _nothing(number)
        return _encoded(_tinted(resized(as_unit(mask), size_hw)), "png")
    alpha = opacity(lane, number, size_hw)
    if view == "alpha":
        return _encoded((alpha * 255).round().astype(np.uint8), "png")
    return _encoded(laid_over(_sized(reel.picture(number), size_hw), alpha, None), "png")


def difference_picture(reel: Reel, left: Lane, right: Lane, number: int) -> tuple[bytes, float]:
    """Return where two panes differ, over the darkened frame, and the mean of the differences."""
    size_hw = shown_hw(reel.size_hw)
    apart = opacity(right, number, size_hw) - opacity(left, number, size_hw)
    grey = _sized(reel.picture(number), size_hw).mean(axis=2, keepdims=True) * 0.35
    colour = np.where(apart[..., None] < 0, np.array(_LESS), np.array(_MORE))
    share = np.abs(apart)[..., None]
    mixed = grey * (1 - share) + colour * share
    return _encoded(mixed.round().astype(np.uint8), "png"), float(np.abs(apart).mean())


def opacity(lane: Lane, number: int, size_hw: tuple[int, int]) -> FloatArray:
    """Return what a result would have of a frame: its alpha, or its mask where nothing is matted.

    Raises:
        NothingThereError: If it has neither.
    """
    held = lane.matted
    if held is not None:
        return resized(_smoothed(held[1], number, held[0].count), size_hw)
    mask = lane.mask(number)
    if mask is None:
        raise _nothing(number)
    return resized(as_unit(mask), size_hw)


def _smoothed(alphas: Masks, number: int, count: int) -> FloatArray:
    now = as_unit(alphas.read(number))
    if not 0 < number < count - 1:
        return now
    before, after = as_unit(alphas.read(number - 1)), as_unit(alphas.read(number + 1))
    return one_frame_delayed(before, now, after)


def _sized(picture: UInt8Array, size_hw: tuple[int, int]) -> UInt8Array:
    return picture if picture.shape[:2] == size_hw else shrunk(picture, size_hw)


def _tinted(mask: FloatArray) -> UInt8Array:
    """Return a mask as colour that can be laid over the frame, its border a line."""
    inside = mask >= 0.5
    width = max(1, round(max(mask.shape) / 600))
    border = inside & ~ndimage.binary_erosion(inside, iterations=width, border_value=1)
    level = np.where(border, _BORDER, mask * _FILL)
    colour = np.empty((*mask.shape, 4), dtype=np.uint8)
    colour[..., :3] = _TINT
    colour[..., 3] = (level * 255).round().astype(np.uint8)
    return colour


def _encoded(picture: UInt8Array, form: Literal["png", "jpeg"]) -> bytes:
    file = io.BytesIO()
    image = Image.fromarray(picture)
    if form == "jpeg":
        image.save(file, form, quality=_JPEG_QUALITY)
    else:
        image.save(file, form, compress_level=1)  # it travels within one machine
    return file.getvalue()


def _nothing(number: int) -> NothingThereError:
    return NothingThereError(f"frame {number} has nothing to show here yet")
