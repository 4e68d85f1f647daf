"""The user's data beyond clips with mattes: clips with masks of objects, folders of pictures."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pocketmatte.clips import Clip, open_clip
from pocketmatte.label_pictures import HALF, are_hard, are_soft, read_alpha, read_labels
from pocketmatte.pictures import is_picture, picture_size_hw, read_picture
from pocketmatte.runtimes.protocol import FloatArray
from tiers.errors import MediaError

BoolArray: TypeAlias = npt.NDArray[np.bool_]

MOST_OBJECTS = 16  # of a clip: each takes a run of its own, or half of one


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class LabelledClip:
    """Frames with the masks of the objects that the first one shows.

    Iterating gives ``(frame, masks)``, read one pair at a time: float32 ``(H, W, 3)`` RGB in 0..1
    and booleans ``(K, H, W)``, one object a plane. What first shows up later counts as background.

    Attributes:
        clip: The frames; its mattes are not looked at where there are masks.
        masks: A file a frame, or ``None`` where the matte is the mask of one object.
        values: The objects' values in the masks, as the first frame has them.
        soft: Whether the masks are soft ones of one object; see ``label_pictures.are_soft``.
    """

    clip: Clip
    masks: tuple[Path, ...] | None
    values: tuple[int, ...]
    soft: bool = False

    def __len__(self) -> int:
        return len(self.clip)

    def __iter__(self) -> Iterator[tuple[FloatArray, BoolArray]]:
        for frame, masks in zip(self.clip.frames, self.truths(), strict=True):
            yield read_picture(frame).astype(np.float32) / np.float32(255), masks

    def truths(self) -> Iterator[BoolArray]:
        """Yield the masks alone."""
        if self.masks is None:
            for path in self.clip.alphas:
                yield (read_alpha(path, hard=self.clip.hard) >= HALF)[None]
            return
        for path in self.masks:
            labels = read_labels(path, soft=self.soft)
            yield np.stack([labels == value for value in self.values])


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Stills:
    """Pictures with true masks, every one of its own size, read one pair at a time.

    Iterating gives ``(picture, mask)``: float32 ``(H, W, 3)`` RGB and ``(H, W)``, both in 0..1.

    Attributes:
        path: The folder.
        pairs: The files of every picture and of its mask.
        sizes_hw: Heights and widths that pictures have, in pixels.
        hard: Whether the masks are no soft mattes; see ``label_pictures.are_hard``.
    """

    path: Path
    pairs: tuple[tuple[Path, Path], ...]
    sizes_hw: frozenset[tuple[int, int]]
    hard: bool

    def __len__(self) -> int:
        return len(self.pairs)

    def __iter__(self) -> Iterator[tuple[FloatArray, FloatArray]]:
        for (picture, _), mask in zip(self.pairs, self.truths(), strict=True):
            yield read_picture(picture).astype(np.float32) / np.float32(255), mask

    def truths(self) -> Iterator[FloatArray]:
        """Yield the masks alone."""
        for _, mask in self.pairs:
            yield read_alpha(mask, hard=self.hard).astype(np.float32) / np.float32(255)


def open_labelled(path: Path, limit: int | None = None) -> LabelledClip:
    """Open ``frames/`` with ``masks/`` or, where there are none, ``alpha/``.

    Masks are read as ``label_pictures`` says. Alpha is the mask of one object from a half on.

    Args:
        path: The clip's folder.
        limit: Take at most so many frames, from the start; ``None`` takes all.

    Raises:
        MediaError: If frames or masks are missing, do not pair by name or differ in size, are no
            masks, or the first one shows no object or more than ``MOST_OBJECTS``.
    """
    clip = open_clip(path, limit)
    folder = path / "masks"
    if not folder.is_dir():
        held = LabelledClip(clip=clip, masks=None, values=(HALF,))
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
    soft = are_soft(masks[:1])  # it is the one that shows the objects
    values = tuple(int(value) for value in np.unique(read_labels(masks[0], soft=soft)) if value)
    if not values:
        raise _nothing_shown(masks[0])
    if len(values) > MOST_OBJECTS:
        msg = f"{masks[0]}: shows {len(values)} objects; at most {MOST_OBJECTS} are followed"
        raise MediaError(msg)
    return LabelledClip(clip=clip, masks=masks, values=values, soft=soft)


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
        pairs = tuple(zip(clip.frames, clip.alphas, strict=True))
        sizes_hw = frozenset({clip.size_hw})
        return Stills(path=path, pairs=pairs, sizes_hw=sizes_hw, hard=clip.hard)
    truths = next((path / name for name in ("mask", "alpha") if (path / name).is_dir()), None)
    if truths is None:
        msg = f"{path}: the pictures have no masks; put one of each into mask/ or alpha/"
        raise MediaError(msg)
    masks = {file.stem: file for file in truths.iterdir() if is_picture(file)}
    pictures = sorted(file for file in images.iterdir() if is_picture(file))[:limit]
    if not pictures:
        msg = f"{images}: the folder holds no pictures; put at least one into it"
        raise MediaError(msg)
    found_hw: set[tuple[int, int]] = set()
    for picture in pictures:
        if picture.stem not in masks:
            msg = f"{path}: picture {picture.name} has no mask {picture.stem}.png; name them alike"
            raise MediaError(msg)
        found_hw.add(size_hw := picture_size_hw(picture))
        _check_size(masks[picture.stem], size_hw)
    return Stills(
        path=path,
        pairs=tuple((each, masks[each.stem]) for each in pictures),
        sizes_hw=frozenset(found_hw),
        hard=are_hard([masks[stem] for stem in sorted(masks)]),
    )


def _check_size(mask: Path, size_hw: tuple[int, int]) -> None:
    if (found := picture_size_hw(mask)) != size_hw:
        msg = (
            f"{mask}: is {found[1]}x{found[0]} but its picture is {size_hw[1]}x{size_hw[0]}; "
            "give both of one size"
        )
        raise MediaError(msg)


def _nothing_shown(mask: Path) -> MediaError:
    return MediaError(f"{mask}: shows no object; a clip begins with the masks that are followed")
