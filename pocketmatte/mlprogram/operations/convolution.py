"""Convolutions, pooling and products of matrices."""

from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor
from torch.nn import functional

from pocketmatte.mlprogram.binding import Compute, Ints
from pocketmatte.mlprogram.context import Context
from pocketmatte.mlprogram.types import TensorType

_CONVOLUTIONS = (torch.conv1d, torch.conv2d, torch.conv3d)
_AVERAGES = (functional.avg_pool1d, functional.avg_pool2d, functional.avg_pool3d)
_MAXIMA = (functional.max_pool1d, functional.max_pool2d, functional.max_pool3d)


def conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    strides: Ints = (),
    pad_type: str = "valid",
    pad: Ints = (),
    dilations: Ints = (),
    groups: int = 1,
) -> Tensor:
    """Return the convolution of ``(N, C, ...)`` with ``(C', C / groups, ...)``."""
    sizes = tuple(weight.shape[2:])
    strides = strides or (1,) * len(sizes)
    dilations = dilations or (1,) * len(sizes)
    borders = padding(tuple(x.shape[2:]), sizes, strides, dilations, pad_type, pad)
    convolve = _CONVOLUTIONS[len(sizes) - 1]
    return convolve(padded(x, borders, 0.0), weight, bias, strides, 0, dilations, groups)


def avg_pool(
    x: Tensor,
    kernel_sizes: Ints,
    pad_type: str,
    strides: Ints = (),
    pad: Ints = (),
    exclude_padding_from_average: bool = False,
    ceil_mode: bool = False,
) -> Tensor:
    """Return the mean of every window; a border counts unless it is excluded."""
    strides = strides or (1,) * len(kernel_sizes)
    ones = (1,) * len(kernel_sizes)
    borders = padding(tuple(x.shape[2:]), kernel_sizes, strides, ones, pad_type, pad)
    beyond = _beyond(tuple(x.shape[2:]), kernel_sizes, strides, borders, ceil_mode=ceil_mode)
    average = _AVERAGES[len(kernel_sizes) - 1]
    # what ceil_mode adds beyond the border never counts; the border itself does, unless excluded
    inside = torch.ones_like(x[:1, :1])
    counted = inside if exclude_padding_from_average else padded(inside, borders, 1.0)
    rest = borders if exclude_padding_from_average else (0,) * len(borders)
    weight = average(padded(padded(counted, rest, 0.0), beyond, 0.0), kernel_sizes, strides)
    sums = average(padded(padded(x, borders, 0.0), beyond, 0.0), kernel_sizes, strides)
    return sums / weight


def max_pool(
    x: Tensor,
    kernel_sizes: Ints,
    pad_type: str,
    strides: Ints = (),
    pad: Ints = (),
    ceil_mode: bool = False,
) -> Tensor:
    """Return the largest value of every window; a border holds none."""
    least = -torch.inf
    strides, borders, beyond = _windows(
        x, kernel_sizes, strides, pad_type, pad, ceil_mode=ceil_mode
    )
    largest = _MAXIMA[len(kernel_sizes) - 1]
    wide = padded(padded(x, borders, least), beyond, least)
    result: Tensor = largest(wide, kernel_sizes, strides)
    return result


def l2_pool(
    x: Tensor,
    kernel_sizes: Ints,
    pad_type: str,
    strides: Ints = (),
    pad: Ints = (),
    ceil_mode: bool = False,
) -> Tensor:
    """Return the root of the sum of squares of every window."""
    strides, borders, beyond = _windows(
        x, kernel_sizes, strides, pad_type, pad, ceil_mode=ceil_mode
    )
    wide = padded(padded(x * x, borders, 0.0), beyond, 0.0)
    count = 1
    for size in kernel_sizes:
        count *= size
    average = _AVERAGES[len(kernel_sizes) - 1]
    return torch.sqrt(average(wide, kernel_sizes, strides) * count)


