"""Prepare the training cache: cutouts and backgrounds from pictures of an allowed licence.

    python -m pocketmatte.training.prepare --data DIR --weights DIR --out CACHE
"""

import argparse
import dataclasses
import json
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pocketmatte.training import sources, subtraction
from pocketmatte.training.cutouts import Cutout, FloatArray, Picture, make_cutout, read_picture
from pocketmatte.training.library import INDEX_NAME, INDEX_VERSION
from pocketmatte.training.sources import Source, SourceIndex
from pocketmatte.training.teachers import Teachers
from tiers.errors import MediaError, PocketMatteError, UsageError

_SEQUENCE_LENGTH = 8
_MIN_AGREEMENT = 0.85
_BACKGROUND_WIDTH_PX = 896
_VIDEO_BACKGROUND_HW = (288, 512)


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

    Args:
        data_dir: Folder with ``index.csv``, ``mattes``, ``clips_nogt`` and ``backgrounds``.
        weights_dir: Folder with the teachers.
        out_dir: The cache to write.

    Returns:
        The number of arrays written.

    Raises:
        UsageError: If a picture's licence class is not allowed.
    """
    index = SourceIndex(data_dir)
    teachers = Teachers(weights_dir)
    if out_dir.exists() and not (out_dir / INDEX_NAME).is_file():
        msg = f"{out_dir} exists and is no cache; give an empty place with --out"
        raise UsageError(msg)
    part_dir = out_dir.with_name(out_dir.name + ".part")
    shutil.rmtree(part_dir, ignore_errors=True)
    part_dir.mkdir(parents=True)
    rows = []
    started = time.monotonic()
    for entry in _entries(index, teachers):
        file_name = f"{entry.name}.npy"
        np.save(part_dir / file_name, entry.pixels)
        rows.append(
            {
                "name": entry.name,
                "role": entry.role,
                "kind": entry.kind,
                "cut": list(entry.cut),
                "file": file_name,
                "source": entry.source.item,
                "licence_class": entry.source.licence_class,
                "licence": entry.source.licence,
                "made_by": entry.made_by,
            }
        )
        seconds = time.monotonic() - started
        sys.stderr.write(f"{seconds:6.1f} s  {entry.role} {entry.name} {entry.pixels.shape}\n")
    text = json.dumps({"version": INDEX_VERSION, "items": rows}, indent=1)
    (part_dir / INDEX_NAME).write_text(text + "\n", "utf-8")
    shutil.rmtree(out_dir, ignore_errors=True)
    part_dir.rename(out_dir)
    return len(rows)


def _entries(index: SourceIndex, teachers: Teachers) -> Iterator[_Entry]:
    for source in index.background_photos():
        yield _background(source, _fitted(read_picture(source.path, "RGB"))[None], "photo")
    for source in index.background_videos():
        frames = read_video(source.path, _VIDEO_BACKGROUND_HW[0])[::3]
        yield _background(source, np.stack(frames), "every third frame")
    for set_name, kind in sources.MATTE_SETS.items():
        for source, alpha_path in index.mattes(set_name):
            picture = read_picture(source.path, "RGB")
            alpha = read_picture(alpha_path, "L").astype(np.float32) / 255.0
            cutout = make_cutout([picture], [alpha])
            if cutout is not None:
                yield _cutout(source, source.path.stem, kind, cutout, "alpha of the data set")
    for name in sources.SUBTRACTED_CLIPS:
        for source in index.clips(name):
            yield from _subtracted(source, teachers)
    for pattern in sources.TEACHER_CLIPS:
        for source in index.clips(pattern):
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


def read_video(path: Path, height_px: int | None = None) -> list[Picture]:
    """All frames of a video as ``(H, W, 3)`` uint8, brought to a height if one is given.

    Raises:
        MediaError: If it cannot be read.
    """
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            height = height_px or stream.height
            width = round(stream.width * height / stream.height)
            return [
                frame.reformat(width=width, height=height, format="rgb24").to_ndarray()
                for frame in container.decode(stream)
            ]
    except (av.FFmpegError, IndexError) as error:
        msg = f"cannot read {path.name}: {error}; give a video file"
        raise MediaError(msg) from error


def _subtracted(source: Source, teachers: Teachers) -> Iterator[_Entry]:
    """People before a fixed camera: differences from the empty scene, people known by a teacher."""
    frames = read_video(source.path, 432)
    sample = frames[:: max(len(frames) // 60, 1)]
    plate = subtraction.clean_plate(sample)
    for _ in range(2):
        occupied = [_occupied(frame, plate, teachers) for frame in sample]
        plate = subtraction.clean_plate(sample, occupied)
    yield _background(source, plate[None], "median of the empty scene")
    made_by = "difference from the empty scene, kept where prisma_nchw sees a person"
    for start in range(0, len(frames) - _SEQUENCE_LENGTH, 2 * _SEQUENCE_LENGTH):
        window = frames[start : start + _SEQUENCE_LENGTH]
        alphas = [_person_before(frame, plate, teachers) for frame in window]
        if any(alpha is None for alpha in alphas):
            continue
        found = [alpha for alpha in alphas if alpha is not None]
        cutout = make_cutout(window, found)
        if cutout is None or _jumps(found):
            continue
        if {"left", "right", "top"} & set(cutout.cut):
            continue
        yield _cutout(source, f"{source.path.stem}_{start:04d}", "person", cutout, made_by)


def _occupied(frame: Picture, plate: Picture, teachers: Teachers) -> NDArray[np.bool_]:
    from skimage import morphology

    changed = subtraction.difference_alpha(frame, plate) > 0.2
    person = teachers.portrait(frame) > 0.15
    return np.asarray(morphology.dilation(changed | person, morphology.disk(7)))


def _person_before(frame: Picture, plate: Picture, teachers: Teachers) -> FloatArray | None:
    """Alpha of the one person in the frame, or None if there is none or the teacher disagrees."""
    parts = subtraction.bodies(subtraction.difference_alpha(frame, plate), min_share=0.01)
    if not parts:
        return None
    portrait = teachers.portrait(frame)
    person = parts[0]
    seen = (portrait * person).sum()
    if seen < 0.5 * person.sum() or seen < 0.6 * portrait.sum():
        return None
    return person


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
        cutout = make_cutout(window, [opinion.alpha for opinion in opinions])
        if cutout is not None:
            yield _cutout(source, f"{source.path.stem}_{start:04d}", "person", cutout, made_by)


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
