"""Outlines of made-up things: blobs, polygons, stars, limbs, rings, fronds, rods and nets.

Points are x and y in a square of -1..1 that the drawing fills; shapes stay within `BODY`, so that
hair, blur and bending have room.
"""

from collections.abc import Callable
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw

from pocketmatte.training.drawing import limb_outline, rounded

FloatArray = NDArray[np.float64]

# How far shapes reach from the centre.
BODY = 0.74

# Coverage is counted on this many sub-pixels a side.
SUPERSAMPLING = 3


class Stencil:
    """A grey picture to draw shapes on, finer than its pixels.

    Args:
        side_px: Height and width when finished.
        level: Grey to start with, 0..255.
        scale: How large to draw; at 1, the square of -1..1 fills the picture.
    """

    def __init__(self, side_px: int, level: int = 0, scale: float = 1.0) -> None:
        self.side_px, self.scale = side_px, scale
        side = side_px * SUPERSAMPLING
        self._image = Image.new("L", (side, side), level)
        self._draw = ImageDraw.Draw(self._image)

    def fill(self, outline: FloatArray, level: int = 255) -> None:
        """Fill an outline ``(N, 2)``."""
        self._draw.polygon(self._corners(outline), fill=level)

    def line(self, points: FloatArray, width_px: float, level: int = 255) -> None:
        """Draw a line through points ``(N, 2)``, no finer than a sub-pixel."""
        width = max(round(width_px * SUPERSAMPLING), 1)
        self._draw.line(self._corners(points), fill=level, width=width, joint="curve")

    def segments(self, ends: FloatArray, width_px: float, levels: NDArray[np.int64]) -> None:
        """Draw straight pieces ``(N, 2, 2)``, each of its own level."""
        width = max(round(width_px * SUPERSAMPLING), 1)
        corners = self._placed(ends).reshape(-1, 4).tolist()
        for piece, level in zip(corners, levels.tolist(), strict=True):
            self._draw.line(piece, fill=level, width=width)

    def keep_within(self, other: "Stencil") -> None:
        """Clear what another stencil of this size does not cover."""
        self._image = ImageChops.multiply(self._image, other._image)
        self._draw = ImageDraw.Draw(self._image)

    def finish(self) -> Image.Image:
        """The mean over the sub-pixels, as a grey picture of ``side_px``."""
        return self._image.reduce(SUPERSAMPLING)

    def _corners(self, points: FloatArray) -> list[tuple[float, float]]:
        return [tuple(at) for at in self._placed(points).tolist()]

    def _placed(self, points: FloatArray) -> FloatArray:
        return (points * self.scale + 1.0) * (0.5 * self._image.width)


def _turned(points: FloatArray, angle: float) -> FloatArray:
    cosine, sine = np.cos(angle), np.sin(angle)
    return points @ np.array(((cosine, sine), (-sine, cosine)))


def _polar(angle: FloatArray, radius: FloatArray) -> FloatArray:
    return np.stack((np.cos(angle), np.sin(angle)), -1) * radius[:, None]


def _stretched(random: np.random.Generator, outline: FloatArray) -> FloatArray:
    """Squeeze an outline across a random axis, and let it reach `BODY`."""
    outline = _turned(outline, random.uniform(0.0, 2.0 * np.pi)) * (1.0, random.uniform(0.45, 1.0))
    outline = _turned(outline, random.uniform(0.0, 2.0 * np.pi))
    return np.asarray(outline * (BODY / np.hypot(*outline.T).max()))


def blob(random: np.random.Generator) -> FloatArray:
    """A smooth closed outline: a circle with a few harmonics, ``(N, 2)``."""
    angle = np.linspace(0.0, 2.0 * np.pi, 96, endpoint=False)
    radius = np.ones_like(angle)
    for harmonic in range(2, int(random.integers(3, 8))):
        size = random.normal(0.0, 0.4 / harmonic)
        radius += size * np.cos(harmonic * angle + random.uniform(0.0, 2.0 * np.pi))
    return _stretched(random, _polar(angle, np.maximum(radius, 0.25)))


def polygon(random: np.random.Generator) -> FloatArray:
    """A few corners, sharp or rounded, ``(N, 2)``."""
    count = int(random.integers(3, 9))
    angle = (np.arange(count) + random.uniform(-0.35, 0.35, count)) * 2.0 * np.pi / count
    outline = _stretched(random, _polar(angle, random.uniform(0.55, 1.0, count)))
    return rounded(outline, 3) if random.random() < 0.4 else outline


def star(random: np.random.Generator) -> FloatArray:
    """Spikes or petals around a middle, ``(N, 2)``."""
    count = int(random.integers(4, 13))
    angle = np.arange(2 * count) * np.pi / count + random.uniform(-0.08, 0.08, 2 * count)
    radius = np.where(np.arange(2 * count) % 2, random.uniform(0.25, 0.7), 1.0)
    radius = radius * random.uniform(0.8, 1.0, 2 * count)
    outline = _stretched(random, _polar(angle, radius))
    return rounded(outline) if random.random() < 0.5 else outline


def _single(
    outline: Callable[[np.random.Generator], FloatArray],
) -> Callable[[np.random.Generator, Stencil], FloatArray]:
    def draw(random: np.random.Generator, stencil: Stencil) -> FloatArray:
        points = outline(random)
        stencil.fill(points)
        return points

    return draw


