"""What several networks say of a frame: their mattes, and how far they agree.

Each teacher is asked twice, of a frame and of its mirror image, and all answers count alike.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias

import numpy as np

from pocketmatte.pictures import UInt8Array
from pocketmatte.runtimes.protocol import FloatArray
from tiers.errors import CheckpointError

HALF = 0.5  # the alpha from which on a pixel is of a mask

Label: TypeAlias = Callable[[UInt8Array], FloatArray]


class Teacher(Protocol):
    """A network that finds the foreground of frames."""

    @property
    def facts(self) -> Mapping[str, object]:
        """Its name, the sha256 of its file, and how it is run."""

    def begin(self, size_hw: tuple[int, int]) -> Label:
        """Begin a clip.

        Returns:
            What gives the alpha ``(H, W)``, 0..1, of each of its frames in order, ``(H, W, 3)``
            RGB of ``size_hw``.
        """


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Begun:
    """A teacher on its way through a clip, twice: what it carries along it carries apart.

    Attributes:
        name: Of the teacher.
        straight: Labels the frames.
        mirrored: Labels their mirror images.
    """

    name: str
    straight: Label
    mirrored: Label


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Opinion:
    """What several answers together say of a frame.

    Attributes:
        alpha: ``(H, W)``, 0..1: their mean.
        confidence: ``(H, W)``, 0..1: 1 less the distance of the two farthest apart.
        agreement: Of their masks, the alphas of a half and more: intersection over union of all of
            them; ``None`` where none finds anything, for that says nothing of how good they are.
        found: Of each answer, whether its mask has a pixel.
    """

    alpha: FloatArray
    confidence: FloatArray
    agreement: float | None
    found: tuple[bool, ...]


def opinion_of(answers: Sequence[FloatArray]) -> Opinion:
    """Put answers together: alphas ``(H, W)`` in 0..1, all of one size."""
    stack = np.stack(answers)
    solid = stack >= HALF
    union = int(solid.any(0).sum())
    return Opinion(
        alpha=stack.mean(0),
        confidence=1.0 - (stack.max(0) - stack.min(0)),
        agreement=int(solid.all(0).sum()) / union if union else None,
        found=tuple(bool(mask.any()) for mask in solid),
    )


def asked(frame: UInt8Array, begun: Sequence[Begun]) -> Opinion:
    """Ask of a frame and of its mirror image.

    Args:
        frame: ``(H, W, 3)`` RGB, the next of a clip.
        begun: The teachers.

    Returns:
        What they say; two answers a teacher, in their order.

    Raises:
        CheckpointError: If an answer is not finite.
    """
    mirrored = np.ascontiguousarray(frame[:, ::-1])
    answers: list[FloatArray] = []
    for each in begun:
        both = each.straight(frame), each.mirrored(mirrored)[:, ::-1]
        if not all(np.isfinite(answer).all() for answer in both):
            msg = f"{each.name} gives NaN or infinity; leave it out, or check its settings"
            raise CheckpointError(msg)
        answers += both
    return opinion_of(answers)


def begin(teacher: Teacher, size_hw: tuple[int, int]) -> Begun:
    """Begin a clip of frames of ``size_hw`` with a teacher."""
    return Begun(
        name=str(teacher.facts["name"]),
        straight=teacher.begin(size_hw),
        mirrored=teacher.begin(size_hw),
    )
