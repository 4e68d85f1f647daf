"""Training clips from folders of the user's own clips."""

import dataclasses
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pocketmatte.clips import Clip
from pocketmatte.label_pictures import read_labels
from pocketmatte.pictures import read_matte, read_picture
from pocketmatte.training import looks
from pocketmatte.training.clip_reading import (
    find_clips,
    has_alpha,
    opened,
    read_confidence,
    read_window,
)
from pocketmatte.training.clip_runs import clip_numbers
from pocketmatte.training.looks import Parts
from pocketmatte.training.sensor import NoiseBank
from pocketmatte.training.staging import SizeHW
from pocketmatte.training.stills import chosen_labels, winners
from pocketmatte.training.video import Video
from pocketmatte.training.windows import (
    Gaps,
    check_gaps,
    largest_gap,
    random_crop,
)


class FolderVideos:
    """Windows of clips with mattes, cropped, recoloured and with noise; a `VideoSource`.

    A clip with ``alpha/`` shows one object with its exact alpha; with ``fgr/`` too, its colours
    are taken from there, otherwise they are estimated. One with ``masks/`` shows as many objects
    as its first frame's mask has labels; foreground and background are then the frame itself.
    Where there is ``confidence/``, grey from 0 for doubtful to 255, the video's is read from it.
    Of a clip that ``pocketmatte label`` wrote, no window reaches over frames that it left out.

    Args:
        folder: A clip, or a folder of clips; see `pocketmatte.clips`.
        size_hw: Height and width of the frames, in pixels.
        length: Frames of a clip, ``T``.
        objects: Objects of a clip, ``K``; a clip may show fewer, the others' alphas are 0.
        seed: Of everything random.
        gaps: From which clip on which largest step between frames holds: ``((0, 10), (600, 15))``
            takes steps of 1..10, and from clip 600 on of 1..15.

    Raises:
        MediaError: If the folder holds no clip.
        ValueError: If a number is too small.
    """

    def __init__(
        self,
        folder: Path,
        size_hw: SizeHW,
        length: int,
        objects: int,
        seed: int,
        gaps: Gaps = ((0, 5),),
    ) -> None:
        check_clip_numbers(size_hw, length, objects)
        check_gaps(gaps)
        self._paths = find_clips(folder)
        self._size_hw, self._length, self._objects = size_hw, length, objects
        self._seed, self._gaps = seed, gaps
        self._noise = NoiseBank(size_hw, seed)

    def video(self, index: int) -> Video:
        """Read the clip of that number.

        Raises:
            MediaError: If a file is missing or damaged; the message names it.
        """
        random = np.random.default_rng((self._seed, index))
        clip = opened(self._paths[int(random.integers(len(self._paths)))])
        gap = largest_gap(self._gaps, index)
        numbers = clip_numbers(random, clip.path, self._length, gap)
        read = self._with_alpha if has_alpha(clip) else self._with_masks
        parts, confidence = read(random, clip, numbers)
        video = looks.photographed(random, parts, self._noise)
        return dataclasses.replace(video, confidence=confidence)

    def _with_alpha(
        self, random: np.random.Generator, clip: Clip, numbers: list[int]
    ) -> tuple[Parts, Tensor | None]:
        cover = read_matte(clip.alphas[numbers[0]])
        crop = random_crop(random, clip.size_hw, self._size_hw, cover)
        window = read_window(clip, numbers, crop)
        both = np.concatenate((window.foreground, window.background))
        colours = looks.recoloured(random, both, 0.4)
        alphas = torch.zeros(self._length, self._objects, *self._size_hw)
        alphas[:, int(random.integers(self._objects))] = window.alpha[:, 0]
        parts = Parts(
            foreground=colours[: self._length],
            alphas=alphas,
            background=colours[self._length :],
        )
        return parts, read_confidence(clip, numbers, crop)

    def _with_masks(
        self, random: np.random.Generator, clip: Clip, numbers: list[int]
    ) -> tuple[Parts, Tensor | None]:
        masks = [read_labels(clip.alphas[number], soft=not clip.hard) for number in numbers]
        crop = random_crop(random, clip.size_hw, self._size_hw, masks[0])
        pictures = [crop.of(read_picture(clip.frames[number])) for number in numbers]
        frames = looks.recoloured(random, np.stack(pictures), 0.4)
        shares = torch.zeros(self._length, self._objects, *self._size_hw)
        for number, label in enumerate(chosen_labels(random, masks, self._objects)):
            stencils = [crop.of(np.asarray(255 * (mask == label), np.uint8)) for mask in masks]
            shares[:, number] = torch.from_numpy(np.stack(stencils).astype(np.float32) / 255.0)
        parts = Parts(foreground=frames, alphas=winners(shares), background=frames)
        return parts, read_confidence(clip, numbers, crop)


def check_clip_numbers(size_hw: SizeHW, length: int, objects: int) -> None:
    """Refuse frames that are too small, and clips of no frame or no object.

    Raises:
        ValueError: If it is so.
    """
    if min(size_hw) < 32 or min(length, objects) < 1:
        msg = (
            f"clips of {length} frames of {size_hw[1]}x{size_hw[0]} with {objects} objects;"
            " at least 1 frame of 32x32 with 1 object is needed"
        )
        raise ValueError(msg)
