"""Procedural pictures: noise, cloth, and backgrounds, all ``(H, W, 3)`` uint8 RGB."""

import colorsys
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Picture = NDArray[np.uint8]
FloatArray = NDArray[np.float32]
SizeHW = tuple[int, int]


def smooth_noise(
    random: np.random.Generator, size_hw: SizeHW, cells: tuple[int, int]
) -> FloatArray:
    """Value noise: ``cells`` random values a side, interpolated; ``(H, W)`` in 0..1."""
    grid = random.random((max(cells[0], 2), max(cells[1], 2)), dtype=np.float32)
    picture = Image.fromarray(grid).resize(size_hw[::-1], Image.Resampling.BICUBIC)
    return np.clip(np.asarray(picture), 0.0, 1.0)


def fractal_noise(random: np.random.Generator, size_hw: SizeHW, cells: int) -> FloatArray:
    """Four octaves of value noise, amplitudes halving; ``(H, W)`` in 0..1."""
    total = np.zeros(size_hw, np.float32)
    for octave in range(4):
        total += 0.5**octave * smooth_noise(random, size_hw, (cells << octave, cells << octave))
    return total / 1.875


def random_colour(random: np.random.Generator) -> FloatArray:
    """A colour as ``(3,)`` float32 RGB in 0..255; dark, dull and vivid ones are all common."""
    hue, saturation, value = random.random(3)
    kind = random.random()
    if kind < 0.35:
        saturation *= 0.25
    elif kind < 0.6:
        value *= 0.4
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, 0.05 + 0.95 * value)
    return np.array((red, green, blue), np.float32) * 255.0


def _blend(weight: FloatArray, first: FloatArray, second: FloatArray) -> FloatArray:
    return second + weight[..., None] * (first - second)


def _stripes(random: np.random.Generator, size_hw: SizeHW) -> FloatArray:
    y, x = np.mgrid[0 : size_hw[0], 0 : size_hw[1]].astype(np.float32)
    angle = random.choice((0.0, np.pi / 2.0, random.uniform(0.0, np.pi)))
    wave = np.sin(
        (np.cos(angle) * x + np.sin(angle) * y) * 2.0 * np.pi / random.uniform(6.0, size_hw[0] / 2)
    )
    return np.asarray(wave > random.uniform(-0.7, 0.7), np.float32)


def _plaid(random: np.random.Generator, size_hw: SizeHW) -> FloatArray:
    y, x = np.mgrid[0 : size_hw[0], 0 : size_hw[1]].astype(np.float32)
    period = random.uniform(8.0, size_hw[0] / 2)
    phase = 2.0 * np.pi / period
    across, down = np.sin(phase * x) > 0.2, np.sin(phase * y) > 0.2
    return np.asarray(0.5 * across + 0.5 * down, np.float32)


def _dots(random: np.random.Generator, size_hw: SizeHW) -> FloatArray:
    y, x = np.mgrid[0 : size_hw[0], 0 : size_hw[1]].astype(np.float32)
    phase = 2.0 * np.pi / random.uniform(7.0, 26.0)
    wave = np.sin(phase * x) * np.sin(phase * y)
    return np.asarray(wave > random.uniform(0.1, 0.7), np.float32)


def _blotches(random: np.random.Generator, size_hw: SizeHW) -> FloatArray:
    noise = fractal_noise(random, size_hw, int(random.integers(2, 7)))
    return (noise > random.uniform(0.4, 0.6)).astype(np.float32)


def _marble(random: np.random.Generator, size_hw: SizeHW) -> FloatArray:
    return fractal_noise(random, size_hw, int(random.integers(2, 9)))


def _print_on_chest(random: np.random.Generator, size_hw: SizeHW) -> FloatArray:
    weight = np.zeros(size_hw, np.float32)
    top, left = int(size_hw[0] * random.uniform(0.15, 0.4)), int(size_hw[1] * 0.3)
    bottom, right = top + size_hw[0] // 4, size_hw[1] - left
    weight[top:bottom, left:right] = _blotches(random, (bottom - top, right - left))
    return weight


_PATTERNS: tuple[Callable[[np.random.Generator, SizeHW], FloatArray], ...] = (
    _stripes,
    _plaid,
    _dots,
    _blotches,
    _marble,
    _print_on_chest,
)


