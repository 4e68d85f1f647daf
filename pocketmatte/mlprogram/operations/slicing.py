"""Operations that cut a part out of a tensor, or write one into it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from torch import Tensor

from pocketmatte.mlprogram.binding import Bools, Compute, Ints


def slice_by_index(
    x: Tensor,
    begin: Ints,
    end: Ints,
    stride: Ints = (),
    begin_mask: Bools = (),
    end_mask: Bools = (),
    squeeze_mask: Bools = (),
) -> Tensor:
    """Return ``x[begin:end:stride]`` in every dimension, as Python slices.

    A mask leaves out the bound; where ``squeeze_mask`` holds, ``begin`` is an index and its
    dimension goes.
    """
    part = _part(tuple(x.shape), begin, end, stride, begin_mask, end_mask, squeeze_mask)
    chosen = x[part.slices].flip(part.backward)
    return chosen.reshape(part.squeezed(tuple(chosen.shape)))


def slice_update(
    x: Tensor,
    update: Tensor,
    begin: Ints,
    end: Ints,
    stride: Ints = (),
    begin_mask: Bools = (),
    end_mask: Bools = (),
    squeeze_mask: Bools = (),
) -> Tensor:
    """Return ``x`` with ``update`` where ``slice_by_index`` would read.

    Raises:
        ValueError: If the update has another shape than the part.
    """
    part = _part(tuple(x.shape), begin, end, stride, begin_mask, end_mask, squeeze_mask)
    result = x.clone()
    written = result[part.slices]
    wanted = part.squeezed(tuple(written.shape))
    if tuple(update.shape) != wanted:
        msg = f"an update of {tuple(update.shape)} where {wanted} is"
        raise ValueError(msg)
    written.copy_(update.reshape(written.shape).flip(part.backward))
    return result


def slice_by_size(x: Tensor, begin: Ints, size: Ints) -> Tensor:
    """Return ``size`` values from ``begin`` on in every dimension; -1 takes all that are left.

    Raises:
        ValueError: If they reach beyond ``x``.
    """
    for axis, (start, count) in enumerate(_together(x.ndim, begin, size)):
        room = x.shape[axis]
        start = start + room if start < 0 else start
        count = room - start if count == -1 else count
        if min(start, count) < 0 or start + count > room:
            msg = f"{count} values from {start} on, of {room}"
            raise ValueError(msg)
        x = x.narrow(axis, start, count)
    return x


class _Part(NamedTuple):
    """Slices that step forward, the dimensions to turn round, and those that go."""

    slices: tuple[slice, ...]
    backward: Ints
    gone: Ints

    def squeezed(self, shape: Ints) -> Ints:
        return tuple(size for axis, size in enumerate(shape) if axis not in self.gone)


def _part(
    shape: Ints,
    begin: Ints,
    end: Ints,
    stride: Ints,
    begin_mask: Bools,
    end_mask: Bools,
    squeeze_mask: Bools,
) -> _Part:
    rank = len(shape)
    strides = stride or (1,) * rank
    none = (False,) * rank
    masks = (begin_mask or none, end_mask or none, squeeze_mask or none)
    slices, backward, gone = [], [], []
    given = _together(rank, shape, begin, end, strides, *masks)
    for axis, (size, first, last, step, from_edge, to_edge, single) in enumerate(given):
        start = None if from_edge else first
        if single:
            slices.append(_single(start or 0, size))
            gone.append(axis)
            continue
        positions = range(size)[start : None if to_edge else last : step] or range(0)
        if positions.step < 0:
            backward.append(axis)
            positions = positions[::-1]
        slices.append(slice(positions.start, positions.stop, positions.step))
    return _Part(slices=tuple(slices), backward=tuple(backward), gone=tuple(gone))


def _single(index: int, size: int) -> slice:
    if not -size <= index < size:
        msg = f"index {index} of {size}"
        raise IndexError(msg)
    index %= size
    return slice(index, index + 1)


def _together(rank: int, *columns: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return one row for every dimension, for which every column must have a number."""
    if any(len(column) != rank for column in columns):
        msg = f"{', '.join(str(len(column)) for column in columns)} numbers for {rank} dimensions"
        raise ValueError(msg)
    return list(zip(*columns, strict=True))


OPERATIONS: Mapping[str, Compute] = MappingProxyType(
    {
        "slice_by_index": slice_by_index,
        "slice_by_size": slice_by_size,
        "slice_update": slice_update,
    }
)
