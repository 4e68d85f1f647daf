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
        ValueError: If there is no such ``pad_type``, or ``output_shape`` is of other channels.
    """
    if pad_type == "same_lower":
        msg = f"pad_type {pad_type!r} is not known here"
        raise ValueError(msg)
    sizes, taps = tuple(x.shape[2:]), tuple(weight.shape[2:])
    strides = strides or (1,) * len(taps)
    dilations = dilations or (1,) * len(taps)
    convolve = _CONVOLUTIONS[len(taps) - 1]
    laid = convolve(x, weight, None, strides, 0, 0, groups, dilations)
    if output_shape is not None and output_shape[:2] != laid.shape[:2]:
        msg = f"output_shape {output_shape} does not begin with {tuple(laid.shape[:2])}"
        raise ValueError(msg)
    same = pad_type == "same"
    targets = tuple(size * stride for size, stride in zip(sizes, strides, strict=True))
    targets = output_shape[2:] if output_shape is not None else targets
    borders = padding(targets, taps, strides, dilations, pad_type, pad)
    if same and tuple(-(-t // s) for t, s in zip(targets, strides, strict=True)) != sizes:
        msg = f"output_shape {output_shape} is not the same as {sizes} at strides {strides}"
        raise ValueError(msg)
    cuts: list[int] = []
    for axis, size in enumerate(laid.shape[2:]):
        before, after = borders[2 * axis : 2 * axis + 2]
        whole = output_shape is None and not same
        cuts += [-before, -after if whole else before + targets[axis] - size]
    result = padded(laid, tuple(cuts), 0.0)
    return result if bias is None else result + bias.reshape(-1, *(1,) * len(taps))


OPERATIONS: Mapping[str, Compute] = MappingProxyType({"conv_transpose": conv_transpose})
