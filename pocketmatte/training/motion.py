"""Smooth motion over the frames of a clip: easing curves and affine paths.

An affine matrix here is 3 x 3, float64, and maps column vectors ``(x, y, 1)`` in pixels; pixel
centres lie at integer coordinates plus one half, as in ``grid_sample`` with
``align_corners=False``.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def _smoothstep(phase: FloatArray) -> FloatArray:
    return phase * phase * (3.0 - 2.0 * phase)


def _sine(phase: FloatArray) -> FloatArray:
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * phase))


def _accelerate(phase: FloatArray) -> FloatArray:
    return phase**3


def _decelerate(phase: FloatArray) -> FloatArray:
    return 1.0 - (1.0 - phase) ** 3


def _overshoot(phase: FloatArray) -> FloatArray:
    # A damped spring: x(p) = 1 - exp(-5p) cos(3 pi p), scaled to end at 1.
    end = 1.0 - np.exp(-5.0) * np.cos(3.0 * np.pi)
    return np.asarray((1.0 - np.exp(-5.0 * phase) * np.cos(3.0 * np.pi * phase)) / end)


def _there_and_back(phase: FloatArray) -> FloatArray:
    return np.asarray(np.sin(np.pi * phase) ** 2)


def _steady(phase: FloatArray) -> FloatArray:
    return phase


# Each maps 0..1 to a value that starts at 0 and ends at 1, or returns to 0.
EASINGS: tuple[Callable[[FloatArray], FloatArray], ...] = (
    _steady,
    _smoothstep,
    _sine,
    _accelerate,
    _decelerate,
    _overshoot,
    _there_and_back,
)


def random_progress(random: np.random.Generator, length: int) -> FloatArray:
    """How far a movement has come at each frame.

    The movement may start late, end early (both are pauses), and run backwards.

    Args:
        random: Source of chance.
        length: Frames of the clip.

    Returns:
        ``(length,)`` values, 0 at rest, 1 at the movement's full extent.
    """
    ease = EASINGS[int(random.integers(len(EASINGS)))]
    start, end = 0.0, 1.0
    if random.random() < 0.3:
        start, end = sorted(random.uniform(-0.3, 1.3, 2))
        end = max(end, start + 0.3)
    time = np.linspace(0.0, 1.0, length) if length > 1 else np.zeros(1)
    progress = ease(np.clip((time - start) / (end - start), 0.0, 1.0))
    return progress[::-1].copy() if random.random() < 0.5 else progress


def translation(x: float, y: float) -> FloatArray:
    """The matrix that moves by ``(x, y)`` pixels."""
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def scaling(x: float, y: float) -> FloatArray:
    """The matrix that scales about the origin."""
    return np.diag((x, y, 1.0))


def rotation(angle_rad: float) -> FloatArray:
    """The matrix that turns about the origin, clockwise on the screen."""
    cosine, sine = np.cos(angle_rad), np.sin(angle_rad)
    return np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class MotionLimits:
    """The largest movement within one clip.

    Attributes:
        shift_px: Translation along each axis, in pixels.
        turn_rad: Rotation, in radians.
        zoom: Natural logarithm of the scale change.
    """

    shift_px: float
    turn_rad: float
    zoom: float

    def __post_init__(self) -> None:
        if min(self.shift_px, self.turn_rad, self.zoom) < 0.0:
            msg = f"motion limits must not be negative: {self}"
            raise ValueError(msg)


STILL = MotionLimits(shift_px=0.0, turn_rad=0.0, zoom=0.0)


def random_path(
    random: np.random.Generator, length: int, pivot_xy: tuple[float, float], limits: MotionLimits
) -> FloatArray:
    """A smooth movement about a pivot, as one matrix a frame.

    Args:
        random: Source of chance.
        length: Frames of the clip.
        pivot_xy: The point, in pixels, about which the picture turns and zooms.
        limits: The largest movement.

    Returns:
        ``(length, 3, 3)`` matrices, near the identity.
    """
    if limits == STILL:
        return np.broadcast_to(np.eye(3), (length, 3, 3))
    extent = random.uniform(-1.0, 1.0, 4) * (
        limits.shift_px,
        limits.shift_px,
        limits.turn_rad,
        limits.zoom,
    )
    tracks = np.stack([random_progress(random, length) * full for full in extent])
    to_origin, back = translation(-pivot_xy[0], -pivot_xy[1]), translation(*pivot_xy)
    matrices = [
        translation(x, y) @ back @ rotation(turn) @ scaling(np.exp(zoom), np.exp(zoom)) @ to_origin
        for x, y, turn, zoom in tracks.T
    ]
    return np.stack(matrices)


# Values of a track; the frames of a training clip are far fewer.
KNOTS = 65


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Track:
    """What changes over a clip, known at evenly spaced times and linear in between.

    Attributes:
        knots: ``(KNOTS, ...)`` values from time 0, the clip's start, to time 1, its end.
    """

    knots: FloatArray

    def at(self, times: FloatArray) -> FloatArray:
        """The values at ``(N,)`` times in 0..1, as ``(N, ...)``."""
        position = np.clip(times, 0.0, 1.0) * (len(self.knots) - 1)
        low = np.minimum(position.astype(np.intp), len(self.knots) - 2)
        share = (position - low).reshape(-1, *(1,) * (self.knots.ndim - 1))
        return np.asarray(self.knots[low] + share * (self.knots[low + 1] - self.knots[low]))
