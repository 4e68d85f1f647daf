"""Draw textured polygons with exactly anti-aliased coverage."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

FloatArray = NDArray[np.float64]
Cutout = NDArray[np.uint8]

# Coverage is counted on this many sub-pixels a side.
SUPERSAMPLING = 2


class Canvas:
    """A picture with coverage, painted back to front at ``SUPERSAMPLING`` times its size.

    Args:
        size_hw: Size of the finished picture, in pixels.
    """

    def __init__(self, size_hw: tuple[int, int]) -> None:
        size_wh = size_hw[1] * SUPERSAMPLING, size_hw[0] * SUPERSAMPLING
        self._colour = Image.new("RGB", size_wh)
        self._mask = Image.new("L", size_wh)

    def polygon(self, outline: FloatArray, texture: Image.Image, to_texture: FloatArray) -> None:
        """Fill an outline with a texture.

        Args:
            outline: ``(N, 2)`` corners in pixels of the finished picture.
            texture: RGB picture.
            to_texture: ``(2, 3)`` affine map from pixels of the finished picture to the texture's.
        """
        corners = outline * SUPERSAMPLING
        low = np.maximum(np.floor(corners.min(0)), 0.0).astype(int)
        high = np.minimum(np.ceil(corners.max(0)) + 1.0, self._mask.size).astype(int)
        if (high <= low).any():
            return
        left, top = int(low[0]), int(low[1])
        size = int(high[0]) - left, int(high[1]) - top
        stencil = Image.new("L", size)
        ImageDraw.Draw(stencil).polygon([(x - left, y - top) for x, y in corners], fill=255)
        linear = to_texture[:, :2] / SUPERSAMPLING
        offset = to_texture[:, 2] + linear @ (left, top)
        data = (*linear[0], offset[0], *linear[1], offset[1])
        piece = texture.transform(
            size, Image.Transform.AFFINE, [float(v) for v in data], Image.Resampling.NEAREST
        )
        self._colour.paste(piece, (left, top), stencil)
        self._mask.paste(255, (left, top), stencil)

    def line(self, points: FloatArray, colour: tuple[int, int, int], width: int = 1) -> None:
        """Draw a line through ``(N, 2)`` points, ``width`` sub-pixels wide."""
        corners = [(float(x), float(y)) for x, y in points * SUPERSAMPLING]
        ImageDraw.Draw(self._colour).line(corners, fill=colour, width=width)
        ImageDraw.Draw(self._mask).line(corners, fill=255, width=width)

    def finish(self) -> Cutout:
        """The picture as ``(H, W, 4)`` uint8: straight RGB, and coverage in the last channel."""
        picture = np.zeros(
            (self._mask.height // SUPERSAMPLING, self._mask.width // SUPERSAMPLING, 4), np.uint8
        )
        painted = self._mask.getbbox()
        if painted is None:
            return picture
        left, top, right, bottom = (
            painted[0] // SUPERSAMPLING,
            painted[1] // SUPERSAMPLING,
            -(-painted[2] // SUPERSAMPLING),
            -(-painted[3] // SUPERSAMPLING),
        )
        area = (
            left * SUPERSAMPLING,
            top * SUPERSAMPLING,
            right * SUPERSAMPLING,
            bottom * SUPERSAMPLING,
        )
        alpha = np.asarray(self._mask.reduce(SUPERSAMPLING, area))
        # What was not painted is black: the mean over the sub-pixels is premultiplied colour.
        premultiplied = np.asarray(self._colour.reduce(SUPERSAMPLING, area)).astype(np.float32)
        straight = premultiplied * (255.0 / np.maximum(alpha, 1).astype(np.float32))[..., None]
        picture[top:bottom, left:right, :3] = np.minimum(straight, 255.0)
        picture[top:bottom, left:right, 3] = alpha
        return picture


def limb_outline(start: FloatArray, end: FloatArray, radii: tuple[float, float]) -> FloatArray:
    """The outline of a tapered limb with round ends, ``(N, 2)``."""
    axis = end - start
    heading = np.arctan2(axis[1], axis[0])
    turn = np.linspace(0.5 * np.pi, 1.5 * np.pi, 8)
    first = start + radii[0] * np.stack((np.cos(heading + turn), np.sin(heading + turn)), -1)
    turn = np.linspace(-0.5 * np.pi, 0.5 * np.pi, 8)
    second = end + radii[1] * np.stack((np.cos(heading + turn), np.sin(heading + turn)), -1)
    return np.concatenate((first, second))


def along(
    start: FloatArray, end: FloatArray, half_width: float, texture_hw: tuple[int, int]
) -> FloatArray:
    """The map that lays a texture along a segment, its top ``half_width`` before ``start``.

    Returns:
        ``(2, 3)`` affine map from the segment's coordinates to texture pixels.
    """
    axis = end - start
    length = max(float(np.hypot(*axis)), 1e-6)
    forward = axis / length
    sideways = np.array((forward[1], -forward[0]))
    row = forward * texture_hw[0] / (length + 2.0 * half_width)
    column = sideways * texture_hw[1] / (2.0 * half_width)
    linear = np.stack((column, row))
    origin = start - forward * half_width
    offset = np.array((0.5 * texture_hw[1], 0.0)) - linear @ origin
    return np.concatenate((linear, offset[:, None]), 1)


def rounded(outline: FloatArray, passes: int = 2) -> FloatArray:
    """Cut the corners of a closed outline (Chaikin, 1974)."""
    for _ in range(passes):
        following = np.roll(outline, -1, 0)
        pair = np.stack((0.75 * outline + 0.25 * following, 0.25 * outline + 0.75 * following), 1)
        outline = pair.reshape(-1, 2)
    return outline
