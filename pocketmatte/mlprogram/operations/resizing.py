"""Pictures made larger, smaller or cut: the last two dimensions on a regular grid."""

from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor

from pocketmatte.mlprogram.binding import Compute, Ints


def upsample_nearest_neighbor(
    x: Tensor, scale_factor_height: Tensor | None = None, scale_factor_width: Tensor | None = None
) -> Tensor:
    """Return every pixel's nearest to the upper left, of a grid without half pixels."""
    for axis, factor in ((-2, scale_factor_height), (-1, scale_factor_width)):
        size = x.shape[axis]
        count = _scaled(size, factor)
        x = _picked(x, axis, torch.arange(count) * size // max(count, 1))
    return x


def resize_nearest_neighbor(x: Tensor, target_size_height: int, target_size_width: int) -> Tensor:
    """Return for every pixel the one that its middle lies in."""
    return _nearest(x, {-2: target_size_height, -1: target_size_width})


def upsample_bilinear(
    x: Tensor,
    scale_factor_height: Tensor | None = None,
    scale_factor_width: Tensor | None = None,
    align_corners: bool = True,
    half_pixel_centers: bool | None = None,
) -> Tensor:
    """Return ``x`` interpolated; what counts is the ratio of the sizes, not the factor given.

    Raises:
        ValueError: If both the corners and the halves of pixels are to be aligned.
    """
    halves = not align_corners if half_pixel_centers is None else half_pixel_centers
    if align_corners and halves:
        msg = "align_corners together with half_pixel_centers is not known here"
        raise ValueError(msg)
    mode = "UNALIGN_CORNERS" if halves else "DEFAULT"
    mode = "STRICT_ALIGN_CORNERS" if align_corners else mode
    height, width = x.shape[-2:]
    sizes = {-2: _scaled(height, scale_factor_height), -1: _scaled(width, scale_factor_width)}
    return _linear(x, sizes, mode)


def resize_bilinear(
    x: Tensor,
    target_size_height: int = 1,
    target_size_width: int = 1,
    sampling_mode: str = "DEFAULT",
) -> Tensor:
    """Return ``x`` interpolated; see ``points`` for the modes."""
    return _linear(x, {-2: target_size_height, -1: target_size_width}, sampling_mode)


def resize(
    x: Tensor,
    shape: Ints,
    resized_dims: int,
    interpolation_mode: str = "LINEAR",
    sampling_mode: str = "DEFAULT",
) -> Tensor:
    """Return ``x``, its last dimensions as the last ``resized_dims`` of ``shape``, 0 as they are.

    Raises:
        ValueError: If modes or sizes are not known.
    """
    if not 0 <= resized_dims <= len(shape) <= x.ndim:
        msg = f"{resized_dims} of the sizes {shape} do not fit {x.ndim} dimensions"
        raise ValueError(msg)
    sizes = {axis: shape[axis] or x.shape[axis] for axis in range(-resized_dims, 0)}
    if interpolation_mode == "LINEAR" and x.is_floating_point():
        return _linear(x, sizes, sampling_mode)
    if interpolation_mode == "NEAREST_NEIGHBOR" and sampling_mode == "DEFAULT":
        return _nearest(x, sizes)
    msg = f"{interpolation_mode} with {sampling_mode} of {x.dtype} is not known here"
    raise ValueError(msg)


def crop(x: Tensor, crop_height: Ints, crop_width: Ints) -> Tensor:
    """Return ``x`` without so many rows above and below, and columns left and right."""
    (above, below), (left, right) = crop_height, crop_width
    height, width = x.shape[-2:]
    if min(above, below, left, right, height - above - below, width - left - right) < 0:
        msg = f"{crop_height} and {crop_width} cannot be cut from {height} x {width}"
        raise ValueError(msg)
    return x[..., above : height - below, left : width - right]


def points(mode: str, start: float, end: float, count: int) -> Tensor:
    """Return where an interval is sampled, in double precision.

    Args:
        mode: ``STRICT_ALIGN_CORNERS``: from ``start`` to ``end``, a single sample at ``start``;
            ``ALIGN_CORNERS``: the same, a single sample in the middle; the others divide the
            pixels, one more than the interval is long, into ``count`` parts and take the
            beginning (``DEFAULT``) or the middle (``UNALIGN_CORNERS``) of each;
            ``OFFSET_CORNERS`` takes the middles of as many parts of the interval itself.
        start: The middle of the first pixel.
        end: The middle of the last one.
        count: How many samples.

    Raises:
        ValueError: If there is no such mode, or it is not known for a reversed interval.
    """
    index = torch.arange(count, dtype=torch.float64)
    length = end - start
    if mode == "ALIGN_CORNERS" and count == 1:
        return torch.tensor([start + length / 2], dtype=torch.float64)
    if mode in {"STRICT_ALIGN_CORNERS", "ALIGN_CORNERS"}:
        return start + index * length / max(count - 1, 1)
    if mode == "DEFAULT":
        offsets = index * (length + 1) / count
    elif mode == "UNALIGN_CORNERS":
        offsets = (index + 0.5) * (length + 1) / count - 0.5
    elif mode == "OFFSET_CORNERS":
        offsets = (index + 0.5) * max(1.0, length) / count
    else:
        msg = f"sampling_mode {mode!r} is not known here"
        raise ValueError(msg)
    if length < 0:
        msg = f"sampling_mode {mode!r} from {start} back to {end} is not known here"
        raise ValueError(msg)
    return (start + offsets).clamp(start, end)


def _scaled(size: int, factor: Tensor | None) -> int:
    """Return ``size`` times ``factor``, in single precision where that is no integer."""
    return size if factor is None else int((factor * size).floor())


def _nearest(x: Tensor, sizes: Mapping[int, int]) -> Tensor:
    for axis, count in sizes.items():
        middles = 2 * torch.arange(count) + 1  # in halves of a pixel
        x = _picked(x, axis, middles * x.shape[axis] // (2 * count))
    return x


def _linear(x: Tensor, sizes: Mapping[int, int], mode: str) -> Tensor:
    for axis, count in sizes.items():
        last = x.shape[axis] - 1
        where = points(mode, 0, last, count)
        if torch.equal(where, torch.arange(last + 1, dtype=where.dtype)):
            continue
        lower = where.floor()
        share = (where - lower).to(x.dtype).reshape(-1, *(1,) * (-axis - 1))
        index = lower.to(torch.int64)
        upper = _picked(x, axis, (index + 1).clamp(max=last))
        x = torch.lerp(_picked(x, axis, index), upper, share)
    return x


def _picked(x: Tensor, axis: int, index: Tensor) -> Tensor:
    # along the last dimension several times as fast as index_select
    return x[..., index] if axis == -1 else x.index_select(axis, index)


OPERATIONS: Mapping[str, Compute] = MappingProxyType(
    {
        "upsample_nearest_neighbor": upsample_nearest_neighbor,
        "resize_nearest_neighbor": resize_nearest_neighbor,
        "upsample_bilinear": upsample_bilinear,
        "resize_bilinear": resize_bilinear,
        "resize": resize,
        "crop": crop,
    }
)
