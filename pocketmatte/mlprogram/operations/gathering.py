"""Operations that read and write at indices.

A scatter reads the numbers of all elements as a gather would, and writes to what it found. Several
updates of one element act one after the other, in their order.

Before iOS 17 negative indices count from the end. Since then they are beyond the tensor, and what
an index beyond gives is either an error or left undefined: here it is refused in any case.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor

from pocketmatte.mlprogram.binding import Compute
from pocketmatte.mlprogram.context import Context
from pocketmatte.mlprogram.operations.axes import counted
from pocketmatte.mlprogram.operations.elementwise import add, maximum, minimum, mul, real_div, sub

_FROM_THE_FRONT = 7  # the first opset in which no index counts from the end


def gather(
    x: Tensor,
    indices: Tensor,
    context: Context,
    axis: int = 0,
    batch_dims: int = 0,
    validate_indices: bool = False,
) -> Tensor:
    """Return the slices of ``x`` along ``axis`` at ``indices``, for each of the batch its own."""
    found = _located(indices, x.shape[axis], context, validate=validate_indices)
    return _slices(x, found, counted(axis, x.ndim), batch_dims)


def gather_along_axis(
    x: Tensor, indices: Tensor, context: Context, axis: int = 0, validate_indices: bool = False
) -> Tensor:
    """Return the values along ``axis`` at ``indices``, which have places of their own."""
    return _along(x, _located(indices, x.shape[axis], context, validate=validate_indices), axis)


def gather_nd(
    x: Tensor,
    indices: Tensor,
    context: Context,
    batch_dims: int = 0,
    validate_indices: bool = False,
) -> Tensor:
    """Return the slices of ``x`` at the indices in the last dimension of ``indices``."""
    found = _located_each(indices, tuple(x.shape[batch_dims:]), context, validate=validate_indices)
    return _at_points(x, found, batch_dims)


def scatter(
    data: Tensor,
    indices: Tensor,
    updates: Tensor,
    context: Context,
    axis: int = 0,
    mode: str = "add",
    validate_indices: bool = False,
) -> Tensor:
    """Return ``data`` with slices along ``axis`` updated at ``indices``."""
    found = _located(indices, data.shape[axis], context, validate=validate_indices)
    places = _slices(_numbered(data), found, counted(axis, data.ndim), 0)
    return _updated(data, places, updates, mode)


def scatter_along_axis(
    data: Tensor,
    indices: Tensor,
    updates: Tensor,
    context: Context,
    axis: int = 0,
    mode: str = "add",
    validate_indices: bool = False,
) -> Tensor:
    """Return ``data`` with values along ``axis`` updated at ``indices``."""
    found = _located(indices, data.shape[axis], context, validate=validate_indices)
    return _updated(data, _along(_numbered(data), found, axis), updates, mode)


def scatter_nd(
    data: Tensor,
    indices: Tensor,
    updates: Tensor,
    context: Context,
    mode: str = "add",
    validate_indices: bool = False,
) -> Tensor:
    """Return ``data`` with slices updated at the indices in the last dimension of ``indices``."""
    found = _located_each(indices, tuple(data.shape), context, validate=validate_indices)
    return _updated(data, _at_points(_numbered(data), found, 0), updates, mode)


def _located(indices: Tensor, size: int, context: Context, *, validate: bool) -> Tensor:
    """Return indices counted from the front."""
    least = 0 if context.opset >= _FROM_THE_FRONT else -size
    if indices.numel():
        low, high = (int(each) for each in indices.aminmax())
        if low < least or high >= size:
            reason = "is an error" if validate else "Core ML leaves undefined"
            msg = f"indices {low} to {high} are not within {least} to {size - 1}, which {reason}"
            raise IndexError(msg)
    return torch.where(indices < 0, indices + size, indices).long()


def _located_each(
    indices: Tensor, shape: tuple[int, ...], context: Context, *, validate: bool
) -> Tensor:
    depth = indices.shape[-1]
    if not 0 < depth <= len(shape):
        msg = f"{depth} indices into {len(shape)} dimensions"
        raise ValueError(msg)
    columns = zip(indices.unbind(-1), shape[:depth], strict=True)
    each = [_located(column, size, context, validate=validate) for column, size in columns]
    return torch.stack(each, dim=-1)


def _slices(x: Tensor, indices: Tensor, axis: int, batch_dims: int) -> Tensor:
    if batch_dims:
        pairs = zip(x, indices, strict=True)
        parts = [_slices(each, index, axis - 1, batch_dims - 1) for each, index in pairs]
        return torch.stack(parts)
    chosen = x.index_select(axis, indices.flatten())
    return chosen.reshape(x.shape[:axis] + indices.shape + x.shape[axis + 1 :])


def _along(x: Tensor, indices: Tensor, axis: int) -> Tensor:
    axis = counted(axis, x.ndim)
    if x.shape[:axis] + x.shape[axis + 1 :] != indices.shape[:axis] + indices.shape[axis + 1 :]:
        msg = f"indices of {tuple(indices.shape)} along axis {axis} of {tuple(x.shape)}"
        raise ValueError(msg)
    return x.gather(axis, indices)


def _at_points(x: Tensor, indices: Tensor, batch_dims: int) -> Tensor:
    if batch_dims:
        pairs = zip(x, indices, strict=True)
        return torch.stack([_at_points(each, index, batch_dims - 1) for each, index in pairs])
    return x[tuple(indices.unbind(-1))]


def _numbered(data: Tensor) -> Tensor:
    """Return each element's number."""
    return torch.arange(data.numel()).reshape(data.shape)


def _updated(data: Tensor, places: Tensor, updates: Tensor, mode: str) -> Tensor:
    if mode not in _MODES:
        msg = f"mode {mode!r} is not known here"
        raise ValueError(msg)
    if updates.shape != places.shape:
        msg = f"updates of {tuple(updates.shape)}, where {tuple(places.shape)} is wanted"
        raise ValueError(msg)
    combined = _MODES[mode]
    result, where, given = data.flatten().clone(), places.flatten(), updates.flatten()
    for turn in _turns(where):
        result[where[turn]] = combined(result[where[turn]], given[turn])
    return result.reshape(data.shape)


def _turns(places: Tensor) -> tuple[Tensor, ...]:
    """Return the updates that come first, second, ... at their places."""
    order = torch.argsort(places, stable=True)
    ordered = places[order]
    turns = torch.arange(len(places)) - torch.searchsorted(ordered, ordered)
    by_turn = order[torch.argsort(turns, stable=True)]
    return tuple(torch.split(by_turn, torch.bincount(turns).tolist()))


_MODES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = MappingProxyType(
    {
        "update": lambda _, new: new,
        "add": add,
        "sub": sub,
        "mul": mul,
        "div": real_div,
        "max": maximum,
        "min": minimum,
    }
)

OPERATIONS: Mapping[str, Compute] = MappingProxyType(
    {
        "gather": gather,
        "gather_along_axis": gather_along_axis,
        "gather_nd": gather_nd,
        "scatter": scatter,
        "scatter_along_axis": scatter_along_axis,
        "scatter_nd": scatter_nd,
    }
)
