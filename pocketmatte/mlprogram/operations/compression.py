"""Compressed weights made whole, and quantised activations."""

import math
from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor

from pocketmatte.mlprogram.binding import Compute, Ints
from pocketmatte.mlprogram.blob import decoded
from pocketmatte.mlprogram.types import ELEMENTS

_BY_NAME = MappingProxyType({element.name: element for element in ELEMENTS.values()})


def constexpr_affine_dequantize(
    quantized_data: Tensor, zero_point: Tensor, scale: Tensor, axis: int
) -> Tensor:
    """Return ``scale * (quantized_data - zero_point)``, both of them single or along ``axis``."""
    return dequantize(quantized_data, scale, zero_point, axis)


def constexpr_cast(source_val: Tensor, output_dtype: str) -> Tensor:
    """Return half precision as single.

    Raises:
        ValueError: If ``output_dtype`` is another type.
    """
    if output_dtype != "fp32":
        msg = f"output_dtype {output_dtype!r} is not known here"
        raise ValueError(msg)
    return source_val


def constexpr_lut_to_dense(
    indices: Tensor, lut: Tensor, shape: Ints | None = None, vector_axis: int | None = None
) -> Tensor:
    """Return the entries of look-up tables.

    Args:
        indices: Since iOS 18: of any shape; before: bytes that hold them, lowest bits first.
        lut: Since iOS 18: as many dimensions as ``indices``, each of them so many tables, then the
            tables' entries, then the values of an entry; before: the entries.
        shape: Before iOS 18: of the result.
        vector_axis: The dimension along which the values of an entry are laid.

    Raises:
        ValueError: If they do not fit together.
    """
    if shape is not None:
        return lut[_unpacked(indices, (len(lut) - 1).bit_length(), shape).long()]
    if lut.ndim != indices.ndim + 2:
        msg = f"tables {tuple(lut.shape)} do not fit indices {tuple(indices.shape)}"
        raise ValueError(msg)
    *tables, entries, length = lut.shape
    numbers = torch.arange(math.prod(tables)).reshape(tables)
    own = _blockwise(numbers, tuple(indices.shape))
    values = lut.reshape(-1, entries, length)[own, indices.long()]
    if length == 1:
        return values.squeeze(-1)
    axis = _axis(vector_axis, indices.ndim, f"tables of {length} values an entry")
    return values.movedim(-1, axis + 1).flatten(axis, axis + 1)


def constexpr_sparse_to_dense(
    nonzero_data: Tensor, mask: Tensor, shape: Ints | None = None
) -> Tensor:
    """Return zeros, and values where a mask is set.

    Args:
        nonzero_data: The values in order.
        mask: Since iOS 18: of 0 and 1; before: bytes that hold them, lowest bits first.
        shape: Before iOS 18: of the result.

    Raises:
        ValueError: If there are not as many values as the mask sets.
    """
    kept = (mask if shape is None else _unpacked(mask, 1, shape)) != 0
    if nonzero_data.shape != (int(kept.sum()),):
        msg = f"{tuple(nonzero_data.shape)} are not the {int(kept.sum())} values of the mask"
        raise ValueError(msg)
    dense = torch.zeros(kept.shape, dtype=nonzero_data.dtype)
    dense[kept] = nonzero_data
    return dense


def constexpr_blockwise_shift_scale(
    data: Tensor, scale: Tensor, offset: Tensor | None = None
) -> Tensor:
    """Return ``scale * (data - offset)``, each of them for a block of ``data``.

    Raises:
        ValueError: If the dimensions of ``data`` are no multiples of theirs.
    """
    shape = tuple(data.shape)
    shifted = data.to(scale.dtype)
    if offset is not None:
        shifted = shifted - _blockwise(offset, shape)
    return _blockwise(scale, shape) * shifted


