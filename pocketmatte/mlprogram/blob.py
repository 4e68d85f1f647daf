"""Weights beside an ML Program: the file that its constants point into.

The layout, little-endian: a header of 64 bytes that begins with the number of entries and version
2; for every entry a record of 64 bytes that begins with ``0xDEADBEEF`` and the element type's code,
both of 32 bits, then the size in bytes and the offset of the data, both of 64.
"""

import math
import struct
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pocketmatte.mlprogram.types import Element
from tiers.errors import BundleError

_SENTINEL = 0xDEADBEEF
_HEADER = struct.Struct("<II")
_RECORD = struct.Struct("<IIQQ")
_HELD = {8: "<i1", 16: "<i2", 32: "<i4", 64: "<i8"}


class Blob:
    """A weight file, mapped into memory.

    Args:
        path: The file.

    Raises:
        BundleError: If it cannot be read or is of another version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._bytes = np.memmap(path, dtype=np.uint8, mode="r")
        except (OSError, OverflowError, ValueError) as error:
            msg = f"{path}: cannot be read as weights ({error}); build it again"
            raise BundleError(msg) from error
        found = (
            self._bytes.size >= _HEADER.size
            and _HEADER.unpack(self._bytes[: _HEADER.size].tobytes())[1]
        )
        if found != 2:
            msg = f"{path}: weights of version {found or 'none'}, not 2; build it again"
            raise BundleError(msg)

    def read(self, offset: int, element: Element, shape: tuple[int, ...]) -> Tensor:
        """Return the tensor whose record is at ``offset``.

        Raises:
            BundleError: If there is no such record, it is of another size, or of no elements that
                have one.
        """
        fault = f"{self.path}: at {offset}"
        if not element.bits:
            msg = f"{fault} {element.name}s are asked for, which are not kept there; build it again"
            raise BundleError(msg)
        if offset < 0 or offset + _RECORD.size > self._bytes.size:
            msg = f"{fault} lies no record: the file has {self._bytes.size} bytes; build it again"
            raise BundleError(msg)
        record = self._bytes[offset : offset + _RECORD.size].tobytes()
        sentinel, _, size, start = _RECORD.unpack(record)
        needed = -(-math.prod(shape) * element.bits // 8)
        if sentinel != _SENTINEL or size != needed or start + size > self._bytes.size:
            msg = f"{fault} are {size} bytes from {start}; {needed} are needed; build it again"
            raise BundleError(msg)
        return decoded(self._bytes[start : start + size], element, shape)


def decoded(data: NDArray[np.uint8], element: Element, shape: tuple[int, ...]) -> Tensor:
    """Return stored bytes as a tensor, elements of less than a byte unpacked, lowest bits first.

    Raises:
        ValueError: If there are too few bytes.
    """
    count = math.prod(shape)
    if element.kind == "float":
        values = np.frombuffer(data, dtype=f"<f{element.bits // 8}", count=count)
        return (
            torch.from_numpy(values.astype(values.dtype.newbyteorder("=")))
            .to(element.held)
            .reshape(shape)
        )
    if element.bits >= 8:
        code = _HELD[element.bits]
        code = code if element.low < 0 else code.replace("i", "u")
        wide = np.frombuffer(data, dtype=code, count=count).astype(np.int64)
        return torch.from_numpy(wide).to(element.held).reshape(shape)
    bits = np.unpackbits(np.frombuffer(data, dtype=np.uint8), bitorder="little")
    groups = bits[: count * element.bits].reshape(count, element.bits).astype(np.int64)
    numbers = groups @ (1 << np.arange(element.bits))
    if element.low < 0:
        numbers -= (numbers > element.high) << element.bits
    return torch.from_numpy(numbers).to(element.held).reshape(shape)
