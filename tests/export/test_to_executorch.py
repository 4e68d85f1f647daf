import dataclasses
import gc
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.fx import Graph
from torch.nn import functional

from export.program import Captured
from export.recipe import FLOATING
from export.targets import Notes
from export.to_executorch import METADATA_METHOD, lower

Files = Callable[[str, str], tuple[Path, Notes]]


@pytest.mark.parametrize("recipe", FLOATING)
def test_the_network_is_one_delegate_with_nothing_outside(files: Files, recipe: str) -> None:
    notes = files("executorch", recipe)[1]
    assert notes == {"minimum_runtime": "ExecuTorch 1.5", "delegates": 1, "outside": {}}


def test_an_operator_that_the_delegate_refuses_is_counted(
    captured: Mapping[str, Captured],
) -> None:
    class Program(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.cumsum(torch.tanh(torch.cumsum(x, 2)), 3)

    exported = torch.export.export(Program(), (torch.rand(1, 1, 4, 4),))
    lowered = lower(dataclasses.replace(captured["fp32"], exported=exported))
    assert lowered.delegates == 1
    assert lowered.outside == {"aten::cumsum": 2}


def test_lowering_leaves_no_graph_behind(captured: Mapping[str, Captured]) -> None:
    class Program(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return functional.interpolate(torch.tanh(x), scale_factor=2.0, mode="bilinear")

    exported = torch.export.export(Program(), (torch.rand(1, 1, 4, 4),))

    def graphs_after_lowering() -> int:
        lower(dataclasses.replace(captured["fp32"], exported=exported))
        gc.collect()
        return sum(type(each) is Graph for each in gc.get_objects())

    graphs_after_lowering()  # ExecuTorch makes the patterns that it looks for once
    assert graphs_after_lowering() == graphs_after_lowering()


def test_the_file_carries_the_metadata_and_names_no_source(
    files: Files, metadata: dict[str, str], root: Path
) -> None:
    from executorch.runtime import Runtime

    path = files("executorch", "fp32")[0]
    program = Runtime.get().load_program(path)
    assert program.method_names == {"forward", METADATA_METHOD}
    (text,) = program.load_method(METADATA_METHOD).execute([])
    assert json.loads(text) == metadata
    assert str(root).encode() not in path.read_bytes()
    assert b"site-packages" not in path.read_bytes()


def test_executorch_computes_what_pytorch_computes(
    files: Files,
    captured: Mapping[str, Captured],
    frames: list[Tensor],
    expected: list[tuple[Tensor, ...]],
) -> None:
    from executorch.runtime import Runtime

    method = Runtime.get().load_program(files("executorch", "fp32")[0]).load_method("forward")
    contract = captured["fp32"].contract
    states = [torch.zeros(tensor.shape) for tensor in contract.state_inputs.values()]
    for frame, outputs in zip(frames, expected, strict=True):
        given = method.execute([frame, *states])
        for value, truth, tensor in zip(given, outputs, contract.outputs, strict=True):
            # the limit for single precision on real frames; measured: 4e-6
            assert (value - truth).abs().max() <= 5e-5, tensor.name
        states = list(given[2:])
