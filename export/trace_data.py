"""The numbers of a reference trace: ``tensors.bin``, written and read."""

import hashlib
import math
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from export.artifact import sha256_of, size_bytes_of
from export.trace import DATA_NAME, Data, Step, Stored, read_trace
from tiers.errors import BundleError

ALIGNMENT = 64  # bytes: so that tensors can be used where the file is mapped

_LEVELS = 255

FloatArray: TypeAlias = NDArray[np.float32]


class DataWriter:
    """Writes tensors one after another; what was written before is not written again.

    Args:
        folder: Where ``tensors.bin`` is made.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / DATA_NAME
        self._file = self._path.open("wb")
        self._offsets: dict[bytes, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, name: str, array: FloatArray) -> Stored:
        """Write a tensor and return where it lies; whole levels of 255 are written as bytes."""
        levels = _levels(array)
        content = np.ascontiguousarray(array if levels is None else levels)
        data = content.astype(content.dtype.newbyteorder("<"), copy=False).tobytes()
        key = hashlib.sha256(data).digest() + content.dtype.char.encode()
        if key not in self._offsets:
            self._file.write(b"\0" * (-self._file.tell() % ALIGNMENT))
            self._offsets[key] = self._file.tell()
            self._file.write(data)
        dtype: Literal["float32", "uint8"] = "float32" if levels is None else "uint8"
        return Stored(name=name, dtype=dtype, offset=self._offsets[key])

    def close(self) -> Data:
        """End the file and return what is to be known of it."""
        self._file.close()
        size = size_bytes_of(self._path)
        return Data(path="tensors.bin", sha256=sha256_of(self._path), size_bytes=size)


def _levels(array: FloatArray) -> NDArray[np.uint8] | None:
    """Return an array as bytes if that is what it was made of, bit for bit."""
    if array.size == 0 or not (array.min() >= 0 and array.max() <= 1):
        return None
    levels = np.rint(array * _LEVELS).astype(np.uint8)
    same = np.array_equal(
        _unit(levels).view(np.uint32), np.ascontiguousarray(array).view(np.uint32)
    )
    return levels if same else None


def _unit(levels: NDArray[np.uint8]) -> FloatArray:
    return levels.astype(np.float32) / np.float32(_LEVELS)


class TraceReader:
    """The tensors of a trace, read as they are asked for.

    Args:
        folder: Of the trace.

    Raises:
        BundleError: If a file of it is missing, damaged, or not what ``trace.json`` says.
    """

    def __init__(self, folder: Path) -> None:
        self.trace = read_trace(folder)
        path = folder / DATA_NAME
        data = self.trace.data
        if not path.is_file() or size_bytes_of(path) != data.size_bytes:
            found = f"{size_bytes_of(path)} bytes" if path.is_file() else "missing"
            msg = f"{path} is {found}, not {data.size_bytes} bytes; record the trace again"
            raise BundleError(msg)
        if (digest := sha256_of(path)) != data.sha256:
            msg = (
                f"{path}: its sha256 is {digest[:12]}..., the trace says {data.sha256[:12]}...; "
                "record the trace again"
            )
            raise BundleError(msg)
        self._data = np.memmap(path, dtype=np.uint8, mode="r") if data.size_bytes else None
        self._shapes = self.trace.shapes()

    def given(self, step: Step) -> dict[str, FloatArray]:
        """Return what is laid on the board before a step."""
        return self._read(step.program, step.given)

    def expected(self, step: Step) -> dict[str, FloatArray]:
        """Return what a step should give."""
        return self._read(step.program, step.expected)

    def _read(self, program: str, stored: list[Stored]) -> dict[str, FloatArray]:
        return {each.name: self._tensor(program, each) for each in stored}

    def _tensor(self, program: str, stored: Stored) -> FloatArray:
        shape = self._shapes[program, stored.name]
        dtype = np.dtype("<f4" if stored.dtype == "float32" else "u1")
        size = math.prod(shape) * dtype.itemsize
        if self._data is None or stored.offset + size > self._data.size:
            msg = f"{stored.name} of {program} lies beyond the end of {DATA_NAME}; record it again"
            raise BundleError(msg)
        values = self._data[stored.offset : stored.offset + size].view(dtype).reshape(shape)
        if stored.dtype == "uint8":
            return _unit(values)
        if not np.isfinite(values).all():
            msg = f"{stored.name} of {program} is not finite; record the trace again"
            raise BundleError(msg)
        return values.astype(np.float32)
