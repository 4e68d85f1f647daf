"""Masks as pictures: which object a pixel shows, whatever way a tool has stored it.

| stored as | read as |
|---|---|
| a palette of colours (DAVIS, YouTube-VOS) | the numbers: 0 background, 255 void, others objects |
| bits, or grey of at most ``MOST_VALUES`` values | 0 is background, every other value an object |
| grey of more values | the soft mask of one object |

So 0 and 255, or 0 and 1, are one object. A palette of greys alone is the grey picture that it
shows, and so are three equal channels. Void is not to be judged; here it is background. Where a
matte is wanted, an object is whole and soft masks stay as they are. All masks of a clip are soft
where the first one is that shows anything: a single one may have few values.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from pocketmatte.pictures import FORMATS, UInt8Array, check_file, read_matte, read_picture
from tiers.errors import MediaError

MOST_VALUES = 16  # beside 0: a soft mask has more values than most pictures have objects
HALF = 128  # from here on, a soft mask shows its object
SOFT_FOLDER = "alpha"

_VOID, _WHOLE = 255, 255
_PALETTE = "P"  # Pillow's name of a picture that has one
_LOOKED_AT = 16  # mattes of a folder


def read_labels(path: Path, *, soft: bool = False) -> UInt8Array:
    """Read which object every pixel shows.

    Args:
        path: The picture.
        soft: Whether it is a soft mask, as ``are_soft`` says of its clip; otherwise its own values
            tell.

    Returns:
        ``(H, W)``: 0 where there is none; of a soft mask, 255 from a half on.

    Raises:
        MediaError: If the file is missing or damaged, shows colours without a palette, or has many
            values of which none reaches a half.
    """
    values, soft = (read_matte(path), True) if soft else _values(path)
    if soft:
        return np.where(values >= HALF, _WHOLE, 0).astype(np.uint8)
    return values


def read_alpha(path: Path, *, hard: bool) -> UInt8Array:
    """Read a matte, or a mask where a matte is wanted.

    Args:
        path: The picture.
        hard: Whether it is a mask, as ``are_hard`` says; otherwise its brightness counts, unless
            it has a palette of colours.

    Returns:
        ``(H, W)`` in 0..255; 255 is foreground.

    Raises:
        MediaError: As ``read_labels`` does.
    """
    if not hard and _stored(path)[0] != _PALETTE:
        return read_matte(path)
    values, soft = _values(path)
    return values if soft else np.where(values > 0, _WHOLE, 0).astype(np.uint8)


def are_hard(mattes: Sequence[Path]) -> bool:
    """Say whether the mattes of a folder are masks.

    They are anywhere but in ``alpha/``, and there where those looked at, 16 or more spread over
    the folder, are of zeros and ones: a single matte may be so because next to nothing is seen.

    Raises:
        MediaError: If one of them is missing or damaged.
    """
    if not mattes or mattes[0].parent.name != SOFT_FOLDER:
        return True
    highest = 0
    for path in mattes[:: max(1, len(mattes) // _LOOKED_AT)]:
        highest = max(highest, int(read_alpha(path, hard=False).max()))
        if highest > 1:
            return False
    return highest == 1


def are_soft(masks: Iterable[Path]) -> bool:
    """Say whether the masks of a clip are soft ones of one object.

    Args:
        masks: Of all frames, in order; only the first that shows anything tells.

    Raises:
        MediaError: As ``read_labels`` does.
    """
    for path in masks:
        values, soft = _values(path)
        if values.any():
            return soft
    return False


def _values(path: Path) -> tuple[UInt8Array, bool]:
    """Return ``(H, W)`` values, 0 for background, and whether they are those of a soft mask."""
    mode, stored = _stored(path)
    if mode == _PALETTE and stored is not None:
        return np.where(stored == _VOID, 0, stored).astype(np.uint8), False
    grey = _grey(path, mode, stored)
    count = np.count_nonzero(np.bincount(grey.ravel(), minlength=256)[1:])
    if count <= MOST_VALUES:
        return grey, False
    if (highest := int(grey.max())) < HALF:
        msg = (
            f"{path}: holds {count} values beside 0 but none above {highest}; a soft mask shows "
            f"its object from {HALF} on, and more than {MOST_VALUES} objects need a palette"
        )
        raise MediaError(msg)
    return grey, True


def _stored(path: Path) -> tuple[str, npt.NDArray[Any] | None]:
    """Return Pillow's name of how a picture is stored, and its values where no view shows them.

    Those are the numbers of a palette, ``_PALETTE``, and 16-bit values. A palette of greys counts
    as the colours that it shows.
    """
    check_file(path)
    try:
        with Image.open(path, formats=FORMATS) as image:
            mode = image.mode
            if mode == _PALETTE and _are_greys(_palette(image)):
                mode = "RGB"
            if mode == _PALETTE or mode.startswith("I"):
                return mode, np.asarray(ImageOps.exif_transpose(image))
            return mode, None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        msg = f"{path}: is no readable picture; give an intact PNG file"
        raise MediaError(msg) from error


def _grey(path: Path, mode: str, stored: npt.NDArray[Any] | None) -> UInt8Array:
    """Return a mask without a palette; of 16 bits the upper 8, unless the lower ones are all."""
    if stored is not None and stored.min() >= 0 and stored.max() <= _WHOLE:
        return stored.astype(np.uint8)
    if stored is not None or mode in {"1", "L"}:
        return read_matte(path)
    picture = read_picture(path)
    if not _are_greys(picture):
        msg = f"{path}: is a picture of colours; a mask has one value a pixel, or a palette"
        raise MediaError(msg)
    return np.ascontiguousarray(picture[..., 0])


def _palette(image: Image.Image) -> npt.NDArray[Any]:
    """Return the colours of a palette, ``(N, 3)``."""
    return np.array(image.getpalette("RGB") or []).reshape(-1, 3)


def _are_greys(colours: npt.NDArray[Any]) -> bool:
    """Say whether all of ``(..., 3)`` have three equal channels."""
    return bool((colours == colours[..., :1]).all())
