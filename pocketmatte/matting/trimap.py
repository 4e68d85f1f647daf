"""Trimap propagation: annotate a few frames, and every other one gets its trimap."""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pocketmatte.matting.board import Board, Run, Scene, Tensors
from pocketmatte.runtimes.protocol import FloatArray
from tiers.errors import UsageError
from tiers.rows.trimap import CLASSES, TrimapShape
from tiers.spec import TierSpec

BACKGROUND, UNKNOWN, FOREGROUND = 0.0, 0.5, 1.0  # of a trimap in one channel

_REFERENCE_EVERY = 24  # frames of a rollout from one annotated frame to the next
# A rollout widens the unknown band by this share of the frame's height.
_WIDENED = 1 / 32


class TrimapPropagator:
    """Propagate the trimaps of annotated frames over a clip.

    It keeps as many annotated frames as the tier has references; one more replaces the oldest.

    Args:
        spec: A tier of ``trimap``.
        run: Runs its programs by name.
    """

    def __init__(self, spec: TierSpec, run: Run) -> None:
        self._board = Board(spec, run)
        self._hw = spec.output_hw
        self._references = spec.shaped(TrimapShape).references
        self._set = 0  # references since the last reset

    def reset(self) -> None:
        """Forget every reference, as at a cut."""
        self._board.reset()
        self._set = 0

    def set_reference(self, frame: FloatArray, trimap: FloatArray) -> None:
        """Take an annotated frame as a reference.

        Args:
            frame: ``(1, 3, H, W)`` RGB in 0..1, of the tier's output size.
            trimap: ``(1, 1, H, W)``: 0 background, 0.5 unknown, 1 foreground; some of it must be
                foreground. ``trimap_of`` makes one from a mask, ``decided`` from probabilities.

        Raises:
            UsageError: If a picture has another size, or the trimap holds other values, nothing
                but unknown pixels, or no foreground.
        """
        self._check_size("frame", frame, 3)
        self._check_size("trimap", trimap, 1)
        _check_values(trimap)
        slot = np.zeros((self._references, 1, 1, 1), dtype=np.float32)
        slot[self._set % self._references] = 1
        self._board.put(frame=frame, reference_trimap=trimap, slot=slot)
        self._board.call("encode_reference")
        self._set += 1

    def propagate(self, frame: FloatArray) -> FloatArray:
        """Give the trimap of one frame.

        Args:
            frame: ``(1, 3, H, W)`` RGB in 0..1, of the tier's output size.

        Returns:
            ``(1, 3, H, W)`` in 0..1: probabilities of background, unknown and foreground.

        Raises:
            UsageError: If no reference was set, or the frame has another size.
        """
        if not self._set:
            msg = "no reference was set yet; call set_reference with an annotated frame first"
            raise UsageError(msg)
        self._check_size("frame", frame, 3)
        self._board.put(frame=frame)
        return self._board.call("propagate")["trimap"]

    def _check_size(self, name: str, picture: FloatArray, channels: int) -> None:
        expected = (1, channels, *self._hw)
        if picture.shape != expected:
            msg = f"{name} is {picture.shape}; this tier takes {expected}: resize it to that"
            raise UsageError(msg)


