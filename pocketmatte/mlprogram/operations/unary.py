"""Functions of one element at a time."""

from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor

from pocketmatte.mlprogram.binding import Compute


def absolute(x: Tensor) -> Tensor:
    """Return ``x`` without its sign."""
    return torch.abs(x)


def acos(x: Tensor) -> Tensor:
    """Return the angle in radians, 0 to pi, whose cosine is ``x``."""
    return torch.acos(x)


def asin(x: Tensor) -> Tensor:
    """Return the angle in radians, -pi/2 to pi/2, whose sine is ``x``."""
    return torch.asin(x)


def atan(x: Tensor) -> Tensor:
    """Return the angle in radians, -pi/2 to pi/2, whose tangent is ``x``."""
    return torch.atan(x)


def atanh(x: Tensor) -> Tensor:
    """Return the number whose hyperbolic tangent is ``x``."""
    return torch.atanh(x)


def ceil(x: Tensor) -> Tensor:
    """Return the smallest integer not below ``x``."""
    return torch.ceil(x)


def cos(x: Tensor) -> Tensor:
    """Return the cosine of an angle in radians."""
    return torch.cos(x)


def cosh(x: Tensor) -> Tensor:
    """Return the hyperbolic cosine."""
    return torch.cosh(x)


def erf(x: Tensor) -> Tensor:
    """Return the Gauss error function."""
    return torch.erf(x)


def exp(x: Tensor) -> Tensor:
    """Return ``e`` to the power of ``x``."""
    return torch.exp(x)


def exp2(x: Tensor) -> Tensor:
    """Return 2 to the power of ``x``; of integers without the fraction."""
    if x.is_floating_point():
        return torch.exp2(x)
    return torch.exp2(x.double()).to(torch.int64)  # wide enough to be seen not to fit


def floor(x: Tensor) -> Tensor:
    """Return the largest integer not above ``x``."""
    return torch.floor(x)


def sign(x: Tensor) -> Tensor:
    """Return -1, 0 or 1."""
    return torch.sign(x)


def sin(x: Tensor) -> Tensor:
    """Return the sine of an angle in radians."""
    return torch.sin(x)


def sinh(x: Tensor) -> Tensor:
    """Return the hyperbolic sine."""
    return torch.sinh(x)


def sqrt(x: Tensor) -> Tensor:
    """Return the square root."""
    return torch.sqrt(x)


def tan(x: Tensor) -> Tensor:
    """Return the tangent of an angle in radians."""
    return torch.tan(x)


OPERATIONS: Mapping[str, Compute] = MappingProxyType(
    {
        "abs": absolute,
        "acos": acos,
        "asin": asin,
        "atan": atan,
        "atanh": atanh,
        "ceil": ceil,
        "cos": cos,
        "cosh": cosh,
        "erf": erf,
        "exp": exp,
        "exp2": exp2,
        "floor": floor,
        "sign": sign,
        "sin": sin,
        "sinh": sinh,
        "sqrt": sqrt,
        "tan": tan,
    }
)
