"""Alpha of people before a fixed camera: what differs from the empty scene."""

import numpy as np
from numpy.typing import NDArray

from pocketmatte.training.cutouts import Picture
from pocketmatte.training.masks import blurred, components, grown, shrunk, without_holes

FloatArray = NDArray[np.float32]

# Differences from the plate, in 8-bit steps: compression noise of the used clips stays below the
# first, cloth of nearly the wall's colour is seldom above the second.
_NOISE, _CERTAIN = 12.0, 36.0

# Channels of a surface that is nearly grey differ by less than this, in 8-bit steps.
_GREY_SPREAD = 48.0


def clean_plate(frames: list[Picture], occupied: list[NDArray[np.bool_]] | None = None) -> Picture:
    """The empty scene: per pixel, the median of the frames in which it is not occupied.

    Args:
        frames: ``(H, W, 3)`` uint8 each.
        occupied: Where, in each frame, something may stand before the scene; None for nowhere.
            Pixels that are always occupied take the median of all frames.
    """
    stack = np.stack(frames)
    plate = np.median(stack, 0)
    if occupied is not None:
        hidden = np.stack(occupied)
        free = np.where(hidden[..., None], np.float32(np.nan), stack.astype(np.float32))
        seen = ~hidden.all(0)
        plate[seen] = np.nanmedian(free[:, seen], 0)
    return np.asarray(np.rint(plate), np.uint8)


def difference_alpha(
    frame: Picture, plate: Picture, solid: NDArray[np.bool_] | None = None
) -> FloatArray:
    """Soft alpha of what differs from the plate, shadows left out.

    A shadow scales all channels alike and not by much (Horprasert et al., 1999).

    Args:
        frame: ``(H, W, 3)`` uint8.
        plate: The empty scene, of the same size.
        solid: Where nothing is a shadow, grey clothes being easily taken for one.

    Returns:
        ``(H, W)`` in 0..1.
    """
    smooth = blurred(frame, 0.8)
    empty = blurred(plate, 0.8)
    # Most of the frame is empty: its median tells how the exposure has moved.
    ratio = (smooth + 4.0) / (empty + 4.0)
    exposure = np.median(ratio, (0, 1))
    ratio /= exposure
    distance = np.abs(smooth / exposure - empty).max(-1)
    alpha = np.clip((distance - _NOISE) / (_CERTAIN - _NOISE), 0.0, 1.0)
    darkening = ratio.mean(-1)
    shadow = (darkening > 0.55) & (darkening < 1.12) & (np.ptp(ratio, -1) < 0.13)
    if solid is not None:
        # A coloured floor tells grey clothes from a shadow by itself; a white wall does not.
        shadow &= ~(solid & (np.ptp(empty, -1) < _GREY_SPREAD))
    lit = blurred(~shadow, 1.0)
    return np.asarray(alpha * np.clip(2.0 * lit - 0.4, 0.0, 1.0), np.float32)


def bodies(alpha: FloatArray, min_share: float, max_hole_share: float = 0.001) -> list[FloatArray]:
    """Split an alpha into its large connected parts, closed and freed from specks.

    Returns:
        One ``(H, W)`` alpha a part, largest first.
    """
    mask = shrunk(grown(alpha > 0.4, 3), 3)
    mask = grown(shrunk(mask, 1), 1)
    parts = []
    for part in components(mask, min_share):
        solid = without_holes(part, max_hole_share)
        inner = blurred(shrunk(solid, 2), 1.0)
        near = grown(solid, 2)
        # One pixel in: smoothing and compression carry the difference beyond the true edge.
        soft_edge = np.clip(1.3 * blurred(shrunk(solid, 1), 1.0), 0.0, 1.0)
        parts.append(np.asarray(np.maximum(np.minimum(alpha, soft_edge) * near, inner), np.float32))
    return parts
