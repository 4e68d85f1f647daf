"""Moving pictures made from stills, for where there is no video at hand."""

import functools
import math
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from pocketmatte.pictures import UInt8Array, read_picture
from tiers.errors import UsageError

# Photographs inside the scikit-image wheel, all public domain or CC0; the others that its
# documentation names are downloaded on first use.
_PICTURES = {
    "astronaut": "astronaut.png",
    "camera": "camera.png",
    "chelsea": "chelsea.png",
    "coffee": "coffee.png",
    "rocket": "rocket.jpg",
}

# The window that moves over the still: its share of the largest one that fits, and how far it
# zooms, pans (as a share of its own half size) and turns. Together they stay within the still for
# frames of up to 2:1; beyond, the still is mirrored at its border.
_WINDOW = 0.76
_ZOOM = 0.1
_PAN = 0.12
_TURN_DEGREES = 3.0

# Half heights that the window needs above its centre with all its movement. A still taller than
# the frame is looked at from its top, where people's heads are.
_HEADROOM = 1.3


def standard_pictures() -> tuple[str, ...]:
    """Name the photographs that are installed with PocketMatte and need no download."""
    return tuple(_PICTURES)


def standard_picture(name: str) -> UInt8Array:
    """Read one of ``standard_pictures``.

    Returns:
        ``(H, W, 3)`` RGB in 0..255.

    Raises:
        UsageError: If there is no such picture.
    """
    if name not in _PICTURES:
        msg = f"no standard picture {name!r}; there are {', '.join(_PICTURES)}"
        raise UsageError(msg)
    with resources.as_file(resources.files("skimage") / "data" / _PICTURES[name]) as path:
        return read_picture(Path(path))


def pseudo_video(
    image: UInt8Array, size_hw: tuple[int, int], count: int, *, closed: bool = True
) -> Iterator[UInt8Array]:
    """Move a window smoothly over a still: it pans, zooms and turns a little.

    The same arguments give the same frames.

    Args:
        image: ``(H, W, 3)`` RGB in 0..255.
        size_hw: Height and width of the frames, in pixels.
        count: Number of frames.
        closed: Whether the movement returns, so that the last frame equals the first and an error
            that grows with time shows against the same content. Otherwise it goes half as far.

    Returns:
        ``count`` frames, each ``(H, W, 3)`` RGB in 0..255.

    Raises:
        ValueError: If the image is no 8-bit RGB picture, or a size or the count is below 1.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        msg = f"an image is uint8 (H, W, 3), not {image.dtype} {image.shape}"
        raise ValueError(msg)
    if min(*size_hw, count) < 1:
        msg = f"a video needs a size and a count of at least 1, not {size_hw} and {count}"
        raise ValueError(msg)
    return _frames(image, size_hw, count, closed=closed)


def _frames(
    image: UInt8Array, size_hw: tuple[int, int], count: int, *, closed: bool
) -> Iterator[UInt8Array]:
    still = _shrunk(torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float(), size_hw)
    steps = max(count - 1, 1)
    for index in range(count):
        # The remainder makes the last frame the first one exactly, not but for rounding.
        turns = index % steps / steps if closed else index / (2 * steps)
        grid = _grid((still.shape[2], still.shape[3]), size_hw, 2 * math.pi * turns)
        frame = F.grid_sample(still, grid, padding_mode="reflection", align_corners=False)
        # (1, 3, H, W) to (H, W, 3)
        yield frame[0].permute(1, 2, 0).round().clamp(0, 255).to(torch.uint8).contiguous().numpy()


def _fit(still_hw: tuple[int, int], size_hw: tuple[int, int]) -> float:
    """Still pixels a frame pixel, for the largest window of the frame's shape that fits."""
    return min(still_hw[0] / size_hw[0], still_hw[1] / size_hw[1])


def _shrunk(still: torch.Tensor, size_hw: tuple[int, int]) -> torch.Tensor:
    """Take away detail finer than a frame's pixels, which would flicker as the window moves."""
    height, width = still.shape[-2:]
    step = _fit((height, width), size_hw) * _WINDOW * (1 - _ZOOM)
    if step <= 1:
        return still
    small_hw = (max(round(height / step), 1), max(round(width / step), 1))
    return F.interpolate(still, small_hw, mode="bilinear", antialias=True)


def _grid(still_hw: tuple[int, int], size_hw: tuple[int, int], phase: float) -> torch.Tensor:
    """Where each frame pixel lies in the still: ``(1, H, W, 2)``, x and y in -1..1."""
    zoom = 1 - _ZOOM * (1 - math.cos(phase)) / 2
    scale = _fit(still_hw, size_hw) * _WINDOW * zoom
    half_h, half_w = scale * size_hw[0] / 2, scale * size_hw[1] / 2  # in still pixels
    centre_y = min(_HEADROOM * scale * size_hw[0] / zoom - still_hw[0], 0) / 2
    angle = math.radians(_TURN_DEGREES) * math.sin(phase)
    x = _centres(size_hw[1])[None, :] * half_w
    y = _centres(size_hw[0])[:, None] * half_h
    turned_x = x * math.cos(angle) - y * math.sin(angle) + _PAN * half_w * math.sin(phase)
    turned_y = x * math.sin(angle) + y * math.cos(angle) + _PAN * half_h * math.sin(2 * phase)
    turned_y += centre_y
    return torch.stack((turned_x * 2 / still_hw[1], turned_y * 2 / still_hw[0]), dim=-1)[None]


@functools.cache
def _centres(count: int) -> torch.Tensor:
    """Centres of ``count`` pixels that fill -1..1."""
    return (torch.arange(count) * 2 + 1) / count - 1
