"""Videos of any length for the measurements of ``cut``: a person who moves, no two frames alike."""

import itertools
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from pocketmatte.media_write import VideoWriter
from pocketmatte.pictures import UInt8Array, write_image
from pocketmatte.pseudo_video import pseudo_video, standard_picture
from pocketmatte.scene import pictured_scene
from tiers.ladder import tier

_LAP = 240  # frames of one way of the camera there and back
_BITS = 24  # that a frame's number is drawn with, so that no frame passes for another
_DARK, _LIGHT = 40, 215


def write_made_video(path: Path, size_hw: tuple[int, int], count: int, rate: int) -> Path:
    """Write a video of a photographed person whose picture moves, over and over.

    Args:
        path: The file.
        size_hw: Of the frames, in pixels.
        count: Their number.
        rate: Frames a second.
    """
    with VideoWriter(path, size_hw, Fraction(rate)) as writer:
        for frame in made_frames(size_hw, count):
            writer.write(frame)
    return path


def made_frames(size_hw: tuple[int, int], count: int) -> Iterator[UInt8Array]:
    """Yield the frames, ``(H, W, 3)``; the number of each is drawn along its upper edge."""
    lap = list(pseudo_video(standard_picture("astronaut"), size_hw, min(count, _LAP), closed=True))
    for number, picture in enumerate(itertools.islice(itertools.cycle(lap), count)):
        yield numbered(picture, number)


def numbered(picture: UInt8Array, number: int) -> UInt8Array:
    """Draw a number into the upper rows of a picture, a block a binary digit."""
    height, width, _ = picture.shape
    drawn = picture.copy()
    edges = np.linspace(0, width, _BITS + 1).astype(int)
    for bit, (left, right) in enumerate(itertools.pairwise(edges)):
        drawn[: max(height // 18, 2), left:right] = _LIGHT if number >> bit & 1 else _DARK
    return drawn


def write_first_mask(path: Path, size_hw: tuple[int, int]) -> Path:
    """Write the mask of the person in the first frame."""
    spec = tier("propagation", "t01")
    moment = next(pictured_scene("astronaut", spec, 2))
    mask = (moment.mask[0, 0] >= 0.5).astype(np.uint8) * 255
    rows = (2 * np.arange(size_hw[0]) + 1) * mask.shape[0] // (2 * size_hw[0])
    columns = (2 * np.arange(size_hw[1]) + 1) * mask.shape[1] // (2 * size_hw[1])
    write_image(path, np.ascontiguousarray(mask[rows][:, columns]))
    return path
