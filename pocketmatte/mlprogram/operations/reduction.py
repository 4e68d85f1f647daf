"""Operations that make one value of many: sums, means, extremes and where they are."""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor

from pocketmatte.mlprogram.binding import Compute, Ints
from pocketmatte.mlprogram.operations.axes import counted

_INDEX_TYPES = ("int32", "uint16")


def reduce_sum(x: Tensor, axes: Ints | None = None, keep_dims: bool = False) -> Tensor:
    """Return the sum."""
    return _reduced(lambda rows: rows.sum(dim=-1), x, axes, keep_dims=keep_dims)


def reduce_mean(x: Tensor, axes: Ints | None = None, keep_dims: bool = False) -> Tensor:
    """Return the mean; of integers without its fraction."""
    return _reduced(lambda rows: _real(rows).mean(dim=-1), x, axes, keep_dims=keep_dims)


def reduce_prod(x: Tensor, axes: Ints | None = None, keep_dims: bool = False) -> Tensor:
    """Return the product."""
    return _reduced(lambda rows: rows.prod(dim=-1), x, axes, keep_dims=keep_dims)


def reduce_max(x: Tensor, axes: Ints | None = None, keep_dims: bool = False) -> Tensor:
    """Return the largest value."""
    return _reduced(lambda rows: rows.amax(dim=-1), x, axes, keep_dims=keep_dims)


def reduce_min(x: Tensor, axes: Ints | None = None, keep_dims: bool = False) -> Tensor:
    """Return the smallest value."""
    return _reduced(lambda rows: rows.amin(dim=-1), x, axes, keep_dims=keep_dims)


def reduce_l1_norm(x: Tensor, axes: Ints | None = None, keep_dims: bool = False) -> Tensor:
    """Return the sum of the magnitudes."""
    return _reduced(lambda rows: rows.abs().sum(dim=-1), x, axes, keep_dims=keep_dims)


def reduce_l2_norm(x: Tensor, axes: Ints | None = None, keep_dims: bool = False) -> Tensor:
    """Return the root of the sum of the squares; of integers without its fraction."""
    return _reduced(
        lambda rows: _real(rows).square().sum(dim=-1).sqrt(), x, axes, keep_dims=keep_dims
    )


def reduce_sum_square(x: Tensor, axes: Ints | None = None, keep_dims: bool = False) -> Tensor:
    """Return the sum of the squares."""
    wide = x if x.is_floating_point() else x.long()
    return _reduced(lambda rows: rows.square().sum(dim=-1), wide, axes, keep_dims=keep_dims)


def reduce_log_sum(x: Tensor, axes: Ints | None = None, keep_dims: bool = False) -> Tensor:
    """Return the natural logarithm of the sum; of integers without its fraction."""
    return _reduced(lambda rows: _real(rows).sum(dim=-1).log(), x, axes, keep_dims=keep_dims)


def reduce_log_sum_exp(x: Tensor, axes: Ints | None = None, keep_dims: bool = False) -> Tensor:
    """Return the natural logarithm of the sum of the exponentials, which may be large."""
    return _reduced(lambda rows: _real(rows).logsumexp(dim=-1), x, axes, keep_dims=keep_dims)


def reduce_argmax(
    x: Tensor, axis: int = -1, keep_dims: bool = False, output_dtype: str = "int32"
) -> Tensor:
    """Return where the largest value is, the first of several."""
    require_index_type(output_dtype)
    return torch.argmax(x, dim=axis, keepdim=keep_dims)


def reduce_argmin(
    x: Tensor, axis: int = -1, keep_dims: bool = False, output_dtype: str = "int32"
) -> Tensor:
    """Return where the smallest value is, the first of several."""
    require_index_type(output_dtype)
    return torch.argmin(x, dim=axis, keepdim=keep_dims)


def cumsum(x: Tensor, axis: int = 0, exclusive: bool = False, reverse: bool = False) -> Tensor:
    """Return the sums of all values up to each; an exclusive one leaves out the value itself."""
    forward = x.flip(axis) if reverse else x
    sums = forward.cumsum(dim=axis)
    if exclusive and x.shape[axis]:
        nothing = torch.zeros_like(sums.narrow(axis, 0, 1))
        sums = torch.cat([nothing, sums.narrow(axis, 0, x.shape[axis] - 1)], dim=axis)
    return sums.flip(axis) if reverse else sums


def require_index_type(name: str) -> None:
    """Refuse a type that indices do not have.

    Raises:
        ValueError: If it is neither ``int32`` nor ``uint16``.
    """
    if name not in _INDEX_TYPES:
        msg = f"indices of type {name!r} are not known here"
        raise ValueError(msg)


def _reduced(
    compute: Callable[[Tensor], Tensor], x: Tensor, axes: Ints | None, *, keep_dims: bool
) -> Tensor:
    """Return what ``compute`` makes of the last dimension, into which ``axes`` are folded."""
    gone = range(x.ndim) if axes is None else sorted(counted(axis, x.ndim) for axis in axes)
    kept = [axis for axis in range(x.ndim) if axis not in gone]
    sizes = [x.shape[axis] for axis in kept]
    rows = x.permute(*kept, *gone).reshape(*sizes, math.prod(x.shape[axis] for axis in gone))
    result = _of_kind(compute(rows), x)
    if not keep_dims:
        return result
    return result.reshape([1 if axis in gone else x.shape[axis] for axis in range(x.ndim)])


def _real(x: Tensor) -> Tensor:
    return x if x.is_floating_point() else x.double()


def _of_kind(result: Tensor, x: Tensor) -> Tensor:
    """Return a result of integers as integers."""
    if x.is_floating_point() or not result.is_floating_point():
        return result
    if not bool(result.isfinite().all()):
        msg = "no integer holds the result"
        raise ValueError(msg)
    return result.trunc().long()


OPERATIONS: Mapping[str, Compute] = MappingProxyType(
    {
        "reduce_sum": reduce_sum,
        "reduce_mean": reduce_mean,
        "reduce_prod": reduce_prod,
        "reduce_max": reduce_max,
        "reduce_min": reduce_min,
        "reduce_l1_norm": reduce_l1_norm,
        "reduce_l2_norm": reduce_l2_norm,
        "reduce_sum_square": reduce_sum_square,
        "reduce_log_sum": reduce_log_sum,
        "reduce_log_sum_exp": reduce_log_sum_exp,
        "reduce_argmax": reduce_argmax,
        "reduce_argmin": reduce_argmin,
        "cumsum": cumsum,
    }
)
