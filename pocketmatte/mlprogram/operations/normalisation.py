"""Normalisation by mean and variance, or by the length of what surrounds a value."""

import math
from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor
from torch.nn import functional

from pocketmatte.mlprogram.binding import Compute, Ints

_CHANNEL = 1  # the dimension of (N, C, ...) that parameters are of


def batch_norm(
    x: Tensor,
    mean: Tensor,
    variance: Tensor,
    gamma: Tensor | None = None,
    beta: Tensor | None = None,
    epsilon: float = 1e-5,
) -> Tensor:
    """Return ``(N, C, ...)`` normalised by given moments, each of them by channel."""
    shifted = x - _spread(mean, x, (_CHANNEL,))
    return _scaled(shifted, _spread(variance, x, (_CHANNEL,)), gamma, beta, epsilon, (_CHANNEL,))


def instance_norm(
    x: Tensor, gamma: Tensor | None = None, beta: Tensor | None = None, epsilon: float = 1e-5
) -> Tensor:
    """Return ``(N, C, ...)``, every channel of every picture normalised by its own moments."""
    shifted, variance = _moments(x, tuple(range(2, x.ndim)))
    return _scaled(shifted, variance, gamma, beta, epsilon, (_CHANNEL,))


def layer_norm(
    x: Tensor,
    axes: Ints | None = None,
    gamma: Tensor | None = None,
    beta: Tensor | None = None,
    epsilon: float = 1e-5,
) -> Tensor:
    """Return ``x`` normalised by the moments over ``axes``, all unless given.

    ``gamma`` and ``beta`` have the sizes of those dimensions, in the order of ``x``.
    """
    own = range(x.ndim) if axes is None else sorted(axis % x.ndim for axis in axes)
    shifted, variance = _moments(x, tuple(own))
    return _scaled(shifted, variance, gamma, beta, epsilon, tuple(own))


def l2_norm(x: Tensor, epsilon: float = 1e-6) -> Tensor:
    """Return ``x`` divided by the length of its last three dimensions together."""
    if x.ndim < 3:
        msg = f"an l2_norm of {x.ndim} dimensions is not known here"
        raise ValueError(msg)
    squares = x.square().sum(dim=(-3, -2, -1), keepdim=True)
    return x / torch.sqrt(squares + epsilon)


def local_response_norm(
    x: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """Return ``x`` divided by a power of the mean square of ``size`` channels around each.

    Channels are the third dimension from the end, of three dimensions the first: that is what
    Core ML computes, though its documentation says ``(N, C, D)``. Where ``size`` is even, one more
    channel counts before than after, as in PyTorch.

    Raises:
        ValueError: If there are not three or four dimensions.
    """
    if x.ndim not in {3, 4}:
        msg = f"a local_response_norm of {x.ndim} dimensions is not known here"
        raise ValueError(msg)
    before, after = size // 2, (size - 1) // 2
    wide = functional.pad(x.square(), (0, 0, 0, 0, before, after))
    squares = wide.unfold(-3, size, 1).sum(dim=-1)
    return x / (k + alpha / size * squares) ** beta


def _moments(x: Tensor, axes: Ints) -> tuple[Tensor, Tensor]:
    """Return ``x`` without its mean, and its variance."""
    shifted = x - x.mean(dim=axes, keepdim=True)
    return shifted, shifted.square().mean(dim=axes, keepdim=True)


def _scaled(
    shifted: Tensor,
    variance: Tensor,
    gamma: Tensor | None,
    beta: Tensor | None,
    epsilon: float,
    axes: Ints,
) -> Tensor:
    result = shifted / torch.sqrt(variance + epsilon)
    if gamma is not None:
        result = result * _spread(gamma, shifted, axes)
    return result if beta is None else result + _spread(beta, shifted, axes)


def _spread(values: Tensor, x: Tensor, axes: Ints) -> Tensor:
    """Return values of the dimensions ``axes`` so that they broadcast to ``x``."""
    sizes = [x.shape[axis] for axis in axes]
    if values.numel() != math.prod(sizes):
        msg = f"{tuple(values.shape)} is no parameter of {tuple(sizes)}"
        raise ValueError(msg)
    return values.reshape([x.shape[axis] if axis in axes else 1 for axis in range(x.ndim)])


OPERATIONS: Mapping[str, Compute] = MappingProxyType(
    {
        "batch_norm": batch_norm,
        "instance_norm": instance_norm,
        "layer_norm": layer_norm,
        "l2_norm": l2_norm,
        "local_response_norm": local_response_norm,
    }
)
