"""Masks that are wrong in plausible ways: what a user corrects by scribbles.

Cheng, Tai, Tang (MiVOS, CVPR 2021) train scribble-to-mask on true masks that are perturbed until
they overlap with the truth by an intersection over union of 0.4 to 0.95, and on none at all in a
third of the samples.
"""

import math

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from pocketmatte.segmentation_metrics import iou

Mask = npt.NDArray[np.bool_]

IOU_RANGE = (0.4, 0.95)
EMPTY_SHARE = 0.33

# A fault that takes the IoU this far below what is wanted is taken back, and the next one is made
# smaller; after so many tries a straight cut does it.
_TOO_FAR = 0.1
_SMALLER = 0.75
_TRIES = 24
_CELLS = (4, 12)  # of the noise that makes a border uneven, along a side
_LARGEST_NOISE = 0.35  # on a mask's blurred border, which runs from 0 to 1


def previous_mask(
    true: Mask,
    random: np.random.Generator,
    *,
    empty_share: float = EMPTY_SHARE,
    iou_range: tuple[float, float] = IOU_RANGE,
) -> Mask:
    """Make the mask that a round of scribbles starts from: none, or a perturbed one.

    Args:
        true: ``(H, W)``, with some object in it.
        random: Source of chance.
        empty_share: Probability of none, in 0..1.
        iou_range: As of ``perturbed_mask``.

    Returns:
        ``(H, W)``.

    Raises:
        ValueError: As ``perturbed_mask``.
    """
    if random.random() < empty_share:
        return np.zeros_like(true)
    return perturbed_mask(true, random, iou_range)


def perturbed_mask(
    true: Mask, random: np.random.Generator, iou_range: tuple[float, float] = IOU_RANGE
) -> Mask:
    """Damage a mask until its IoU with the truth is in a range.

    Borders are moved in or out, evenly or not; holes, blobs and cuts are made; all of it is
    shifted: one fault after the other, each of random size and place, until the IoU is below a
    value drawn uniformly from the range.

    Args:
        true: ``(H, W)``, with some object in it.
        random: Source of chance.
        iou_range: Lowest and highest IoU, ``0 < low < high < 1``.

    Returns:
        ``(H, W)``, of an IoU in the range.

    Raises:
        ValueError: If the range is none, or the object so small that no part of it lies in it.
    """
    low, high = iou_range
    if not 0 < low < high < 1:
        msg = f"iou_range is {iou_range}; give two numbers in order between 0 and 1"
        raise ValueError(msg)
    area = int(np.count_nonzero(true))
    fewest, most = math.ceil(low * area), math.floor(high * area)
    if not 0 < fewest <= most:
        msg = f"the object has {area} pixels; no part of it has an IoU in {low}..{high}"
        raise ValueError(msg)
    target = random.uniform(low, high)
    current, size = true, math.sqrt(area)
    for _ in range(_TRIES):
        fault = _FAULTS[random.integers(len(_FAULTS))]
        candidate = fault(current, size, random)
        overlap = iou(candidate, true)
        if overlap < max(low, target - _TOO_FAR):
            size *= _SMALLER
            continue
        current = candidate
        if overlap <= target:
            return current
    return _part(true, min(max(round(target * area), fewest), most), random)


def _moved_border(mask: Mask, size: float, random: np.random.Generator) -> Mask:
    """Move the border in or out, by a threshold on the blurred mask, and by noise along it."""
    radius = max(1.0, size * random.uniform(0.02, 0.12))
    level = _blurred(mask, radius)
    noise = random.uniform(0, _LARGEST_NOISE) * _smooth_noise(mask.shape, random)
    moved: Mask = level + noise * (level > 0) * (level < 1) > random.uniform(0.05, 0.95)
    return moved


def _holes(mask: Mask, size: float, random: np.random.Generator) -> Mask:
    spoiled = mask.copy()
    for _ in range(random.integers(1, 4)):
        _draw_ellipse(spoiled, False, _any_pixel(mask, random), size, random)
    return spoiled


