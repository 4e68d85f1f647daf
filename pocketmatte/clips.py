"""Clips with ground truth: a folder of frames beside a folder of mattes."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pocketmatte.label_pictures import are_hard, are_soft, read_alpha
from pocketmatte.pictures import is_picture, picture_size_hw, read_picture
from tiers.errors import MediaError, MissingMediaError

Float32Array: TypeAlias = npt.NDArray[np.float32]

_TRUTH_FOLDERS = ("alpha", "masks")  # soft mattes before hard masks where a clip has both


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Clip:
    """Frames with their true mattes, read one pair at a time; iterating again starts over.

    Iterating gives ``(frame, alpha)``: float32 ``(H, W, 3)`` RGB and ``(H, W)``, both in 0..1,
    ``(H, W) = size_hw``.

    Attributes:
        path: The clip's folder.
        size_hw: Height and width of every frame and matte, in pixels.
        frames: The frames' files, in order.
        alphas: The mattes' files, one a frame and of the same name.
        hard: Whether they are masks that are not soft: whatever is no background is the subject.
    """

    path: Path
    size_hw: tuple[int, int]
    frames: tuple[Path, ...]
    alphas: tuple[Path, ...]
    hard: bool

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.name

    def __len__(self) -> int:
        return len(self.frames)

    def __iter__(self) -> Iterator[tuple[Float32Array, Float32Array]]:
        for frame, alpha in zip(self.frames, self.alphas, strict=True):
            yield (
                read_picture(frame).astype(np.float32) / np.float32(255),
                read_alpha(alpha, hard=self.hard).astype(np.float32) / np.float32(255),
            )


def open_clip(path: Path, limit: int | None = None) -> Clip:
    """Open ``frames/`` with ``alpha/`` or, where there is none, ``masks/``.

    Args:
        path: The clip's folder.
        limit: Take at most so many frames, from the start; ``None`` takes all.

    Raises:
        MediaError: If frames or mattes are missing, do not pair by name, or differ in size.
        ValueError: If the limit is below 1.
    """
    if limit is not None and limit < 1:
        msg = f"a clip's limit is at least 1 frame, not {limit}"
        raise ValueError(msg)
    frames = _pictures(path / "frames")
    truth = next((path / name for name in _TRUTH_FOLDERS if (path / name).is_dir()), None)
    if truth is None:
        msg = f"{path}: the clip has no true mattes; put one a frame into alpha/ or masks/"
        raise MediaError(msg)
    alphas = _pictures(truth)
    _check_pairs(path, frames, alphas)
    found = alphas  # what they are is asked of all, so that no limit changes it
    frames, alphas = frames[:limit], alphas[:limit]
    size_hw = picture_size_hw(frames[0])
    for picture in (*frames, *alphas):
        if (other_hw := picture_size_hw(picture)) != size_hw:
            msg = (
                f"{picture}: is {other_hw[1]}x{other_hw[0]} but {frames[0].name} is"
                f" {size_hw[1]}x{size_hw[0]}; give frames and mattes of one size"
            )
            raise MediaError(msg)
    hard = are_hard(found) and not are_soft(found)
    return Clip(path=path, size_hw=size_hw, frames=frames, alphas=alphas, hard=hard)


def _pictures(folder: Path) -> tuple[Path, ...]:
    if not folder.is_dir():
        msg = f"{folder}: there is no such folder; a clip holds frames/ and alpha/ or masks/"
        raise MissingMediaError(msg)
    pictures = tuple(sorted(path for path in folder.iterdir() if is_picture(path)))
    if not pictures:
        msg = f"{folder}: the folder holds no pictures; put at least one frame into it"
        raise MediaError(msg)
    return pictures


def _check_pairs(path: Path, frames: tuple[Path, ...], alphas: tuple[Path, ...]) -> None:
    if len(frames) != len(alphas):
        msg = f"{path}: {len(frames)} frames but {len(alphas)} true mattes; give one a frame"
        raise MediaError(msg)
    for frame, alpha in zip(frames, alphas, strict=True):
        if frame.stem != alpha.stem:
            msg = f"{path}: frame {frame.name} has no true matte {frame.stem}.png; name them alike"
            raise MediaError(msg)
