"""Pictures, masks and mattes between the size of the user's data and that of a tier."""

import numpy as np
import torch
from torch.nn import functional

from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.stepping import as_nchw

_THRESHOLD = 0.5


def resized(planes: FloatArray, size_hw: tuple[int, int]) -> FloatArray:
    """Resize ``(..., H, W)`` in 0..1 bilinearly, smoothed first where it shrinks."""
    if planes.shape[-2:] == size_hw:
        return planes
    stacked = torch.from_numpy(np.ascontiguousarray(planes, np.float32))
    stacked = stacked.reshape(1, -1, *planes.shape[-2:])
    made = functional.interpolate(
        stacked, size_hw, mode="bilinear", align_corners=False, antialias=True
    )
    return np.asarray(made.clamp(0, 1).reshape(*planes.shape[:-2], *size_hw).numpy())


def frame_of(picture: FloatArray, size_hw: tuple[int, int]) -> FloatArray:
    """Return a picture, ``(H, W, 3)`` in 0..1, as programs take it: ``(1, 3, h, w)``."""
    return resized(as_nchw(picture), size_hw)


def plane_of(mask: FloatArray, size_hw: tuple[int, int]) -> FloatArray:
    """Return a mask, ``(H, W)`` in 0..1, as programs take it: ``(1, 1, h, w)``."""
    return resized(mask[None, None], size_hw)


def decided(mask: FloatArray) -> FloatArray:
    """Return 1 where a mask is 0.5 or more, 0 elsewhere."""
    return (mask >= _THRESHOLD).astype(np.float32)