def _blobs(mask: Mask, size: float, random: np.random.Generator) -> Mask:
    """Add ellipses whose centres lie beside the object, or anywhere once in a while."""
    spoiled = mask.copy()
    for _ in range(random.integers(1, 4)):
        if random.random() < 0.25:
            centre = random.uniform((0, 0), mask.shape)
        else:
            centre = _any_pixel(mask, random) + random.normal(0, 0.4 * size, 2)
        _draw_ellipse(spoiled, True, centre, size, random)
    return spoiled


def _shifted(mask: Mask, size: float, random: np.random.Generator) -> Mask:
    """Shift everything; what comes in is background."""
    height, width = mask.shape
    steps = np.rint(random.normal(0, 0.12 * size, 2))
    rows, columns = steps.clip((-height, -width), (height, width)).astype(int)
    moved = np.zeros_like(mask)
    moved[max(rows, 0) : height + min(rows, 0), max(columns, 0) : width + min(columns, 0)] = mask[
        max(-rows, 0) : height + min(-rows, 0), max(-columns, 0) : width + min(-columns, 0)
    ]
    return moved


def _cut(mask: Mask, size: float, random: np.random.Generator) -> Mask:
    """Cut the object straight; ``size`` shrinks what goes along with all other faults."""
    area = int(np.count_nonzero(mask))
    lost = random.uniform(0.05, 0.4) * min(1.0, size / math.sqrt(max(area, 1)))
    return _part(mask, area - int(lost * area), random)


_FAULTS = (_moved_border, _moved_border, _holes, _blobs, _shifted, _cut)


def _part(mask: Mask, kept: int, random: np.random.Generator) -> Mask:
    """Keep so many pixels, those to one side of a line of random direction."""
    turn = random.uniform(0, 2 * math.pi)
    rows, columns = np.nonzero(mask)
    order = np.argsort(rows * math.sin(turn) + columns * math.cos(turn), kind="stable")[:kept]
    part = np.zeros_like(mask)
    part[rows[order], columns[order]] = True
    return part


def _any_pixel(mask: Mask, random: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return row and column of a pixel of the mask; the middle of the picture if it is empty."""
    inside = np.flatnonzero(mask)
    if not inside.size:
        return np.array(mask.shape) / 2
    return np.array(np.unravel_index(random.choice(inside), mask.shape), np.float64)


def _draw_ellipse(
    mask: Mask,
    value: bool,
    centre: npt.NDArray[np.float64],
    size: float,
    random: np.random.Generator,
) -> None:
    """Set the pixels of an ellipse of random size and direction, in place."""
    along, across = size * random.uniform(0.05, 0.3, 2)
    turn = random.uniform(0, math.pi)
    reach = max(along, across)
    first = np.maximum(np.ceil(centre - reach), 0).astype(int)
    behind = np.maximum(np.floor(centre + reach) + 1, 0).astype(int)
    part = mask[first[0] : behind[0], first[1] : behind[1]]
    rows = (np.arange(part.shape[0]) + first[0] - centre[0])[:, None]
    columns = (np.arange(part.shape[1]) + first[1] - centre[1])[None, :]
    u = (columns * math.cos(turn) + rows * math.sin(turn)) / along
    v = (rows * math.cos(turn) - columns * math.sin(turn)) / across
    part[u * u + v * v <= 1] = value


def _blurred(mask: Mask, radius: float) -> npt.NDArray[np.float32]:
    picture = Image.fromarray(mask.astype(np.uint8) * 255)
    return np.asarray(picture.filter(ImageFilter.BoxBlur(radius)), np.float32) / np.float32(255)


def _smooth_noise(size_hw: tuple[int, ...], random: np.random.Generator) -> npt.NDArray[np.float32]:
    cells = random.standard_normal(random.integers(*_CELLS, size=2), np.float32)
    resized = Image.fromarray(cells).resize((size_hw[1], size_hw[0]), Image.Resampling.BICUBIC)
    return np.asarray(resized)
