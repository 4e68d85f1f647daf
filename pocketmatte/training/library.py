"""What compositions are made from: cutouts and backgrounds, prepared or built in."""

import dataclasses
import importlib.resources
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pocketmatte.training.cache import index_rows, open_pixels

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

# Scenes are likelier behind a person than the built-in textures: this many times.
_PREPARED_BACKGROUND_SHARE = 3.0


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class CutoutItem:
    """A still or short sequence with its alpha.

    Attributes:
        name: Unique in the library.
        kind: ``full`` (person, feet visible), ``half`` (person, cut by the lower edge), or
            ``thing`` (animal or object).
        pixels: ``(T, H, W, 4)`` uint8, straight RGB and alpha, cropped to what is visible.
        share: How often it is chosen: the more items a source gave, the less each one.
        cut: Sides, of ``left``, ``right``, ``bottom``, ``top``, where the source's edge cuts it.
    """

    name: str
    kind: str
    pixels: NDArray[np.uint8]
    cut: frozenset[str]
    share: float = 1.0


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Library:
    """Cutouts by kind, and backgrounds as ``(T, H, W, 3)`` uint8, each with its share."""

    cutouts: dict[str, tuple[CutoutItem, ...]]
    backgrounds: tuple[NDArray[np.uint8], ...]
    background_shares: tuple[float, ...]

    def cutout(self, random: np.random.Generator, kind: str) -> CutoutItem:
        """Choose a cutout of that kind."""
        items = self.cutouts[kind]
        return items[_chosen(random, [item.share for item in items])]

    def background(self, random: np.random.Generator) -> NDArray[np.uint8]:
        """Choose a background."""
        return self.backgrounds[_chosen(random, self.background_shares)]


def _chosen(random: np.random.Generator, shares: Sequence[float]) -> int:
    odds = np.asarray(shares)
    return int(random.choice(len(odds), p=odds / odds.sum()))


def _skimage_backgrounds() -> list[NDArray[np.uint8]]:
    pictures = []
    folder = importlib.resources.files("skimage") / "data"
    for name in _SKIMAGE_BACKGROUNDS:
        with (folder / name).open("rb") as file, Image.open(file) as image:
            pictures.append(np.asarray(image.convert("RGB"))[None])
    return pictures


def load_library(cache_dir: Path | None) -> Library:
    """Open what ``pocketmatte.training.prepare`` wrote; without a folder only built-in pictures.

    Arrays are mapped, not read, so that loader processes share one copy.

    Raises:
        MediaError: If the folder holds no index of this version, or an array of it will not do.
    """
    backgrounds = _skimage_backgrounds()
    shares = [1.0] * len(backgrounds)
    cutouts: dict[str, list[CutoutItem]] = {}
    if cache_dir is not None:
        rows = index_rows(cache_dir)
        per_source = Counter(row.source for row in rows if row.role == "cutout")
        for row in rows:
            pixels = open_pixels(cache_dir, row)
            if row.role == "background":
                backgrounds.append(pixels)
                shares.append(_PREPARED_BACKGROUND_SHARE)
                continue
            item = CutoutItem(
                name=row.name,
                kind=row.kind,
                pixels=pixels,
                cut=frozenset(row.cut),
                share=per_source[row.source] ** -0.5,
            )
            cutouts.setdefault(item.kind, []).append(item)
    return Library(
        cutouts={kind: tuple(items) for kind, items in cutouts.items()},
        backgrounds=tuple(backgrounds),
        background_shares=tuple(shares),
    )
