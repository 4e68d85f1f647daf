"""Against flicker: a light fusion from frame to frame, and a smoothing that looks one frame ahead.

The published description of custom matting names both and gives no formula. The first is the
motion-adaptive recursive filter of video noise reduction (Dubois and Sabri, "Noise reduction in
image sequences using motion-compensated temporal filtering", IEEE Trans. Communications 32, 1984),
without their motion compensation; its constants are ours. The second is the one-frame delay of
MODNet (Ke et al., AAAI 2022) with its threshold.
"""

import numpy as np
from scipy import ndimage

from pocketmatte.runtimes.protocol import FloatArray

STRENGTH = 0.5  # of what was, where nothing moves
STILLNESS = 0.04  # change of colour at which it counts exp(-1) of that: well above a camera's noise
_NEIGHBOURS = 3  # side of the square over which changes are averaged, in pixels
TOLERANCE = 0.1  # Ke et al.: alphas nearer than this are alike


def fused_in_time(
    mask: FloatArray, frame: FloatArray, mask_before: FloatArray, frame_before: FloatArray
) -> FloatArray:
    """Fuse a mask with the fused mask of the frame before, where the picture stands still.

    ``out = (1 - k) mask + k before`` with ``k = STRENGTH exp(-(c / STILLNESS)^2)``; ``c`` is the
    largest change of a colour channel, averaged over 3x3 pixels.

    Args:
        mask: ``(H, W)`` in 0..1.
        frame: ``(H, W, 3)`` in 0..1.
        mask_before: ``(H, W)``, what this gave for the frame before.
        frame_before: ``(H, W, 3)``.
    """
    red, green, blue = np.moveaxis(np.abs(frame - frame_before), 2, 0)
    change = np.maximum(np.maximum(red, green), blue)  # a tenth of the time that max(axis=2) takes
    change = ndimage.uniform_filter(change, size=_NEIGHBOURS, mode="nearest")
    share = STRENGTH * np.exp(-np.square(change / STILLNESS))
    out: FloatArray = (1 - share) * mask + share * mask_before
    return out.astype(np.float32)


def one_frame_delayed(before: FloatArray, now: FloatArray, after: FloatArray) -> FloatArray:
    """Take the mean of the neighbours where they agree and the frame between agrees with neither.

    Two values agree where they differ by ``TOLERANCE`` at most.

    Args:
        before: ``(H, W)`` in 0..1, as it was given, not as it was smoothed.
        now: The frame to smooth.
        after: Of the frame behind it.
    """
    flickers = (
        (np.abs(before - after) <= TOLERANCE)
        & (np.abs(now - before) > TOLERANCE)
        & (np.abs(now - after) > TOLERANCE)
    )
    out: FloatArray = np.where(flickers, (before + after) / 2, now).astype(np.float32)
    return out
