"""Reference trace: what PyTorch was given and gave, frame after frame, for a phone to replay.

``trace.json`` says which program runs when, on what, and what it should give; ``tensors.bin``
beside it holds the numbers. ``docs/harness-protocol.md`` says how the two are read and what a
replay is held to.
"""

import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from export.manifest import Sha256, State
from export.model_file import read_model
from tiers.errors import BundleError

TRACE_NAME = "trace.json"
DATA_NAME = "tensors.bin"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Stored(_Model):
    """A tensor in ``tensors.bin``, C-contiguous, little-endian.

    ``uint8`` is of pictures: a value is the byte divided by 255, in single precision.
    """

    name: str
    dtype: Literal["float32", "uint8"]
    offset: int = Field(ge=0)


Sides = list[Annotated[int, Field(ge=1, le=1 << 30)]]


class Shape(_Model):
    """An input of a program."""

    name: str
    shape: Sides


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
    shape: Sides
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


def read_trace(folder: Path) -> Trace:
    """Read ``trace.json`` and check that it holds together.

    Raises:
        BundleError: If it is missing, no trace, or names what it does not describe.
    """
    path = folder / TRACE_NAME
    trace = read_model(path, Trace, "trace", "record it again")
    if wrong := _loose(trace):
        msg = f"{path} does not hold together: {wrong}; record it again"
        raise BundleError(msg)
    return trace


def _loose(trace: Trace) -> str | None:
    """Return the first thing that a part of a trace names and another does not have."""
    return _loose_step(trace) or _loose_program(trace)


def _loose_program(trace: Trace) -> str | None:
    shapes: dict[str, list[int]] = {}
    for program in trace.programs:
        inputs = {tensor.name: tensor.shape for tensor in program.inputs}
        outputs = {tensor.name: tensor.shape for tensor in program.outputs}
        for name, shape in (*inputs.items(), *outputs.items()):
            if shapes.setdefault(name, shape) != shape:
                return f"{name} has two shapes"
        for output in program.outputs:
            if output.shown_by is not None and output.shown_by not in outputs:
                return f"{output.name} is shown by {output.shown_by}"
        for state in program.states:
            if state.input not in inputs or state.output not in outputs:
                return f"the state {state.input} is of no input or output of {program.name}"
    names = [program.name for program in trace.programs]
    never = set(names) - {step.program for step in trace.steps}
    if len(set(names)) < len(names) or never:
        return f"it runs {', '.join(sorted(never))} never" if never else "it has a program twice"
    return None


def _loose_step(trace: Trace) -> str | None:
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
