"""Pictures sampled where a program says: in boxes, through a transform, at coordinates."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import torch
from torch import Tensor

from pocketmatte.mlprogram.binding import Compute
from pocketmatte.mlprogram.operations.resizing import points


def crop_resize(
    x: Tensor,
    roi: Tensor | None = None,
    boxes: Tensor | None = None,
    box_indices: Tensor | None = None,
    target_height: int = 1,
    target_width: int = 1,
    normalized_coordinates: bool = False,
    spatial_scale: float = 1.0,
    box_coordinate_mode: str = "CORNERS_HEIGHT_FIRST",
    sampling_mode: str = "DEFAULT",
    pad_value: float = 0.0,
) -> Tensor:
    """Return parts of pictures, each interpolated to one size.

    Args:
        x: Pictures, ``(B, C, H, W)``.
        roi: Before iOS 17: ``(N, 1, 4, 1, 1)``, boxes of all pictures, or ``(N, 1, 5, 1, 1)``, a
            picture's index before each box.
        boxes: Since iOS 17: ``(N, 4)``.
        box_indices: The picture of each of ``boxes``; ``0, 1, ...`` unless given.
        target_height: Rows of a part.
        target_width: Columns of a part.
        normalized_coordinates: Whether 1 stands for the last row or column.
        spatial_scale: Multiplies the coordinates.
        box_coordinate_mode: What the four numbers of a box are.
        sampling_mode: See ``resizing.points``; ``UNALIGN_CORNERS`` of a box is documented nowhere.
        pad_value: What a sample outside of the picture is.

    Returns:
        ``(N, C, H', W')``; of ``roi`` ``(N, B or 1, C, H', W')``.

    Raises:
        ValueError: If a mode is not known, a box is of no picture, or none are given.
    """
    if sampling_mode == "UNALIGN_CORNERS":
        msg = f"sampling_mode {sampling_mode!r} of a box is not known here"
        raise ValueError(msg)
    height, width = x.shape[-2:]
    scales = (height - 1, width - 1) if normalized_coordinates else (1, 1)
    parts = []
    for pictures, numbers in _boxed(x, roi, boxes, box_indices):
        top, left, bottom, right = _corners(numbers, box_coordinate_mode)
        vertical, horizontal = (scale * spatial_scale for scale in scales)
        rows = points(sampling_mode, top * vertical, bottom * vertical, target_height)
        columns = points(sampling_mode, left * horizontal, right * horizontal, target_width)
        shape = (len(pictures), target_height, target_width)
        ys, xs = rows[:, None].expand(shape), columns.expand(shape)
        inside = _inside(pictures, ys, xs)[:, None]
        parts.append(torch.where(inside, _bilinear(pictures, ys, xs, None), pad_value))
    return torch.stack(parts) if boxes is None else torch.cat(parts)


def affine(
    x: Tensor,
    transform_matrix: Tensor,
    output_height: int,
    output_width: int,
    sampling_mode: str,
    padding_mode: str,
    padding_value: float,
    coordinates_mode: str,
    align_corners: bool,
) -> Tensor:
    """Return pictures seen through transforms of their coordinates, 0 outside.

    Args:
        x: ``(B, C, H, W)``, its corners' middles at -1 and 1.
        transform_matrix: ``(B or 1, 6)``: ``a0 x + a1 y + a2`` and ``b0 x + b1 y + b2``.
        output_height: Two rows at least: the first is at -1, the last at 1.
        output_width: Two columns at least.
        sampling_mode: ``bilinear``.
        padding_mode: ``constant``.
        padding_value: 0.
        coordinates_mode: ``normalized_minus_one_to_one``.
        align_corners: True.

    Raises:
        ValueError: If anything is not what it must be.
    """
    modes = (sampling_mode, padding_mode, coordinates_mode, padding_value, align_corners)
    if modes != ("bilinear", "constant", "normalized_minus_one_to_one", 0, True):
        msg = f"an affine with {modes} is not known here"
        raise ValueError(msg)
    if min(output_height, output_width) < 2:
        msg = f"an affine of {output_height} x {output_width} is not known here"
        raise ValueError(msg)
    rows = torch.linspace(-1, 1, output_height, dtype=torch.float64)
    columns = torch.linspace(-1, 1, output_width, dtype=torch.float64)
    shape = (output_height, output_width)
    ys, xs = rows[:, None].expand(shape), columns.expand(shape)
    grid = torch.stack([xs, ys, torch.ones_like(xs)], dim=-1)
    matrix = transform_matrix.double().reshape(-1, 1, 2, 3).expand(len(x), -1, -1, -1)
    coordinates = grid @ matrix.transpose(-1, -2)
    return resample(
        x, coordinates, sampling_mode, padding_mode, padding_value, coordinates_mode, align_corners
    )


def resample(
    x: Tensor,
    coordinates: Tensor,
    sampling_mode: str,
    padding_mode: str,
    padding_value: float,
    coordinates_mode: str,
    align_corners: bool,
) -> Tensor:
    """Return pictures at coordinates.

    Args:
        x: ``(B, C, H, W)``.
        coordinates: ``(B, H', W', 2)``: column, then row.
        sampling_mode: ``bilinear`` or ``nearest``, of two equally near the even one.
        padding_mode: What lies outside: ``constant``, ``border``, ``reflection`` at the middles of
            the outer pixels, ``symmetric`` at their edges.
        padding_value: The constant.
        coordinates_mode: ``unnormalized``: 0 is the middle of the first pixel, 1 that of the next;
            ``normalized_minus_one_to_one`` and ``normalized_zero_to_one``: from end to end.
        align_corners: Whether the normalised ends are the outer pixels' middles, not their edges.

    Raises:
        ValueError: If a mode is not known.
    """
    height, width = x.shape[-2:]
    columns, rows = coordinates.double().unbind(-1)
    ys = _pixels(rows, height, coordinates_mode, align_corners=align_corners)
    xs = _pixels(columns, width, coordinates_mode, align_corners=align_corners)
    outside = padding_value if padding_mode == "constant" else None
    if outside is None:
        ys, xs = _folded(ys, height, padding_mode), _folded(xs, width, padding_mode)
    if sampling_mode == "bilinear":
        return _bilinear(x, ys, xs, outside)
    if sampling_mode == "nearest":
        return _taken(x, ys.round(), xs.round(), outside)
    msg = f"sampling_mode {sampling_mode!r} is not known here"
    raise ValueError(msg)


def _boxed(
    x: Tensor, roi: Tensor | None, boxes: Tensor | None, box_indices: Tensor | None
) -> Iterator[tuple[Tensor, list[float]]]:
    """Yield every box and the pictures that it is of."""
    if roi is not None and boxes is None and box_indices is None:
        for row in roi.flatten(1).tolist():
            yield (_picture(x, row[0]) if len(row) == 5 else x), row[-4:]
    elif boxes is not None and roi is None:
        indices = range(len(boxes)) if box_indices is None else box_indices.tolist()
        for index, row in zip(indices, boxes.tolist(), strict=True):
            yield _picture(x, index), row
    else:
        msg = "either roi or boxes must be given"
        raise ValueError(msg)


def _picture(x: Tensor, index: float) -> Tensor:
    if index not in range(len(x)):
        msg = f"a box is of picture {index:g}, of {len(x)}"
        raise ValueError(msg)
    return x[int(index)][None]


def _corners(box: list[float], mode: str) -> tuple[float, float, float, float]:
    """Return top, left, bottom and right."""
    first, second, third, fourth = box
    if mode in {"CORNERS_WIDTH_FIRST", "CENTER_SIZE_WIDTH_FIRST"}:
        first, second, third, fourth = second, first, fourth, third
    if mode in {"CORNERS_HEIGHT_FIRST", "CORNERS_WIDTH_FIRST"}:
        return first, second, third, fourth
    if mode in {"CENTER_SIZE_HEIGHT_FIRST", "CENTER_SIZE_WIDTH_FIRST"}:
        return first - third / 2, second - fourth / 2, first + third / 2, second + fourth / 2
    msg = f"box_coordinate_mode {mode!r} is not known here"
    raise ValueError(msg)


def _pixels(places: Tensor, size: int, mode: str, *, align_corners: bool) -> Tensor:
    """Return coordinates as numbers of pixels from the first one's middle."""
    if mode == "unnormalized":
        return places
    if mode == "normalized_minus_one_to_one":
        shares = (places + 1) / 2
    elif mode == "normalized_zero_to_one":
        shares = places
    else:
        msg = f"coordinates_mode {mode!r} is not known here"
        raise ValueError(msg)
    return shares * (size - 1) if align_corners else shares * size - 0.5


