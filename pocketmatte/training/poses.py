"""Poses of a jointed figure that move smoothly: walking, dancing, talking with the hands.

Lengths are in body heights; ``y`` points down, the floor is at ``y = 1``, the crown of a figure
that stands straight at ``y = 0``. Angles are in radians, 0 points down, positive to the right.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# Segment lengths in body heights, after the anthropometric means of Winter,
# "Biomechanics and Motor Control of Human Movement", figure 4.1.
SHIN, THIGH, TRUNK, UPPER_ARM, FOREARM = 0.246, 0.245, 0.29, 0.172, 0.157
ANKLE_HEIGHT = 0.039


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Build:
    """The proportions of a body.

    Attributes:
        shoulder: Half the distance of the shoulder joints.
        hip: Half the distance of the hip joints.
        girth: Factor on the thickness of trunk and limbs.
        facing: ``front``, ``back`` or ``side``.
    """

    shoulder: float
    hip: float
    girth: float
    facing: str


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Joints:
    """Where the joints are at each of ``T`` frames; every array is ``(T, 2)`` or ``(2, T, 2)``.

    Pairs hold the joint at the picture's left first.
    """

    pelvis: FloatArray
    chest: FloatArray
    head: FloatArray
    shoulders: FloatArray
    elbows: FloatArray
    hands: FloatArray
    hips: FloatArray
    knees: FloatArray
    ankles: FloatArray


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class _Swing:
    """Means and amplitudes of the joint angles of one kind of movement, left limb first."""

    arm: tuple[float, float]
    elbow: tuple[float, float]
    leg: tuple[float, float]
    knee: float
    sway: float
    lean: float


_STAND = _Swing(
    arm=(0.15, 0.08), elbow=(0.2, 0.2), leg=(0.08, 0.02), knee=0.05, sway=0.01, lean=0.04
)
_WALK = _Swing(arm=(0.0, 0.5), elbow=(0.3, 0.3), leg=(0.0, 0.45), knee=0.6, sway=0.005, lean=0.08)
_DANCE = _Swing(arm=(0.9, 0.9), elbow=(0.9, 0.9), leg=(0.15, 0.25), knee=0.5, sway=0.05, lean=0.2)
_TALK = _Swing(
    arm=(0.35, 0.25), elbow=(1.7, 0.6), leg=(0.08, 0.03), knee=0.05, sway=0.01, lean=0.08
)
_SWINGS = (_STAND, _WALK, _DANCE, _DANCE, _TALK)


def _oscillation(
    random: np.random.Generator, length: int, mean: float, amplitude: float, pace: float
) -> FloatArray:
    """``(length,)`` samples of a sine whose mean and amplitude are themselves drawn."""
    centre = mean + amplitude * random.normal(0.0, 0.6)
    phase = random.uniform(0.0, 2.0 * np.pi)
    time = np.arange(length) * pace * random.uniform(0.5, 1.5)
    return np.asarray(centre + amplitude * random.uniform(0.2, 1.0) * np.sin(phase + time))


def _from(origin: FloatArray, angle: FloatArray, reach: FloatArray | float) -> FloatArray:
    step = np.stack((np.sin(angle), np.cos(angle)), -1)
    return np.asarray(origin + np.asarray(reach)[..., None] * step)


def _foreshortening(random: np.random.Generator, length: int) -> FloatArray:
    """Apparent length of a limb that turns towards the camera, ``(length,)`` in 0.45..1."""
    tilt = _oscillation(random, length, 0.2, 0.4, 0.15)
    return np.asarray(np.clip(np.cos(tilt), 0.45, 1.0))


def random_pose(random: np.random.Generator, build: Build, length: int) -> Joints:
    """Draw a movement and follow it for ``length`` frames."""
    swing = _SWINGS[int(random.integers(len(_SWINGS)))]
    pace = random.uniform(0.05, 0.7)
    depth = 0.3 if build.facing == "side" else 1.0

    def angle(mean: float, amplitude: float) -> FloatArray:
        return _oscillation(random, length, mean, amplitude, pace)

    lean = angle(0.0, swing.lean)
    drop = np.abs(angle(0.0, 0.04 * swing.knee))
    pelvis = np.stack((angle(0.0, swing.sway), 1.0 - ANKLE_HEIGHT - SHIN - THIGH + drop), -1)
    chest = _from(pelvis, np.pi + lean, TRUNK)
    head = _from(chest, np.pi + lean + angle(0.0, 0.12), 0.105)
    across = np.stack((np.cos(lean), -np.sin(lean)), -1)
    shoulders, elbows, hands, hips, knees, ankles = [], [], [], [], [], []
    for side in (-1.0, 1.0):
        shoulders.append(chest + side * build.shoulder * depth * across)
        # Front views open outwards; in a side view both arms and legs swing along the picture.
        outward = side if build.facing != "side" else 1.0
        arm = outward * angle(*swing.arm)
        elbow = arm - outward * np.clip(angle(*swing.elbow), -0.1, 2.6) * random.choice((1.0, -1.0))
        elbows.append(_from(shoulders[-1], arm, UPPER_ARM * _foreshortening(random, length)))
        hands.append(_from(elbows[-1], elbow, FOREARM * _foreshortening(random, length)))
        hips.append(pelvis + side * build.hip * depth * across)
        leg = outward * angle(*swing.leg)
        bend = np.abs(angle(0.0, swing.knee))
        shin = leg - bend * (outward if build.facing != "side" else 1.0) * 0.6
        knees.append(_from(hips[-1], leg, THIGH * (1.0 - 0.15 * bend)))
        ankles.append(_from(knees[-1], shin, SHIN * (1.0 - 0.1 * bend)))
    return Joints(
        pelvis=pelvis,
        chest=chest,
        head=head,
        shoulders=np.stack(shoulders),
        elbows=np.stack(elbows),
        hands=np.stack(hands),
        hips=np.stack(hips),
        knees=np.stack(knees),
        ankles=np.stack(ankles),
    )
