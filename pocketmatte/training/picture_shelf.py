"""Pictures for backgrounds and textures: the user's own, and those that scikit-image brings."""

from collections import OrderedDict
from pathlib import Path

import numpy as np
from PIL import Image

from pocketmatte.pictures import is_picture, read_picture
from pocketmatte.training.library import load_library
from pocketmatte.training.textures import Picture
from tiers.errors import MediaError

# Shares of draws that take a picture of the user's folder, where there is one.
_OWN_SHARE = 0.8

# Pictures kept in memory after use.
_KEPT = 48


class PictureShelf:
    """Pictures to draw from; those of a folder are read when they are needed.

    Args:
        folder: Folder of pictures, looked through with the folders below it, or None for those
            inside the scikit-image wheel alone.
        side_px: Pictures are kept with their shorter side about this long.

    Raises:
        MediaError: If the folder is missing or holds no picture.
    """

    def __init__(self, folder: Path | None, side_px: int) -> None:
        self._side_px = side_px
        self._built_in = tuple(
            shrunk(picture[0], side_px) for picture in load_library(None).backgrounds
        )
        self._paths: tuple[Path, ...] = ()
        self._kept: OrderedDict[Path, Picture] = OrderedDict()
        if folder is not None:
            self._paths = tuple(sorted(path for path in folder.rglob("*") if is_picture(path)))
            if not self._paths:
                msg = f"{folder}: the folder holds no pictures; put PNG or JPEG pictures into it"
                raise MediaError(msg)

    def draw(self, random: np.random.Generator) -> Picture:
        """Choose a picture, ``(H, W, 3)``.

        Raises:
            MediaError: If it cannot be read.
        """
        own = bool(self._paths) and random.random() < _OWN_SHARE
        number = int(random.integers(len(self._paths) if own else len(self._built_in)))
        return self._read(self._paths[number]) if own else self._built_in[number]

    def _read(self, path: Path) -> Picture:
        picture = self._kept.pop(path, None)
        if picture is None:
            picture = shrunk(read_picture(path), self._side_px)
        self._kept[path] = picture
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return picture


def shrunk(picture: Picture, side_px: int) -> Picture:
    """Bring the shorter side to ``side_px`` if it is longer, ``(H, W[, C])``."""
    height, width = picture.shape[:2]
    scale = side_px / min(height, width)
    if scale >= 1.0:
        return picture
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    image = Image.fromarray(picture)
    return np.asarray(image.resize(size, Image.Resampling.BOX, reducing_gap=2.0))
