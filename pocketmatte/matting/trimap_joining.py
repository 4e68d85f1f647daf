"""The trimap of a frame that has two opinions: a propagated trimap, and a propagated mask."""

import numpy as np

from pocketmatte.matting.trimap import BACKGROUND, FOREGROUND, UNKNOWN, trimap_of
from pocketmatte.runtimes.protocol import FloatArray
from tiers.errors import UsageError

# A template's unknown band reaches this share of the frame's height to either side of its border:
# as wide as the trimap network's own proofs have it.
WIDEN_SHARE = 1 / 32

_THRESHOLD = 0.5


def drawn_of(mask: FloatArray, number: int) -> FloatArray:
    """Return the trimap of a template, with a band as wide as leaves some of the subject.

    The mask counts from a half on: it says where the subject is, not how much of a pixel it covers.
    The band is ``WIDEN_SHARE`` of the frame's height to either side, and half of that, and so on,
    where a thin subject would be unknown all over.

    Args:
        mask: ``(H, W)`` in 0..1.
        number: Of the frame, for the message.

    Returns:
        ``(1, 1, H, W)``: 0 background, 0.5 unknown, 1 foreground.

    Raises:
        UsageError: If the mask is below a half everywhere.
    """
    subject = (mask >= _THRESHOLD).astype(np.float32)[None, None]
    if not subject.any():
        msg = (
            f"frame {number}: the subject is smaller than a pixel of the trimap's "
            f"{mask.shape[1]}x{mask.shape[0]}; take a higher tier, or --alpha mask"
        )
        raise UsageError(msg)
    widen_px = round(WIDEN_SHARE * mask.shape[0])
    trimap = trimap_of(subject, widen_px=widen_px)
    while not (trimap == FOREGROUND).any():
        widen_px //= 2
        trimap = trimap_of(subject, widen_px=widen_px)
    return trimap


def joined(trimap: FloatArray, mask: FloatArray) -> FloatArray:
    """Return a trimap that claims nothing the mask denies.

    A pixel that is foreground to the one and background to the other is unknown; the rule is ours.

    Args:
        trimap: ``(1, 1, H, W)``: 0 background, 0.5 unknown, 1 foreground.
        mask: ``(1, 1, H, W)`` in 0..1, of the same frame and size.
    """
    inside = mask >= _THRESHOLD
    denied = ((trimap == FOREGROUND) & ~inside) | ((trimap == BACKGROUND) & inside)
    return np.where(denied, UNKNOWN, trimap).astype(np.float32)


def stretched(trimap: FloatArray, size_hw: tuple[int, int]) -> FloatArray:
    """Resize ``(1, 1, h, w)`` without interpolation: every pixel takes the one it lies in."""
    height, width = trimap.shape[-2:]
    rows = (2 * np.arange(size_hw[0]) + 1) * height // (2 * size_hw[0])
    columns = (2 * np.arange(size_hw[1]) + 1) * width // (2 * size_hw[1])
    return np.ascontiguousarray(trimap[:, :, rows][:, :, :, columns])
