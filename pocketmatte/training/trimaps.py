"""Trimaps to train on: made of mattes, drawn badly, and compared.

A trimap is held here as classes, in the order in which the networks give them: 0 background,
1 unknown, 2 foreground. Networks that read one want a channel of 0, 0.5 and 1: ``as_channel``.
"""

import torch
from torch import Tensor
from torch.nn import functional

from pocketmatte.training.precision import at_least_float32

BACKGROUND, UNKNOWN, FOREGROUND = 0, 1, 2

# Alpha up to which a pixel is background; 1 less it, from which on it is foreground. As in
# pocketmatte.matting.trimap, which makes the trimaps that an app gives.
_MARGIN = 0.05
_CELLS = 8  # of the noise that makes a band uneven, along each side
_TOO_NARROW = -0.6  # below that noise; a fifth of the picture or so


def trimap_of(alpha: Tensor, radius_px: Tensor, margin: float = _MARGIN) -> Tensor:
    """Make a trimap of a matte, with a band of another width in every sample.

    A pixel is unknown where both something that is not background (alpha above ``margin``) and
    something that is not foreground (alpha below ``1 - margin``) lie within the radius. So the soft
    border is unknown, widened to all sides, and a hard border has a band too.

    Args:
        alpha: ``(N, 1, H, W)`` in 0..1.
        radius_px: ``(N,)`` integers, at least 0; 0 leaves the soft border alone.
        margin: In [0, 0.5).

    Returns:
        ``(N, 1, H, W)`` int64 classes.
    """
    unknown = grown(alpha > margin, radius_px) & grown(alpha < 1 - margin, radius_px)
    known = torch.where(alpha >= 1 - margin, FOREGROUND, BACKGROUND)
    return known.masked_fill(unknown, UNKNOWN)


def perturbed_trimap(trimap: Tensor, generator: torch.Generator, radius_px: int = 6) -> Tensor:
    """Redraw a trimap the way a hurried hand would have.

    By a smooth random field, its unknown band is too narrow here, by at most a third of
    ``radius_px``, a little too wide there and much too wide elsewhere. A sample that would lose its
    last foreground or background to the band is not widened.

    Args:
        trimap: ``(N, 1, H, W)`` classes.
        generator: Source of chance.
        radius_px: Largest widening, at least 0; 0 changes nothing.

    Returns:
        ``(N, 1, H, W)`` int64 classes.
    """
    field = _smooth_noise(trimap, generator)
    wide = _radii(trimap, generator, (0, radius_px))
    narrow = _radii(trimap, generator, (0, radius_px // 3))
    to_front, to_back = (
        grown(trimap == known, narrow) & (trimap == UNKNOWN) & (field < _TOO_NARROW)
        for known in (FOREGROUND, BACKGROUND)
    )
    narrowed = trimap.masked_fill(to_front & ~to_back, FOREGROUND)
    narrowed = narrowed.masked_fill(to_back & ~to_front, BACKGROUND)
    unknown = narrowed == UNKNOWN
    band = grown(unknown, wide // 3) & (field >= _TOO_NARROW)
    widened = narrowed.masked_fill(band | (grown(unknown, wide) & (field > 0)), UNKNOWN)
    return torch.where(_has_both(widened), widened, narrowed)


def as_channel(trimap: Tensor) -> Tensor:
    """Return classes ``(N, 1, H, W)`` as networks read them: float32, 0, 0.5 and 1."""
    return trimap.to(torch.float32) / FOREGROUND


def trimap_loss(
    logits: Tensor, trimap: Tensor, class_weights: tuple[float, float, float] = (1.0, 1.0, 1.0)
) -> Tensor:
    """Return the weighted cross-entropy of the three classes.

    ``sum_i w[c_i] (-log softmax(l_i)[c_i]) / sum_i w[c_i]`` over all pixels i of class ``c_i``.

    Args:
        logits: ``(N, 3, H, W)`` of background, unknown, foreground.
        trimap: ``(N, 1, H, W)`` classes.
        class_weights: Of background, unknown, foreground; at least 0.
    """
    wide = at_least_float32(logits)
    weights = torch.tensor(class_weights, dtype=wide.dtype, device=wide.device)
    return functional.cross_entropy(wide, trimap.squeeze(1), weight=weights)


def grown(region: Tensor, radius_px: Tensor) -> Tensor:
    """Return what lies within a radius of a region, another radius for every sample.

    The brush is an octagon: crosses and squares of 3 pixels in turn, so a radius of r reaches r
    pixels along the axes and about as far along the diagonals.

    Args:
        region: ``(N, 1, H, W)`` bool.
        radius_px: ``(N,)`` integers, at least 0.

    Returns:
        ``(N, 1, H, W)`` bool.
    """
    radii = radius_px.view(-1, 1, 1, 1)
    for radius in range(1, int(radius_px.max()) + 1):
        across = _with_neighbours(region, 3)
        crossed = radius % 2 == 1
        along = _with_neighbours(region if crossed else across, 2)
        region = torch.where(radii >= radius, across | along, region)
    return region


def _with_neighbours(region: Tensor, axis: int) -> Tensor:
    grown_to, kept = region.clone(), region.shape[axis] - 1
    grown_to.narrow(axis, 1, kept).logical_or_(region.narrow(axis, 0, kept))
    grown_to.narrow(axis, 0, kept).logical_or_(region.narrow(axis, 1, kept))
    return grown_to


def _has_both(trimap: Tensor) -> Tensor:
    """Return ``(N, 1, 1, 1)``: whether a sample has foreground and background left."""
    front, back = (
        (trimap == known).flatten(1).any(1)[:, None, None, None]
        for known in (FOREGROUND, BACKGROUND)
    )
    return front & back


def _radii(like: Tensor, generator: torch.Generator, radius_px: tuple[int, int]) -> Tensor:
    low, high = radius_px
    radii = torch.randint(
        low, high + 1, like.shape[:1], generator=generator, device=generator.device
    )
    return radii.to(like.device)


def _smooth_noise(like: Tensor, generator: torch.Generator) -> Tensor:
    """Return a smooth field of the size of ``like``, of mean 0 and about unit variance."""
    cells = torch.randn(
        like.shape[0], 1, _CELLS, _CELLS, generator=generator, device=generator.device
    )
    return functional.interpolate(
        cells.to(like.device), like.shape[2:], mode="bicubic", align_corners=False
    )
