"""Prepare the training cache: cutouts and backgrounds from pictures of an allowed licence.

python -m pocketmatte.training.prepare --data DIR --weights DIR --out CACHE
"""

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from export.atomic import whole
from pocketmatte.pictures import read_matte, read_picture
from pocketmatte.training import cache, subtraction
from pocketmatte.training.cutouts import (
    Cutout,
    FloatArray,
    Picture,
    make_cutout,
    read_video,
    without_specks,
)
from pocketmatte.training.masks import blurred, components, grown, overlap
from pocketmatte.training.sources import Matte, Selection, Source, SourceIndex
from pocketmatte.training.teachers import Teachers
from tiers.errors import PocketMatteError, UsageError

_SEQUENCE_LENGTH = 8
_SUBTRACTION_STRIDE = 12
_SAME_POSE_OVERLAP = 0.9
_MIN_AGREEMENT = 0.85
# A standing person fills more of the used frames than this; a lone head is what is left of one
# whose clothes look like the wall.
_MIN_BODY_SHARE = 0.02
# Intersection over union of a changed part and the portrait network's close-up of it.
_MIN_BODY_AGREEMENT = 0.6
# A net or a cobweb has less that is opaque; in a training frame it is no more than texture.
_MIN_SOLID_SHARE = 0.3
# Smaller parts of a webcam picture are not taken for a person.
_MIN_PERSON_SHARE = 0.03
# A frame in which the portrait network marks less than this is empty.
_EMPTY_SHARE = 0.004
_MIN_EMPTY_FRAMES = 5
_BACKGROUND_WIDTH_PX = 896
_VIDEO_BACKGROUND_HEIGHT_PX = 288


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class _Entry:
    """One array of the cache, and where it is from."""

    name: str
    role: str
    kind: str
    cut: tuple[str, ...]
    source: Source
    made_by: str
    pixels: NDArray[np.uint8]


def prepare(data_dir: Path, weights_dir: Path, out_dir: Path) -> int:
    """Write the cache; an older one at the same place is replaced when the new one is whole.

    Beside the arrays lie backgrounds and stills with their mattes as pictures; see ``made``.

    Args:
        data_dir: Folder with ``index.csv``, ``mattes``, ``clips_nogt`` and ``backgrounds``.
        weights_dir: Folder with the teachers.
        out_dir: The cache to write.

    Returns:
        The number of arrays written.

    Raises:
        UsageError: If a picture's licence class is not allowed, or the place to write to holds
            something else than a cache.
        MediaError: If a picture cannot be read.
    """
    selection = SourceIndex(data_dir).selection()
    place = out_dir.resolve()
    cache.require_replaceable(place, {_still_name(matte) for matte in selection.mattes})
    teachers = Teachers(weights_dir)
    with whole(place) as part_dir:
        part_dir.mkdir()
        return _write(part_dir, selection, teachers)


def _write(part_dir: Path, selection: Selection, teachers: Teachers) -> int:
    rows = []
    started = time.monotonic()
    for entry in _entries(selection, teachers):
        file_name = f"{entry.name}.npy"
        np.save(part_dir / file_name, entry.pixels)
        rows.append(
            {
                **{name: getattr(entry, name) for name in ("name", "role", "kind", "made_by")},
                "cut": list(entry.cut),
                "file": file_name,
                "source": entry.source.item,
                "licence_class": entry.source.licence_class,
                "licence": entry.source.licence,
            }
        )
        if entry.role == "background":
            _save(part_dir / cache.BACKGROUNDS / f"{entry.name}.png", entry.pixels[0])
        seconds = time.monotonic() - started
        sys.stderr.write(f"{seconds:6.1f} s  {entry.role} {entry.name} {entry.pixels.shape}\n")
    for matte in selection.mattes:
        stills, name = part_dir / cache.STILLS, _still_name(matte)
        _save(stills / "image" / name, _fitted(read_picture(matte.source.path)))
        _save(stills / "alpha" / name, _fitted(read_matte(matte.alpha_path)))
    text = json.dumps({"version": cache.INDEX_VERSION, "items": rows}, indent=1)
    (part_dir / cache.INDEX_NAME).write_text(text + "\n", "utf-8")
    return len(rows)


