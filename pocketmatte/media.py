"""Read moving pictures: a video file, a single picture, or a folder of pictures."""

import dataclasses
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Protocol, cast

import av
import numpy as np
import numpy.typing as npt
from av.container import InputContainer
from av.video.stream import VideoStream

from pocketmatte.pictures import (
    PICTURE_SUFFIXES,
    UInt8Array,
    check_file,
    is_picture,
    over_black,
    picture_size_hw,
    read_picture,
)
from pocketmatte.video_ends import declared_end, end_of
from tiers.errors import MediaError

STILL_RATE = Fraction(30)  # frames a second of pictures, which carry no rate of their own

# FFmpeg's names of the containers that hold pictures themselves. Playlists are left out: they make
# FFmpeg open the files they name, and one that names none it may open blocks for 100 s (measured).
_CONTAINERS = (
    "asf,avi,flv,gif,h264,hevc,ivf,matroska,mov,mpeg,mpegts,mpegvideo,mxf,ogg,yuv4mpegpipe"
)
# Of a frame, as Pillow takes of a picture: a file of a few bytes may claim to fill all memory.
_MOST_PIXELS = 178_956_970


class FrameSource(Protocol):
    """Frames of one size, read one at a time; iterating again starts over.

    Iterating gives ``(H, W, 3)`` uint8 RGB frames, ``(H, W) = size_hw``. The file is open only
    while an iteration runs, and no more than the frames a decoder holds back are in memory.
    """

    @property
    def path(self) -> Path:
        """The file or folder."""

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width in pixels, orientation metadata applied."""

    @property
    def rate(self) -> Fraction:
        """Frames a second; the average where a video's rate varies."""

    @property
    def count(self) -> int | None:
        """Number of frames as the container declares it; ``None`` where it does not."""

    @property
    def truncated(self) -> bool:
        """Whether the latest iteration met damage and gave only the frames before it."""

    def __iter__(self) -> Iterator[UInt8Array]:
        """Start at the first frame."""


def open_frames(source: Path) -> FrameSource:
    """Open a video file, a single picture, or a folder of pictures sorted by name.

    A file is a picture when its suffix is one of ``PICTURE_SUFFIXES``, and a video otherwise.
    Pictures and frames with an alpha channel are laid over black; the second stream in which
    WebM keeps its alpha is not read. Pixels are taken as square.

    Args:
        source: The file or folder.

    Raises:
        MediaError: If there is nothing to read, or nothing that can be read.
    """
    if source.is_dir():
        return _open_folder(source)
    if is_picture(source):
        return PictureSource(path=source, size_hw=picture_size_hw(source), pictures=(source,))
    return _open_video(source)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class PictureSource:
    """Pictures of one size as frames; see ``FrameSource``.

    Attributes:
        path: The picture, or the folder of pictures.
        size_hw: Height and width of every picture, in pixels.
        pictures: The files in order.
        rate: Frames a second.
        truncated: Always false: a damaged picture is an error.
    """

    path: Path
    size_hw: tuple[int, int]
    pictures: tuple[Path, ...]
    rate: Fraction = STILL_RATE
    truncated: bool = False

    @property
    def count(self) -> int:
        """Number of pictures."""
        return len(self.pictures)

    def __iter__(self) -> Iterator[UInt8Array]:
        for picture in self.pictures:
            yield read_picture(picture)


@dataclasses.dataclass(kw_only=True, slots=True)
class VideoSource:
    """Frames of a video file; see ``FrameSource``.

    A video that breaks off is read up to the damage and then marked as ``truncated``: at an
    unreadable packet, or when frames that the container declared are missing at the end. Containers
    that declare no count (Matroska, WebM) can end early without a trace. See ``video_ends``.

    Attributes:
        path: The file.
        size_hw: Height and width in pixels, orientation metadata applied.
        rate: Average frames a second.
        count: Number of frames that the container declares, if it does.
        truncated: Whether the latest iteration met damage.
    """

    path: Path
    size_hw: tuple[int, int]
    rate: Fraction
    count: int | None
    truncated: bool = False

    def __iter__(self) -> Iterator[UInt8Array]:
        self.truncated = False
        given, shown_until = 0, Fraction(0)
        turn: Turn | None = None
        with open_container(self.path) as container:
            stream = video_stream(container, self.path)
            declared = declared_end(container, stream)
            try:
                for frame in container.decode(stream):
                    if turn is None or frame.rotation != turn.degrees:
                        turn = turn_of(frame)
                    rgb = upright_rgb(frame, turn)
                    if rgb.shape[:2] != self.size_hw:
                        raise _size_changed(self.path, given, rgb.shape[:2], self.size_hw)
                    shown_until = end_of(frame, self.rate)
                    yield rgb
                    given += 1
            except av.FFmpegError:
                self.truncated = True
        if self.count is not None and given < self.count:
            self.truncated |= declared is None or declared - shown_until > 1 / self.rate
        if given == 0:
            raise _no_frames(self.path)


