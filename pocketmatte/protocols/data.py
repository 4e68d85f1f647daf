"""The user's data beyond clips with mattes: clips with masks of objects, folders of pictures."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from pocketmatte.clips import Clip, open_clip
from pocketmatte.pictures import (
    check_file,
    is_picture,
    picture_size_hw,
    read_matte,
    read_picture,
)
from pocketmatte.runtimes.protocol import FloatArray
from tiers.errors import MediaError

BoolArray: TypeAlias = npt.NDArray[np.bool_]

MOST_OBJECTS = 16  # a soft mask has more values than any clip has objects

_LABELLED = frozenset({"1", "L", "P"})  # Pillow's names of pictures of one 8-bit value a pixel
_HALF = 128


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class LabelledClip:
    """Frames with the masks of the objects that the first one shows.

    Iterating gives ``(frame, masks)``, read one pair at a time: float32 ``(H, W, 3)`` RGB in 0..1
    and booleans ``(K, H, W)``, one object a plane. What first shows up later counts as background.

    Attributes:
        clip: The frames; its mattes are not looked at where there are masks.
        masks: A file a frame, or ``None`` where the matte is the mask of one object.
        values: The objects' values in the masks, as the first frame has them.
    """

    clip: Clip
    masks: tuple[Path, ...] | None
    values: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.clip)

    def __iter__(self) -> Iterator[tuple[FloatArray, BoolArray]]:
        for frame, masks in zip(self.clip.frames, self.truths(), strict=True):
            yield read_picture(frame).astype(np.float32) / np.float32(255), masks

    def truths(self) -> Iterator[BoolArray]:
        """Yield the masks alone."""
        if self.masks is None:
            for path in self.clip.alphas:
                yield (read_matte(path) >= _HALF)[None]
            return
        for path in self.masks:
            labels = read_labels(path)
            yield np.stack([labels == value for value in self.values])


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Stills:
    """Pictures with true masks, every one of its own size, read one pair at a time.

    Iterating gives ``(picture, mask)``: float32 ``(H, W, 3)`` RGB and ``(H, W)``, both in 0..1.

    Attributes:
        path: The folder.
        pairs: The files of every picture and of its mask.
    """

    path: Path
    pairs: tuple[tuple[Path, Path], ...]

    def __len__(self) -> int:
        return len(self.pairs)

    def __iter__(self) -> Iterator[tuple[FloatArray, FloatArray]]:
        for picture, mask in self.pairs:
            yield (
                read_picture(picture).astype(np.float32) / np.float32(255),
                read_matte(mask).astype(np.float32) / np.float32(255),
            )


def open_labelled(path: Path, limit: int | None = None) -> LabelledClip:
    """Open ``frames/`` with ``masks/`` or, where there are none, ``alpha/``.

    A mask is a picture of one 8-bit value a pixel, grey or with a palette: 0 is background, every
    other value an object. Alpha is the mask of one object from a half on.

    Args:
        path: The clip's folder.
        limit: Take at most so many frames, from the start; ``None`` takes all.

    Raises:
        MediaError: If frames or masks are missing, do not pair by name or differ in size, are no
            masks, or the first one shows no object.
    """
    clip = open_clip(path, limit)
    folder = path / "masks"
    if not folder.is_dir():
        held = LabelledClip(clip=clip, masks=None, values=(_HALF,))
        if not next(held.truths()).any():
            raise _nothing_shown(clip.alphas[0])
        return held
    files = {file.stem: file for file in folder.iterdir() if is_picture(file)}
    missing = [frame for frame in clip.frames if frame.stem not in files]
    if missing:
        msg = f"{folder}: frame {missing[0].name} has no mask {missing[0].stem}.png; add it"
        raise MediaError(msg)
    masks = tuple(files[frame.stem] for frame in clip.frames)
    for mask in masks:
        _check_size(mask, clip.size_hw)
    values = tuple(int(value) for value in np.unique(read_labels(masks[0])) if value)
    if not values:
        raise _nothing_shown(masks[0])
    return LabelledClip(clip=clip, masks=masks, values=values)


def open_stills(path: Path, limit: int | None = None) -> Stills:
    """Open ``image/`` with ``mask/`` or ``alpha/``, or a clip, whose frames are pictures too.

    Args:
        path: The folder.
        limit: Take at most so many pictures, in the order of their names; ``None`` takes all.

    Raises:
        MediaError: If pictures or masks are missing, do not pair by name, or differ in size.
    """
    images = path / "image"
    if not images.is_dir():
        if not (path / "frames").is_dir():
            msg = f"{path}: holds neither image/ with mask/ or alpha/, nor a clip's frames/"
            raise MediaError(msg)
        clip = open_clip(path, limit)
        return Stills(path=path, pairs=tuple(zip(clip.frames, clip.alphas, strict=True)))
    truths = next((path / name for name in ("mask", "alpha") if (path / name).is_dir()), None)
    if truths is None:
        msg = f"{path}: the pictures have no masks; put one of each into mask/ or alpha/"
        raise MediaError(msg)
    masks = {file.stem: file for file in truths.iterdir() if is_picture(file)}
    pictures = sorted(file for file in images.iterdir() if is_picture(file))[:limit]
    if not pictures:
        msg = f"{images}: the folder holds no pictures; put at least one into it"
        raise MediaError(msg)
    for picture in pictures:
        if picture.stem not in masks:
            msg = f"{path}: picture {picture.name} has no mask {picture.stem}.png; name them alike"
            raise MediaError(msg)
        _check_size(masks[picture.stem], picture_size_hw(picture))
    return Stills(path=path, pairs=tuple((each, masks[each.stem]) for each in pictures))


def read_labels(path: Path) -> npt.NDArray[np.uint8]:
    """Read a mask's values as they are stored: a palette's numbers, not its colours.

    Returns:
        ``(H, W)``, 0 is background.

    Raises:
        MediaError: If the file is missing, damaged, of several values a pixel, or of more than
            ``MOST_OBJECTS`` values.
    """
    check_file(path)
    try:
        with Image.open(path) as image:
            mode, labels = image.mode, np.asarray(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        msg = f"{path}: is no readable picture; give an intact PNG file"
        raise MediaError(msg) from error
    if mode not in _LABELLED:
        msg = f"{path}: is a picture of mode {mode}; a mask has one 8-bit value a pixel"
        raise MediaError(msg)
    labels = labels.astype(np.uint8)
    count = int(np.count_nonzero(np.unique(labels)))
    if count > MOST_OBJECTS:
        msg = (
            f"{path}: holds {count} values beside 0; a mask has one an object, at most "
            f"{MOST_OBJECTS}: put soft mattes into alpha/"
        )
        raise MediaError(msg)
    return labels


def _check_size(mask: Path, size_hw: tuple[int, int]) -> None:
    if (found := picture_size_hw(mask)) != size_hw:
        msg = (
            f"{mask}: is {found[1]}x{found[0]} but its picture is {size_hw[1]}x{size_hw[0]}; "
            "give both of one size"
        )
        raise MediaError(msg)


def _nothing_shown(mask: Path) -> MediaError:
    return MediaError(f"{mask}: shows no object; a clip begins with the masks that are followed")
