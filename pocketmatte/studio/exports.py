"""Results that can be taken away: videos, pictures, a mask, the rounds, reference traces."""

import dataclasses
import json
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pocketmatte.cut.backgrounds import Background, background_of, covering
from pocketmatte.cut.clock import clock_of
from pocketmatte.cut.composing import compose
from pocketmatte.cut.footage import as_unit, in_bytes
from pocketmatte.cut.kinds import kind_of
from pocketmatte.cut.request import GREEN
from pocketmatte.cut.rounds import Round
from pocketmatte.cut.run import Progress
from pocketmatte.cut.sound import has_sound
from pocketmatte.matting.crop import Stroke
from pocketmatte.pictures import UInt8Array, write_image
from pocketmatte.protocols.resizing import resized
from pocketmatte.studio.lane import Lane
from pocketmatte.studio.reel import Reel
from pocketmatte.studio.requests import ExportRequest
from pocketmatte.studio.traces import write_traces
from tiers.errors import UsageError

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_NAME = 60


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Export:
    """A file that was written.

    Attributes:
        path: Where it lies.
        size_bytes: Its size.
        note: What a user should know of it, if anything.
        number: Of the result in its session, from 1.
    """

    path: Path
    size_bytes: int
    note: str = ""
    number: int = 0


def exported(
    request: ExportRequest,
    lane: Lane,
    reel: Reel,
    name: str,
    picture: UInt8Array | None,
    folder: Path,
    progress: Progress,
) -> Export:
    """Write one result.

    Args:
        request: What is asked for.
        lane: Of the pane.
        reel: The frames.
        name: Of the source, for that of the result.
        picture: What may lie behind the subject.
        folder: An empty one, where the result is written.
        progress: Tells of it.

    Raises:
        UsageError: If there is nothing to write yet.
        PocketMatteError: If the disk refuses, or an encoder is missing.
    """
    stem = _stem(name)
    if request.kind == "mask":
        made = _mask(request, lane, reel, folder / f"{stem}-mask-{request.frame:06}.png")
    elif request.kind == "trace":
        with progress(None, "recording") as advance:
            made = write_traces(lane.meter, lane.files_of, folder / f"{stem}-traces.zip", advance)
    else:
        behind = _behind(request, picture, reel.size_hw)
        return _composed(request, lane, reel, folder / f"{stem}-cut", behind, progress)
    return Export(path=made, size_bytes=made.stat().st_size)


def script_text(rounds: Sequence[Round]) -> str:
    """Return the script that ``pocketmatte cut --rounds`` takes."""
    return json.dumps([_entry(each) for each in rounds], indent=1) + "\n"


def _entry(this: Round) -> dict[str, object]:
    if not this.strokes:
        return {"frame": this.frame, "auto": True}
    told: dict[str, object] = {"frame": this.frame, "strokes": [_line(s) for s in this.strokes]}
    return {**told, "fresh": True} if this.fresh else told


def _line(stroke: Stroke) -> dict[str, object]:
    return {"positive": stroke.positive, "points": stroke.points}


def _composed(
    request: ExportRequest,
    lane: Lane,
    reel: Reel,
    out: Path,
    behind: Background | None,
    progress: Progress,
) -> Export:
    held = lane.matted
    if held is None:
        msg = f"the {request.pane} pane is not matted; matte it first, or export the mask"
        raise UsageError(msg)
    footage, alphas = held
    if request.kind != "png":
        out = out.with_name(f"{out.name}.{request.kind}")
    kind = kind_of(out)
    if behind is None and kind.pixels_with_alpha is None:
        behind = background_of(GREEN, reel.size_hw)
    kept = kind.container is not None and has_sound(reel.source)
    with progress(footage.count, "writing") as advance:
        made = compose(
            footage,
            alphas,
            out,
            kind,
            clock_of(reel.source, footage.count),
            background=behind,
            smooth=True,
            sound_of=reel.source.path if kept else None,
            on_frame=lambda: advance(""),
        )
    if request.kind == "png":
        out = _single_or_zip(out, footage.count, progress)
    told = ""
    if has_sound(reel.source) and made.sound == "none":
        told = "pictures hold no sound; the source has some"
    elif made.sound == "cut short":
        told = "the sound of the source is damaged: only its start could be kept"
    return Export(path=out, size_bytes=out.stat().st_size, note=told)


def _single_or_zip(folder: Path, count: int, progress: Progress) -> Path:
    """Return one picture as it is, and several in an archive; PNG is not compressed again."""
    pictures = sorted(folder.iterdir())
    if count == 1:
        return pictures[0].rename(folder.with_name(f"{folder.name}.png"))
    path = folder.with_name(f"{folder.name}.zip")
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive,
        progress(count, "packing") as advance,
    ):
        for picture in pictures:
            archive.write(picture, picture.name)
            picture.unlink()
            advance("")
    folder.rmdir()
    return path


def _mask(request: ExportRequest, lane: Lane, reel: Reel, path: Path) -> Path:
    held = lane.matted
    found = lane.mask(request.frame) if held is None else held[1].read(request.frame)
    if found is None:
        msg = f"frame {request.frame} has no mask yet; pick the subject there, or follow it"
        raise UsageError(msg)
    write_image(path, in_bytes(resized(as_unit(found), reel.size_hw)))
    return path


def _behind(
    request: ExportRequest, picture: UInt8Array | None, size_hw: tuple[int, int]
) -> Background | None:
    if request.behind != "picture":
        return background_of(request.behind, size_hw)
    if picture is None:
        msg = "no picture was given to lay behind; choose one, or a colour"
        raise UsageError(msg)
    still: UInt8Array = np.ascontiguousarray(covering(picture, size_hw))
    return lambda _: still


def _stem(name: str) -> str:
    return _UNSAFE.sub("-", Path(name).stem).strip("-.")[:_LONGEST_NAME] or "studio"
