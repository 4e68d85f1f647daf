"""Clips that are made once, kept in a folder, and drawn again and again."""

import os
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from export.atomic import whole
from pocketmatte.training.video import Video, VideoSource, confidence_of
from tiers.errors import MediaError

_COLOURS = 3
_CHANCE = 53  # which clip is drawn has nothing to do with what clips are made of
_LIGHT = 0.15  # standard deviation of the logarithm of a clip's brightness
_TINT = 0.05


class KeptVideos:
    """Some clips of another source, in 8 bits, mirrored and in other light at random.

    A small computer makes clips no faster than it learns from them. Several processes may share the
    folder: each clip is written whole or not at all.

    Args:
        source: Where clips come from.
        folder: Where they are kept; made when it is needed.
        count: How many there are.
        seed: Of everything random.

    Raises:
        ValueError: If ``count`` is below 1.
    """

    def __init__(self, source: VideoSource, folder: Path, count: int, seed: int) -> None:
        if count < 1:
            msg = f"{count} clips are kept; at least 1 is needed"
            raise ValueError(msg)
        self._source, self._folder, self._count, self._seed = source, folder, count, seed

    def video(self, index: int) -> Video:
        """Draw a clip.

        Raises:
            MediaError: If a file of the folder is damaged.
        """
        random = np.random.default_rng((self._seed, index, _CHANCE))
        planes = torch.from_numpy(self._planes(int(random.integers(self._count))))
        planes = planes.float() / 255
        if random.random() < 0.5:
            planes = planes.flip(-1)
        gain = np.exp(random.normal(0.0, _LIGHT) + random.normal(0.0, _TINT, _COLOURS))
        light = torch.from_numpy(gain.astype(np.float32))[:, None, None]
        frames, foreground, confidence, alphas = torch.split(
            planes, [_COLOURS, _COLOURS, 1, planes.shape[1] - 2 * _COLOURS - 1], dim=1
        )
        return Video(
            frames=(frames * light).clamp_(0, 1),
            alphas=_at_most_one(alphas),
            foreground=(foreground * light).clamp_(0, 1),
            confidence=None if bool((confidence == 1).all()) else confidence,
        )

    def _planes(self, number: int) -> NDArray[np.uint8]:
        """Return a kept clip; make it where there is none: ``(T, 7 + K, H, W)``."""
        path = self._folder / f"{number:06d}.npy"
        if not path.is_file():
            video = self._source.video(number)
            parts = (video.frames, video.foreground, confidence_of(video), video.alphas)
            made = (torch.cat(parts, 1) * 255).round().clamp(0, 255).byte().numpy()
            # of this process alone: another one may be writing the same clip
            own = path.with_name(f".{os.getpid()}-{path.name}")
            with whole(own) as partial, partial.open("wb") as file:
                np.save(file, made)
            own.replace(path)
            return np.asarray(made)
        try:
            kept = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            msg = f"{path} is damaged ({error}); remove it, and it is made anew"
            raise MediaError(msg) from error
        return np.asarray(kept, np.uint8)


def _at_most_one(alphas: Tensor) -> Tensor:
    """Take back what rounding added."""
    return alphas / alphas.sum(1, keepdim=True).clamp(min=1)
