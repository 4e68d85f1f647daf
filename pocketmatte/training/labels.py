"""Pseudo-labels: mattes of frames that have none, from networks where they agree.

Each teacher is asked twice, of a frame and of its mirror image, and all answers count alike.
"""

import dataclasses
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np

from export.artifact import write_text
from export.atomic import whole
from pocketmatte.pictures import UInt8Array, write_image
from pocketmatte.results import plain
from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.training.unlabelled import Footage
from tiers.errors import CheckpointError, UsageError

FILE_NAME = "labels.json"
_FORMAT = "pocketmatte.labels/1"
_HALF = 0.5

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
class Rules:
    """What is written.

    Attributes:
        agreement: A frame of less is left out, see ``Opinion``; 0..1.
        every: Of so many frames one is labelled.
        hard: Whether masks are written, 0 or 255, instead of alphas.
    """

    agreement: float
    every: int
    hard: bool


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Opinion:
    """What several answers together say of a frame.

    Attributes:
        alpha: ``(H, W)``, 0..1: their mean.
        confidence: ``(H, W)``, 0..1: 1 less the distance of the two farthest apart.
        agreement: Of their masks, the alphas of a half and more: intersection over union of all of
            them; 1 where none finds anything.
    """

    alpha: FloatArray
    confidence: FloatArray
    agreement: float


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ClipLabels:
    """What became of one clip.

    Attributes:
        name: Its folder's name.
        frames: How many were labelled.
        kept: How many of them were written.
        agreement: Mean over all frames.
        confidence: Mean over the frames that were written; ``None`` where none was.
        truncated: Whether its source is damaged and only the start was read.
        known: Whether it was there before.
    """

    name: str
    frames: int
    kept: int
    agreement: float
    confidence: float | None
    truncated: bool
    known: bool = False


def opinion_of(answers: Sequence[FloatArray]) -> Opinion:
    """Put answers together: alphas ``(H, W)`` in 0..1, all of one size."""
    stack = np.stack(answers)
    solid = stack >= _HALF
    union = int(solid.any(0).sum())
    return Opinion(
        alpha=stack.mean(0),
        confidence=1.0 - (stack.max(0) - stack.min(0)),
        agreement=int(solid.all(0).sum()) / union if union else 1.0,
    )


def asked(frame: UInt8Array, begun: Sequence[Begun]) -> Opinion:
    """Ask of a frame and of its mirror image.

    Args:
        frame: ``(H, W, 3)`` RGB, the next of a clip.
        begun: The teachers.

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


def label_footage(
    footage: Footage,
    teachers: Sequence[Teacher],
    rules: Rules,
    out: Path,
    on_frame: Callable[[str], None] = lambda _: None,
) -> ClipLabels:
    """Label frames and write what teachers agree on as a clip, whole or not at all.

    ``OUT/NAME`` holds ``frames/``, ``alpha/`` or ``masks/``, and ``confidence/``, from 0 for
    doubtful to 255, as PNG files of the frames' numbers, and ``labels.json``. Where no frame was
    kept it holds the latter alone, and is no clip. One that is there, of the same teachers and
    settings, is taken as it is.

    Raises:
        UsageError: If the folder is there and of something else.
        CheckpointError: If a teacher cannot be run or gives what is no matte.
        MediaError: If the frames cannot be read.
        BundleError: If the disk refuses the folder.
    """
    folder = out / footage.name
    made_of = plain(
        {
            "format": _FORMAT,
            "source": footage.frames.path.resolve(),
            "teachers": [dict(teacher.facts) for teacher in teachers],
            "settings": rules,
        }
    )
    known = _known(folder, made_of)
    if known is not None:
        for _ in range(known.frames):
            on_frame(footage.name)
        return known
    with whole(folder) as partial:
        partial.mkdir()
        done = _write_frames(footage, teachers, rules, partial, on_frame)
        facts = {name: value for name, value in plain(done).items() if name != "known"}
        write_text(partial / FILE_NAME, json.dumps({**made_of, **facts}, indent=1) + "\n")
    return done


def _write_frames(
    footage: Footage,
    teachers: Sequence[Teacher],
    rules: Rules,
    folder: Path,
    on_frame: Callable[[str], None],
) -> ClipLabels:
    source = footage.frames
    begun = [_begun(teacher, source.size_hw) for teacher in teachers]
    agreements: list[float] = []
    confidences: list[float] = []
    for place, frame in enumerate(itertools.islice(source, 0, None, rules.every)):
        opinion = asked(frame, begun)
        agreements.append(opinion.agreement)
        if opinion.agreement >= rules.agreement:
            confidences.append(float(opinion.confidence.mean()))
            alpha = (opinion.alpha >= _HALF).astype(np.float32) if rules.hard else opinion.alpha
            truth = "masks" if rules.hard else "alpha"
            pictures = {
                "frames": frame, truth: _bytes(alpha), "confidence": _bytes(opinion.confidence),
            }  # fmt: skip
            for name, picture in pictures.items():
                (folder / name).mkdir(exist_ok=True)
                write_image(folder / name / f"{place * rules.every:06}.png", picture)
        on_frame(footage.name)
    return ClipLabels(
        name=footage.name,
        frames=len(agreements),
        kept=len(confidences),
        agreement=float(np.mean(agreements)),
        confidence=float(np.mean(confidences)) if confidences else None,
        truncated=source.truncated,
    )


def _begun(teacher: Teacher, size_hw: tuple[int, int]) -> Begun:
    return Begun(
        name=str(teacher.facts["name"]),
        straight=teacher.begin(size_hw),
        mirrored=teacher.begin(size_hw),
    )


def _known(folder: Path, made_of: Mapping[str, Any]) -> ClipLabels | None:
    """Return what is said of a clip that is there; ``None`` where there is none.

    Raises:
        UsageError: If it is not of these teachers, settings and frames.
    """
    if not folder.exists():
        return None
    try:
        facts = json.loads((folder / FILE_NAME).read_text("utf-8"))
        known = ClipLabels(
            **{field.name: facts[field.name] for field in dataclasses.fields(ClipLabels)
               if field.name != "known"},
            known=True,
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError):
        msg = f"{folder} is there and holds no whole {FILE_NAME}; move it away, or choose another"
        raise UsageError(msg) from None
    for name, value in made_of.items():
        if facts.get(name) != value:
            msg = f"{folder} is there, made of other {name}; move it away, or choose another --out"
            raise UsageError(msg)
    return known


def _bytes(plane: FloatArray) -> UInt8Array:
    return np.asarray(np.rint(255.0 * plane), np.uint8)
