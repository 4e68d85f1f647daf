"""Which frames of a clip to take, and which part of them."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pocketmatte.training import triplets
from pocketmatte.training.textures import Picture

# From which clip on which largest step between frames holds, in ascending order.
Gaps = Sequence[tuple[int, int]]


def check_gaps(gaps: Gaps) -> None:
    """Refuse a schedule that does not start at clip 0, is out of order, or has a step below 1.

    Raises:
        ValueError: If it is so.
    """
    starts = [start for start, _ in gaps]
    if starts[:1] != [0] or starts != sorted(set(starts)) or min(gap for _, gap in gaps) < 1:
        msg = f"gaps are (first clip, largest step) from clip 0 on, with steps from 1, not {gaps}"
        raise ValueError(msg)


def largest_gap(gaps: Gaps, index: int) -> int:
    """The largest step between two frames of clip ``index``.

    `triplets.gap_at` says how MiVOS lets it grow, and shrink at the end.
    """
    return next(gap for start, gap in reversed(gaps) if start <= index)


def frame_numbers(
    random: np.random.Generator, available: int, length: int, gap: int
) -> NDArray[np.intp]:
    """Choose frames, forwards or backwards in time.

    Args:
        random: Source of chance.
        available: Frames of the clip.
        length: Frames to choose.
        gap: Largest step between two of them; each step is at least 1.

    Returns:
        ``(length,)`` numbers of frames; a clip that is too short is run through to and fro.
    """
    if 1 < length <= available:
        return np.array(triplets.frame_numbers(available, gap, random, count=length), np.intp)
    period = max(2 * available - 2, 1)
    folded = (int(random.integers(available)) + np.arange(length)) % period
    numbers = np.where(folded < available, folded, period - folded)
    return np.asarray(numbers[::-1] if random.random() < 0.5 else numbers, np.intp)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Crop:
    """A part of a picture, brought to a size.

    Attributes:
        box: Left, top, right and bottom in pixels of the picture.
        size_hw: Size to bring it to.
        mirrored: Whether left and right are exchanged.
    """

    box: tuple[float, float, float, float]
    size_hw: tuple[int, int]
    mirrored: bool

    def of(self, picture: Picture) -> Picture:
        """Crop ``(H, W)`` or ``(H, W, 3)``."""
        image = Image.fromarray(picture).resize(
            self.size_hw[::-1], Image.Resampling.BILINEAR, box=self.box, reducing_gap=2.0
        )
        pixels = np.asarray(image)
        return pixels[:, ::-1] if self.mirrored else pixels


def random_crop(
    random: np.random.Generator,
    picture_hw: tuple[int, int],
    size_hw: tuple[int, int],
    cover: Picture | None = None,
    smallest: float = 0.5,
) -> Crop:
    """Choose a part of a picture, its shape about kept.

    Args:
        random: Source of chance.
        picture_hw: Size of the picture.
        size_hw: Size to bring the part to.
        cover: ``(H, W)``, of the picture's size; if it is not 0 throughout, the part holds some
            pixel where it is not.
        smallest: Height of the smallest part, as a share of the largest that fits.
    """
    height, width = picture_hw
    shape = size_hw[1] / size_hw[0] * float(np.exp(random.uniform(-0.12, 0.12)))
    tall = min(height, width / shape) * float(np.exp(random.uniform(np.log(smallest), 0.0)))
    wide = min(tall * shape, float(width))
    middle_y, middle_x = random.random(2) * (height, width)
    # Every fourth pixel suffices to find the object.
    rows, columns = (
        np.nonzero(cover[2::4, 2::4]) if cover is not None else (np.empty(0), np.empty(0))
    )
    if len(rows):
        at = int(random.integers(len(rows)))
        middle_y = 4.0 * rows[at] + 2.5 + random.normal(0.0, 0.12) * tall
        middle_x = 4.0 * columns[at] + 2.5 + random.normal(0.0, 0.12) * wide
    top = float(np.clip(middle_y - 0.5 * tall, 0.0, height - tall))
    left = float(np.clip(middle_x - 0.5 * wide, 0.0, width - wide))
    return Crop(
        box=(left, top, left + wide, top + tall),
        size_hw=size_hw,
        mirrored=bool(random.random() < 0.5),
    )
