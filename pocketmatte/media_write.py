"""Write moving pictures, whole or not at all."""

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream

from pocketmatte.pictures import UInt8Array, partial_path, unwritable
from tiers.errors import MediaError

VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv")

_BT709 = 1  # ITU-T H.273: value 1 is BT.709 for primaries, transfer and matrix alike
# x264's own scale; 18 keeps a matte's soft edge free of blocks at about twice the bytes of 23.
_X264_OPTIONS = {"crf": "18"}
_MPEG4_OPTIONS = {"qscale": "2", "flags": "+qscale"}


class VideoWriter:
    """Write RGB frames to a video file: H.264 where PyAV has x264, else MPEG-4 part 2.

    Frames go to a hidden file beside ``path`` that is renamed when the ``with`` block ends, and
    removed when it ends by an exception. Colours are BT.709, limited range, 4:2:0; an odd height
    or width gets one more row or column that repeats the last.

    Args:
        path: The file, ending in one of ``VIDEO_SUFFIXES``; an older one is replaced.
        size_hw: Height and width of the frames, in pixels.
        rate: Frames a second.

    Raises:
        MediaError: If the suffix is unknown, the disk refuses, or no frame was written.
        ValueError: If the size or the rate is not positive.
    """

    def __init__(self, path: Path, size_hw: tuple[int, int], rate: Fraction) -> None:
        if path.suffix.lower() not in VIDEO_SUFFIXES:
            suffixes = ", ".join(VIDEO_SUFFIXES)
            msg = f"{path}: videos are written as {suffixes}; give a name with such an ending"
            raise MediaError(msg)
        if min(size_hw) <= 0 or rate <= 0:
            msg = f"a video needs a positive size and rate, not {size_hw} at {rate}"
            raise ValueError(msg)
        self._path = path
        self._partial = partial_path(path)
        self._size_hw = size_hw
        self._written = 0
        try:
            self._partial.touch()  # FFmpeg would first open it at the first packet
            self._container = av.open(str(self._partial.absolute()), "w")
            self._stream = self._add_stream(rate)
        except (av.FFmpegError, OSError) as error:
            self._partial.unlink(missing_ok=True)
            raise unwritable(path, error) from error

    def __enter__(self) -> Self:
        return self

    def write(self, frame: UInt8Array) -> None:
        """Append one frame.

        Args:
            frame: ``(H, W, 3)`` RGB in 0..255, ``(H, W)`` as the writer was given.

        Raises:
            MediaError: If the disk refuses.
            ValueError: If the frame has another size or type.
        """
        height, width = self._size_hw
        if frame.dtype != np.uint8 or frame.shape != (height, width, 3):
            msg = f"a frame is uint8 ({height}, {width}, 3), not {frame.dtype} {frame.shape}"
            raise ValueError(msg)
        even = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24").reformat(
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
        )
        try:
            self._container.mux(self._stream.encode(picture))
        except (av.FFmpegError, OSError) as error:
            raise unwritable(self._path, error) from error
        self._written += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._finish(whole=kind is None)
        finally:
            self._partial.unlink(missing_ok=True)

    def _finish(self, *, whole: bool) -> None:
        try:
            if whole and self._written:
                self._container.mux(self._stream.encode(None))
            self._container.close()
            if whole and self._written:
                self._partial.replace(self._path)
        except (av.FFmpegError, OSError) as error:
            if whole:  # otherwise the error that ended the block is the one to report
                raise unwritable(self._path, error) from error
        if whole and not self._written:
            msg = f"{self._path}: no frame was written; give a source with at least one"
            raise MediaError(msg)

    def _add_stream(self, rate: Fraction) -> VideoStream:
        # MPEG-4 counts time in at most 65535 parts a second; 1001 keeps 30000/1001 exact.
        rate = rate.limit_denominator(1001)
        if "libx264" in av.codecs_available:
            stream = self._container.add_stream("libx264", rate=rate, options=dict(_X264_OPTIONS))
        else:
            stream = self._container.add_stream("mpeg4", rate=rate, options=dict(_MPEG4_OPTIONS))
        height, width = self._size_hw
        stream.height, stream.width = height + height % 2, width + width % 2
        stream.pix_fmt = "yuv420p"
        stream.colorspace = stream.color_primaries = stream.color_trc = _BT709
        stream.color_range = ColorRange.MPEG
        return stream
