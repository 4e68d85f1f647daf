"""Operations that make values of their own: borders, constants, ranges and masks."""

import math
from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor

from pocketmatte.mlprogram.binding import Compute, Ints
from pocketmatte.mlprogram.context import Context
from pocketmatte.mlprogram.operations.convolution import padded
from pocketmatte.mlprogram.types import FP16, TensorType, require_size


def pad(x: Tensor, pad: Ints, mode: str = "constant", constant_val: Tensor | None = None) -> Tensor:
    """Return ``x`` with borders round its last dimensions, pairs of before and after.

    Raises:
        ValueError: If the mode is unknown, or a border is larger than it allows.
    """
    if len(pad) % 2 or len(pad) > 2 * x.ndim or min(pad, default=0) < 0:
        msg = f"borders of {pad} round {x.ndim} dimensions"
        raise ValueError(msg)
    borders = (0,) * (2 * x.ndim - len(pad)) + tuple(pad)
    sizes = zip(x.shape, borders[::2], borders[1::2], strict=True)
    require_size(tuple(sum(each) for each in sizes), x.dtype)
    if mode == "constant":
        return padded(x, pad, 0.0 if constant_val is None else constant_val.item())
    if mode not in {"reflect", "replicate"}:
        msg = f"mode {mode!r} is not known here"
        raise ValueError(msg)
    for pair, axis in enumerate(range(x.ndim - len(pad) // 2, x.ndim)):
        before, after = pad[2 * pair : 2 * pair + 2]
        x = x.index_select(axis, _sources(x.shape[axis], before, after, mode))
    return x


def fill(shape: Ints, value: Tensor | None = None) -> Tensor:
    """Return a tensor of one value."""
    return _full(shape, value)


def fill_like(ref_tensor: Tensor, value: Tensor | None = None) -> Tensor:
    """Return a tensor of one value, in the shape of another."""
    return _full(tuple(ref_tensor.shape), value)


def range_1d(end: Tensor, start: Tensor, step: Tensor, context: Context) -> Tensor:
    """Return ``start``, ``start + step``, ... before ``end``.

    How many there are is computed in the declared type, as whoever declared their number did.

    Raises:
        ValueError: If the step is 0.
    """
    if not start.is_floating_point():
        numbers = range(int(start), int(end), int(step))
        require_size((len(numbers),), start.dtype)
        return torch.tensor(numbers, dtype=start.dtype)
    (named,) = context.operation.outputs
    half = isinstance(named.type, TensorType) and named.type.element == FP16
    first, last, by = (each.half() if half else each for each in (start, end, step))
    steps = float((last - first) / by)
    if not math.isfinite(steps):
        msg = f"a range from {float(start)} to {float(end)} in steps of {float(step)}"
        raise ValueError(msg)
    count = max(0, math.ceil(steps))
    require_size((count,), torch.float64)
    values = start.double() + step.double() * torch.arange(count)
    return values.to(start.dtype)


def band_part(x: Tensor, lower: int = -1, upper: int = -1) -> Tensor:
    """Return ``x`` with zeros beyond some diagonals of its matrices; -1 keeps them all."""
    rows = torch.arange(x.shape[-2])[:, None]
    columns = torch.arange(x.shape[-1])
    inside = torch.ones(x.shape[-2:], dtype=torch.bool)
    if lower >= 0:
        inside &= rows - columns <= lower
    if upper >= 0:
        inside &= columns - rows <= upper
    return torch.where(inside, x, torch.zeros_like(x))


def one_hot(
    indices: Tensor,
    one_hot_vector_size: int,
    axis: int = -1,
    on_value: Tensor | None = None,
    off_value: Tensor | None = None,
) -> Tensor:
    """Return vectors along ``axis`` of one value, but for another where an index says."""
    on = torch.tensor(1, dtype=torch.int32) if on_value is None else on_value
    off = torch.zeros_like(on) if off_value is None else off_value
    require_size((*indices.shape, one_hot_vector_size), on.dtype)
    hot = indices[..., None] == torch.arange(one_hot_vector_size)
    return torch.where(hot.movedim(-1, axis), on, off)


def _sources(size: int, before: int, after: int, mode: str) -> Tensor:
    """Return where each value of a dimension with borders comes from."""
    limit = size - 1 if mode == "reflect" else size
    if max(before, after) > limit:
        msg = f"borders of {before} and {after}, of which mode {mode!r} allows {limit}"
        raise ValueError(msg)
    places = torch.arange(-before, size + after)
    if mode == "replicate":
        return places.clamp(0, size - 1)
    return (size - 1) - ((size - 1) - places.abs()).abs()


def _full(shape: Ints, value: Tensor | None) -> Tensor:
    require_size(shape, torch.float32 if value is None else value.dtype)
    if value is None:
        return torch.zeros(shape)
    return torch.full(shape, value.item(), dtype=value.dtype)


OPERATIONS: Mapping[str, Compute] = MappingProxyType(
    {
        "pad": pad,
        "fill": fill,
        "fill_like": fill_like,
        "range_1d": range_1d,
        "band_part": band_part,
        "one_hot": one_hot,
    }
)