def constexpr_lut_to_sparse(
    indices_mask: Tensor,
    indices_nonzero_data: Tensor,
    lut: Tensor,
    vector_axis: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Return a mask and its values, which are entries of look-up tables.

    Where an entry is of several values, the mask grows along ``vector_axis``.
    """
    indices = constexpr_sparse_to_dense(indices_nonzero_data, indices_mask)
    dense = constexpr_lut_to_dense(indices, lut, None, vector_axis)
    mask = _blockwise(indices_mask, tuple(dense.shape))
    return mask, dense[mask != 0]


def constexpr_sparse_blockwise_shift_scale(
    data_mask: Tensor, nonzero_data: Tensor, scale: Tensor, offset: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return a mask and its values, each scaled by what its place's block is scaled by."""
    dense = constexpr_sparse_to_dense(nonzero_data, data_mask)
    return data_mask, constexpr_blockwise_shift_scale(dense, scale, offset)[data_mask != 0]


def quantize(
    input: Tensor,  # noqa: A002
    scale: Tensor,
    output_dtype: str,
    zero_point: Tensor | None = None,
    axis: int | None = None,
) -> Tensor:
    """Return ``input / scale`` rounded, halves to the even number, plus ``zero_point``.

    Args:
        input: Of floating point.
        scale: Single, or along ``axis``.
        output_dtype: ``int8`` or ``uint8``, to whose range the result is held.
        zero_point: Of the same shape.
        axis: A dimension of ``input``.

    Raises:
        ValueError: If there is no such type, or the parameters do not fit.
    """
    if output_dtype not in {"int8", "uint8"}:
        msg = f"output_dtype {output_dtype!r} is not known here"
        raise ValueError(msg)
    element = _BY_NAME[output_dtype]
    steps = torch.round(input / _along(scale, input, axis)).clamp(-(2**30), 2**30).to(element.held)
    if zero_point is not None:
        steps = steps + _along(zero_point, input, axis)
    return steps.clamp(element.low, element.high)


def dequantize(
    input: Tensor,  # noqa: A002
    scale: Tensor,
    zero_point: Tensor | None = None,
    axis: int | None = None,
) -> Tensor:
    """Return ``scale * (input - zero_point)``, both of them single or along ``axis``."""
    shifted = input.to(scale.dtype)
    if zero_point is not None:
        shifted = shifted - _along(zero_point, input, axis)
    return _along(scale, input, axis) * shifted


def _unpacked(data: Tensor, bits: int, shape: Ints) -> Tensor:
    return decoded(data.to(torch.uint8).numpy(), _BY_NAME[f"uint{bits}"], shape)


def _along(values: Tensor, x: Tensor, axis: int | None) -> Tensor:
    """Return a single value, or values along a dimension, so that they broadcast to ``x``."""
    if values.ndim == 0:
        return values
    own = _axis(axis, x.ndim, f"{tuple(values.shape)} values")
    if values.shape != x.shape[own : own + 1]:
        msg = f"{tuple(values.shape)} values do not fit dimension {own} of {tuple(x.shape)}"
        raise ValueError(msg)
    return values.reshape(-1, *(1,) * (x.ndim - own - 1))


def _axis(axis: int | None, rank: int, what: str) -> int:
    if axis is None or not -rank <= axis < rank:
        msg = f"{what} need a dimension of {rank}, not {axis}"
        raise ValueError(msg)
    return axis % rank


def _blockwise(values: Tensor, shape: Ints) -> Tensor:
    """Return every value repeated as often as its block of ``shape`` is large."""
    fits = values.ndim == len(shape) and all(
        have and not size % have for size, have in zip(shape, values.shape, strict=True)
    )
    if not fits:
        msg = f"{shape} is not made of {tuple(values.shape)} blocks"
        raise ValueError(msg)
    for axis, size in enumerate(shape):
        values = values.repeat_interleave(size // values.shape[axis], dim=axis)
    return values


OPERATIONS: Mapping[str, Compute] = MappingProxyType(
    {
        "constexpr_affine_dequantize": constexpr_affine_dequantize,
        "constexpr_cast": constexpr_cast,
        "constexpr_lut_to_dense": constexpr_lut_to_dense,
        "constexpr_sparse_to_dense": constexpr_sparse_to_dense,
        "constexpr_blockwise_shift_scale": constexpr_blockwise_shift_scale,
        "constexpr_lut_to_sparse": constexpr_lut_to_sparse,
        "constexpr_sparse_blockwise_shift_scale": constexpr_sparse_blockwise_shift_scale,
        "quantize": quantize,
        "dequantize": dequantize,
    }
)