def _folded(places: Tensor, size: int, mode: str) -> Tensor:
    """Return coordinates brought inside of the picture."""
    if mode == "reflection":
        places = _reflected(places, 0, size - 1)
    elif mode == "symmetric":
        places = _reflected(places, -0.5, size - 0.5)
    elif mode != "border":
        msg = f"padding_mode {mode!r} is not known here"
        raise ValueError(msg)
    return places.clamp(0, size - 1)


def _reflected(places: Tensor, low: float, high: float) -> Tensor:
    if low == high:
        return torch.full_like(places, low)
    period = 2 * (high - low)
    distance = (places - low).abs().remainder(period)
    return low + torch.minimum(distance, period - distance)


def _bilinear(x: Tensor, ys: Tensor, xs: Tensor, outside: float | None) -> Tensor:
    """Return ``(B, C, H', W')`` at pixels' coordinates, ``(B, H', W')``; see ``_taken``."""
    top, left = ys.floor(), xs.floor()
    down, right = (ys - top).to(x.dtype)[:, None], (xs - left).to(x.dtype)[:, None]
    upper, lower = (
        torch.lerp(_taken(x, row, left, outside), _taken(x, row, left + 1, outside), right)
        for row in (top, top + 1)
    )
    return torch.lerp(upper, lower, down)


def _taken(x: Tensor, rows: Tensor, columns: Tensor, outside: float | None) -> Tensor:
    """Return pixels; beyond the picture ``outside``, or the nearest where that is ``None``."""
    height, width = x.shape[-2:]
    index = rows.clamp(0, height - 1) * width + columns.clamp(0, width - 1)
    flat = index.to(torch.int64).flatten(1)[:, None].expand(-1, x.shape[1], -1)
    pixels = x.flatten(2).gather(2, flat).reshape(*x.shape[:2], *index.shape[1:])
    if outside is None:
        return pixels
    return torch.where(_inside(x, rows, columns)[:, None], pixels, outside)


def _inside(x: Tensor, ys: Tensor, xs: Tensor) -> Tensor:
    height, width = x.shape[-2:]
    return (ys >= 0) & (ys <= height - 1) & (xs >= 0) & (xs <= width - 1)


OPERATIONS: Mapping[str, Compute] = MappingProxyType(
    {"crop_resize": crop_resize, "affine": affine, "resample": resample}
)
