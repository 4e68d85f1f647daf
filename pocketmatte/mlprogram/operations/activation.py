"""Activation functions."""

from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor
from torch.nn import functional

from pocketmatte.mlprogram.binding import Compute


def relu(x: Tensor) -> Tensor:
    """Return ``max(x, 0)``."""
    return torch.relu(x)


def relu6(x: Tensor) -> Tensor:
    """Return ``x`` held between 0 and 6."""
    return x.clamp(0, 6)


def clamped_relu(x: Tensor, alpha: float, beta: float) -> Tensor:
    """Return ``x``, its negative values times ``alpha``, nothing above ``beta``."""
    return leaky_relu(x, alpha).clamp(max=beta)


def leaky_relu(x: Tensor, alpha: float) -> Tensor:
    """Return ``x``, its negative values times ``alpha``."""
    return torch.where(x >= 0, x, alpha * x)


def prelu(x: Tensor, alpha: Tensor) -> Tensor:
    """Return ``(N, C, ...)``, negative values times their channel's ``alpha``, ``(C,)``."""
    return torch.where(x > 0, x, _by_channel(alpha, x) * x)


def thresholded_relu(x: Tensor, alpha: float) -> Tensor:
    """Return ``x``, 0 where it is below ``alpha``."""
    return torch.where(x >= alpha, x, 0.0)


def elu(x: Tensor, alpha: float) -> Tensor:
    """Return ``x``, and ``alpha * (exp(x) - 1)`` where it is not positive."""
    return torch.where(x > 0, x, alpha * torch.expm1(x))


def gelu(x: Tensor, mode: str = "EXACT") -> Tensor:
    """Return ``x`` times the normal distribution's share below it, or an approximation.

    Raises:
        ValueError: If there is no such ``mode``.
    """
    if mode == "EXACT":
        return functional.gelu(x)
    if mode == "TANH_APPROXIMATION":
        return functional.gelu(x, approximate="tanh")
    if mode == "SIGMOID_APPROXIMATION":
        return x * torch.sigmoid(1.702 * x)
    msg = f"mode {mode!r} is not known here"
    raise ValueError(msg)


def sigmoid(x: Tensor) -> Tensor:
    """Return ``1 / (1 + exp(-x))``."""
    return torch.sigmoid(x)


def sigmoid_hard(x: Tensor, alpha: float, beta: float) -> Tensor:
    """Return ``alpha * x + beta`` held between 0 and 1."""
    return (alpha * x + beta).clamp(0, 1)


def silu(x: Tensor) -> Tensor:
    """Return ``x * sigmoid(x)``."""
    return functional.silu(x)


def softplus(x: Tensor) -> Tensor:
    """Return ``log(1 + exp(x))``."""
    return torch.logaddexp(x, torch.zeros_like(x))


def softplus_parametric(x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    """Return ``alpha * log(1 + exp(beta * x))``, both of them by channel, ``(C,)``."""
    return _by_channel(alpha, x) * softplus(_by_channel(beta, x) * x)


def softsign(x: Tensor) -> Tensor:
    """Return ``x / (1 + |x|)``."""
    return functional.softsign(x)


def softmax(x: Tensor, axis: int = -1) -> Tensor:
    """Return the exponentials of ``x`` divided by their sum along ``axis``."""
    return torch.softmax(x, dim=axis)


def tanh(x: Tensor) -> Tensor:
    """Return the hyperbolic tangent."""
    return torch.tanh(x)


def scaled_tanh(x: Tensor, alpha: float, beta: float) -> Tensor:
    """Return ``alpha * tanh(beta * x)``."""
    return alpha * torch.tanh(beta * x)


def linear_activation(x: Tensor, alpha: float, beta: float) -> Tensor:
    """Return ``alpha * x + beta``."""
    return alpha * x + beta


def _by_channel(values: Tensor, x: Tensor) -> Tensor:
    """Return ``(C,)`` so that it broadcasts to ``(N, C, ...)``."""
    if x.ndim < 2 or values.shape != x.shape[1:2]:
        msg = f"{tuple(values.shape)} is not one value for every channel of {tuple(x.shape)}"
        raise ValueError(msg)
    return values.reshape(-1, *(1,) * (x.ndim - 2))


OPERATIONS: Mapping[str, Compute] = MappingProxyType(
    {
        "relu": relu,
        "relu6": relu6,
        "clamped_relu": clamped_relu,
        "leaky_relu": leaky_relu,
        "prelu": prelu,
        "thresholded_relu": thresholded_relu,
        "elu": elu,
        "gelu": gelu,
        "sigmoid": sigmoid,
        "sigmoid_hard": sigmoid_hard,
        "silu": silu,
        "softplus": softplus,
        "softplus_parametric": softplus_parametric,
        "softsign": softsign,
        "softmax": softmax,
        "tanh": tanh,
        "scaled_tanh": scaled_tanh,
        "linear_activation": linear_activation,
    }
)
