"""Read windows of clips: ``frames/``, ``alpha/`` or ``masks/``, ``fgr/`` and ``confidence/``."""

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pocketmatte.clips import Clip, open_clip
from pocketmatte.label_pictures import SOFT_FOLDER, read_alpha
from pocketmatte.pictures import is_picture, over_black, read_matte, read_picture
from pocketmatte.training.cutouts import straight_colour
from pocketmatte.training.textures import Picture
from pocketmatte.training.windows import Crop
from tiers.errors import MediaError

# Below this share of a pixel a colour cannot be told from its premultiplied value.
_LEAST_SHARE = 1e-3


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """Cropped frames of a clip with an alpha, taken apart.

    ``frame = foreground * alpha + background * (1 - alpha)`` but for 8-bit rounding.

    Attributes:
        foreground: ``(T, H, W, 3)`` uint8, straight RGB.
        alpha: ``(T, 1, H, W)``, 0..1.
        background: ``(T, H, W, 3)`` uint8; any colour where alpha is 1.
    """

    foreground: Picture
    alpha: Tensor
    background: Picture


def find_clips(folder: Path) -> tuple[Path, ...]:
    """List a folder's clips: the folders in it that hold ``frames/``, or the folder itself.

    Hidden folders are passed over: a clip that is being written is one.

    Raises:
        MediaError: If there is none.
    """
    if (folder / "frames").is_dir():
        return (folder,)
    inside = sorted(folder.iterdir()) if folder.is_dir() else []
    found = tuple(
        path for path in inside if (path / "frames").is_dir() and not path.name.startswith(".")
    )
    if not found:
        msg = f"{folder}: no clips; put folders into it that hold frames/ and alpha/ or masks/"
        raise MediaError(msg)
    return found


@functools.lru_cache(maxsize=1024)
def opened(path: Path) -> Clip:
    """Open a clip, or take it from those opened before: its files are looked through once.

    Raises:
        MediaError: If it is not as `open_clip` wants it.
    """
    return open_clip(path)


def has_alpha(clip: Clip) -> bool:
    """Whether a clip has alphas, not masks, be those soft or not."""
    return not clip.hard and clip.alphas[0].parent.name == SOFT_FOLDER


def read_window(clip: Clip, numbers: Sequence[int], crop: Crop) -> Window:
    """Read frames of a clip with alphas; without ``fgr/``, foreground colours are estimated.

    Raises:
        MediaError: If a file is missing or damaged.
    """
    colours = _files(clip, "fgr")
    parts = []
    for number in numbers:
        frame = read_picture(clip.frames[number])
        alpha = read_alpha(clip.alphas[number], hard=clip.hard)
        cover = crop.of(alpha)
        shown = crop.of(frame)
        if colours is None:
            straight = straight_colour(shown, cover.astype(np.float32) / 255.0)
            lent = over_black(np.dstack((straight, cover)))
        else:
            lent = crop.of(_premultiplied(colours, clip.frames[number].stem, alpha))
        parts.append((*taken_apart(shown, cover, lent), cover))
    foreground, background, covers = (np.stack(each) for each in zip(*parts, strict=True))
    alphas = torch.from_numpy(covers.astype(np.float32) / 255.0)[:, None]
    return Window(foreground=foreground, alpha=alphas, background=background)


def read_confidence(clip: Clip, numbers: Sequence[int], crop: Crop) -> Tensor | None:
    """Read how far the mattes of some frames are to be believed.

    Returns:
        ``(T, 1, H, W)`` in 0..1, or ``None`` for a clip without ``confidence/``.

    Raises:
        MediaError: If a file is missing, damaged or of another size than its frame.
    """
    files = _files(clip, "confidence")
    if files is None:
        return None
    planes = []
    for number in numbers:
        stem = clip.frames[number].stem
        if stem not in files:
            msg = f"{clip.path / 'confidence'}: there is none of frame {stem}; give one a frame"
            raise MediaError(msg)
        plane = read_matte(files[stem])
        _require_size(files[stem], plane.shape, clip.size_hw)
        planes.append(crop.of(plane))
    return torch.from_numpy(np.stack(planes).astype(np.float32) / 255.0)[:, None]


def _files(clip: Clip, name: str) -> dict[str, Path] | None:
    folder = clip.path / name
    if not folder.is_dir():
        return None
    return {path.stem: path for path in folder.iterdir() if is_picture(path)}


def _premultiplied(colours: dict[str, Path], stem: str, alpha: Picture) -> Picture:
    if stem not in colours:
        known = next(iter(colours.values()), Path("fgr/none")).parent
        msg = f"{known}: there is no foreground {stem}; give one a frame, or no fgr/ at all"
        raise MediaError(msg)
    straight = read_picture(colours[stem])
    _require_size(colours[stem], straight.shape, alpha.shape)
    return over_black(np.dstack((straight, alpha)))


def _require_size(path: Path, found: tuple[int, ...], frame: tuple[int, ...]) -> None:
    if found[:2] != frame[:2]:
        msg = (
            f"{path}: is {found[1]}x{found[0]} but its frame is {frame[1]}x{frame[0]};"
            " give both in one size"
        )
        raise MediaError(msg)


def taken_apart(
    frame: Picture, alpha: Picture, premultiplied: Picture
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Find foreground and background that compose a frame.

    The foreground's share is taken as it is given, as far as it leaves a background in 0..255.

    Args:
        frame: ``(H, W, 3)``.
        alpha: ``(H, W)``.
        premultiplied: ``(H, W, 3)``: foreground times alpha.

    Returns:
        Straight foreground, black where alpha is 0, and background, ``(H, W, 3)`` each.
    """
    whole = frame.astype(np.float32) / 255.0
    share = alpha.astype(np.float32)[..., None] / 255.0
    lent = premultiplied.astype(np.float32) / 255.0
    lent = np.clip(lent, np.maximum(whole - (1.0 - share), 0.0), np.minimum(whole, share))
    foreground = lent / np.maximum(share, _LEAST_SHARE)
    background = (whole - lent) / np.maximum(1.0 - share, _LEAST_SHARE)
    return _eight_bit(foreground), _eight_bit(background)


def _eight_bit(colour: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.asarray(np.rint(np.clip(colour, 0.0, 1.0) * 255.0), np.uint8)
