import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from pocketmatte.mlprogram.blob import Blob, decoded
from pocketmatte.mlprogram.types import ELEMENTS, Element
from tiers.errors import BundleError

BY_NAME = {element.name: element for element in ELEMENTS.values()}


def blob(path: Path, data: bytes, *, size: int | None = None, version: int = 2) -> Blob:
    """Write a file of one record at 64 whose data follow at 128."""
    header = struct.pack("<II", 1, version).ljust(64, b"\0")
    length = len(data) if size is None else size
    path.write_bytes(
        header + struct.pack("<IIQQ", 0xDEADBEEF, 1, length, 128).ljust(64, b"\0") + data
    )
    return Blob(path)


def read(path: Path, element: Element, shape: tuple[int, ...], data: bytes) -> list[float]:
    values: list[float] = blob(path, data).read(64, element, shape).flatten().tolist()
    return values


def test_floats_and_integers_come_back(tmp_path: Path) -> None:
    half = np.array([1.5, -2.0], dtype="<f2").tobytes()
    assert read(tmp_path / "half", BY_NAME["fp16"], (2,), half) == [1.5, -2.0]
    single = np.array([[1.5, -2.0]], dtype="<f4").tobytes()
    assert read(tmp_path / "single", BY_NAME["fp32"], (1, 2), single) == [1.5, -2.0]
    assert read(tmp_path / "signed", BY_NAME["int8"], (2,), bytes([255, 128])) == [-1, -128]
    assert read(tmp_path / "unsigned", BY_NAME["uint8"], (2,), bytes([255, 128])) == [255, 128]
    wide = np.array([-70_000], dtype="<i4").tobytes()
    assert read(tmp_path / "wide", BY_NAME["int32"], (1,), wide) == [-70_000]


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("uint4", [0x21, 0xF3], [1, 2, 3, 15]),
        ("int4", [0x87, 0xF0], [7, -8, 0, -1]),
        ("uint1", [0b10110], [0, 1, 1, 0, 1]),
        ("uint2", [0b11100100], [0, 1, 2, 3]),
        ("uint3", [0b11010001, 0b1], [1, 2, 7]),
        ("uint6", [0b01000001, 0b0001], [1, 5]),
    ],
)
def test_elements_of_less_than_a_byte_are_packed_lowest_bits_first(
    name: str, data: list[int], expected: list[int]
) -> None:
    packed = np.array(data, dtype=np.uint8)
    assert decoded(packed, BY_NAME[name], (len(expected),)).tolist() == expected


def test_a_record_of_another_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="at 64 are 3 bytes from 128; 4 are needed"):
        blob(tmp_path / "short", b"abc").read(64, BY_NAME["fp32"], (1,))
    with pytest.raises(BundleError, match="at 64 are 4 bytes from 128; 4 are needed"):
        blob(tmp_path / "cut", b"abc", size=4).read(64, BY_NAME["fp32"], (1,))


@pytest.mark.parametrize("offset", [-64, 72, 1 << 40])
def test_a_place_without_a_record_is_refused(tmp_path: Path, offset: int) -> None:
    with pytest.raises(BundleError, match="build it again"):
        blob(tmp_path / "file", b"abcd").read(offset, BY_NAME["fp32"], (1,))


def test_a_file_that_is_no_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="weights of version 3, not 2"):
        blob(tmp_path / "other", b"", version=3)
    (tmp_path / "empty").touch()
    for name in ("empty", "missing"):
        with pytest.raises(BundleError, match="cannot be read as weights"):
            Blob(tmp_path / name)


def test_a_big_integer_is_held_wide() -> None:
    data = np.array([2**32 - 1], dtype="<u4").view(np.uint8)
    assert decoded(data, BY_NAME["uint32"], (1,)).dtype == torch.int64
    assert decoded(data, BY_NAME["uint32"], (1,)).tolist() == [2**32 - 1]
