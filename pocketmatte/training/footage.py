"""Background footage: videos, folders of frames and pictures, read a few frames at a time."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from pocketmatte.media import open_container, video_stream
from pocketmatte.pictures import PICTURE_SUFFIXES, is_picture, read_picture
from pocketmatte.training.picture_shelf import shrunk
from pocketmatte.training.textures import Picture
from pocketmatte.training.windows import frame_numbers
from tiers.errors import MediaError

_VIDEO_SUFFIXES = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpg", ".ts", ".webm"})


def find_footage(folder: Path) -> tuple[Path, ...]:
    """List the videos and pictures of a folder, and the folders of frames in it.

    A folder with ``frames/`` in it stands for these.

    Raises:
        MediaError: If there is none.
    """
    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        frames = path / "frames" if (path / "frames").is_dir() else path
        is_clip = frames.is_dir() and any(is_picture(each) for each in frames.iterdir())
        if is_clip:
            found.append(frames)
        elif path.is_file() and (is_picture(path) or path.suffix.lower() in _VIDEO_SUFFIXES):
            found.append(path)
    if not found:
        raise _no_backgrounds(folder)
    return tuple(found)


def find_backdrops(folder: Path) -> tuple[Path, ...]:
    """List what can be behind something: the videos and pictures of a folder and those below it.

    A folder with ``frames/`` in it stands for these, as one clip. The pictures of any other are
    each by itself, for a folder of photographs is no clip.

    Raises:
        MediaError: If there is none.
    """
    found = tuple(_backdrops(folder)) if folder.is_dir() else ()
    if not found:
        raise _no_backgrounds(folder)
    return found


def _backdrops(folder: Path) -> Iterator[Path]:
    frames = folder / "frames"
    if frames.is_dir():
        if any(is_picture(each) for each in frames.iterdir()):
            yield frames
        return
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or (path.is_symlink() and path.is_dir()):
            continue  # a link may lead back here
        if path.is_dir():
            yield from _backdrops(path)
        elif is_picture(path) or path.suffix.lower() in _VIDEO_SUFFIXES:
            yield path


def _no_backgrounds(folder: Path) -> MediaError:
    kinds = ", ".join(sorted(_VIDEO_SUFFIXES | PICTURE_SUFFIXES))
    return MediaError(f"{folder}: no backgrounds; put {kinds} files or folders of pictures into it")


def read_footage(
    random: np.random.Generator, path: Path, length: int, gap: int, side_px: int
) -> Picture:
    """Read some frames of one of `find_footage` or `find_backdrops`.

    Args:
        random: Chooses which.
        path: The video, picture or folder of pictures.
        length: How many, if it moves.
        gap: Largest step between two of them.
        side_px: The shorter side is brought to this if it is longer.

    Returns:
        ``(1 or length, H, W, 3)`` RGB.

    Raises:
        MediaError: If it cannot be read.
    """
    if path.is_dir():
        files = sorted(each for each in path.iterdir() if is_picture(each))
        numbers = frame_numbers(random, len(files), length, gap)
        pictures = [shrunk(read_picture(files[number]), side_px) for number in numbers]
        return _stacked(path, pictures)
    if is_picture(path):
        return shrunk(read_picture(path), side_px)[None]
    return _stacked(path, _from_video(random, path, length, gap, side_px))


def _stacked(path: Path, pictures: list[Picture]) -> Picture:
    if len({picture.shape for picture in pictures}) != 1:
        msg = f"{path}: its frames differ in size; give frames of one size"
        raise MediaError(msg)
    return np.stack(pictures)


def _from_video(
    random: np.random.Generator, path: Path, length: int, gap: int, side_px: int
) -> list[Picture]:
    """Decode a short stretch from the key frame before it."""
    try:
        with open_container(path) as container:
            stream = video_stream(container, path)
            stretch = _stretch(random, container, stream, length, gap, side_px)
    except (av.FFmpegError, OSError) as error:
        msg = f"{path}: the video cannot be decoded ({error}); give an intact video file"
        raise MediaError(msg) from error
    if not stretch:
        msg = f"{path}: no frame of the video can be decoded; give an intact video file"
        raise MediaError(msg)
    return [stretch[number] for number in frame_numbers(random, len(stretch), length, gap)]


def _stretch(
    random: np.random.Generator,
    container: av.container.InputContainer,
    stream: av.video.stream.VideoStream,
    length: int,
    gap: int,
    side_px: int,
) -> list[Picture]:
    """Frames in a row, enough for ``length`` with gaps, from a random place of the video."""
    wanted = (length - 1) * gap + 1
    count = stream.frames or _declared_count(container, stream)
    first = int(random.integers(max(count - wanted, 0) + 1))
    if first and stream.average_rate and stream.time_base:
        offset = int(first / stream.average_rate / stream.time_base)
        container.seek(offset + (stream.start_time or 0), stream=stream)
    scale = min(side_px / max(min(stream.height, stream.width), 1), 1.0)
    size = max(round(stream.width * scale), 1), max(round(stream.height * scale), 1)
    stretch = []
    for frame in container.decode(stream):
        pixels = frame.reformat(*size, "rgb24").to_ndarray()
        stretch.append(np.asarray(pixels, np.uint8))
        if len(stretch) == wanted:
            break
    return stretch


def _declared_count(
    container: av.container.InputContainer, stream: av.video.stream.VideoStream
) -> int:
    """Matroska and WebM declare a duration, in microseconds, and no number of frames."""
    seconds = (container.duration or 0) / 1e6
    return int(seconds * float(stream.average_rate or 0))
