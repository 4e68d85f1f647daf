"""Rounds: what the user gives, frame by frame, from options or from a script.

A script is a JSON list. Every entry is one round:

    {"frame": 0, "mask": "first.png"}
    {"frame": 40, "strokes": [{"positive": true, "points": [[12, 30], [60, 34]]}]}
    {"frame": 0, "fresh": true, "strokes": [{"positive": true, "points": [[12, 30]]}]}
    {"frame": 0, "auto": true}
    {"undo": true}

``frame`` counts from 0, which it is where it is left out. A mask lies beside the script or below
it. Points are ``[x, y]`` in pixels of the upright frame. ``fresh`` strokes begin from an empty
mask. ``undo`` takes back the round before it.
"""

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated

import pydantic

from pocketmatte.matting.crop import Stroke
from tiers.errors import UsageError

_LARGEST_BYTES = 16 << 20  # of a script: far more than hours of drawing
_NUMBERED = re.compile(r"(?P<frame>\d{1,9})=(?P<path>.+)")

_Coordinate = Annotated[float, pydantic.Field(allow_inf_nan=False)]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Round:
    """What the user gives at one frame: a mask, strokes, or nothing, for an automatic mask.

    Attributes:
        frame: Its number, from 0.
        mask: File of the mask.
        strokes: What to correct the mask by that the frame has so far.
        fresh: Whether the strokes begin from an empty mask instead.
    """

    frame: int
    mask: Path | None = None
    strokes: tuple[Stroke, ...] = ()
    fresh: bool = False


class _StrokeEntry(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", strict=True)
    positive: bool
    points: Annotated[list[tuple[_Coordinate, _Coordinate]], pydantic.Field(min_length=1)]


class _Entry(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", strict=True)
    frame: Annotated[int, pydantic.Field(ge=0, lt=10**9)] = 0
    mask: str | None = None
    strokes: Annotated[list[_StrokeEntry], pydantic.Field(min_length=1)] | None = None
    fresh: bool = False
    auto: bool = False
    undo: bool = False


_SCRIPT = pydantic.TypeAdapter(list[_Entry])


def read_script(path: Path) -> tuple[Round, ...]:
    """Read a script; see above.

    Raises:
        UsageError: If it cannot be read, is no such list, holds no round, undoes one too many, or a
            mask leads out of the script's folder.
    """
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            msg = f"{path} has {path.stat().st_size} bytes; a script has {_LARGEST_BYTES} at most"
            raise UsageError(msg)
        entries = _SCRIPT.validate_json(path.read_bytes())
    except OSError as error:
        msg = f"{path}: cannot be read ({error.strerror}); give a JSON list of rounds"
        raise UsageError(msg) from error
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        msg = f"{path}: {where}: {first['msg']}; docs/cut.md says what a script holds"
        raise UsageError(msg) from None
    rounds: list[Round] = []
    for index, entry in enumerate(entries):
        _require_one(path, index, entry)
        if not entry.undo:
            rounds.append(_round(path, entry))
        elif rounds:
            rounds.pop()
        else:
            msg = f"{path}: entry {index} undoes a round, but none is left before it; leave it out"
            raise UsageError(msg)
    if not rounds:
        msg = f"{path}: no round is left; give at least one mask, stroke or auto"
        raise UsageError(msg)
    return tuple(rounds)


def mask_rounds(words: Sequence[str]) -> tuple[Round, ...]:
    """Return the rounds of ``--mask [FRAME=]FILE``, in the order given; frame 0 without a number.

    Raises:
        UsageError: If two masks are of one frame.
    """
    rounds: list[Round] = []
    for word in words:
        match = _NUMBERED.fullmatch(word)
        frame, path = (int(match["frame"]), match["path"]) if match else (0, word)
        if any(each.frame == frame for each in rounds):
            msg = f"--mask {word}: frame {frame} has a mask already; give one a frame"
            raise UsageError(msg)
        rounds.append(Round(frame=frame, mask=Path(path)))
    return tuple(rounds)


def _require_one(path: Path, index: int, entry: _Entry) -> None:
    given = (entry.mask is not None, entry.strokes is not None, entry.auto, entry.undo)
    if sum(given) != 1:
        msg = f"{path}: entry {index} needs one of mask, strokes, auto and undo, not {sum(given)}"
        raise UsageError(msg)
    if entry.fresh and entry.strokes is None:
        msg = f"{path}: entry {index} is fresh but has no strokes; fresh says where strokes begin"
        raise UsageError(msg)


def _round(path: Path, entry: _Entry) -> Round:
    if entry.mask is not None:
        return Round(frame=entry.frame, mask=_beside(path, entry.mask))
    strokes = entry.strokes or []
    return Round(
        frame=entry.frame,
        strokes=tuple(Stroke(positive=s.positive, points=tuple(s.points)) for s in strokes),
        fresh=entry.fresh,
    )


def _beside(path: Path, name: str) -> Path:
    pure = PurePosixPath(name)
    if not name or "\0" in name or "\\" in name or pure.is_absolute() or ".." in pure.parts:
        msg = f"{path}: mask {name!r} leads out of the script's folder; put it beside the script"
        raise UsageError(msg)
    return path.parent / name
