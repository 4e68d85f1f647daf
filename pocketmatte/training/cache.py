"""The training cache: its index, its arrays, and what of a folder may be replaced by another."""

import dataclasses
import json
import tokenize
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pocketmatte.training.sources import ALLOWED_LICENCE_CLASSES
from tiers.errors import MediaError, UsageError

INDEX_NAME = "index.json"
INDEX_VERSION = 1

STILLS, BACKGROUNDS = "stills", "backgrounds"  # folders of pictures beside the arrays

# Channels of an array by its role: colours, and colours with alpha.
_CHANNELS = {"background": 3, "cutout": 4}
_KINDS = ("full", "half", "thing")
_WORDS = ("name", "role", "kind", "file", "source", "licence_class", "licence")
_REMEDY = "prepare the folder again"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class CacheRow:
    """One array of the cache.

    Attributes:
        name: Unique in the cache.
        role: ``background`` or ``cutout``.
        kind: Of a cutout: ``full``, ``half`` or ``thing``; of a background: empty.
        cut: Sides on which the edge of the source cuts a cutout.
        file: The array's file, within the cache.
        source: What it was made of, within the data folder.
        licence_class: One of those that may be trained on.
        licence: The licence's name.
    """

    name: str
    role: str
    kind: str
    cut: tuple[str, ...]
    file: str
    source: str
    licence_class: str
    licence: str


def index_rows(cache_dir: Path) -> tuple[CacheRow, ...]:
    """Read what ``pocketmatte.training.prepare`` wrote of a cache.

    Raises:
        MediaError: If the folder holds no index of this version, or a row of it lacks something,
            is of a licence class that may not be trained on, or leads out of the folder.
    """
    path = cache_dir / INDEX_NAME
    try:
        index = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        msg = f"no readable {INDEX_NAME} in {cache_dir}; make it with pocketmatte.training.prepare"
        raise MediaError(msg) from error
    version = index.get("version") if isinstance(index, dict) else None
    if version != INDEX_VERSION:
        msg = f"{path} has version {version}, this program reads {INDEX_VERSION}; {_REMEDY}"
        raise MediaError(msg)
    items = index.get("items")
    if not isinstance(items, list):
        msg = f"{path} lists no items; {_REMEDY}"
        raise MediaError(msg)
    return tuple(_row(path, number, given) for number, given in enumerate(items))


def _row(path: Path, number: int, given: Any) -> CacheRow:
    fault = _fault(path.parent, given)
    if fault is not None:
        msg = f"{path}: item {number} {fault}; {_REMEDY}"
        raise MediaError(msg)
    return CacheRow(cut=tuple(given["cut"]), **{name: given[name] for name in _WORDS})


def _fault(cache_dir: Path, given: Any) -> str | None:
    """Say what is wrong with an item of the index."""
    if not isinstance(given, dict):
        return "is no table"
    for name in _WORDS:
        if not isinstance(given.get(name), str):
            return f"has no {name}"
    cut, role, kind = given.get("cut"), given["role"], given["kind"]
    if not isinstance(cut, list) or not all(isinstance(side, str) for side in cut):
        return "has no list of cut sides"
    if role not in _CHANNELS or (role == "cutout" and kind not in _KINDS):
        return f"is a {role} of kind {kind!r}, which does not exist"
    licence_class, licence = given["licence_class"], given["licence"]
    if licence_class not in ALLOWED_LICENCE_CLASSES or not licence.strip():
        allowed = ", ".join(sorted(ALLOWED_LICENCE_CLASSES))
        return (
            f"has licence class {licence_class!r} and licence {licence!r}, training takes"
            f" {allowed} with a licence only"
        )
    try:
        inside = _within(cache_dir, given["file"]).is_relative_to(cache_dir.resolve())
    except (ValueError, OSError):  # a zero byte in the name, a circle of links
        inside = False
    return None if inside else f"names {given['file']!r}, which is not in the folder"


def _within(cache_dir: Path, file: str) -> Path:
    return (cache_dir / file).resolve()


def open_pixels(cache_dir: Path, row: CacheRow) -> NDArray[np.uint8]:
    """Map an array, so that loader processes share one copy.

    Returns:
        ``(T, H, W, 3)`` of a background and ``(T, H, W, 4)`` of a cutout, uint8, none of them 0.

    Raises:
        MediaError: If the file is missing, damaged, or holds something else.
    """
    path = _within(cache_dir, row.file)
    try:
        pixels = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError, OverflowError, TypeError, tokenize.TokenError) as error:
        reason = " ".join(str(error).split())
        msg = f"{path} is no readable array ({reason}); {_REMEDY}"
        raise MediaError(msg) from error
    channels = _CHANNELS[row.role]
    if not isinstance(pixels, np.ndarray) or not pixels.size:
        msg = f"{path} is no array, or an empty one; {_REMEDY}"
        raise MediaError(msg)
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[3] != channels:
        msg = (
            f"{path} is {pixels.dtype} {pixels.shape}, a {row.role} is uint8 (T, H, W, {channels});"
            f" {_REMEDY}"
        )
        raise MediaError(msg)
    return pixels


def require_replaceable(folder: Path, stills: Collection[str]) -> None:
    """Refuse to replace a folder in which something else lies than ``prepare`` puts there.

    Args:
        folder: To replace; one that is missing or empty may be.
        stills: Names of the pictures in ``stills/image`` and ``stills/alpha`` that may go.

    Raises:
        UsageError: If it is a file, no cache, or holds something of its owner's.
    """
    if not folder.exists():
        return
    if not folder.is_dir() or any(folder.iterdir()):
        try:
            rows = index_rows(folder)
        except MediaError as error:
            msg = f"{folder} exists and is no cache ({error}); give an empty place with --out"
            raise UsageError(msg) from error
        known = {INDEX_NAME, *(row.file for row in rows)}
        known |= {f"{BACKGROUNDS}/{row.name}.png" for row in rows if row.role == "background"}
        known |= {f"{STILLS}/{part}/{name}" for part in ("image", "alpha") for name in stills}
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            if name not in known and (path.is_symlink() or not path.is_dir()):
                msg = (
                    f"{path} is not of the cache that would be replaced; move it away, or give an"
                    " empty place with --out"
                )
                raise UsageError(msg)
