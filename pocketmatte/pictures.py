"""Read and write single pictures: colour as RGB, mattes as one channel, both 8-bit."""

from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from tiers.errors import MediaError, MissingMediaError

UInt8Array: TypeAlias = npt.NDArray[np.uint8]

PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp"})
# What a file is read as, whatever its name: Pillow would give PostScript to another program.
FORMATS = ("PNG", "JPEG", "WEBP", "BMP")

_EXIF_ORIENTATION = 0x0112
_EXIF_QUARTER_TURNED = frozenset({5, 6, 7, 8})
# What Pillow raises on a damaged file: SyntaxError and ValueError come from its PNG parser.
_DAMAGE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)


def is_picture(path: Path) -> bool:
    """Say by its suffix whether a file is a picture; hidden files are not."""
    return path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(".")


def picture_size_hw(path: Path) -> tuple[int, int]:
    """Read a picture's height and width in pixels from its header, EXIF orientation applied.

    Raises:
        MediaError: If the file is missing, empty or no picture.
    """
    check_file(path)
    try:
        with Image.open(path, formats=FORMATS) as image:
            turned = image.getexif().get(_EXIF_ORIENTATION) in _EXIF_QUARTER_TURNED
            width, height = image.size
    except _DAMAGE as error:
        raise _unreadable(path) from error
    return (width, height) if turned else (height, width)


def read_picture(path: Path) -> UInt8Array:
    """Read a picture as RGB.

    EXIF orientation is applied, grey pictures get three equal channels, 16-bit ones keep their
    upper 8 bits, and a transparent picture is laid over black. Of an animation, the first frame.

    Returns:
        ``(H, W, 3)`` in 0..255.

    Raises:
        MediaError: If the file is missing, empty, damaged or no picture.
    """
    check_file(path)
    try:
        with Image.open(path, formats=FORMATS) as opened:
            image = _eight_bit(ImageOps.exif_transpose(opened))
            if not image.has_transparency_data:
                return np.asarray(image.convert("RGB"))
            return over_black(np.asarray(image.convert("RGBA")))
    except _DAMAGE as error:
        raise _unreadable(path) from error


def read_matte(path: Path) -> UInt8Array:
    """Read a matte or mask as one channel; a colour picture gives its luma.

    Returns:
        ``(H, W)`` in 0..255; 255 is foreground.

    Raises:
        MediaError: If the file is missing, empty, damaged or no picture.
    """
    check_file(path)
    try:
        with Image.open(path, formats=FORMATS) as opened:
            return np.asarray(_eight_bit(ImageOps.exif_transpose(opened)).convert("L"))
    except _DAMAGE as error:
        raise _unreadable(path) from error


def write_image(path: Path, array: UInt8Array, *, level: int = 6) -> None:
    """Write a PNG, whole or not at all.

    Args:
        path: A ``.png`` file; an older one is replaced.
        array: ``(H, W)`` grey, ``(H, W, 3)`` RGB or ``(H, W, 4)`` RGBA, in 0..255.
        level: Of zlib; 1 takes a fifth of the time and a tenth more bytes.

    Raises:
        MediaError: If the name does not end in ``.png`` or the disk refuses.
        ValueError: If the array is no 8-bit picture.
    """
    if path.suffix.lower() != ".png":
        msg = f"{path}: pictures are written as PNG; give a name ending in .png"
        raise MediaError(msg)
    if array.dtype != np.uint8 or not (array.ndim == 2 or array.shape[2:] in {(3,), (4,)}):
        msg = f"a picture is uint8 (H, W), (H, W, 3) or (H, W, 4), not {array.dtype} {array.shape}"
        raise ValueError(msg)
    partial = partial_path(path)
    try:
        Image.fromarray(array).save(partial, format="png", compress_level=level)
        partial.replace(path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        partial.unlink(missing_ok=True)


def over_black(rgba: UInt8Array) -> UInt8Array:
    """Lay a picture with straight alpha over black: ``(H, W, 4)`` to ``(H, W, 3)``, 0..255."""
    product = rgba[..., :3].astype(np.uint16) * rgba[..., 3:]
    return ((product + 127) // 255).astype(np.uint8)  # +127: to nearest, 255 is odd


def partial_path(path: Path) -> Path:
    """Name the hidden file that is written beside ``path`` until it is whole."""
    return path.with_name(f".{path.stem}.partial{path.suffix}")


def unwritable(path: Path, error: Exception) -> MediaError:
    """Build the error for a file that the disk did not take."""
    reason = getattr(error, "strerror", None) or error
    return MediaError(f"{path}: cannot be written ({reason}); check the folder and the free space")


def check_file(path: Path) -> None:
    """Refuse a path that is no file or an empty one.

    Raises:
        MediaError: If there is no such file, or it holds nothing.
    """
    try:
        size_bytes = path.stat().st_size
    except OSError as error:
        msg = f"{path}: cannot be opened ({error.strerror}); check the path"
        missing = isinstance(error, FileNotFoundError)
        raise (MissingMediaError if missing else MediaError)(msg) from error
    if size_bytes == 0:
        msg = f"{path}: the file is empty (0 bytes); copy or download it again"
        raise MediaError(msg)


def _eight_bit(image: Image.Image) -> Image.Image:
    if not image.mode.startswith("I"):
        return image
    # Pillow clips 16-bit grey to 255 when converting; the upper byte is what 8-bit viewers show.
    sixteen: npt.NDArray[Any] = np.asarray(image)
    return Image.fromarray((sixteen.astype(np.int32) >> 8).clip(0, 255).astype(np.uint8))


def _unreadable(path: Path) -> MediaError:
    return MediaError(f"{path}: is no readable picture; give an intact PNG, JPEG, WebP or BMP file")
