"""The frames of a source at the size of a network, from any frame on, forwards and backwards."""

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from pocketmatte.cut.store import CHUNK, ArrayStore
from pocketmatte.cut.work import Work
from pocketmatte.media import FrameSource, PictureSource
from pocketmatte.pictures import UInt8Array, read_picture, write_image
from pocketmatte.protocols.resizing import resized
from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.stepping import as_nchw
from tiers.errors import MediaError, UsageError

_LEVEL = 1  # of zlib: what is kept for a while need not be small


class Footage:
    """A source whose frames were counted.

    What a network sees is a frame stretched to its size and rounded to 8 bits, the same whichever
    way the video is walked.

    Args:
        source: The frames.
        count: Of the frames that can be read.
        backwards: Small frames that are read backwards.
        templates: Folder of the whole frames that masks are given for.
    """

    def __init__(
        self, source: FrameSource, count: int, backwards: ArrayStore, templates: Path
    ) -> None:
        self.source, self.count = source, count
        self._backwards, self._templates = backwards, templates

    def pictures(self, start: int = 0) -> Iterator[UInt8Array]:
        """Yield whole frames, ``(H, W, 3)``, from one on to the last.

        Raises:
            MediaError: If they are not as many as were counted.
        """
        source, given = self.source, 0
        if isinstance(source, PictureSource):  # what is not asked for need not be read
            given = min(start, len(source.pictures))
            source = dataclasses.replace(source, pictures=source.pictures[given:])
        for picture in source:
            if given == self.count:
                break
            given += 1
            if given > start:
                yield picture
        if given < self.count:
            msg = (
                f"{self.source.path} had {self.count} frames and now {given}: it changed meanwhile"
            )
            raise MediaError(msg)

    def small(self, numbers: range, size_hw: tuple[int, int]) -> Iterator[UInt8Array]:
        """Yield frames at a size, ``(h, w, 3)``, in the order of ``numbers``, of step 1 or -1.

        Backwards, only frames that were kept when they were counted are to be had.
        """
        if numbers.step < 0:
            for number in numbers:
                yield self._backwards.read(number)
            return
        kept = 0
        if size_hw == self._backwards.shape[:2]:
            for number in itertools.takewhile(self._backwards.__contains__, numbers):
                yield self._backwards.read(number)
                kept += 1
        rest = numbers[kept:]
        if rest:
            for _, picture in zip(rest, self.pictures(rest[0]), strict=False):
                yield shrunk(picture, size_hw)

    def template(self, number: int) -> UInt8Array:
        """Return a whole frame that a mask is given for."""
        return read_picture(_template(self._templates, number))

    def keep_template(self, number: int, picture: UInt8Array) -> None:
        """Keep a whole frame, ``(H, W, 3)``, whose mask is given after the frames were counted.

        Raises:
            MediaError: If the disk refuses.
        """
        self._templates.mkdir(parents=True, exist_ok=True)
        write_image(_template(self._templates, number), picture, level=_LEVEL)


def counted(
    source: FrameSource,
    work: Work,
    templates: set[int],
    size_hw: tuple[int, int],
    on_frame: Callable[[], None],
) -> Footage:
    """Read a source once: count its frames, and keep those that will be wanted out of order.

    Args:
        source: The frames.
        work: Where they are kept.
        templates: Frames that masks are given for. All before the last of them are kept small, as
            templates are propagated backwards too.
        size_hw: Of what is kept small.
        on_frame: Called after each frame.

    Raises:
        UsageError: If a template lies behind the last frame.
        MediaError: If the source cannot be read or the disk refuses.
    """
    store = work.store("frames", (*size_hw, 3))
    folder = work.path / "templates"
    count = work.noted("count")
    if not isinstance(count, int):
        count = _read(source, store, folder, templates, on_frame)
        if max(templates, default=0) >= count:
            msg = f"frame {max(templates)} is no frame of {source.path}, which has 0 to {count - 1}"
            raise UsageError(msg)
        work.note("truncated", source.truncated)
        work.note("count", count)
    return Footage(source, count, store, folder)


def shrunk(picture: UInt8Array, size_hw: tuple[int, int]) -> UInt8Array:
    """Stretch a picture, ``(H, W, 3)``, to a size."""
    planes = resized(as_nchw(as_unit(picture)), size_hw)
    return np.ascontiguousarray(in_bytes(planes[0]).transpose(1, 2, 0))


def unit(picture: UInt8Array) -> FloatArray:
    """Return a picture, ``(h, w, 3)``, as programs take it: ``(1, 3, h, w)`` in 0..1."""
    return as_nchw(as_unit(picture))


def as_unit(values: UInt8Array) -> FloatArray:
    """Return 0..255 as 0..1."""
    return values.astype(np.float32) / np.float32(255)


def in_bytes(values: FloatArray) -> UInt8Array:
    """Return values in 0..1, as 0..255; what lies outside is cut off."""
    return (values.clip(0, 1) * 255).round().astype(np.uint8)


def _read(
    source: FrameSource,
    store: ArrayStore,
    folder: Path,
    templates: set[int],
    on_frame: Callable[[], None],
) -> int:
    last = max(templates, default=0)
    folder.mkdir(exist_ok=True)
    held: list[UInt8Array] = []
    count = 0
    for picture in source:
        if count in templates:
            write_image(_template(folder, count), picture, level=_LEVEL)
        if count < last:
            held.append(shrunk(picture, (store.shape[0], store.shape[1])))
        if held and (len(held) == CHUNK or count + 1 >= last):
            store.write(range(count + 1 - len(held), count + 1), held)
            held = []
        count += 1
        on_frame()
    if held:
        store.write(range(count - len(held), count), held)
    return count


def _template(folder: Path, number: int) -> Path:
    return folder / f"{number:08}.png"