def _open_folder(folder: Path) -> PictureSource:
    try:
        pictures = tuple(sorted(path for path in folder.iterdir() if is_picture(path)))
    except OSError as error:
        msg = f"{folder}: the folder cannot be listed ({error.strerror}); check its permissions"
        raise MediaError(msg) from error
    if not pictures:
        suffixes = ", ".join(sorted(PICTURE_SUFFIXES))
        msg = f"{folder}: the folder holds no pictures; put {suffixes} files directly into it"
        raise MediaError(msg)
    size_hw = picture_size_hw(pictures[0])
    for index, picture in enumerate(pictures):
        if (other_hw := picture_size_hw(picture)) != size_hw:
            raise _size_changed(picture, index, other_hw, size_hw)
    return PictureSource(path=folder, size_hw=size_hw, pictures=pictures)


def _open_video(path: Path) -> VideoSource:
    with open_container(path) as container:
        stream = video_stream(container, path)
        try:
            first = next(container.decode(stream), None)
        except av.FFmpegError as error:
            raise _no_frames(path) from error
        if first is None:
            raise _no_frames(path)
        height, width, _ = upright_rgb(first, turn_of(first)).shape
        rate = stream.average_rate or stream.guessed_rate or STILL_RATE
        count = stream.frames or None
        return VideoSource(path=path, size_hw=(height, width), rate=rate, count=count)


def open_container(path: Path) -> InputContainer:
    """Open a video file, and no other that it may name: playlists are refused.

    Raises:
        MediaError: If it is missing, empty, or no container that holds pictures itself.
    """
    check_file(path)
    try:
        # An absolute path, because FFmpeg takes `http:...` and `concat:...` for addresses.
        return av.open(
            str(path.absolute()),
            options={"format_whitelist": _CONTAINERS},
            metadata_errors="replace",
        )
    except (av.FFmpegError, OSError) as error:
        msg = (
            f"{path}: is no readable video ({error.strerror}); give an intact video file,"
            " a picture or a folder of pictures"
        )
        raise MediaError(msg) from error


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """Return the first video stream of what `open_container` opened.

    Frames that turn out larger than its header says and than may be are not decoded.

    Raises:
        MediaError: If there is none, or its frames are too large.
    """
    if not container.streams.video:
        msg = f"{path}: has no video stream; give a file with pictures in it"
        raise MediaError(msg)
    stream = container.streams.video[0]
    if stream.width * stream.height > _MOST_PIXELS:
        msg = (
            f"{path}: frames are {stream.width}x{stream.height}, and {_MOST_PIXELS} pixels are the"
            " most; scale them down"
        )
        raise MediaError(msg)
    stream.codec_context.options = {"max_pixels": str(_MOST_PIXELS)}
    return stream


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """How frames are to be shown.

    Attributes:
        degrees: By which a frame says that it is turned.
        matrix: The whole display matrix, which may mirror it too; ``None`` where there is none.
    """

    degrees: int
    matrix: npt.NDArray[np.int32] | None


def turn_of(frame: av.VideoFrame) -> Turn:
    """Return how a frame is to be shown.

    A frame whose side data was looked at is part of a ring of references (PyAV 18.1) and stays in
    memory until Python looks for such rings: a video's worth of large frames. So this is asked of
    the first frame, and of one that is turned in another way than the frame before.
    """
    matrix = frame.side_data.get("DISPLAYMATRIX")
    held = None if matrix is None else np.frombuffer(cast("bytes", matrix), np.int32).copy()
    return Turn(degrees=frame.rotation, matrix=held)


def upright_rgb(frame: av.VideoFrame, turn: Turn) -> UInt8Array:
    """Return a frame as it is to be shown, ``(H, W, 3)`` RGB in 0..255.

    A frame with an alpha channel is laid over black.

    Args:
        frame: As it was decoded.
        turn: Of this frame or of one before that is turned alike; see ``turn_of``.
    """
    see_through = frame.format.has_palette or any(part.is_alpha for part in frame.format.components)
    if see_through:
        rgb = over_black(frame.to_ndarray(format="rgba").astype(np.uint8, copy=False))
    else:
        rgb = frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
    if turn.matrix is None:
        return rgb
    # ISO/IEC 14496-12, 8.3.2: x' = a x + c y, y' = b x + d y, stored as a b u c d v x y w. Only
    # quarter turns and mirrors occur; another angle is shown at the nearest quarter turn.
    a, b, _, c, d = turn.matrix[:5]
    if abs(a) + abs(d) < abs(b) + abs(c):
        rgb, a, d = rgb.transpose(1, 0, 2), c, b
    return np.ascontiguousarray(rgb[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])


def _size_changed(
    path: Path, index: int, found_hw: tuple[int, ...], first_hw: tuple[int, int]
) -> MediaError:
    height, width = found_hw
    return MediaError(
        f"{path}: frame {index} is {width}x{height} but frame 0 is {first_hw[1]}x{first_hw[0]};"
        " give frames of one size"
    )


def _no_frames(path: Path) -> MediaError:
    return MediaError(f"{path}: no frame of the video can be decoded; give an intact video file")
