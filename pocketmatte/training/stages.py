"""The stages that the shipped elastic ``rvm`` was trained in, as one table."""

import dataclasses
from types import MappingProxyType


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """One stretch of training with fixed sizes.

    Attributes:
        steps: Optimiser steps.
        frame_hw: Frame size of the compositions, in pixels.
        ratio: Working size over frame size; below 1 the deep guided filter is trained too.
        clip_length: Frames of a clip.
        batch: Clips of a step.
        learning_rate: At the stage's start and end, cosine in between.
        distillation: Weight of the narrow tier's distance to the full one's alpha.
    """

    steps: int
    frame_hw: tuple[int, int]
    ratio: float
    clip_length: int
    batch: int
    learning_rate: tuple[float, float]
    distillation: float


# The order of the paper (short clips and low resolution first, the guided filter last), scaled to
# an hour and a half on one CPU core.
STAGES = MappingProxyType(
    {
        "coarse": Stage(
            steps=2900,
            frame_hw=(96, 176),
            ratio=1.0,
            clip_length=2,
            batch=6,
            learning_rate=(1.5e-3, 7e-4),
            distillation=0.0,
        ),
        "middle": Stage(
            steps=1100,
            frame_hw=(144, 256),
            ratio=1.0,
            clip_length=3,
            batch=4,
            learning_rate=(7e-4, 3e-4),
            distillation=0.5,
        ),
        "refined": Stage(
            steps=500,
            frame_hw=(288, 512),
            ratio=0.5,
            clip_length=3,
            batch=3,
            learning_rate=(3e-4, 2e-5),
            distillation=0.5,
        ),
        "closer": Stage(
            steps=600,
            frame_hw=(288, 512),
            ratio=0.5,
            clip_length=2,
            batch=4,
            learning_rate=(4e-4, 2e-5),
            distillation=0.5,
        ),
    }
)
