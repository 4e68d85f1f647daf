"""What compositions are made from: cutouts and backgrounds, from a prepared folder or from nothing."""

import dataclasses
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tiers.errors import MediaError

INDEX_NAME = "index.json"
INDEX_VERSION = 1

# Pictures of the scikit-image wheel that show no person. Its licence is BSD-3-Clause, and its
# data README lists the pictures as public domain or CC0.
_SKIMAGE_BACKGROUNDS = (
    "brick.png",
    "chelsea.png",
    "coffee.png",
    "coins.png",
    "grass.png",
    "gravel.png",
    "hubble_deep_field.jpg",
    "motorcycle_left.png",
    "page.png",
    "rocket.jpg",
)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class CutoutItem:
    """A still or short sequence with its alpha.

    Attributes:
        name: Unique in the library.
        kind: ``full`` (person, feet visible), ``half`` (person, cut by the lower edge), or
            ``thing`` (animal or object).
        pixels: ``(T, H, W, 4)`` uint8, straight RGB and alpha, cropped to what is visible.
        cut: Sides, of ``left``, ``right``, ``bottom``, ``top``, where the source's edge cuts it.
    """

    name: str
    kind: str
    pixels: NDArray[np.uint8]
    cut: frozenset[str]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Library:
    """Cutouts by kind, and backgrounds as ``(T, H, W, 3)`` uint8."""

    cutouts: dict[str, tuple[CutoutItem, ...]]
    backgrounds: tuple[NDArray[np.uint8], ...]


def _skimage_backgrounds() -> list[NDArray[np.uint8]]:
    from skimage import io

    folder = Path(str(__import__("skimage").__file__)).parent / "data"
    pictures = []
    for name in _SKIMAGE_BACKGROUNDS:
        picture = io.imread(folder / name)
        if picture.ndim == 2:
            picture = np.repeat(picture[..., None], 3, -1)
        pictures.append(np.ascontiguousarray(picture[None, ..., :3]))
    return pictures


def load_library(cache_dir: Path | None) -> Library:
    """Open what ``pocketmatte.training.prepare`` wrote; without a folder only built-in pictures.

    Arrays are mapped, not read, so that loader processes share one copy.

    Raises:
        MediaError: If the folder holds no index of this version.
    """
    backgrounds = _skimage_backgrounds()
    cutouts: dict[str, list[CutoutItem]] = {}
    if cache_dir is not None:
        for row in _index_rows(cache_dir):
            pixels = np.load(cache_dir / row["file"], mmap_mode="r")
            if row["role"] == "background":
                backgrounds.append(pixels)
                continue
            item = CutoutItem(
                name=row["name"], kind=row["kind"], pixels=pixels, cut=frozenset(row["cut"])
            )
            cutouts.setdefault(item.kind, []).append(item)
    return Library(
        cutouts={kind: tuple(items) for kind, items in cutouts.items()},
        backgrounds=tuple(backgrounds),
    )


def _index_rows(cache_dir: Path) -> list[dict[str, str]]:
    path = cache_dir / INDEX_NAME
    try:
        index = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        msg = f"no readable {INDEX_NAME} in {cache_dir}; make it with pocketmatte.training.prepare"
        raise MediaError(msg) from error
    if index.get("version") != INDEX_VERSION:
        msg = (
            f"{path} has version {index.get('version')}, this program reads {INDEX_VERSION}; "
            "prepare the folder again"
        )
        raise MediaError(msg)
    rows: list[dict[str, str]] = index["items"]
    return rows