def _still_name(matte: Matte) -> str:
    return f"{matte.source.path.stem}.png"


def _save(path: Path, pixels: Picture) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def _entries(selection: Selection, teachers: Teachers) -> Iterator[_Entry]:
    for source in selection.photos:
        yield _background(source, _fitted(read_picture(source.path))[None], "photo")
    for source in selection.videos:
        frames = read_video(source.path, _VIDEO_BACKGROUND_HEIGHT_PX)[::3]
        yield _background(source, np.stack(frames), "every third frame")
    for matte in selection.mattes:
        picture = read_picture(matte.source.path)
        alpha = read_matte(matte.alpha_path).astype(np.float32) / 255.0
        if (alpha > 0.9).sum() < _MIN_SOLID_SHARE * (alpha > 0.1).sum():
            continue
        cutout = make_cutout([picture], [without_specks(alpha)])
        if cutout is not None:
            name = matte.source.path.stem
            yield _cutout(matte.source, name, matte.kind, cutout, "alpha of the data set")
    for source in selection.subtracted:
        yield from _subtracted(source, teachers)
    for source in selection.taught:
        yield from _taught(source, teachers)


def _background(source: Source, pixels: NDArray[np.uint8], made_by: str) -> _Entry:
    return _Entry(
        name=f"background_{source.path.stem}",
        role="background",
        kind="",
        cut=(),
        source=source,
        made_by=made_by,
        pixels=pixels,
    )


def _cutout(source: Source, name: str, kind: str, cutout: Cutout, made_by: str) -> _Entry:
    if kind == "person":
        kind = "half" if "bottom" in cutout.cut else "full"
    return _Entry(
        name=name,
        role="cutout",
        kind=kind,
        cut=cutout.cut,
        source=source,
        made_by=made_by,
        pixels=cutout.pixels,
    )


def _fitted(picture: Picture) -> Picture:
    image = Image.fromarray(picture)
    width = min(image.width, _BACKGROUND_WIDTH_PX)
    size = width, round(image.height * width / image.width)
    return np.asarray(image.resize(size, Image.Resampling.BOX))