def cloth(random: np.random.Generator, size_hw: SizeHW, photo: Picture | None = None) -> FloatArray:
    """A piece of cloth, plain or patterned, with folds.

    Args:
        random: Source of chance.
        size_hw: Size in pixels.
        photo: A picture of which a piece may serve as the pattern.

    Returns:
        ``(H, W, 3)`` float32 RGB in about 0..255.
    """
    colour = random_colour(random)
    chance = random.random()
    if chance < 0.45:
        picture = np.broadcast_to(colour, (*size_hw, 3)).astype(np.float32)
    elif chance < 0.6 and photo is not None:
        picture = crop(random, photo, size_hw).astype(np.float32)
    else:
        pattern = _PATTERNS[int(random.integers(len(_PATTERNS)))](random, size_hw)
        picture = _blend(pattern * random.uniform(0.3, 1.0), random_colour(random), colour)
    folds = fractal_noise(random, size_hw, int(random.integers(2, 5)))
    return picture * (1.0 + random.uniform(0.1, 0.7) * (folds[..., None] - 0.5))


def crop(random: np.random.Generator, photo: Picture, size_hw: SizeHW) -> Picture:
    """A random piece of a picture, brought to ``size_hw``."""
    height, width = photo.shape[:2]
    share = random.uniform(0.1, 0.5)
    piece_hw = max(int(height * share), 4), max(int(width * share), 4)
    top = int(random.integers(height - piece_hw[0] + 1))
    left = int(random.integers(width - piece_hw[1] + 1))
    piece = np.ascontiguousarray(photo[top : top + piece_hw[0], left : left + piece_hw[1]])
    return np.asarray(Image.fromarray(piece).resize(size_hw[::-1], Image.Resampling.BILINEAR))


def _room(random: np.random.Generator, size_hw: SizeHW) -> FloatArray:
    """A wall over a floor, each plain, patterned or stained, with a border between them."""
    wall, floor = cloth(random, size_hw), cloth(random, size_hw)
    horizon = int(size_hw[0] * random.uniform(0.4, 0.9))
    picture = wall
    picture[horizon:] = floor[horizon:]
    if random.random() < 0.5:
        picture[horizon - 4 : horizon + 2] = random_colour(random)
    return picture


def _landscape(random: np.random.Generator, size_hw: SizeHW) -> FloatArray:
    """Sky, a ragged skyline, and ground."""
    height, width = size_hw
    y = np.arange(height, dtype=np.float32)[:, None]
    fade = np.asarray(np.broadcast_to(y / height, size_hw), np.float32)
    picture = _blend(fade, random_colour(random), random_colour(random))
    horizon = height * random.uniform(0.3, 0.8)
    for layer in range(int(random.integers(1, 4))):
        cells = int(random.integers(3, 40))
        line = smooth_noise(random, (1, width), (2, cells))[0]
        edge = horizon + layer * 0.08 * height + (line - 0.5) * height * random.uniform(0.05, 0.4)
        grain = fractal_noise(random, size_hw, int(random.integers(4, 24)))
        ground = _blend(grain, random_colour(random), random_colour(random))
        picture = np.where((y > edge)[..., None], ground, picture)
    return picture


def _clutter(random: np.random.Generator, size_hw: SizeHW) -> FloatArray:
    """Boxes and posts of all sizes before a wall."""
    picture = cloth(random, size_hw)
    for _ in range(int(random.integers(4, 30))):
        box_hw = (random.uniform(0.02, 0.6, 2) ** 1.5 * size_hw).astype(int) + 2
        top = int(random.integers(-box_hw[0] // 2, size_hw[0]))
        left = int(random.integers(-box_hw[1] // 2, size_hw[1]))
        area = (slice(max(top, 0), top + box_hw[0]), slice(max(left, 0), left + box_hw[1]))
        shade = np.linspace(
            random.uniform(0.5, 1.2), random.uniform(0.5, 1.2), picture[area].shape[1]
        )
        picture[area] = random_colour(random) * shade[:, None]
    return picture


def _noise_picture(random: np.random.Generator, size_hw: SizeHW) -> FloatArray:
    weight = _marble(random, size_hw)
    return _blend(weight, random_colour(random), random_colour(random))


_SCENES: tuple[Callable[[np.random.Generator, SizeHW], FloatArray], ...] = (
    _room,
    _landscape,
    _clutter,
    _noise_picture,
)


def scene(random: np.random.Generator, size_hw: SizeHW) -> Picture:
    """A made-up background: a room, a landscape, clutter, or plain noise."""
    made = _SCENES[int(random.integers(len(_SCENES)))](random, size_hw)
    return np.clip(made, 0.0, 255.0).astype(np.uint8)