def trimap_of(
    alpha: FloatArray, *, low: float = 0.05, high: float = 0.95, widen_px: int
) -> FloatArray:
    """Make a trimap of a soft mask.

    A pixel is unknown where both something that is not background (alpha above ``low``) and
    something that is not foreground (alpha below ``high``) lie within ``widen_px``. So the soft
    border is unknown, widened to all sides, and a hard border gets an unknown band too.

    Args:
        alpha: ``(1, 1, H, W)`` in 0..1.
        low: Alpha up to which a pixel is background.
        high: Alpha from which on a pixel is foreground.
        widen_px: Radius of the widening, in pixels; 0 for none.

    Returns:
        ``(1, 1, H, W)``: 0 background, 0.5 unknown, 1 foreground.

    Raises:
        UsageError: If alpha is no such map or leaves 0..1, the thresholds are not in order, or
            the radius is negative.
    """
    if alpha.ndim != 4 or alpha.shape[:2] != (1, 1):
        msg = f"alpha is {alpha.shape}; give one map, (1, 1, H, W)"
        raise UsageError(msg)
    if not ((alpha >= 0) & (alpha <= 1)).all():
        msg = f"alpha holds {alpha.min()} to {alpha.max()}; it must lie in 0..1"
        raise UsageError(msg)
    if not 0 <= low < high <= 1:
        msg = f"low is {low} and high {high}; give 0 <= low < high <= 1"
        raise UsageError(msg)
    if widen_px < 0:
        msg = f"widen_px is {widen_px}; give 0 or more pixels"
        raise UsageError(msg)
    plane = alpha[0, 0]
    unknown = _dilated(plane > low, widen_px) & _dilated(plane < high, widen_px)
    trimap = np.where(unknown, UNKNOWN, np.where(plane >= high, FOREGROUND, BACKGROUND))
    return trimap.astype(np.float32)[None, None]


def decided(probabilities: FloatArray) -> FloatArray:
    """Make a trimap of the classes' probabilities; unknown where it equals another.

    Args:
        probabilities: ``(1, 3, H, W)`` of background, unknown, foreground.

    Returns:
        ``(1, 1, H, W)``: 0 background, 0.5 unknown, 1 foreground.

    Raises:
        UsageError: If there are other than three classes.
    """
    if probabilities.ndim != 4 or probabilities.shape[:2] != (1, CLASSES):
        msg = f"probabilities are {probabilities.shape}; give those of one frame, (1, 3, H, W)"
        raise UsageError(msg)
    background, unknown, foreground = probabilities[0]
    order = np.array([UNKNOWN, BACKGROUND, FOREGROUND], dtype=np.float32)
    trimap: FloatArray = order[np.argmax([unknown, background, foreground], axis=0)]
    return trimap[None, None]


def rollout(spec: TierSpec, run: Run, scene: Scene) -> Iterator[Tensors]:
    """Annotate every ``_REFERENCE_EVERY``-th frame by its mask and propagate to all frames."""
    propagator = TrimapPropagator(spec, run)
    widen_px = round(spec.output_hw[0] * _WIDENED)
    for index, moment in enumerate(scene):
        if index % _REFERENCE_EVERY == 0:
            trimap = trimap_of(moment.mask, widen_px=widen_px)
            propagator.set_reference(moment.frame, trimap)
        yield {"trimap": propagator.propagate(moment.frame)}


def _check_values(trimap: FloatArray) -> None:
    known = (trimap == BACKGROUND) | (trimap == FOREGROUND)
    unknown = trimap == UNKNOWN
    if not (known | unknown).all():
        other = trimap[~(known | unknown)].flat[0]
        msg = f"trimap holds {other:.4g}; give 0, 0.5 and 1 alone, such as trimap_of makes"
        raise UsageError(msg)
    if unknown.all():
        msg = "trimap is unknown everywhere; mark some foreground and some background"
        raise UsageError(msg)
    if not (trimap == FOREGROUND).any():
        msg = "trimap has no foreground; mark some of the subject, or widen the unknown band less"
        raise UsageError(msg)


def _dilated(region: NDArray[np.bool_], radius_px: int) -> NDArray[np.bool_]:
    """Return what lies within ``radius_px`` of ``region``, by Euclidean distance."""
    height, width = region.shape
    sums = np.pad(region.cumsum(axis=1), ((0, 0), (1, 0)))  # of each row, before every column
    columns = np.arange(width)
    grown = np.zeros_like(region)
    tallest = min(radius_px, height - 1)
    for down in range(-tallest, tallest + 1):
        reach = math.isqrt(radius_px**2 - down**2)
        first, behind = np.maximum(columns - reach, 0), np.minimum(columns + reach + 1, width)
        near = sums[:, behind] > sums[:, first]
        grown[max(down, 0) : height + min(down, 0)] |= near[max(-down, 0) : height - max(down, 0)]
    return grown
