"""Stills of pictures that are cut out already: their alpha channel is the matte.

python -m pocketmatte.training.cut_out_stills --pictures DIR --out DATA

Icons, stickers and renderings come so. They become DATA/stills/image and DATA/stills/alpha, which
``pocketmatte train --data DATA`` lifts and lets move over other backgrounds.
"""

import argparse
import fnmatch
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from export.atomic import whole
from pocketmatte.pictures import FORMATS, is_picture
from pocketmatte.training.cache import STILLS
from tiers.errors import MediaError, PocketMatteError, UsageError

_GREY = 127  # behind a picture, where nobody sees it: colours of its edge are not its own
_HALF = 127
_LEAST_COVER = 0.08  # of a picture; less is a line or a dot
_MOST_OF_BOX = 0.93  # of its bounding box; more is a plain square, such as a sign


def stills(folder: Path, out: Path, leave_out: Sequence[str] = ()) -> int:
    """Write the stills of a folder's pictures.

    Args:
        folder: Of pictures with an alpha channel; those below it are not looked at.
        out: Data folder to write ``stills/`` into, beside what is there; files of the same name are
            replaced.
        leave_out: Patterns of names without suffix, such as ``flag-*``.

    Returns:
        How many were written. Pictures without an alpha channel, nearly empty ones and plain
        squares are passed over.

    Raises:
        UsageError: If there is nothing to write.
        MediaError: If a picture is damaged.
        BundleError: If the disk refuses.
    """
    if not folder.is_dir():
        msg = f"{folder} is no folder; give one that holds pictures with an alpha channel"
        raise UsageError(msg)
    count = 0
    for path in sorted(filter(is_picture, folder.iterdir())):
        if any(fnmatch.fnmatchcase(path.stem, pattern) for pattern in leave_out):
            continue
        colours, alpha = _read(path)
        if not _is_thing(alpha):
            continue
        for part, pixels in (("image", colours), ("alpha", alpha)):
            with whole(out / STILLS / part / f"{path.stem}.png") as partial:
                Image.fromarray(pixels).save(partial, "png")
        count += 1
    if not count:
        msg = f"{folder} holds no picture with an alpha channel that is cut out; give another one"
        raise UsageError(msg)
    return count


def _read(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return colours over grey ``(H, W, 3)`` and alpha ``(H, W)``."""
    try:
        with Image.open(path, formats=FORMATS) as image:
            picture = image.convert("RGBA")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        msg = f"{path} cannot be read ({error}); remove it, or give another folder"
        raise MediaError(" ".join(msg.split())) from error
    behind = Image.new("RGBA", picture.size, (_GREY, _GREY, _GREY, 255))
    colours = Image.alpha_composite(behind, picture).convert("RGB")
    return np.asarray(colours), np.asarray(picture.getchannel("A"))


def _is_thing(alpha: NDArray[np.uint8]) -> bool:
    """Whether a matte is of something: neither all, nor nearly nothing, nor a plain square."""
    solid = alpha > _HALF
    rows, columns = np.flatnonzero(solid.any(1)), np.flatnonzero(solid.any(0))
    if not len(rows) or solid.mean() < _LEAST_COVER:
        return False
    box = (rows[-1] + 1 - rows[0]) * (columns[-1] + 1 - columns[0])
    return bool(solid.sum() <= _MOST_OF_BOX * box)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m pocketmatte.training.cut_out_stills")
    parser.add_argument("--pictures", type=Path, required=True, help="folder of RGBA pictures")
    parser.add_argument("--out", type=Path, required=True, help="data folder, of train --data")
    parser.add_argument(
        "--leave-out", nargs="*", default=[], metavar="PATTERN", help="names without suffix"
    )
    given = parser.parse_args(arguments)
    try:
        count = stills(given.pictures, given.out, given.leave_out)
    except PocketMatteError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2 if isinstance(error, UsageError) else 1
    sys.stderr.write(f"{count} stills in {given.out / STILLS}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
