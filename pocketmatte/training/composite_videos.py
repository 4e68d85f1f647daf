"""Training clips from foreground clips of the user over background clips."""

from pathlib import Path

import numpy as np
import torch

from pocketmatte.pictures import read_matte
from pocketmatte.training import looks
from pocketmatte.training.backdrops import backdrop_of
from pocketmatte.training.clip_reading import find_clips, opened, read_window
from pocketmatte.training.clip_runs import clip_numbers
from pocketmatte.training.folder_videos import check_clip_numbers
from pocketmatte.training.footage import find_backdrops, read_footage
from pocketmatte.training.layers import random_colour_table
from pocketmatte.training.motion import (
    KNOTS,
    FloatArray,
    MotionLimits,
    Track,
    random_path,
    translation,
)
from pocketmatte.training.sensor import NoiseBank
from pocketmatte.training.staging import Actor, SizeHW, exposures, filmed, random_camera
from pocketmatte.training.video import Video
from pocketmatte.training.windows import (
    Gaps,
    check_gaps,
    largest_gap,
    random_crop,
)
from tiers.errors import MediaError

# A foreground is read so much larger than the frame on every side, in frame sides, that no edge of
# it comes into sight when it moves.
_MARGIN = 0.1

# Crops are wide, for the margin is cut off again.
_SMALLEST_CROP = 0.75


class CompositeVideos:
    """Foreground clips that move over background clips; a `VideoSource`.

    Args:
        foregrounds: A clip with ``alpha/``, or a folder of clips, of which those are taken; see
            `FolderVideos`.
        backgrounds: Folder of videos and pictures; see `footage.find_backdrops`.
        size_hw: Height and width of the frames, in pixels.
        length: Frames of a clip, ``T``.
        objects: Foregrounds of a clip, ``K``.
        seed: Of everything random.
        gaps: As for `FolderVideos`.

    Raises:
        MediaError: If there is no such clip, or nothing to compose them over.
        ValueError: If a number is too small.
    """

    def __init__(
        self,
        foregrounds: Path,
        backgrounds: Path,
        size_hw: SizeHW,
        length: int,
        objects: int,
        seed: int,
        gaps: Gaps = ((0, 5),),
    ) -> None:
        check_clip_numbers(size_hw, length, objects)
        check_gaps(gaps)
        self._paths, self._footage = soft_clips(foregrounds), find_backdrops(backgrounds)
        if not self._paths:
            msg = f"{foregrounds}: no clip has alpha/; only soft mattes can be composed anew"
            raise MediaError(msg)
        self._size_hw, self._length, self._objects = size_hw, length, objects
        self._seed, self._gaps = seed, gaps
        self._noise = NoiseBank(size_hw, seed)

    def video(self, index: int) -> Video:
        """Compose the clip of that number.

        Raises:
            MediaError: If a file is missing or damaged; the message names it.
        """
        random = np.random.default_rng((self._seed, index))
        gap = largest_gap(self._gaps, index)
        common = random_colour_table(random, 0.4)
        path = self._footage[int(random.integers(len(self._footage)))]
        side_px = round(1.25 * max(self._size_hw))
        pictures = read_footage(random, path, self._length, gap, side_px)
        camera = random_camera(random, self._size_hw, 0.4)
        backdrop = backdrop_of(random, pictures, self._size_hw, camera, common)
        actors = [
            self._actor(random, owner, gap, common)
            for owner in random.permutation(self._objects).tolist()
        ]
        times = exposures(random, self._length, [*actors, backdrop], self._size_hw)
        parts = filmed(actors, backdrop, times, self._size_hw, self._objects)
        return looks.photographed(random, looks.graded(random, parts, 0.6), self._noise)

    def _actor(
        self, random: np.random.Generator, owner: int, gap: int, common: FloatArray
    ) -> Actor:
        clip = opened(self._paths[int(random.integers(len(self._paths)))])
        numbers = clip_numbers(random, clip.path, self._length, gap)
        height, width = self._size_hw
        spare_y, spare_x = round(_MARGIN * height), round(_MARGIN * width)
        wanted_hw = height + 2 * spare_y, width + 2 * spare_x
        cover = read_matte(clip.alphas[numbers[0]])
        crop = random_crop(random, clip.size_hw, wanted_hw, cover, _SMALLEST_CROP)
        window = read_window(clip, numbers, crop)
        colour = looks.recoloured(random, window.foreground, 0.4, common)
        pixels = torch.cat((colour * window.alpha, window.alpha), 1)
        # A turn by 0.04 moves a frame's corner by 0.03 of its diagonal at most.
        limits = MotionLimits(shift_px=0.04 * min(self._size_hw), turn_rad=0.04, zoom=0.05)
        moved = random_path(random, KNOTS, (0.5 * width, 0.5 * height), limits)
        path = moved @ translation(-spare_x, -spare_y)
        return Actor(pixels=pixels, path=Track(knots=path), owner=owner)


def soft_clips(folder: Path) -> tuple[Path, ...]:
    """List those of a folder's clips that have ``alpha/``.

    Raises:
        MediaError: If it holds no clip at all.
    """
    return tuple(path for path in find_clips(folder) if (path / "alpha").is_dir())
