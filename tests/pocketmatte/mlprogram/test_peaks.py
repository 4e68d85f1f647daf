"""Values inside an evaluated program that half precision cannot hold are seen and named."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from export.program import Captured
from export.recipe import recipe
from export.to_coreml import to_coreml
from pocketmatte.lockstep import Call
from pocketmatte.mlprogram.evaluate import Evaluator
from pocketmatte.mlprogram.program import Block, Constant, Function, Named, Operation, Reference
from pocketmatte.mlprogram.types import FP16, FP32, Element, TensorType
from pocketmatte.parity import compare
from pocketmatte.runtimes.coreml_reference import CoreMlReference
from pocketmatte.runtimes.protocol import FloatArray, Watched
from pocketmatte.runtimes.torch_eager import TorchSession
from pocketmatte.tally import Tally
from pocketmatte.tolerances import limits
from tiers.contract import ProgramContract
from tiers.ladder import tier


def named(name: str, element: Element = FP16) -> Named:
    return Named(name=name, type=TensorType(element=element, shape=(2,)))


def constant(name: str, value: Tensor) -> Operation:
    given = Constant(value=value, type=TensorType(element=FP16, shape=(2,)))
    return Operation(
        kind="const", inputs={}, attributes={"val": given}, outputs=(named(name),), blocks=()
    )


def binary(kind: str, name: str, x: str, y: str, element: Element = FP16) -> Operation:
    return Operation(
        kind=kind,
        inputs={"x": (Reference(name=x),), "y": (Reference(name=y),)},
        attributes={},
        outputs=(named(name, element),),
        blocks=(),
    )


def evaluator(*operations: Operation, rounding: bool = True) -> Evaluator:
    body = Block(inputs=(), operations=operations, outputs=(operations[-1].name,))
    inputs = (named("a"),)
    return Evaluator(
        Function(name="main", inputs=inputs, opset="CoreML7", body=body), rounding=rounding
    )


def test_the_largest_result_before_rounding_is_kept_by_operation() -> None:
    program = evaluator(binary("mul", "square", "a", "a"), binary("add", "sum", "square", "a"))
    program.run({"a": torch.tensor([-300.0, 2.0])})
    program.run({"a": torch.tensor([1.0, 2.0])})
    assert list(program.peaks) == ["mul 'square'", "add 'sum'"]  # in the order of the program
    assert program.peaks["mul 'square'"] == 90_000
    assert program.peaks["add 'sum'"] == math.inf  # what it was given was rounded already


def test_a_negative_result_and_one_that_is_no_number_count() -> None:
    negative = evaluator(constant("b", torch.tensor([6e4, 0.0])), binary("sub", "less", "a", "b"))
    negative.run({"a": torch.tensor([-1e4, 0.0])})
    assert negative.peaks == {"sub 'less'": pytest.approx(7e4, rel=1e-3)}
    nothing = evaluator(constant("b", torch.zeros(2)), binary("real_div", "ratio", "b", "b"))
    nothing.run({"a": torch.zeros(2)})
    assert nothing.peaks == {"real_div 'ratio'": math.inf}


def test_constants_single_precision_and_unrounded_runs_have_no_peaks() -> None:
    large = constant("b", torch.tensor([-math.inf, 6e4]))
    wide = evaluator(large, binary("mul", "product", "b", "b", FP32))
    wide.run({"a": torch.zeros(2)})
    assert not wide.peaks
    exact = evaluator(large, binary("mul", "product", "b", "b"), rounding=False)
    exact.run({"a": torch.zeros(2)})
    assert not exact.peaks


class Giving:
    """A session that gives the same every time, and whose values inside went so far."""

    facts: Mapping[str, str | int] = MappingProxyType({})

    def __init__(self, outputs: Mapping[str, FloatArray], peaks: Mapping[str, float]) -> None:
        self.outputs, self.peaks = dict(outputs), peaks

    def run(self, inputs: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        assert not inputs
        return self.outputs

    def close(self) -> None:
        """Nothing is held."""


def judged(
    contract: ProgramContract, peaks: Mapping[str, float]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return failures and notes of a file that gives what PyTorch does."""
    field = np.linspace(0.2, 0.8, 128, dtype=np.float32).reshape(1, 1, 8, 16)
    outputs = {"alpha": field, "r1_next": field}
    tally = Tally(contract, Giving(outputs, peaks))
    tally.run({})
    call = Call(program="running", inputs={}, outputs=outputs)
    tally.take(call, call, step=True)
    found = tally.parity("fp16", limits("fp16"), recurrent=False)
    return found.failures, found.notes


def test_a_file_fails_beyond_half_precision_and_is_noted_beyond_the_engine(
    running_contract: ProgramContract,
) -> None:
    assert judged(running_contract, {"mul 'a'": 32768.0}) == ((), ())
    assert judged(running_contract, {"mul 'a'": 32769.0, "mul 'b'": 65504.0, "add 'c'": 1.0}) == (
        (),
        (
            "mul 'b' reaches 65504; some operations of the Neural Engine end at 32768, "
            "and 1 more go beyond it",
        ),
    )
    assert judged(running_contract, {"conv 'a'": 65505.0, "mul 'b'": math.inf}) == (
        ("conv 'a' reaches 65505; half precision ends at 65504, and 1 more overflow",),
        (),
    )


class Overflowing(nn.Module):
    """Leave half precision where the frame is bright, and come back."""

    def forward(self, frame: Tensor, r1: Tensor) -> tuple[Tensor, Tensor]:
        far = (frame[:, :1] * 300 + r1) * 300
        return frame[:, 1:2] * torch.clamp(far, 0.0, 1.0), r1 * 1.0


def scene(value: float) -> Iterator[FloatArray]:
    frame = np.full((8, 16, 3), value, dtype=np.float32)
    frame[..., 1] = np.linspace(0.2, 0.8, 16)
    yield frame
    yield frame


def test_an_overflow_that_no_output_shows_fails_a_package(
    running_contract: ProgramContract, tmp_path: Path
) -> None:
    inputs = tuple(torch.zeros(tensor.shape) for tensor in running_contract.inputs)
    captured = Captured(
        exported=torch.export.export(Overflowing().eval(), inputs),
        contract=running_contract,
        spec=tier("rvm", "t01"),
        recipe=recipe("fp16"),
    )
    path = tmp_path / "running.mlpackage"
    to_coreml(captured, path, {})
    reference = TorchSession(Overflowing(), running_contract, 1)
    found = {}
    for value in (0.25, 0.5, 1.0):
        session = CoreMlReference().load(path, running_contract, threads=1)
        assert isinstance(session, Watched)
        found[value] = compare(reference, session, running_contract, "fp16", scene(value))
    assert not isinstance(reference, Watched)
    assert [parity.failures for parity in found.values()][:2] == [(), ()]
    assert [len(parity.notes) for parity in found.values()] == [0, 1, 0]
    (reason,) = found[1.0].failures
    assert reason.startswith("mul ")
    assert " reaches 90000; half precision ends at 65504" in reason
    assert found[1.0].psnr_db["alpha"] is None or found[1.0].psnr_db["alpha"] > 60