def linear(x: Tensor, weight: Tensor, context: Context, bias: Tensor | None = None) -> Tensor:
    """Return ``x`` times the transpose of ``weight``, ``(C', C)``, plus ``bias``."""
    product = _product(x, weight.transpose(-1, -2), context)
    return product if bias is None else product + bias


def matmul(
    x: Tensor,
    y: Tensor,
    context: Context,
    transpose_x: bool = False,
    transpose_y: bool = False,
) -> Tensor:
    """Return the products of the matrices in the last two dimensions."""
    x = x.transpose(-1, -2) if transpose_x and x.ndim > 1 else x
    y = y.transpose(-1, -2) if transpose_y and y.ndim > 1 else y
    return _product(x, y, context)


def padding(
    sizes: Ints, kernel: Ints, strides: Ints, dilations: Ints, pad_type: str, pad: Ints
) -> Ints:
    """Return how much goes before and after each dimension, the first one first.

    ``same`` keeps ``ceil(size / stride)`` positions; of an odd sum the larger half goes after, with
    ``same_lower`` before.

    Raises:
        ValueError: If there is no such type of padding.
    """
    if pad_type == "valid":
        return (0,) * 2 * len(kernel)
    if pad_type == "custom":
        return pad or (0,) * 2 * len(kernel)
    if pad_type not in {"same", "same_lower"}:
        msg = f"pad_type {pad_type!r} is not known here"
        raise ValueError(msg)
    borders: list[int] = []
    for size, taps, stride, dilation in zip(sizes, kernel, strides, dilations, strict=True):
        reach = (taps - 1) * dilation + 1
        needed = max(0, (-(-size // stride) - 1) * stride + reach - size)
        less, more = needed // 2, needed - needed // 2
        borders += [less, more] if pad_type == "same" else [more, less]
    return tuple(borders)


def padded(x: Tensor, borders: Ints, value: float) -> Tensor:
    """Return ``x`` with ``borders`` of one value; negative ones cut off."""
    if not any(borders):
        return x
    pairs = [borders[index : index + 2] for index in range(0, len(borders), 2)]
    last_first = [size for pair in reversed(pairs) for size in pair]
    return functional.pad(x, last_first, value=value)


def _windows(
    x: Tensor, kernel: Ints, strides: Ints, pad_type: str, pad: Ints, *, ceil_mode: bool
) -> tuple[Ints, Ints, Ints]:
    strides = strides or (1,) * len(kernel)
    sizes = tuple(x.shape[2:])
    borders = padding(sizes, kernel, strides, (1,) * len(kernel), pad_type, pad)
    return strides, borders, _beyond(sizes, kernel, strides, borders, ceil_mode=ceil_mode)


def _beyond(sizes: Ints, kernel: Ints, strides: Ints, borders: Ints, *, ceil_mode: bool) -> Ints:
    """Return what the last windows of ``ceil_mode`` reach beyond the border."""
    beyond: list[int] = []
    for axis, (size, taps, stride) in enumerate(zip(sizes, kernel, strides, strict=True)):
        before, after = borders[2 * axis : 2 * axis + 2]
        room = size + before + after - taps
        extra = -room % stride if ceil_mode else 0
        windows = (room + extra) // stride + 1
        if before + after and (windows - 1) * stride >= size + before:
            extra = 0  # a window must begin inside
        beyond += [0, extra]
    return tuple(beyond)


def _product(x: Tensor, y: Tensor, context: Context) -> Tensor:
    """Multiply; a factor of whole numbers is taken as floating point where the other one is."""
    if x.is_floating_point() == y.is_floating_point():
        return torch.matmul(x, y)
    product = torch.matmul(x.float(), y.float())
    (named,) = context.operation.outputs
    whole = isinstance(named.type, TensorType) and named.type.element.kind == "int"
    return product.to(torch.int32) if whole else product


OPERATIONS: Mapping[str, Compute] = MappingProxyType(
    {
        "conv": conv,
        "avg_pool": avg_pool,
        "max_pool": max_pool,
        "l2_pool": l2_pool,
        "linear": linear,
        "matmul": matmul,
    }
)
