"""What lies behind the subject: nothing, a colour, a picture, or another video."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

import numpy as np

from pocketmatte.cut.footage import shrunk
from pocketmatte.media import FrameSource, open_frames
from pocketmatte.pictures import UInt8Array, is_picture, read_picture
from tiers.errors import MediaError, UsageError

# From the time of a frame, in seconds, in rising order, to what lies behind it, (H, W, 3).
Background: TypeAlias = Callable[[Fraction], UInt8Array]

_TRANSPARENT = "none"


def background_of(text: str, size_hw: tuple[int, int]) -> Background | None:
    """Read ``--background``: ``none``, a colour as RRGGBB, a picture, or a video.

    A picture or video is scaled until it covers the frame, and cut evenly at both sides. A video
    is shown at its own speed and begins again where it is shorter.

    Args:
        text: What was given.
        size_hw: Of the frames.

    Raises:
        UsageError: If it is neither a colour nor a file.
        MediaError: If the file cannot be read.
    """
    if text == _TRANSPARENT:
        return None
    colour = _colour(text)
    if colour is not None:
        plain = np.full((*size_hw, 3), colour, dtype=np.uint8)
        return lambda _: plain
    path = Path(text)
    if not path.exists():
        msg = (
            f"--background is {text!r}; give {_TRANSPARENT}, six hexadecimal digits RRGGBB, such "
            "as 00b140, or a picture or video that exists"
        )
        raise UsageError(msg)
    if is_picture(path):
        still = covering(read_picture(path), size_hw)
        return lambda _: still
    return _Moving(open_frames(path), size_hw)


def covering(picture: UInt8Array, size_hw: tuple[int, int]) -> UInt8Array:
    """Scale ``(H, W, 3)`` until it covers a size and cut off what is beyond, evenly."""
    height, width = size_hw
    scale = max(height / picture.shape[0], width / picture.shape[1])
    tall = max(height, round(picture.shape[0] * scale))
    wide = max(width, round(picture.shape[1] * scale))
    scaled = shrunk(picture, (tall, wide))
    top, left = (tall - height) // 2, (wide - width) // 2
    return np.ascontiguousarray(scaled[top : top + height, left : left + width])


class _Moving:
    """Frames of a video by time; see ``Background``."""

    def __init__(self, source: FrameSource, size_hw: tuple[int, int]) -> None:
        self._source, self._size_hw = source, size_hw
        self._frames: Iterator[UInt8Array] = iter(source)
        self._number = -1  # of the frame that is shown, from the very start
        self._shown: UInt8Array | None = None

    def __call__(self, seconds: Fraction) -> UInt8Array:
        wanted = int(seconds * self._source.rate)
        picture: UInt8Array | None = None
        while self._number < wanted:
            picture = self._next()
            self._number += 1
        if picture is not None:
            self._shown = covering(picture, self._size_hw)
        if self._shown is None:
            msg = f"time {seconds} lies before the first frame of {self._source.path}"
            raise ValueError(msg)
        return self._shown

    def _next(self) -> UInt8Array:
        picture = next(self._frames, None)
        if picture is None:
            self._frames = iter(self._source)
            picture = next(self._frames, None)
        if picture is None:
            msg = f"{self._source.path}: no frame of the background can be read any more"
            raise MediaError(msg)
        return picture


def _colour(text: str) -> tuple[int, int, int] | None:
    digits = text.removeprefix("#")
    try:
        red, green, blue = bytes.fromhex(digits)
    except ValueError:
        return None
    return red, green, blue
