import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.trace import DATA_NAME, TRACE_NAME, read_trace
from export.trace_data import ALIGNMENT, DataWriter, FloatArray, TraceReader
from pocketmatte.harness.vectors import toy_trace
from tiers.errors import BundleError

BETWEEN = float(np.nextafter(np.float32(1 / 255), np.float32(1)))  # next to a level


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / TRACE_NAME
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    toy_trace(tmp_path)
    return tmp_path


def test_what_is_written_is_read_back_bit_for_bit(tmp_path: Path) -> None:
    drawn = np.random.default_rng(5)
    levels = (drawn.integers(0, 256, (1, 3, 4, 5)).astype(np.float32) / np.float32(255)).copy()
    values = drawn.normal(size=(2, 7)).astype(np.float32)
    with DataWriter(tmp_path) as writer:
        stored = [writer.add("levels", levels), writer.add("values", values)]
        data = writer.close()
    content = (tmp_path / DATA_NAME).read_bytes()
    assert [each.dtype for each in stored] == ["uint8", "float32"]
    assert data.size_bytes == len(content)
    first, second = stored[0].offset, stored[1].offset
    as_bytes = np.frombuffer(content[first : first + levels.size], dtype=np.uint8)
    restored = as_bytes.astype(np.float32) / np.float32(255)
    assert np.array_equal(restored.reshape(levels.shape).view(np.uint32), levels.view(np.uint32))
    plain = np.frombuffer(content[second : second + values.nbytes], dtype="<f4")
    assert np.array_equal(plain.reshape(values.shape), values)


@pytest.mark.parametrize("value", [0.5, -0.0, 1.0000001, -1 / 255, BETWEEN])
def test_what_is_no_whole_level_is_written_in_full(tmp_path: Path, value: float) -> None:
    with DataWriter(tmp_path) as writer:
        assert writer.add("x", np.full((2, 2), value, dtype=np.float32)).dtype == "float32"


def test_equal_tensors_are_written_once_and_all_are_aligned(tmp_path: Path) -> None:
    one, other = np.full((3,), 0.3, np.float32), np.full((5,), 0.7, np.float32)
    with DataWriter(tmp_path) as writer:
        offsets = [writer.add("x", each).offset for each in (one, other, one, other)]
        size = writer.close().size_bytes
    assert offsets[:2] == offsets[2:] == [0, ALIGNMENT]
    assert size == ALIGNMENT + other.nbytes


def test_the_toy_trace_says_what_its_formula_gives(folder: Path) -> None:
    reader = TraceReader(folder)
    state: FloatArray = np.zeros((1, 1, 2, 2), dtype=np.float32)
    bias = alpha = state
    for step in reader.trace.steps:
        given, expected = reader.given(step), reader.expected(step)
        if step.program == "mix":
            alpha = state = given["frame"] / np.float32(2) + state / np.float32(4)
            assert np.allclose(expected["alpha"], alpha, atol=1e-7)
            assert np.array_equal(expected["alpha"], expected["state_next"])
        else:
            bias = given.get("bias", bias)
            assert np.allclose(expected["feature"], 8 * alpha + bias, atol=1e-5)


def test_a_truncated_data_file_is_refused(folder: Path) -> None:
    data = (folder / DATA_NAME).read_bytes()
    (folder / DATA_NAME).write_bytes(data[:-1])
    with pytest.raises(
        BundleError, match=rf"is {len(data) - 1} bytes, not {len(data)} bytes; record"
    ):
        TraceReader(folder)


def test_a_changed_byte_is_refused(folder: Path) -> None:
    data = bytearray((folder / DATA_NAME).read_bytes())
    data[0] ^= 1
    (folder / DATA_NAME).write_bytes(data)
    with pytest.raises(BundleError, match=r"its sha256 is .*, the trace says"):
        TraceReader(folder)


def test_a_missing_data_file_is_refused(folder: Path) -> None:
    (folder / DATA_NAME).unlink()
    with pytest.raises(BundleError, match="is missing, not"):
        TraceReader(folder)


def test_a_tensor_beyond_the_end_is_refused(folder: Path) -> None:
    edit(folder, lambda trace: trace["steps"][0]["given"][0].update(offset=1 << 40))
    reader = TraceReader(folder)
    with pytest.raises(BundleError, match=r"frame of mix lies beyond the end of tensors\.bin"):
        reader.given(reader.trace.steps[0])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda t: t.update(schema_version=2), "schema_version"),
        (lambda t: t["steps"][0].update(program="other"), "step 0 runs other"),
        (lambda t: t["steps"][0]["given"][0].update(name="alpha"), "step 0 gives alpha"),
        (lambda t: t["steps"][0]["expected"].pop(), "step 0 expects alpha"),
        (lambda t: t["steps"][0].update(frame=2), "are not of the frames 0 to 2 in order"),
        (lambda t: t.update(frames=4), "are not of the frames 0 to 3 in order"),
        (lambda t: t["steps"][0]["given"][0].update(dtype="int8"), "dtype"),
        (lambda t: t["data"].update(path="../tensors.bin"), "data.path"),
    ],
    ids=["version", "program", "given", "expected", "order", "frames", "dtype", "path"],
)
def test_a_trace_that_does_not_hold_together_is_refused(
    folder: Path, change: Callable[[dict[str, Any]], object], reason: str
) -> None:
    edit(folder, change)
    with pytest.raises(BundleError, match=reason):
        read_trace(folder)


def test_no_trace_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"trace\.json cannot be read"):
        read_trace(tmp_path)
