"""Losses of robust video matting.

Lin et al., "Robust High-Resolution Video Matting with Temporal Guidance", WACV 2022, section 4.2::

    L = L1(alpha) + Lap(alpha) + 5 Tc(alpha) + L1(foreground) + 5 Tc(foreground)

with the foreground terms taken where the true alpha is above 0, and binary cross-entropy for the
segmentation head. The Laplacian term is that of Hou and Liu, ICCV 2019: five pyramid levels,
level s weighted by ``2**(s-1) / 5``.
"""

import torch
from torch import Tensor
from torch.nn import functional

_LEVELS = 5
_TEMPORAL_WEIGHT = 5.0
# Binomial kernel of order 4, the usual five taps of a Gaussian pyramid (Burt and Adelson, 1983).
_TAPS = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)


def alpha_loss(raw: Tensor, true: Tensor) -> Tensor:
    """Return the alpha terms.

    Args:
        raw: ``(T, N, 1, H, W)`` predicted alpha, not clamped.
        true: ``(T, N, 1, H, W)`` in 0..1.
    """
    alpha = raw.clamp(0, 1)
    # Beyond 0 or 1 on the right side costs nothing, on the wrong side it still has a gradient:
    # the same minimum as L1 of the clamped alpha, without its dead zones.
    harmless = ((true >= 1) & (raw > 1)) | ((true <= 0) & (raw < 0))
    absolute = (raw - true).abs().masked_fill(harmless, 0).mean()
    flat, flat_true = alpha.flatten(0, 1), true.flatten(0, 1)
    return absolute + laplacian_loss(flat, flat_true) + _TEMPORAL_WEIGHT * _temporal(alpha, true)


def foreground_loss(foreground: Tensor, true: Tensor, alpha: Tensor) -> Tensor:
    """Return the foreground terms, where ``alpha`` (true, 0..1) is above 0.

    Args:
        foreground: ``(T, N, 3, H, W)`` predicted, not clamped.
        true: ``(T, N, 3, H, W)`` in 0..1.
        alpha: ``(T, N, 1, H, W)`` true alpha.
    """
    inside = (alpha > 0).to(foreground.dtype)
    difference = inside * (foreground - true)
    return difference.abs().mean() + _TEMPORAL_WEIGHT * _temporal(
        inside * foreground, inside * true
    )


def segmentation_loss(logits: Tensor, alpha: Tensor, weight: Tensor | None = None) -> Tensor:
    """Return the mean binary cross-entropy of ``logits`` against ``alpha > 0.5``.

    Args:
        logits: ``(N, 1, H, W)``.
        alpha: Of the same shape, in 0..1.
        weight: Of the same shape, in 0..1: how far alpha is to be believed.
    """
    true = (alpha > 0.5).to(logits.dtype)
    return functional.binary_cross_entropy_with_logits(logits, true, weight)


def laplacian_loss(alpha: Tensor, true: Tensor) -> Tensor:
    """Return the weighted L1 distance of the Laplacian pyramids of ``(N, 1, H, W)`` mattes."""
    kernel = _kernel(alpha)
    total = alpha.new_zeros(())
    current, current_true = alpha, true
    for level in range(_LEVELS):
        reduced, reduced_true = _reduced(current, kernel), _reduced(current_true, kernel)
        band = current - _expanded(reduced, current)
        band_true = current_true - _expanded(reduced_true, current_true)
        total = total + 2**level / _LEVELS * (band - band_true).abs().mean()
        current, current_true = reduced, reduced_true
    return total


def _temporal(sequence: Tensor, true: Tensor) -> Tensor:
    if sequence.shape[0] < 2:
        return sequence.new_zeros(())
    change, change_true = sequence[1:] - sequence[:-1], true[1:] - true[:-1]
    return functional.mse_loss(change, change_true)


def _kernel(like: Tensor) -> Tensor:
    taps = torch.tensor(_TAPS, dtype=like.dtype, device=like.device)
    return (taps[:, None] * taps[None, :])[None, None]


def _reduced(x: Tensor, kernel: Tensor) -> Tensor:
    padded = functional.pad(x, (2, 2, 2, 2), mode="replicate")
    return functional.conv2d(padded, kernel, stride=2)


def _expanded(x: Tensor, like: Tensor) -> Tensor:
    return functional.interpolate(x, like.shape[2:], mode="bilinear", align_corners=False)
