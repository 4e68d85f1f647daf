"""Pictures with true mattes: a folder ``image/`` beside ``alpha/`` or ``mask/``."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from pocketmatte.label_pictures import are_hard, read_alpha, read_labels
from pocketmatte.pictures import is_picture, read_picture
from pocketmatte.training.textures import Picture
from tiers.errors import MediaError

Matte = NDArray[np.uint8]

# Soft mattes before hard masks where a folder has both.
_TRUTH_FOLDERS = ("alpha", "mask", "masks")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Still:
    """A picture and what is known of it.

    Attributes:
        name: Unique among its like.
        picture: ``(H, W, 3)`` RGB.
        matte: ``(H, W)``: alpha in 0..255 where it is soft, otherwise the number of the object
            that a pixel shows, 0 for none.
        soft: Whether the matte is an alpha.
    """

    name: str
    picture: Picture
    matte: Matte
    soft: bool

    def __post_init__(self) -> None:
        if self.picture.shape[:2] != self.matte.shape or self.picture.shape[2:] != (3,):
            msg = (
                f"{self.name}: the picture is {self.picture.shape} and its matte"
                f" {self.matte.shape}; give (H, W, 3) and (H, W)"
            )
            raise ValueError(msg)


class Stills(Protocol):
    """Stills by number, held in memory or read when asked for."""

    def __len__(self) -> int:
        """How many there are."""

    def __getitem__(self, number: int, /) -> Still:
        """Return one; the same number gives the same still."""


class StillFolder:
    """Stills of a folder, read one at a time.

    Args:
        folder: Holds ``image/`` with ``alpha/`` or ``mask/``, whose files pair by name. What a
            mask may look like says ``label_pictures``.

    Raises:
        MediaError: If pictures or mattes are missing.
    """

    def __init__(self, folder: Path) -> None:
        truth = next((folder / name for name in _TRUTH_FOLDERS if (folder / name).is_dir()), None)
        if truth is None or not (folder / "image").is_dir():
            msg = f"{folder}: holds no stills; put pictures into image/ and mattes into alpha/"
            raise MediaError(msg)
        mattes = {path.stem: path for path in _pictures(truth)}
        pictures = {path.stem: path for path in _pictures(folder / "image")}
        alone = sorted(mattes.keys() ^ pictures.keys())
        if alone or not pictures:
            what = f"{alone[0]} has no partner" if alone else "no picture is there"
            msg = f"{folder}: {what}; give each of image/ one of its name in {truth.name}/"
            raise MediaError(msg)
        self.soft = not are_hard([mattes[stem] for stem in sorted(mattes)])
        self._pairs = [(pictures[stem], mattes[stem]) for stem in sorted(pictures)]

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, number: int, /) -> Still:
        """Read a still.

        Raises:
            MediaError: If a file is damaged, or picture and matte differ in size.
        """
        picture_path, matte_path = self._pairs[number]
        picture = read_picture(picture_path)
        matte = read_alpha(matte_path, hard=False) if self.soft else read_labels(matte_path)
        if picture.shape[:2] != matte.shape:
            msg = (
                f"{matte_path}: is {matte.shape[1]}x{matte.shape[0]} but its picture is"
                f" {picture.shape[1]}x{picture.shape[0]}; give both in one size"
            )
            raise MediaError(msg)
        return Still(name=picture_path.stem, picture=picture, matte=matte, soft=self.soft)


def chosen_labels(random: np.random.Generator, labels: Sequence[Matte], count: int) -> list[int]:
    """Choose up to ``count`` of the objects that the first of some masks shows, in any order.

    If it shows none, one of the others' is chosen.
    """
    for mask in labels:
        shown = [int(label) for label in np.unique(mask) if label]
        if shown:
            return [shown[at] for at in random.permutation(len(shown))[:count]]
    return []


def winners(shares: Tensor) -> Tensor:
    """Hard masks ``(T, K, H, W)``: 1 where an object has more of a pixel than all else has."""
    rest = 1.0 - shares.sum(1, keepdim=True)
    number = torch.cat((rest, shares), 1).argmax(1)
    hard = F.one_hot(number, shares.shape[1] + 1)[..., 1:]
    return hard.permute(0, 3, 1, 2).to(shares.dtype)


def _pictures(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if is_picture(path))
