"""Cutouts: foregrounds lifted from their pictures, as straight colour and alpha."""

import dataclasses
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pocketmatte.media import open_container, video_stream
from pocketmatte.training.masks import components, enlarged
from tiers.errors import MediaError

Picture = NDArray[np.uint8]
FloatArray = NDArray[np.float32]

# Cutouts are kept no taller and no wider than this: training frames are smaller.
MAX_SIDE_PX = 448

# Parts of a matte smaller than this share of its largest part are specks.
_SPECK_SHARE = 0.02

# Opaque enough for its colour to be the foreground's own.
_OPAQUE = 0.97


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Cutout:
    """A still or short sequence.

    Attributes:
        pixels: ``(T, H, W, 4)`` uint8, straight RGB and alpha, cropped to what is visible.
        cut: Sides on which the edge of the source cuts the foreground, in alphabetical order.
    """

    pixels: Picture
    cut: tuple[str, ...]


def read_video(path: Path, height_px: int | None = None) -> list[Picture]:
    """All frames of a video as ``(H, W, 3)`` uint8, brought to a height if one is given.

    Raises:
        MediaError: If it cannot be read.
    """
    try:
        with open_container(path) as container:
            stream = video_stream(container, path)
            height = height_px or stream.height
            width = round(stream.width * height / max(stream.height, 1))
            frames = [
                np.asarray(frame.reformat(width, height, "rgb24").to_ndarray(), np.uint8)
                for frame in container.decode(stream)
            ]
    except av.FFmpegError as error:
        msg = f"cannot read {path.name}: {error}; give a video file"
        raise MediaError(msg) from error
    if not frames:
        msg = f"cannot read {path.name}: it holds no frame; give a video file"
        raise MediaError(msg)
    return frames


def extended(colour: FloatArray, known: FloatArray) -> FloatArray:
    """Carry colours from where they are known to everywhere else.

    Pull and push (Gortler et al., 1996): known colours are averaged down a pyramid, and each pixel
    takes the finest level that knows one.

    Args:
        colour: ``(H, W, 3)``.
        known: ``(H, W)`` weights in 0..1.

    Returns:
        ``(H, W, 3)``, equal to ``colour`` where ``known`` is 1.
    """
    weighted = np.dstack((colour * known[..., None], known))
    height, width = known.shape
    padded = np.pad(weighted, ((0, height % 2), (0, width % 2), (0, 0)))
    if max(height, width) <= 2:
        total = weighted.sum((0, 1))
        mean = np.broadcast_to(total[:3] / max(total[3], 1e-6), colour.shape)
        return _mixed(colour, mean, known)
    half = padded[0::2, 0::2] + padded[1::2, 0::2] + padded[0::2, 1::2] + padded[1::2, 1::2]
    mean = half[..., :3] / np.maximum(half[..., 3:], 1e-6)
    coarse = extended(mean, np.minimum(half[..., 3], 1.0))
    finer = enlarged(coarse, (padded.shape[0], padded.shape[1]))[:height, :width]
    return _mixed(colour, finer, known)


def _mixed(colour: FloatArray, other: FloatArray, share: FloatArray) -> FloatArray:
    return np.asarray(other + share[..., None] * (colour - other), np.float32)


def straight_colour(picture: Picture, alpha: FloatArray) -> Picture:
    """Estimate the foreground's own colour, also under its soft edge.

    The compositing equation ``C = F a + B (1 - a)`` is solved with a background ``B`` carried over
    from where alpha is 0; the less opaque a pixel, the more its colour comes from the opaque ones
    nearby instead. So nothing of the old background is left at the edge.

    Args:
        picture: ``(H, W, 3)`` uint8.
        alpha: ``(H, W)`` in 0..1.

    Returns:
        ``(H, W, 3)`` uint8.
    """
    colour = picture.astype(np.float32) / 255.0
    from_opaque = extended(colour, (alpha > _OPAQUE).astype(np.float32))
    background = extended(colour, (alpha < 1.0 - _OPAQUE).astype(np.float32))
    opacity = alpha[..., None]
    solved = (colour - background * (1.0 - opacity)) / np.maximum(opacity, 0.1)
    trust = np.clip((opacity - 0.3) / 0.6, 0.0, 1.0)
    result = from_opaque + trust * (np.clip(solved, 0.0, 1.0) - from_opaque)
    return np.asarray(np.rint(np.clip(result, 0.0, 1.0) * 255.0), np.uint8)


