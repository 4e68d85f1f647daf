"""Faults that stay with an object: what is wrong with its mask all along a video.

A network that lost part of an object, or took something else for it, mostly does so frame after
frame, more or less of it. A fault is therefore held in shares of the box round the object, and
moves and grows with it; its severity is for every frame to say.
"""

import dataclasses
import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

# At full severity, in shares of the object's size.
_LUMPS = (1, 4)  # bites, and as many blobs
_LUMP_RADIUS = (0.15, 0.45)
_SHIFT = 0.25  # standard deviation
_SWELL = 0.15
_LEAK = 0.5  # probability that part of another object is taken for this one
_LEAK_RADIUS = 1.0  # who is taken for somebody else is so as a whole

# How wrong a mask is at the far end from where it is right.
STRENGTH = (0.2, 1.0)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One way of being wrong about an object, in shares of the box round it.

    Attributes:
        bites: ``(centre x, centre y, radius)`` of disks that are missing.
        blobs: The same of disks that are too much.
        shift_xy: How far the mask slides off.
        swell: How far its border moves out, or in if negative.
        leak: Disk whose part of other objects is taken for this one; ``None`` for none.
    """

    bites: tuple[tuple[float, float, float], ...]
    blobs: tuple[tuple[float, float, float], ...]
    shift_xy: tuple[float, float]
    swell: float
    leak: tuple[float, float, float] | None


def severity(strength: float, share: float) -> float:
    """Return how severe a fault is at a share of the way from where the mask is right.

    A network loses an object soon, if it loses it: the root of the share.
    """
    return strength * math.sqrt(share)


def random_fault(random: np.random.Generator) -> Fault:
    """Draw a fault: bites and blobs always, a shift, a swelling and a leak now and then."""

    def lump(low: float, high: float) -> tuple[float, float, float]:
        x, y = random.uniform(low, high, 2)
        return float(x), float(y), float(random.uniform(*_LUMP_RADIUS))

    bites = tuple(lump(0, 1) for _ in range(random.integers(*_LUMPS)))
    blobs = tuple(lump(-0.2, 1.2) for _ in range(random.integers(*_LUMPS)))
    x, y = random.normal(0, _SHIFT, 2) * (random.random() < 0.5)
    swell = random.uniform(-_SWELL, _SWELL) * (random.random() < 0.5)
    leak = (*lump(-0.5, 1.5)[:2], _LEAK_RADIUS) if random.random() < _LEAK else None
    return Fault(
        bites=bites, blobs=blobs, shift_xy=(float(x), float(y)), swell=float(swell), leak=leak
    )


def faulty(mask: Tensor, others: Tensor, fault: Fault, severity: float) -> Tensor:
    """Damage a mask.

    Args:
        mask: ``(1, 1, H, W)``, 0 or 1.
        others: Of the same shape, the other objects of the frame.
        fault: What is wrong with it.
        severity: How much, in 0..1; all lengths are multiplied by it. 0 changes nothing.

    Returns:
        ``(1, 1, H, W)``, 0 or 1; empty if the mask is.
    """
    rows, columns = mask[0, 0].nonzero(as_tuple=True)
    if severity == 0 or not len(rows):
        return mask
    top, left = int(rows.min()), int(columns.min())
    height, width = int(rows.max()) - top + 1, int(columns.max()) - left + 1
    size = math.sqrt(height * width)

    def fill(into: Tensor, lump: tuple[float, float, float], value: Tensor | bool) -> None:
        centre = top + lump[1] * height, left + lump[0] * width
        _fill_disk(into, centre, lump[2] * size * severity, value)

    spoiled = _swollen(mask > 0.5, round(fault.swell * size * severity))
    spoiled = _slid(spoiled, *(round(share * size * severity) for share in fault.shift_xy))
    for bite in fault.bites:
        fill(spoiled, bite, value=False)
    for blob in fault.blobs:
        fill(spoiled, blob, value=True)
    if fault.leak is not None:
        fill(spoiled, fault.leak, value=spoiled | (others > 0.5))
    return spoiled.to(mask.dtype)


def _fill_disk(
    into: Tensor, centre: tuple[float, float], radius: float, value: Tensor | bool
) -> None:
    """Set what is nearer than ``radius`` to row and column of ``centre``, in place."""
    spans = []
    for middle, length in zip(centre, into.shape[2:], strict=True):
        first, behind = math.ceil(middle - radius), math.floor(middle + radius) + 1
        spans.append((min(max(first, 0), length), min(max(behind, 0), length)))
    (top, bottom), (left, right) = spans
    down = torch.arange(top, bottom, device=into.device)[:, None] - centre[0]
    across = torch.arange(left, right, device=into.device)[None, :] - centre[1]
    inside = down**2 + across**2 < radius**2
    box = ..., slice(top, bottom), slice(left, right)
    into[box] = torch.where(inside, value[box] if isinstance(value, Tensor) else value, into[box])


def _swollen(mask: Tensor, px: int) -> Tensor:
    """Move the border out by ``px``, or in if negative."""
    if px == 0:
        return mask
    moving = (mask if px > 0 else ~mask).float()  # what is inside, or what is outside
    for reach in ((abs(px), 0), (0, abs(px))):
        window = [2 * along + 1 for along in reach]
        moving = functional.max_pool2d(moving, window, stride=1, padding=reach)
    return (moving > 0) if px > 0 else (moving == 0)


def _slid(mask: Tensor, right: int, down: int) -> Tensor:
    """Shift a mask; what comes in is background."""
    height, width = mask.shape[2:]
    padded = functional.pad(mask, (abs(right), abs(right), abs(down), abs(down)))
    top, left = abs(down) - down, abs(right) - right
    return padded[:, :, top : top + height, left : left + width]
