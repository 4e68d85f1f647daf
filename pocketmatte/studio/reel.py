"""The frames of a source in any order: decoded when they are asked for, a bounded number kept."""

import bisect
import collections
import threading
import zlib
from array import array
from collections.abc import Callable, Iterator

import av
import numpy as np

from pocketmatte.media import (
    FrameSource,
    PictureSource,
    VideoSource,
    open_container,
    turn_of,
    upright_rgb,
    video_stream,
)
from pocketmatte.pictures import UInt8Array, read_picture
from tiers.errors import MediaError, UsageError

MOST_PIXELS = 40_000_000  # of a frame: 8K has 33 million
_KEPT_BYTES = 192 << 20  # of decoded frames
_NEAR = 24  # frames that are sooner decoded on the way than sought


class Reel:
    """Frames by number; see ``wound``.

    A frame that was sought is compared with what was there when the source was read from its start,
    so it is the same picture that a command reads from the start; where it is not, seeking ends.

    Args:
        source: The frames.
        sums: A checksum of every frame.
        stamps: Times of the frames as the container has them; empty where it cannot be sought.
        truncated: Whether the source broke off.
    """

    def __init__(
        self, source: FrameSource, sums: "array[int]", stamps: "array[int]", *, truncated: bool
    ) -> None:
        self.source, self.truncated = source, truncated
        self._sums, self._stamps = sums, stamps
        self._lock = threading.Lock()
        self._kept: collections.OrderedDict[int, UInt8Array] = collections.OrderedDict()
        self._walk: Iterator[tuple[int, UInt8Array]] = iter(())
        self._next = len(sums)  # frame that the walk gives next

    @property
    def count(self) -> int:
        """Frames that can be read."""
        return len(self._sums)

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of every frame, in pixels."""
        return self.source.size_hw

    def picture(self, number: int) -> UInt8Array:
        """Return a frame, ``(H, W, 3)``.

        Raises:
            UsageError: If there is no such frame.
            MediaError: If the source changed or can be read no more.
        """
        if not 0 <= number < self.count:
            msg = f"frame {number} is no frame of the source; give 0 to {self.count - 1}"
            raise UsageError(msg)
        with self._lock:
            if number not in self._kept:
                self._fetch(number)
            self._kept.move_to_end(number)
            return self._kept[number]

    def close(self) -> None:
        """Close the source."""
        with self._lock:
            self._walk = iter(())
            self._kept.clear()

    def _fetch(self, number: int) -> None:
        if isinstance(self.source, PictureSource):
            self._keep(number, read_picture(self.source.pictures[number]))
            return
        if not self._next <= number <= self._next + _NEAR:
            self._begin(number if self._stamps else 0)
        if not self._walked_to(number) and self._stamps:
            self._stamps = array("q")
            self._begin(0)
            self._walked_to(number)
        if number not in self._kept:
            msg = f"frame {number} can be read no more: the file changed meanwhile; open it again"
            raise MediaError(msg)

    def _begin(self, number: int) -> None:
        self._walk = self._frames_from(number)
        self._next = number

    def _walked_to(self, number: int) -> bool:
        for found, picture in self._walk:
            self._next = found + 1
            if found < self.count and _sum(picture) == self._sums[found]:
                self._keep(found, picture)
            if found >= number:
                break
        return number in self._kept

    def _frames_from(self, number: int) -> Iterator[tuple[int, UInt8Array]]:
        if not number or not self._stamps:
            yield from enumerate(self.source)
            return
        with open_container(self.source.path) as container:
            stream = video_stream(container, self.source.path)
            turn = None
            try:
                container.seek(self._stamps[number], stream=stream)
                for frame in container.decode(stream):
                    if turn is None or frame.rotation != turn.degrees:
                        turn = turn_of(frame)
                    if frame.pts is not None:
                        found = bisect.bisect_left(self._stamps, frame.pts)
                        yield found, upright_rgb(frame, turn)
            except av.FFmpegError:
                return

    def _keep(self, number: int, picture: UInt8Array) -> None:
        self._kept[number] = picture
        while len(self._kept) > 1 and len(self._kept) * picture.nbytes > _KEPT_BYTES:
            self._kept.popitem(last=False)


def wound(source: FrameSource, on_frame: Callable[[], None]) -> Reel:
    """Read a source once and return its frames by number.

    Args:
        source: The frames.
        on_frame: Called after each frame.

    Raises:
        MediaError: If nothing can be read, or frames are too large.
    """
    height, width = source.size_hw
    if height * width > MOST_PIXELS:
        msg = f"frames are {width}x{height}; the studio takes {MOST_PIXELS} pixels: scale them down"
        raise MediaError(msg)
    sums = array("Q")
    for picture in source:
        sums.append(_sum(picture))
        on_frame()
    stamps = _stamps(source) if isinstance(source, VideoSource) else array("q")
    if len(stamps) < len(sums):
        stamps = array("q")  # a container that does not say when each is shown
    return Reel(source, sums, stamps, truncated=source.truncated)


def _sum(picture: UInt8Array) -> int:
    # a decoder's rows may be longer than the picture is wide
    return zlib.crc32(np.ascontiguousarray(picture).data)


def _stamps(source: VideoSource) -> "array[int]":
    with open_container(source.path) as container:
        stream = video_stream(container, source.path)
        try:
            return array(
                "q",
                sorted(
                    packet.pts
                    for packet in container.demux(stream)
                    if packet.pts is not None and not packet.is_discard
                ),
            )
        except av.FFmpegError:
            return array("q")
