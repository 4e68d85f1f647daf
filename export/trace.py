"""Reference trace: what PyTorch was given and gave, frame after frame, for a phone to replay.

``trace.json`` says which program runs when, on what, and what it should give; ``tensors.bin``
beside it holds the numbers. ``docs/harness-protocol.md`` says how the two are read and what a
replay is held to.
"""

import hashlib
import json
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, TypeAlias

import numpy as np
import pydantic
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from export.artifact import sha256_of, size_bytes_of
from export.manifest import Sha256, State
from tiers.errors import BundleError

TRACE_NAME = "trace.json"
DATA_NAME = "tensors.bin"

ALIGNMENT = 64  # bytes: so that tensors can be used where the file is mapped
_LEVELS = 255

FloatArray: TypeAlias = NDArray[np.float32]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Stored(_Model):
    """A tensor in ``tensors.bin``, C-contiguous, little-endian.

    ``uint8`` is of pictures: a value is the byte divided by 255, in single precision.
    """

    name: str
    dtype: Literal["float32", "uint8"]
    offset: int = Field(ge=0)


class Shape(_Model):
    """An input of a program."""

    name: str
    shape: list[int]


class Output(_Model):
    """An output of a program and what a replay of it is held to.

    Attributes:
        name: Of the tensor.
        shape: Of the tensor.
        relative: Whether differences are divided by the largest magnitude that the reference has in
            that call: the tensor has no range of its own.
        seen: Whether people see it; otherwise ``others_psnr_db`` holds.
        shown_by: The matte that its error is multiplied by before its PSNR is taken.
        judged: Whether it is the output that the network is judged by, and of which kind.
    """

    name: str
    shape: list[int]
    relative: bool
    seen: bool
    shown_by: str | None
    judged: Literal["matte", "mask"] | None


class Program(_Model):
    """A program: inputs and outputs in the order of the exported function, and its states."""

    name: str
    inputs: list[Shape]
    outputs: list[Output]
    states: list[State]


class Limits(_Model):
    """What files of one recipe are held to; ``None`` where a recipe sets none."""

    psnr_db: float
    others_psnr_db: float
    max_abs: float | None
    matte_mad: float | None
    mask_flipped: float | None


class Step(_Model):
    """One call of one program.

    Attributes:
        frame: Number of the frame, from 0.
        program: Name of the program.
        given: Tensors to lay on the board before it runs.
        expected: Its outputs in the order of the program, as PyTorch gave them.
    """

    frame: int = Field(ge=0)
    program: str
    given: list[Stored]
    expected: list[Stored]


class Data(_Model):
    """The file of numbers."""

    path: Literal["tensors.bin"]
    sha256: Sha256
    size_bytes: int = Field(ge=0)


class Trace(_Model):
    """A whole trace.

    Attributes:
        schema_version: Of this form.
        network: Name of the network.
        tier: Name of the tier.
        orientation: Of its frames.
        weights_digest: Of the weights that PyTorch had.
        frames: Their number.
        feature_range: Least magnitude that ``relative`` divides by.
        programs: In the order of their first call.
        limits: By recipe.
        steps: In the order of calls.
        data: The numbers.
    """

    schema_version: Literal[1]
    network: str
    tier: str
    orientation: Literal["landscape", "portrait"]
    weights_digest: Sha256
    frames: int = Field(ge=1)
    feature_range: float
    programs: list[Program]
    limits: dict[str, Limits]
    steps: list[Step]
    data: Data

    def shapes(self) -> dict[tuple[str, str], tuple[int, ...]]:
        """Return the shape of every input and output, by program and name."""
        return {
            (program.name, name): tuple(shape)
            for program in self.programs
            for name, shape in (
                *((tensor.name, tensor.shape) for tensor in program.inputs),
                *((tensor.name, tensor.shape) for tensor in program.outputs),
            )
        }


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
        size = int(np.prod(shape)) * dtype.itemsize
        if self._data is None or stored.offset + size > self._data.size:
            msg = f"{stored.name} of {program} lies beyond the end of {DATA_NAME}; record it again"
            raise BundleError(msg)
        values = self._data[stored.offset : stored.offset + size].view(dtype).reshape(shape)
        return _unit(values) if stored.dtype == "uint8" else values.astype(np.float32)


def read_trace(folder: Path) -> Trace:
    """Read ``trace.json`` and check that it holds together.

    Raises:
        BundleError: If it is missing, no trace, or names what it does not describe.
    """
    path = folder / TRACE_NAME
    try:
        trace = Trace.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path} cannot be read ({error}); record the trace again"
        raise BundleError(msg) from error
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole file"
        msg = f"{path} is no trace: {where}: {first['msg']}; record it again"
        raise BundleError(msg) from error
    if wrong := _loose(trace):
        msg = f"{path} does not hold together: {wrong}; record it again"
        raise BundleError(msg)
    return trace


def _loose(trace: Trace) -> str | None:
    """Return the first thing that a step names and the programs do not have."""
    inputs = {
        program.name: {tensor.name for tensor in program.inputs} for program in trace.programs
    }
    outputs = {
        program.name: [tensor.name for tensor in program.outputs] for program in trace.programs
    }
    for number, step in enumerate(trace.steps):
        if step.program not in inputs:
            return f"step {number} runs {step.program}"
        if unknown := {each.name for each in step.given} - inputs[step.program]:
            return f"step {number} gives {', '.join(sorted(unknown))}"
        if [each.name for each in step.expected] != outputs[step.program]:
            return f"step {number} expects {', '.join(each.name for each in step.expected)}"
    frames = [step.frame for step in trace.steps]
    if sorted(frames) != frames or set(frames) != set(range(trace.frames)):
        return f"its {len(frames)} steps are not of the frames 0 to {trace.frames - 1} in order"
    return None


def trace_text(trace: Trace) -> str:
    """Return ``trace.json``: the same trace gives the same text."""
    return trace.model_dump_json(indent=1) + "\n"


def schema_text() -> str:
    """Return the JSON Schema that ``docs/protocol/trace.schema.json`` holds."""
    return json.dumps(Trace.model_json_schema(), indent=1, sort_keys=True) + "\n"
