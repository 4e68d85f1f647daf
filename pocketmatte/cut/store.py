"""Arrays of many frames on disk, a few dozen frames a file, compressed without loss."""

import re
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from export.atomic import whole
from pocketmatte.pictures import UInt8Array
from tiers.errors import MediaError

CHUNK = 64  # frames a file, at most; what is lost where a run is killed
_NAME = re.compile(r"(\d{8,})-(\d{8,})\.z")
_LEVEL = 1  # zlib's fastest: masks are mostly flat, pictures shrink little at any level


class ArrayStore:
    """One ``uint8`` array a frame.

    No more than one file's frames are in memory.

    Args:
        folder: Where the files are, ``FIRST-LAST.z`` each.
        shape: Of one frame's array.
    """

    def __init__(self, folder: Path, shape: tuple[int, ...]) -> None:
        self._folder, self._shape = folder, shape
        self._spans: dict[int, list[range]] = {}  # of each chunk; small at any length of video
        self._held: tuple[range, UInt8Array] | None = None
        if folder.is_dir():
            for path in folder.iterdir():
                match = _NAME.fullmatch(path.name)
                if match:
                    self._note(range(int(match[1]), int(match[2]) + 1))

    def write(self, numbers: range, arrays: Sequence[UInt8Array]) -> None:
        """Write the arrays of neighbouring frames, whole or not at all.

        Args:
            numbers: Of the frames, forwards or backwards; all of one chunk.
            arrays: One a frame, in the same order.

        Raises:
            BundleError: If the disk refuses.
            ValueError: If numbers and arrays do not fit.
        """
        if (
            not numbers
            or len(numbers) != len(arrays)
            or numbers[0] // CHUNK != numbers[-1] // CHUNK
        ):
            msg = f"{len(arrays)} arrays of frames {numbers} are no part of a chunk of {CHUNK}"
            raise ValueError(msg)
        ordered = list(arrays) if numbers.step > 0 else list(arrays)[::-1]
        span = range(min(numbers), max(numbers) + 1)
        stacked = np.ascontiguousarray(np.stack(ordered))
        if stacked.dtype != np.uint8 or stacked.shape[1:] != self._shape:
            msg = (
                f"arrays are {stacked.dtype} {stacked.shape[1:]}; the store has uint8 {self._shape}"
            )
            raise ValueError(msg)
        with whole(self._path(span)) as partial:
            partial.write_bytes(zlib.compress(stacked.data, _LEVEL))
        self._note(span)
        self._held = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one frame's array."""
        return self._shape

    def __contains__(self, number: int) -> bool:
        return self._span(number) is not None

    def read(self, number: int) -> UInt8Array:
        """Return the array of one frame.

        Raises:
            MediaError: If there is none, or its file is damaged.
        """
        if self._held is None or number not in self._held[0]:
            span = self._span(number)
            if span is None:
                msg = f"{self._folder} lacks frame {number}; delete the work folder and start again"
                raise MediaError(msg)
            self._held = span, self._read(span)
        span, stacked = self._held
        array: UInt8Array = stacked[number - span.start]
        return array

    def _read(self, span: range) -> UInt8Array:
        path = self._path(span)
        size_bytes = len(span) * int(np.prod(self._shape))
        decompressor = zlib.decompressobj()
        try:
            # one byte more, so that a file that holds too much is told from one that is right
            data = decompressor.decompress(path.read_bytes(), size_bytes + 1)
        except (OSError, zlib.error) as error:
            raise _damaged(path) from error
        if len(data) != size_bytes or not decompressor.eof:
            raise _damaged(path)
        return np.frombuffer(data, dtype=np.uint8).reshape(len(span), *self._shape)

    def _path(self, span: range) -> Path:
        return self._folder / f"{span[0]:08}-{span[-1]:08}.z"

    def _note(self, span: range) -> None:
        others = self._spans.setdefault(span[0] // CHUNK, [])
        if span not in others:
            others.append(span)

    def _span(self, number: int) -> range | None:
        spans = self._spans.get(number // CHUNK, ())
        return next((span for span in spans if number in span), None)


def chunks(numbers: range) -> list[range]:
    """Cut a range of frames, forwards or backwards, where chunks end."""
    parts: list[range] = []
    rest = numbers
    while rest:
        first = rest[0]
        left = CHUNK - first % CHUNK if rest.step > 0 else first % CHUNK + 1
        parts.append(rest[:left])
        rest = rest[left:]
    return parts


def _damaged(path: Path) -> MediaError:
    return MediaError(f"{path} is damaged; delete the work folder and start again")
