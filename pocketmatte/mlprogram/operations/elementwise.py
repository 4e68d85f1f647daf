"""Operations on one element at a time, of one tensor or of two that broadcast."""

from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor

from pocketmatte.mlprogram.binding import Compute
from pocketmatte.mlprogram.context import Context
from pocketmatte.mlprogram.types import TensorType

_CASTS: Mapping[str, torch.dtype] = MappingProxyType(
    {"fp16": torch.float32, "fp32": torch.float32, "fp64": torch.float64, "bool": torch.bool}
)


def add(x: Tensor, y: Tensor) -> Tensor:
    """Return ``x + y``."""
    return x + y


def sub(x: Tensor, y: Tensor) -> Tensor:
    """Return ``x - y``."""
    return x - y


def mul(x: Tensor, y: Tensor) -> Tensor:
    """Return ``x * y``."""
    return x * y


def real_div(x: Tensor, y: Tensor) -> Tensor:
    """Return ``x / y``; of integers the quotient without its fraction."""
    if x.is_floating_point() or y.is_floating_point():
        return x / y
    return torch.div(x, y, rounding_mode="trunc")


def floor_div(x: Tensor, y: Tensor) -> Tensor:
    """Return the largest integer not above ``x / y``."""
    return torch.div(x, y, rounding_mode="floor")


def mod(x: Tensor, y: Tensor) -> Tensor:
    """Return ``x - floor_div(x, y) * y``."""
    return torch.remainder(x, y)


def power(x: Tensor, y: Tensor) -> Tensor:
    """Return ``x`` to the power of ``y``."""
    return torch.pow(x, y)


def maximum(x: Tensor, y: Tensor) -> Tensor:
    """Return the larger of both."""
    return torch.maximum(x, y)


def minimum(x: Tensor, y: Tensor) -> Tensor:
    """Return the smaller of both."""
    return torch.minimum(x, y)


def equal(x: Tensor, y: Tensor) -> Tensor:
    """Return where both are equal."""
    return x == y


def not_equal(x: Tensor, y: Tensor) -> Tensor:
    """Return where they differ."""
    return x != y


def greater(x: Tensor, y: Tensor) -> Tensor:
    """Return where ``x > y``."""
    return x > y


def greater_equal(x: Tensor, y: Tensor) -> Tensor:
    """Return where ``x >= y``."""
    return x >= y


def less(x: Tensor, y: Tensor) -> Tensor:
    """Return where ``x < y``."""
    return x < y


def less_equal(x: Tensor, y: Tensor) -> Tensor:
    """Return where ``x <= y``."""
    return x <= y


def logical_and(x: Tensor, y: Tensor) -> Tensor:
    """Return where both are true."""
    return x & y


def logical_or(x: Tensor, y: Tensor) -> Tensor:
    """Return where either is true."""
    return x | y


def logical_xor(x: Tensor, y: Tensor) -> Tensor:
    """Return where exactly one is true."""
    return x ^ y


def logical_not(x: Tensor) -> Tensor:
    """Return where ``x`` is false."""
    return ~x


def clip(x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    """Return ``x`` held between ``alpha`` and ``beta``."""
    return torch.minimum(torch.maximum(x, alpha), beta)


def inverse(x: Tensor, epsilon: float = 1e-4) -> Tensor:
    """Return ``1 / (x + epsilon)``."""
    return 1 / (x + epsilon)


def log(x: Tensor, epsilon: float = 1e-45) -> Tensor:
    """Return the natural logarithm of ``x + epsilon``."""
    return torch.log(x + epsilon)


def rsqrt(x: Tensor, epsilon: float = 1e-12) -> Tensor:
    """Return ``1 / sqrt(x + epsilon)``."""
    return torch.rsqrt(x + epsilon)


def threshold(x: Tensor, alpha: Tensor) -> Tensor:
    """Return ``max(x, alpha)``."""
    return torch.maximum(x, alpha)


def square(x: Tensor) -> Tensor:
    """Return ``x * x``."""
    return x * x


def rounded(x: Tensor) -> Tensor:
    """Return the nearest integer, halves to the even one."""
    return torch.round(x)


def cast(x: Tensor, dtype: str, context: Context) -> Tensor:
    """Return ``x`` as another type; floating point loses its fraction, not 0 becomes true."""
    (named,) = context.operation.outputs
    if not isinstance(named.type, TensorType) or named.type.element.name != dtype:
        msg = f"it casts to {dtype}, and declares {named.type}"
        raise ValueError(msg)
    if dtype in _CASTS:
        return x.to(_CASTS[dtype])
    element = named.type.element
    whole = x.trunc() if x.is_floating_point() else x
    if element.bits < 32:  # what does not fit wraps round
        span = 1 << element.bits
        whole = torch.remainder(whole.to(torch.int64) - element.low, span) + element.low
    return whole.to(element.held)


OPERATIONS: Mapping[str, Compute] = MappingProxyType(
    {
        "add": add,
        "sub": sub,
        "mul": mul,
        "real_div": real_div,
        "floor_div": floor_div,
        "mod": mod,
        "pow": power,
        "maximum": maximum,
        "minimum": minimum,
        "equal": equal,
        "not_equal": not_equal,
        "greater": greater,
        "greater_equal": greater_equal,
        "less": less,
        "less_equal": less_equal,
        "logical_and": logical_and,
        "logical_or": logical_or,
        "logical_xor": logical_xor,
        "logical_not": logical_not,
        "clip": clip,
        "inverse": inverse,
        "log": log,
        "rsqrt": rsqrt,
        "threshold": threshold,
        "square": square,
        "round": rounded,
        "cast": cast,
    }
)
