"""``pocketmatte label``: clips to train on, from frames that nobody has matted."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pocketmatte.commands.running import ThreadsOption
from pocketmatte.console import (
    Done,
    JsonFlag,
    finish,
    note,
    progress,
    relative,
    require_at_least,
    table,
)
from tiers.errors import UsageError

if TYPE_CHECKING:
    from pocketmatte.training.labels import ClipLabels, Rules
    from pocketmatte.training.opinions import Teacher
    from pocketmatte.training.unlabelled import Footage


def label_(
    sources: Annotated[
        list[Path], typer.Argument(metavar="VIDEO|IMAGES...", help="Videos, pictures, or folders.")
    ],
    teachers: Annotated[
        list[str],
        typer.Option("--teacher", help="An ONNX file, or NETWORK:TIER or NETWORK:TIER=WEIGHTS."),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the clips.")],
    agreement: Annotated[
        float, typer.Option(help="IoU of all masks below which a frame is left out.")
    ] = 0.8,
    every: Annotated[int, typer.Option(help="Of so many frames label one.")] = 1,
    frames: Annotated[
        int | None, typer.Option(help="Label only so many frames of each clip.")
    ] = None,
    keep_empty: Annotated[
        bool, typer.Option("--keep-empty", help="Keep frames in which no teacher finds anything.")
    ] = False,
    hard: Annotated[
        bool, typer.Option("--hard", help="Write masks/, 0 or 255, instead of alpha/.")
    ] = False,
    apart: Annotated[
        bool, typer.Option("--apart", help="A folder's pictures are no clip: label each by itself.")
    ] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="[NAME.]SETTING=VALUE",
            help="Of the one ONNX teacher, or of NAME.onnx; see above.",
        ),
    ] = None,
    threads: ThreadsOption = 2,
    as_json: JsonFlag = False,
) -> None:
    """Matte unlabelled videos and pictures by networks that agree, as clips to train on.

    Every teacher is asked of each frame and of its mirror image. Alpha is the mean of all answers,
    confidence what the two farthest apart leave of 1: what is in doubt counts less in training.
    Frames in which all of them find nothing are left out too: most often that is a failure. Clips
    go to OUT/NAME: frames/, alpha/ or masks/, confidence/ and labels.json, which names the teachers
    and the runs of frames with none left out between; train takes no window across such a gap.
    A clip is written whole; the same command goes on with those that are missing.

    Teachers: foreground:TIER and rvm:TIER of this repository, with shipped weights or a file, and
    ONNX files that take one picture and give a mask. A NAME.toml or NAME.json beside NAME.onnx, or
    --set (NAME.SETTING=VALUE where there are several), says of it what its shapes do not: layout
    (nchw, nhwc), size (WIDTHxHEIGHT), mean and scale of colours in 0..1 (a number or three), order
    (rgb, bgr), output (a name), channel (the foreground's, from 0), activation (none, sigmoid,
    softmax).

    Examples:
        pocketmatte label clips/*.mp4 --teacher rvm:t08 --teacher u2net.onnx --out data/clips

        pocketmatte label photos --apart --teacher foreground:t12=FILE --out data/clips

        pocketmatte label walk.mp4 --teacher net.onnx --set mean=0.5 --set scale=0.5 --out clips

        pocketmatte label walk.mp4 --teacher a.onnx --teacher b.onnx --set b.scale=0.5 --out clips

        pocketmatte train foreground --data data --out build/train
    """
    limits = [("--every", every), ("--threads", threads)]
    limits += [] if frames is None else [("--frames", frames)]
    for option, value in limits:
        require_at_least(option, value)
    if not 0 <= agreement <= 1:
        msg = f"--agreement is {agreement}; it lies in 0..1"
        raise UsageError(msg)
    from pocketmatte.folders import make_folder
    from pocketmatte.training.labels import Rules
    from pocketmatte.training.unlabelled import find_unlabelled

    asked = _teachers(teachers, settings or [], threads)
    footage = find_unlabelled(sources, apart=apart)
    make_folder(out)
    rules = Rules(agreement=agreement, every=every, hard=hard, frames=frames, keep_empty=keep_empty)
    finish(_labelled(footage, asked, rules, out), as_json=as_json)


def _teachers(texts: Sequence[str], settings: Sequence[str], threads: int) -> "list[Teacher]":
    """Open teachers.

    Raises:
        UsageError: If one is written wrongly, or it is not clear which one the settings are of.
        CheckpointError: If a file will not do.
    """
    from pocketmatte.training.onnx_settings import (
        OnnxSettings,
        settings_beside,
        settings_from,
        words_by_file,
    )
    from pocketmatte.training.onnx_teacher import OnnxTeacher
    from pocketmatte.training.own_teacher import OwnTeacher

    files = {text: Path(text) for text in texts if text.lower().endswith(".onnx")}
    shared = words_by_file(settings, list(files.values()))
    said = {path: settings_from(words) for path, words in shared.items()}
    asked: list[Teacher] = []
    for text in texts:
        name, _, weights = text.partition("=")
        network, colon, tier = name.partition(":")
        if text in files:
            path = files[text]
            given, beside = said.get(path), settings_beside(path)
            if given is not None and beside is not None:
                msg = f"--set and a file beside {text} both say how it is fed; remove one"
                raise UsageError(msg)
            asked.append(OnnxTeacher(path, given or beside or OnnxSettings(), threads))
        elif colon:
            file = Path(weights) if weights else None
            asked.append(OwnTeacher(network, tier, file, threads))
        else:
            msg = f"no teacher {text!r}; give FILE.onnx, NETWORK:TIER or NETWORK:TIER=WEIGHTS"
            raise UsageError(msg)
    return asked


def _labelled(
    footage: "Sequence[Footage]", teachers: "Sequence[Teacher]", rules: "Rules", out: Path
) -> Done:
    from pocketmatte.training.labels import label_footage

    counts = [each.frames.count for each in footage]
    places = [math.ceil(count / rules.every) for count in counts if count is not None]
    total = sum(min(place, rules.frames or place) for place in places)
    clips: list[ClipLabels] = []
    with progress(None if None in counts else total, "labelling") as advance:
        for each in footage:
            clip = label_footage(each, teachers, rules, out, on_frame=advance)
            clips.append(clip)
            if clip.truncated:
                note(f"{each.frames.path} is damaged: only {clip.frames} frame(s) could be read")
    kept = sum(clip.kept for clip in clips)
    _tell(clips, [str(teacher.facts["name"]) for teacher in teachers], keeps=rules.keep_empty)
    rows = [(c.name, c.frames, c.kept, c.empty, c.agreement, c.confidence) for c in clips]
    titles = ("clip", "frames", "kept", "empty", "agreement", "confidence")
    result = {
        "out": out,
        "teachers": [dict(teacher.facts) for teacher in teachers],
        "settings": rules,
        "frames": sum(clip.frames for clip in clips),
        "kept": kept,
        "clips": clips,
    }
    return Done(result=result, table=table(relative(out), titles, rows), passed=kept > 0)


def _tell(clips: "Sequence[ClipLabels]", teachers: Sequence[str], *, keeps: bool) -> None:
    """Say what the teachers found where they found nothing, or too little to keep a frame."""
    frames, kept, empty = (
        sum(getattr(clip, name) for clip in clips) for name in ("frames", "kept", "empty")
    )
    if empty and not keeps:
        note(f"{empty} of {frames} frame(s) left out, where nothing was found; see --keep-empty")
    if empty or not kept:
        found = [sum(each) for each in zip(*(clip.found for clip in clips), strict=True)]
        each = (f"{name} in {count}" for name, count in zip(teachers, found, strict=True))
        note(f"of {frames} frame(s) something was found by {', '.join(each)}")
    agreements = [clip.agreement for clip in clips if clip.agreement is not None]
    if not kept and agreements:
        best = max(agreements)
        note(f"no frame was kept; of the best clip the agreement is {best:.2f} in the mean")
    elif not kept:
        note("no frame was kept")