def guided(alpha: FloatArray, picture: Picture, radius: int, epsilon: float = 1e-4) -> FloatArray:
    """Fit a coarse alpha to the picture's edges (grey guided filter, He et al., 2010)."""
    guide = picture.astype(np.float32).mean(-1) / 255.0
    size = 2 * radius + 1

    def mean(values: FloatArray) -> FloatArray:
        padded = np.pad(values, radius + 1, "edge")[:-1, :-1].astype(np.float64)
        table = padded.cumsum(0).cumsum(1)
        total = table[size:, size:] - table[:-size, size:] - table[size:, :-size]
        return np.asarray((total + table[:-size, :-size]) / size**2, np.float32)

    mean_guide, mean_alpha = mean(guide), mean(alpha)
    slope = (mean(guide * alpha) - mean_guide * mean_alpha) / (
        mean(guide * guide) - mean_guide**2 + epsilon
    )
    fitted = mean(slope) * guide + mean(mean_alpha - slope * mean_guide)
    return np.asarray(np.clip(fitted, 0.0, 1.0), np.float32)


def without_specks(alpha: FloatArray) -> FloatArray:
    """Clear the parts of a matte that are far smaller than its largest part."""
    parts = components(alpha > 0.05, 0.0)
    kept = np.zeros(alpha.shape, bool)
    for part in parts:
        if part.sum() < _SPECK_SHARE * parts[0].sum():
            break
        kept |= part
    return np.where(kept, alpha, np.float32(0.0))


def make_cutout(pictures: list[Picture], alphas: list[FloatArray]) -> Cutout | None:
    """Lift a foreground out of its frames.

    Args:
        pictures: ``(H, W, 3)`` uint8 each.
        alphas: ``(H, W)`` in 0..1 each.

    Returns:
        The cutout, no side longer than `MAX_SIDE_PX`, or None if alpha is empty, or so thin that
        nothing is left of it at that size.
    """
    seen = np.max(alphas, 0) > 0.02
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    if not len(rows):
        return None
    # A margin, so that the background's colour is known on all sides.
    margin = 16
    area = (
        slice(max(rows[0] - margin, 0), rows[-1] + 1 + margin),
        slice(max(columns[0] - margin, 0), columns[-1] + 1 + margin),
    )
    frames = []
    for picture, alpha in zip(pictures, alphas, strict=True):
        part_hw = picture[area].shape[:2]
        scale = min(MAX_SIDE_PX / max(part_hw), 1.0)
        size = round(part_hw[1] * scale), round(part_hw[0] * scale)
        small = np.asarray(Image.fromarray(picture[area]).resize(size, Image.Resampling.BOX))
        coverage = Image.fromarray(alpha[area].astype(np.float32))
        opacity = np.clip(np.asarray(coverage.resize(size, Image.Resampling.BOX)), 0.0, 1.0)
        eight_bit = np.rint(opacity * 255.0).astype(np.uint8)
        frames.append(np.dstack((straight_colour(small, opacity), eight_bit)))
    trimmed = _trimmed(np.stack(frames))
    return None if trimmed is None else Cutout(pixels=trimmed, cut=_cut_sides(np.max(alphas, 0)))


def _trimmed(pixels: Picture) -> Picture | None:
    seen = pixels[..., 3].max(0) > 4
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    if not len(rows):
        return None
    return np.ascontiguousarray(pixels[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def _cut_sides(alpha: FloatArray) -> tuple[str, ...]:
    edges = {
        "bottom": alpha[-3:].max(0),
        "left": alpha[:, :3].max(1),
        "right": alpha[:, -3:].max(1),
        "top": alpha[:3].max(0),
    }
    return tuple(side for side, edge in edges.items() if np.count_nonzero(edge > 0.3) > 3)
