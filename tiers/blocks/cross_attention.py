"""Cross-attention from the pixels of one frame to those of others.

Vaswani et al., "Attention Is All You Need", NeurIPS 2017, section 3.2, with one head: queries come
from the one frame, keys and values from the others. Queries and keys have unit length, as in Henry
et al., "Query-Key Normalization for Transformers", Findings of EMNLP 2020: their product is a
cosine, whatever the features grow to.
"""

import functools

import torch
from torch import Tensor, nn
from torch.nn import functional

# What the cosine is multiplied by: exp(16) outweighs the 2304 pixels of the largest row's
# references by far, so that a single pixel can be singled out, and half precision still tells
# apart cosines that differ by 1e-3.
_SHARPNESS = 16.0

# Added to the similarity with a reference that was never set: far enough below any other that its
# weight is exactly 0, and half precision holds it.
_ABSENT = -1e4

# Pixels whose values are added up at once. XNNPACK's half-precision products are summed in half
# precision: over all 2304 pixels at once the aligned features are off by 2e-2 of their size, in
# sums of 256 by 1e-3, at no cost in time.
_TOGETHER = 256

_EPSILON = 1e-4  # of the mean square; half precision holds it


class UnitLength(nn.Module):
    """Scale the channels of every pixel to unit length.

    Input:
        x: ``(N, C, h, w)``.

    Output:
        y: ``(N, C, h, w)``; shorter than 1 where the mean square of ``x`` is not far above 1e-4.
    """

    mean: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale = channels**-0.5
        # the mean over channels as a 1x1 convolution: XNNPACK takes no other
        mean = torch.full((1, channels, 1, 1), 1 / channels)
        self.register_buffer("mean", mean, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Scale."""
        square = functional.conv2d(x * x, self.mean)  # a mean, since half precision ends at 6.5e4
        shrink: Tensor = torch.rsqrt(square + _EPSILON) * self.scale
        return x * shrink


class CrossAttention(nn.Module):
    """Bring the values of references to where a frame's pixels find them again.

    At every pixel of the frame: the mean of the references' values, weighted by the softmax of
    16 times the cosine of query and key, over all of their pixels. It has no parameters.

    Input:
        query: ``(N, K, h, w)`` of the frame, of unit length.
        keys: ``(N, K, R * h * w)`` of R references, one's pixels after the other's, likewise.
        values: ``(N, V, R * h * w)``, in the same order.
        valid: ``(N, 1, R, 1)``, 1 for a reference that was set and 0 for any other.

    Output:
        aligned: ``(N, V, h, w)``.
    """

    def forward(self, query: Tensor, keys: Tensor, values: Tensor, valid: Tensor) -> Tensor:
        """Attend."""
        count, _, height, width = query.shape
        references = valid.shape[2]
        pixels = height * width
        rows = (query * _SHARPNESS).flatten(2).transpose(1, 2)  # (N, h*w, K)
        # bmm: the exporters put an expansion before a matrix product of any rank
        affinity = torch.bmm(rows, keys).reshape(count, pixels, references, pixels)
        affinity = affinity + (1 - valid) * _ABSENT
        weights = functional.softmax(affinity.reshape(count, pixels, references * pixels), dim=-1)
        aligned = _summed(weights, values.transpose(1, 2))  # (N, h*w, V)
        return aligned.transpose(1, 2).reshape(count, values.shape[1], height, width)


def _summed(weights: Tensor, values: Tensor) -> Tensor:
    """Return ``weights @ values``, in short sums."""
    pixels = weights.shape[2]
    if pixels <= _TOGETHER:
        return torch.bmm(weights, values)
    parts = [
        torch.bmm(weights[..., start : start + _TOGETHER], values[:, start : start + _TOGETHER])
        for start in range(0, pixels, _TOGETHER)
    ]
    return functools.reduce(torch.add, parts)


def pixels_of(slots: Tensor) -> Tensor:
    """Lay the pixels of one clip's references side by side.

    Args:
        slots: ``(R, C, h, w)``.

    Returns:
        ``(1, C, R * h * w)``.
    """
    references, channels, height, width = slots.shape
    return slots.permute(1, 0, 2, 3).reshape(1, channels, references * height * width)
