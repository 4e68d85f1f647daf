"""Operations that give the same values another shape or order, and that join or part tensors."""

import math
from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor

from pocketmatte.mlprogram.binding import Compute, Ints, Tensors
from pocketmatte.mlprogram.context import Context
from pocketmatte.mlprogram.operations.axes import counted
from pocketmatte.mlprogram.types import Value, require_size

_RIGHT_ALIGNED = 7  # the first opset whose zeros in a shape count from the right


def const(val: Value) -> Value:
    """Return a constant."""
    return val


def identity(x: Value) -> Value:
    """Return ``x``."""
    return x


def shape(x: Tensor) -> Tensor:
    """Return the size of every dimension."""
    return torch.tensor(x.shape, dtype=torch.int32)


def reshape(x: Tensor, shape: Ints, context: Context) -> Tensor:
    """Return ``x`` in ``shape``: -1 takes what is left, 0 the size that ``x`` has there.

    Before iOS 17 a 0 needs a shape of as many dimensions as ``x``; since then it counts from the
    right, and is 1 where ``x`` has no such dimension.

    Raises:
        ValueError: If a 0 stands for no dimension.
    """
    if 0 in shape and context.opset < _RIGHT_ALIGNED and len(shape) != x.ndim:
        msg = f"a 0 in a shape of {len(shape)} dimensions, of {x.ndim}"
        raise ValueError(msg)
    missing = len(shape) - x.ndim
    sizes = []
    for axis, size in enumerate(shape):
        inherited = x.shape[axis - missing] if axis >= missing else 1
        sizes.append(inherited if size == 0 else size)
    return x.reshape(sizes)


def reshape_like(
    x: Tensor, ref_tensors: Tensors, begins: Tensors, ends: Tensors, end_masks: Tensors
) -> Tensor:
    """Return ``x`` in the shape that parts of other tensors' shapes make together."""
    sizes: list[int] = []
    for tensor, begin, end, unbounded in zip(ref_tensors, begins, ends, end_masks, strict=True):
        sizes += tensor.shape[int(begin) : None if unbounded else int(end)]
    return x.reshape(sizes)


def transpose(x: Tensor, perm: Ints) -> Tensor:
    """Return ``x`` with its dimensions in another order."""
    return x.permute(perm)


def expand_dims(x: Tensor, axes: Ints) -> Tensor:
    """Return ``x`` with dimensions of size 1, counted in the result."""
    rank = x.ndim + len(axes)
    for axis in sorted(counted(axis, rank) for axis in axes):
        x = x.unsqueeze(axis)
    return x


def squeeze(x: Tensor, axes: Ints | None = None) -> Tensor:
    """Return ``x`` without dimensions of size 1; larger ones stay."""
    chosen = tuple(range(x.ndim)) if axes is None else axes
    return torch.squeeze(x, chosen)


def flatten2d(x: Tensor, axis: int = 1) -> Tensor:
    """Return a matrix of what is before ``axis`` by what is from there on."""
    return x.reshape(math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))


def concat(values: Tensors, axis: int, interleave: bool = False) -> Tensor:
    """Return tensors one behind the other, or taking turns; scalars as a vector."""
    parts = [value.reshape(1) if value.ndim == 0 else value for value in values]
    if not interleave:
        return torch.cat(parts, dim=axis)
    axis = counted(axis, parts[0].ndim)
    return torch.stack(parts, dim=axis + 1).flatten(axis, axis + 1)


def stack(values: Tensors, axis: int) -> Tensor:
    """Return tensors along a dimension of their own."""
    return torch.stack(values, dim=axis)


def split(
    x: Tensor, axis: int, num_splits: int | None = None, split_sizes: Ints | None = None
) -> Tensors:
    """Return parts of ``x``, equal ones where no sizes are given.

    Raises:
        ValueError: If the number of parts and the sizes do not fit ``x`` or one another.
    """
    size = x.shape[axis]
    if split_sizes is None:
        if num_splits is None or size % num_splits:
            msg = f"{size} is not split into {num_splits} equal parts"
            raise ValueError(msg)
        split_sizes = (size // num_splits,) * num_splits
    if num_splits not in {None, len(split_sizes)}:
        msg = f"{num_splits} parts of {len(split_sizes)} sizes"
        raise ValueError(msg)
    return tuple(torch.split(x, list(split_sizes), dim=axis))


def tile(x: Tensor, reps: Ints) -> Tensor:
    """Return ``x`` repeated along every dimension.

    Raises:
        ValueError: If there is not one number for every dimension, or the result is too large.
    """
    if len(reps) != x.ndim:
        msg = f"{len(reps)} repetitions of {x.ndim} dimensions"
        raise ValueError(msg)
    require_size(tuple(size * times for size, times in zip(x.shape, reps, strict=True)), x.dtype)
    return x.repeat(reps)


def reverse(x: Tensor, axes: Ints | None = None) -> Tensor:
    """Return ``x`` back to front along some dimensions, or all."""
    return x.flip(tuple(range(x.ndim)) if axes is None else axes)


def reverse_sequence(x: Tensor, lengths: Ints, seq_axis: int = 0, batch_axis: int = 0) -> Tensor:
    """Return ``x`` with the first ``lengths[i]`` values of sequence ``i`` back to front.

    Raises:
        ValueError: If a length is beyond the sequence, or both axes are the same.
    """
    longest = x.shape[seq_axis]
    if not all(0 <= length <= longest for length in lengths):
        msg = f"lengths {lengths} of sequences of {longest}"
        raise ValueError(msg)
    if counted(seq_axis, x.ndim) == counted(batch_axis, x.ndim):
        msg = f"seq_axis and batch_axis are both {seq_axis}"
        raise ValueError(msg)
    sequences = x.movedim((batch_axis, seq_axis), (0, 1)).clone()
    for sequence, length in zip(sequences, lengths, strict=True):
        sequence[:length] = sequence[:length].flip(0)
    return sequences.movedim((0, 1), (batch_axis, seq_axis))


def sliding_windows(x: Tensor, axis: int, size: int, stride: int = 1) -> Tensor:
    """Return every window along ``axis``, in a dimension behind it."""
    axis = counted(axis, x.ndim)
    return x.unfold(axis, size, stride).movedim(-1, axis + 1)


OPERATIONS: Mapping[str, Compute] = MappingProxyType(
    {
        "const": const,
        "identity": identity,
        "shape": shape,
        "reshape": reshape,
        "reshape_like": reshape_like,
        "transpose": transpose,
        "expand_dims": expand_dims,
        "squeeze": squeeze,
        "flatten2d": flatten2d,
        "concat": concat,
        "stack": stack,
        "split": split,
        "tile": tile,
        "reverse": reverse,
        "reverse_sequence": reverse_sequence,
        "sliding_windows": sliding_windows,
    }
)
