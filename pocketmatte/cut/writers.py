"""Write pictures with or without alpha as a video with sound, or as a folder of PNG pictures."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, cast

import av
import numpy as np
from av.container import OutputContainer
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream

from export.atomic import whole
from pocketmatte.cut.clock import Clock
from pocketmatte.cut.kinds import Kind
from pocketmatte.cut.sound import Fate, Sound
from pocketmatte.pictures import UInt8Array, unwritable, write_image
from tiers.errors import MediaError

_BT709 = 1  # ITU-T H.273: value 1 is BT.709 for primaries, transfer and matrix alike


class Writer(Protocol):
    """Takes pictures in order."""

    @property
    def sound(self) -> Fate:
        """What became of the sound."""
        ...

    def write(self, number: int, picture: UInt8Array) -> None:
        """Take the next picture, ``(H, W, 3)`` or, with alpha, ``(H, W, 4)``.

        Raises:
            MediaError: If the disk refuses.
        """
        ...


@contextlib.contextmanager
def writing(
    out: Path,
    kind: Kind,
    size_hw: tuple[int, int],
    clock: Clock,
    *,
    alpha: bool,
    sound_of: Path | None,
) -> Iterator[Writer]:
    """Open an output that appears when the block ends without error, whole, and else not at all.

    Args:
        out: The file or folder.
        kind: Of the output.
        size_hw: Of the pictures.
        clock: When they are shown.
        alpha: Whether they have alpha.
        sound_of: A file whose sound is kept; ``None`` for silence.

    Raises:
        MediaError: If the encoder is missing or refuses.
        BundleError: If the disk refuses.
    """
    with whole(out) as partial:
        if kind.container is None:
            partial.mkdir()
            yield _Folder(partial)
        else:
            with _encoding(
                out, partial, kind, size_hw, clock, alpha=alpha, sound_of=sound_of
            ) as it:
                yield it


class _Folder:
    """PNG pictures, numbered from 0; a folder has no sound."""

    sound: Fate = "none"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, number: int, picture: UInt8Array) -> None:
        """See ``Writer``."""
        write_image(self._folder / f"{number:08}.png", picture)


class _Video:
    """See ``Writer``."""

    def __init__(
        self,
        out: Path,
        container: OutputContainer,
        stream: VideoStream,
        clock: Clock,
        kind: Kind,
        sound: Sound | None,
    ) -> None:
        self._out, self._container, self._stream = out, container, stream
        self._clock, self._kind, self._track = clock, kind, sound

    @property
    def sound(self) -> Fate:
        """See ``Writer``."""
        return "none" if self._track is None else self._track.fate

    def write(self, number: int, picture: UInt8Array) -> None:
        """See ``Writer``."""
        if self._kind.even:
            height, width = picture.shape[:2]
            picture = np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        layout = "rgba" if picture.shape[2] == 4 else "rgb24"
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format=layout).reformat(
            format=self._stream.pix_fmt,
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
        )
        frame.pts, frame.time_base = self._clock.tick_of(number), self._clock.tick
        try:
            if self._track is not None:
                self._track.until(self._clock.seconds(number))
            self._container.mux(self._stream.encode(frame))
        except (av.FFmpegError, OSError) as error:
            raise unwritable(self._out, error) from error

    def end(self) -> None:
        """Write what the encoders still hold."""
        try:
            self._container.mux(self._stream.encode(None))
            if self._track is not None:
                self._track.until(None)
        except (av.FFmpegError, OSError) as error:
            raise unwritable(self._out, error) from error


@contextlib.contextmanager
def _encoding(
    out: Path,
    partial: Path,
    kind: Kind,
    size_hw: tuple[int, int],
    clock: Clock,
    *,
    alpha: bool,
    sound_of: Path | None,
) -> Iterator[_Video]:
    if kind.codec not in av.codecs_available:
        msg = f"{out}: this PyAV lacks the encoder {kind.codec}; choose another --out"
        raise MediaError(msg)
    partial.touch()  # FFmpeg would first open it at the first packet
    container = None
    sound = None
    try:
        try:
            container = av.open(str(partial.absolute()), "w", format=kind.container)
            stream = _stream(container, kind, size_hw, clock, alpha=alpha)
            if sound_of is not None:
                sound = Sound(sound_of, container, kind, clock)
        except (av.FFmpegError, OSError) as error:
            raise unwritable(out, error) from error
        video = _Video(out, container, stream, clock, kind, sound)
        yield video
        video.end()
        _close(out, container)
    except BaseException:
        if container is not None:
            with contextlib.suppress(av.FFmpegError, OSError):  # the first error is the one to tell
                container.close()
        raise
    finally:
        if sound is not None:
            sound.close()


def _close(out: Path, container: OutputContainer) -> None:
    try:
        container.close()
    except (av.FFmpegError, OSError) as error:
        raise unwritable(out, error) from error


def _stream(
    container: OutputContainer, kind: Kind, size_hw: tuple[int, int], clock: Clock, *, alpha: bool
) -> VideoStream:
    options = {**kind.options, **(kind.options_with_alpha if alpha else {})}
    stream = cast("VideoStream", container.add_stream(kind.codec, rate=clock.rate, options=options))
    height, width = size_hw
    stream.height, stream.width = height + height % 2 * kind.even, width + width % 2 * kind.even
    stream.pix_fmt = (kind.pixels_with_alpha or kind.pixels) if alpha else kind.pixels
    stream.codec_context.time_base = clock.tick
    stream.colorspace = stream.color_primaries = stream.color_trc = _BT709
    stream.color_range = ColorRange.MPEG
    return stream
