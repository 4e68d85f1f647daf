"""Transposed convolution."""

from collections.abc import Mapping
from types import MappingProxyType

from torch import Tensor
from torch.nn import functional

from pocketmatte.mlprogram.binding import Compute, Ints
from pocketmatte.mlprogram.operations.convolution import padded, padding

_CONVOLUTIONS = (
    functional.conv_transpose1d,
    functional.conv_transpose2d,
    functional.conv_transpose3d,
)


def conv_transpose(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    pad: Ints = (),
    output_shape: Ints | None = None,
    pad_type: str = "valid",
    strides: Ints = (),
    dilations: Ints = (),
    groups: int = 1,
) -> Tensor:
    """Return ``(N, C', ...)``: every value of ``x`` times the kernel, laid ``strides`` apart.

    Args:
        x: ``(N, C, ...)``.
        weight: ``(C, C' / groups, ...)``.
        bias: ``(C',)``.
        pad: With ``custom``: what is cut off before and after each dimension.
        output_shape: Its last sizes decide how far the result reaches after what is cut off before
            it; where nothing was laid it is ``bias``.
        pad_type: ``valid``: all of it; ``same``: ``strides`` times the size, or what a convolution
            with ``same`` takes to the size of ``x``; ``custom``.
        strides: 1 unless given.
        dilations: 1 unless given.
        groups: Of channels.

    Raises:
        ValueError: If there is no such ``pad_type``, or a convolution would not take
            ``output_shape`` to the shape of ``x``.
    """
    if pad_type == "same_lower":
        msg = f"pad_type {pad_type!r} is not known here"
        raise ValueError(msg)
    sizes, taps = tuple(x.shape[2:]), tuple(weight.shape[2:])
    strides = strides or (1,) * len(taps)
    dilations = dilations or (1,) * len(taps)
    convolve = _CONVOLUTIONS[len(taps) - 1]
    laid = convolve(x, weight, None, strides, 0, 0, groups, dilations)
    targets: Ints | None = None
    if output_shape is not None:
        targets = output_shape[2:]
    elif pad_type == "same":
        targets = tuple(size * stride for size, stride in zip(sizes, strides, strict=True))
    borders = padding(targets or sizes, taps, strides, dilations, pad_type, pad)
    cuts = _cuts(sizes, tuple(laid.shape[2:]), strides, borders, targets)
    if cuts is None or (output_shape is not None and output_shape[:2] != laid.shape[:2]):
        msg = f"output_shape {output_shape} does not come of {tuple(x.shape)}"
        raise ValueError(msg)
    result = padded(laid, cuts, 0.0)
    return result if bias is None else result + bias.reshape(-1, *(1,) * len(taps))


def _cuts(
    sizes: Ints, laid: Ints, strides: Ints, borders: Ints, targets: Ints | None
) -> Ints | None:
    """Return what to add before and after each dimension, ``None`` if ``targets`` do not fit."""
    cuts: list[int] = []
    for axis, (size, whole, stride) in enumerate(zip(sizes, laid, strides, strict=True)):
        before, after = borders[2 * axis : 2 * axis + 2]
        target = whole - before - after if targets is None else targets[axis]
        reach = whole - (size - 1) * stride
        if (target + before + after - reach) // stride + 1 != size:
            return None
        cuts += [-before, before + target - whole]
    return tuple(cuts)


OPERATIONS: Mapping[str, Compute] = MappingProxyType({"conv_transpose": conv_transpose})