def _subtracted(source: Source, teachers: Teachers) -> Iterator[_Entry]:
    """People before a fixed camera: differences from the empty scene, people known by a teacher."""
    frames = read_video(source.path, 432)
    plate = _empty_scene(frames, teachers)
    yield _background(source, plate[None], "median of the empty scene")
    made_by = "difference from the empty scene, kept where prisma_nchw sees a person"
    last: FloatArray | None = None
    for start in range(0, len(frames) - _SEQUENCE_LENGTH, _SUBTRACTION_STRIDE):
        window = frames[start : start + _SEQUENCE_LENGTH]
        middle = _person_before(window[_SEQUENCE_LENGTH // 2], plate, teachers)
        # One long wait of one person must not outweigh the others.
        if middle is None or (last is not None and overlap(middle, last) > _SAME_POSE_OVERLAP):
            continue
        alphas = [_person_before(frame, plate, teachers) for frame in window]
        if any(alpha is None for alpha in alphas):
            continue
        found = [alpha for alpha in alphas if alpha is not None]
        cutout = make_cutout(window, found)
        if cutout is None or _jumps(found):
            continue
        if {"left", "right"} & set(cutout.cut):
            continue
        last = middle
        yield _cutout(source, f"{source.path.stem}_{start:04d}", "person", cutout, made_by)


def _empty_scene(frames: list[Picture], teachers: Teachers) -> Picture:
    """The median of the frames without a person or, if there are few, of what people leave free."""
    sample = frames[:: max(len(frames) // 50, 1)]
    portraits = [teachers.portrait(frame) for frame in sample]
    empty = [
        frame
        for frame, portrait in zip(sample, portraits, strict=True)
        if (portrait > 0.5).mean() < _EMPTY_SHARE
    ]
    if len(empty) >= _MIN_EMPTY_FRAMES:
        return subtraction.clean_plate(empty)
    occupied = [grown(portrait > 0.15, 9) for portrait in portraits]
    plate = subtraction.clean_plate(sample, occupied)
    changed = [subtraction.difference_alpha(frame, plate) > 0.2 for frame in sample]
    both = [grown(a | b, 4) for a, b in zip(occupied, changed, strict=True)]
    return subtraction.clean_plate(sample, both)


def _person_before(frame: Picture, plate: Picture, teachers: Teachers) -> FloatArray | None:
    """Alpha of one person in the frame, or None if the portrait network sees none there."""
    changed = subtraction.difference_alpha(frame, plate)
    for part in subtraction.bodies(changed, _MIN_BODY_SHARE)[:2]:
        portrait = _portrait_around(frame, part, teachers)
        if overlap(part, portrait) < _MIN_BODY_AGREEMENT:
            continue
        near = blurred(grown(portrait > 0.3, 8), 2.0)
        refined = subtraction.difference_alpha(frame, plate, solid=portrait > 0.85) * near
        found = subtraction.bodies(refined, min_share=0.004)
        if found and overlap(found[0], portrait) > _MIN_BODY_AGREEMENT:
            return found[0]
    return None


def _portrait_around(frame: Picture, part: FloatArray, teachers: Teachers) -> FloatArray:
    """The portrait network's alpha from a close-up of one part, in the whole frame's size."""
    rows, columns = np.flatnonzero(part.max(1) > 0.5), np.flatnonzero(part.max(0) > 0.5)
    half = int(0.65 * max(np.ptp(rows), np.ptp(columns)))
    middle = int(rows.mean()), int(columns.mean())
    area = tuple(slice(max(at - half, 0), at + half) for at in middle)
    whole = np.zeros(part.shape, np.float32)
    whole[area] = teachers.portrait(np.ascontiguousarray(frame[area]))
    return whole


def _jumps(alphas: list[FloatArray]) -> bool:
    """Whether the area changes so much from frame to frame that parts must have been lost."""
    areas = np.array([alpha.sum() for alpha in alphas])
    return bool((np.abs(np.diff(areas)) > 0.2 * areas[:-1]).any())


def _taught(source: Source, teachers: Teachers) -> Iterator[_Entry]:
    """People before a webcam, labelled by the teachers where these agree."""
    frames = read_video(source.path, 480)
    count = 3 if len(frames) < 200 else 10
    made_by = "prisma_nchw fitted to the picture, kept where deeplab_dm05_nchw agrees"
    for start in np.linspace(0, len(frames) - _SEQUENCE_LENGTH, count).astype(int):
        window = frames[start : start + _SEQUENCE_LENGTH]
        opinions = [teachers.opinion(frame) for frame in window]
        lowest = min(opinion.agreement for opinion in opinions)
        sys.stderr.write(f"  {source.path.stem} from {start}: agreement {lowest:.2f}\n")
        if lowest < _MIN_AGREEMENT:
            continue
        alphas = [opinion.alpha for opinion in opinions]
        # People who never touch are cutouts of their own.
        for number, person in enumerate(components(np.max(alphas, 0) > 0.1, _MIN_PERSON_SHARE)):
            cutout = make_cutout(window, [alpha * person for alpha in alphas])
            if cutout is not None:
                name = f"{source.path.stem}_{start:04d}_{number}"
                yield _cutout(source, name, "person", cutout, made_by)


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m pocketmatte.training.prepare")
    parser.add_argument("--data", type=Path, required=True, help="folder with index.csv")
    parser.add_argument("--weights", type=Path, required=True, help="folder with the teachers")
    parser.add_argument("--out", type=Path, required=True, help="cache folder to write")
    given = parser.parse_args(arguments)
    try:
        count = prepare(given.data, given.weights, given.out)
    except PocketMatteError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2 if isinstance(error, UsageError) else 1
    sys.stderr.write(f"{count} arrays in {given.out}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