def _limbs(random: np.random.Generator, stencil: Stencil) -> FloatArray:
    """A body with bent limbs; its outline is the body's."""
    body = 0.55 * blob(random)
    stencil.fill(body)
    for _ in range(int(random.integers(2, 8))):
        at = body[int(random.integers(len(body)))] * 0.8
        heading = np.arctan2(at[1], at[0]) + random.normal(0.0, 0.3)
        radius = random.uniform(0.04, 0.14)
        for _ in range(int(random.integers(1, 4))):
            tip = at + random.uniform(0.15, 0.3) * np.array((np.cos(heading), np.sin(heading)))
            tip *= min(BODY / np.hypot(*tip), 1.0)
            thinner = radius * random.uniform(0.6, 1.0)
            stencil.fill(limb_outline(at, tip, (radius, thinner)))
            at, radius, heading = tip, thinner, heading + random.normal(0.0, 0.5)
    return body


def _ring(random: np.random.Generator, stencil: Stencil) -> FloatArray:
    """A blob with one large or several small holes."""
    outline = blob(random) if random.random() < 0.6 else polygon(random)
    stencil.fill(outline)
    if random.random() < 0.5:
        stencil.fill(outline * random.uniform(0.4, 0.85), 0)
        return outline
    for _ in range(int(random.integers(2, 7))):
        towards = outline[int(random.integers(len(outline)))] * random.uniform(0.0, 0.75)
        stencil.fill(towards + random.uniform(0.06, 0.25) * blob(random), 0)
    return outline


def _frond(random: np.random.Generator, stencil: Stencil) -> FloatArray:
    """Stems with leaves on both sides, as of ferns, feathers and bushes."""
    count = int(random.integers(1, 6))
    headings = random.uniform(0.0, 2.0 * np.pi) + np.arange(count) * random.uniform(0.5, 1.3)
    stems = []
    slimness, leaves = random.uniform(0.12, 0.5), int(random.integers(5, 16))
    for heading in headings:
        along = np.linspace(0.0, 1.0, leaves + 2)
        bow = heading + random.normal(0.0, 0.6) * along
        start = -BODY if count == 1 else 0.0
        stem = _polar(bow, start + (BODY - start) * along)
        stencil.line(stem, 0.02 * stencil.side_px)
        for side in (-1.0, 1.0):
            for number in range(1, leaves + 1):
                reach = 0.34 * np.sin(np.pi * along[number]) ** 0.6 * random.uniform(0.7, 1.0)
                at, lean = stem[number], bow[number] + side * random.uniform(0.6, 1.1)
                turn = np.linspace(0.0, 2.0 * np.pi, 14)
                leaf = np.stack((0.5 - 0.5 * np.cos(turn), 0.5 * slimness * np.sin(turn)), -1)
                stencil.fill(at + _turned(leaf * reach, lean))
        stems.append(stem)
    return np.concatenate(stems)


def _rods(random: np.random.Generator, stencil: Stencil) -> FloatArray:
    """Thin bars between a few joints, and wheels with spokes."""
    width_px = stencil.side_px * random.uniform(0.006, 0.035) + 0.5
    joints = random.uniform(-0.5, 0.5, (int(random.integers(3, 8)), 2)) * 2.0 * BODY * 0.7
    for first, second in zip(joints, np.roll(joints, -1, 0), strict=True):
        stencil.line(np.stack((first, second)), width_px * random.uniform(0.7, 1.6))
    for hub in joints[: int(random.integers(0, 3))]:
        radius = random.uniform(0.15, BODY - min(np.hypot(*hub), BODY - 0.2))
        turn = np.linspace(0.0, 2.0 * np.pi, 48)
        rim = hub + _polar(turn, np.full(48, radius))
        stencil.line(rim, width_px)
        for spoke in rim[:: int(random.integers(3, 12))]:
            stencil.line(np.stack((hub, spoke)), 0.5 * width_px)
    return joints


def _net(random: np.random.Generator, stencil: Stencil) -> FloatArray:
    """Crossing threads within a border, as of nets, fences, rackets and lace."""
    outline = blob(random) if random.random() < 0.6 else polygon(random)
    spacing, angle = random.uniform(0.05, 0.2), random.uniform(0.0, np.pi)
    width_px = stencil.side_px * random.uniform(0.003, 0.012) + 0.34
    across = np.arange(-1.0, 1.0, spacing)
    sag = random.normal(0.0, 0.1)
    along = np.linspace(-1.0, 1.0, 9)
    for heading in (angle, angle + random.uniform(0.8, 1.6)):
        for offset in across:
            thread = np.stack((along, offset + sag * along**2), -1)
            stencil.line(_turned(thread, heading), width_px)
    inside = Stencil(stencil.side_px, scale=stencil.scale)
    inside.fill(outline)
    stencil.keep_within(inside)
    stencil.line(np.concatenate((outline, outline[:1])), width_px * random.uniform(1.0, 4.0))
    return outline


# Each draws on a stencil and returns points that hair may grow from.
SOLID = MappingProxyType(
    {
        "blob": _single(blob),
        "polygon": _single(polygon),
        "star": _single(star),
        "limbs": _limbs,
        "ring": _ring,
        "frond": _frond,
    }
)
THIN = MappingProxyType({"rods": _rods, "net": _net, "frond": _frond})
