"""Pseudo-labels: mattes of frames that have none, from networks where they agree."""

import dataclasses
import itertools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from export.artifact import write_text
from export.atomic import whole
from pocketmatte.pictures import UInt8Array, write_image
from pocketmatte.results import plain
from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.training.opinions import HALF, Teacher, asked, begin
from pocketmatte.training.unlabelled import Footage
from tiers.errors import UsageError

FILE_NAME = "labels.json"
FORMAT = "pocketmatte.labels/2"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """What is written.

    Attributes:
        agreement: A frame of less is left out, see ``Opinion``; 0..1.
        every: Of so many frames one is labelled.
        hard: Whether masks are written, 0 or 255, instead of alphas.
        frames: So many of a clip are labelled at most; ``None``: all.
        keep_empty: Whether frames are written in which no teacher finds anything.
    """

    agreement: float
    every: int
    hard: bool
    frames: int | None = None
    keep_empty: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ClipLabels:
    """What became of one clip.

    Attributes:
        name: Its folder's name.
        frames: How many were labelled.
        kept: How many of them were written.
        empty: In how many no teacher found anything.
        found: In how many each teacher found something, in the teachers' order.
        runs: Numbers of the first and the last of frames that were written with none left out
            between them.
        agreement: Mean over the frames that are not empty; ``None`` where all are.
        confidence: Mean over the frames that were written; ``None`` where none was.
        truncated: Whether its source is damaged and only the start was read.
        known: Whether it was there before.
    """

    name: str
    frames: int
    kept: int
    empty: int
    found: tuple[int, ...]
    runs: tuple[tuple[int, int], ...]
    agreement: float | None
    confidence: float | None
    truncated: bool
    known: bool = False


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
            "format": FORMAT,
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
    begun = [begin(teacher, source.size_hw) for teacher in teachers]
    found = np.zeros(len(teachers), int)
    agreements: list[float | None] = []
    confidences: dict[int, float] = {}
    chosen = itertools.islice(source, 0, None, rules.every)
    for place, frame in enumerate(itertools.islice(chosen, rules.frames)):
        opinion, number = asked(frame, begun), place * rules.every
        agreements.append(opinion.agreement)
        found += np.reshape(opinion.found, (-1, 2)).any(1)
        if _is_kept(opinion.agreement, rules):
            confidences[number] = float(opinion.confidence.mean())
            alpha = (opinion.alpha >= HALF).astype(np.float32) if rules.hard else opinion.alpha
            truth = "masks" if rules.hard else "alpha"
            pictures = {
                "frames": frame, truth: _bytes(alpha), "confidence": _bytes(opinion.confidence),
            }  # fmt: skip
            for name, picture in pictures.items():
                (folder / name).mkdir(exist_ok=True)
                write_image(folder / name / f"{number:06}.png", picture)
        on_frame(footage.name)
    told = [each for each in agreements if each is not None]
    return ClipLabels(
        name=footage.name,
        frames=len(agreements),
        kept=len(confidences),
        empty=len(agreements) - len(told),
        found=tuple(found.tolist()),
        runs=_runs(confidences, rules.every),
        agreement=float(np.mean(told)) if told else None,
        confidence=float(np.mean(list(confidences.values()))) if confidences else None,
        truncated=source.truncated,
    )


def _is_kept(agreement: float | None, rules: Rules) -> bool:
    return rules.keep_empty if agreement is None else agreement >= rules.agreement


def _runs(numbers: Iterable[int], every: int) -> tuple[tuple[int, int], ...]:
    """Return the first and last of numbers, in order, that are ``every`` apart."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and number - runs[-1][1] == every:
            runs[-1] = runs[-1][0], number
        else:
            runs.append((number, number))
    return tuple(runs)


def _known(folder: Path, made_of: Mapping[str, Any]) -> ClipLabels | None:
    """Return what is said of a clip that is there; ``None`` where there is none.

    Raises:
        UsageError: If it is not of these teachers, settings and frames.
    """
    if not folder.exists():
        return None
    damaged = f"{folder} is there and holds no whole {FILE_NAME}; move it away, or choose another"
    try:
        facts = json.loads((folder / FILE_NAME).read_text("utf-8"))
        other = next((name for name in made_of if facts.get(name) != made_of[name]), None)
    except (OSError, ValueError, AttributeError):
        raise UsageError(damaged) from None
    if other is not None:
        msg = f"{folder} is there, made of other {other}; move it away, or choose another --out"
        raise UsageError(msg)
    held = {field.name for field in dataclasses.fields(ClipLabels)} - {"known"}
    try:
        said = {name: facts[name] for name in held}
        said |= {"found": tuple(said["found"]), "runs": tuple(map(tuple, said["runs"]))}
    except (KeyError, TypeError):
        raise UsageError(damaged) from None
    return ClipLabels(**said, known=True)


def _bytes(plane: FloatArray) -> UInt8Array:
    return np.asarray(np.rint(255.0 * plane), np.uint8)
