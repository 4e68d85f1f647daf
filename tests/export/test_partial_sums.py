import copy
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import export.to_executorch
from export.partial_sums import PRODUCTS, in_parts
from export.program import Captured
from export.recipe import recipe
from export.to_executorch import lower, to_executorch
from pocketmatte.runtimes.table import runtime
from tiers.contract import ProgramContract, TensorSpec
from tiers.ladder import tier

CONVOLUTIONS = (torch.ops.aten.conv2d.default, torch.ops.aten.conv2d.padding)


def exported(*layers: nn.Module, channels: int) -> torch.export.ExportedProgram:
    torch.manual_seed(0)
    network = nn.Sequential(*layers).eval().requires_grad_(requires_grad=False)
    return torch.export.export(network, (torch.randn(2, channels, 9, 8),))


def products(program: torch.export.ExportedProgram) -> list[int]:
    """Return how many products each convolution adds up."""
    nodes = [node for node in program.graph.nodes if node.target in CONVOLUTIONS]
    return [math.prod(node.all_input_nodes[1].meta["val"].shape[1:]) for node in nodes]


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (nn.Conv2d(200, 6, 3, padding=1), [450] * 4),
        (nn.Conv2d(200, 6, 3, padding=2, dilation=2, bias=False), [450] * 4),
        (nn.Conv2d(200, 6, 3, stride=2, padding="valid"), [450] * 4),
        (nn.Conv2d(113, 6, 3, padding="same"), [37 * 9, 38 * 9, 38 * 9]),
        (nn.Conv2d(31, 6, 7, padding=3), [7 * 49, 8 * 49, 8 * 49, 8 * 49]),
        (nn.Conv2d(1100, 2, 1), [366, 367, 367]),
    ],
)
def test_parts_are_nearly_even_and_sum_up_to_the_convolution(
    layer: nn.Conv2d, expected: list[int]
) -> None:
    program = exported(layer, nn.ReLU(), channels=layer.in_channels)
    x = torch.randn(2, layer.in_channels, 9, 8)
    whole = program.module()(x)
    assert products(in_parts(program)) == expected
    assert torch.allclose(program.module()(x), whole, atol=1e-5)


def test_a_convolution_that_is_an_output_leaves_a_valid_program() -> None:
    program = exported(nn.Conv2d(600, 2, 1), channels=600)
    x = torch.randn(2, 600, 9, 8)
    whole = program.module()(x)
    assert len(products(in_parts(program))) == 2
    program.validate()  # type: ignore[no-untyped-call]
    assert torch.allclose(program.module()(x), whole, atol=1e-5)


def test_narrow_convolutions_and_groups_stay_whole() -> None:
    narrow, grouped = nn.Conv2d(PRODUCTS, 64, 1), nn.Conv2d(64, 128, 5, padding=2, groups=2)
    program = in_parts(exported(narrow, grouped, channels=PRODUCTS))
    assert products(program) == [PRODUCTS, 32 * 25]


def test_only_half_precision_is_split(
    captured: Mapping[str, Captured], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = products(copy.deepcopy(captured["fp16"].exported))
    assert max(before) > PRODUCTS
    seen: list[torch.export.ExportedProgram] = []

    def noted(program: torch.export.ExportedProgram) -> torch.export.ExportedProgram:
        seen.append(program)
        return in_parts(program)

    monkeypatch.setattr("export.to_executorch.in_parts", noted)
    lower(captured["fp32"])
    assert not seen
    assert lower(captured["fp16"]).delegates == 1
    (split,) = seen
    assert max(products(split)) <= PRODUCTS
    assert len(products(split)) > len(before)


def test_the_rounding_of_a_wide_half_precision_convolution_shrinks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(512, 8, 3, padding=1, bias=False).half().requires_grad_(requires_grad=False)
    nn.init.normal_(layer.weight, std=(512 * 9) ** -0.5)
    x = torch.randn(1, 512, 8, 8).half()
    contract = ProgramContract(
        name="wide",
        inputs=(tensor("x", (1, 512, 8, 8)),),
        outputs=(tensor("y", (1, 8, 8, 8)),),
        states=(),
        judged=None,
    )
    captured = Captured(
        exported=torch.export.export(Wide(layer), (x,)),
        contract=contract,
        spec=tier("rvm", "t01"),
        recipe=recipe("fp16"),
    )
    exact = copy.deepcopy(layer).float()(x.float()).numpy()

    def error(name: str) -> float:
        to_executorch(captured, tmp_path / name, {})
        session = runtime("executorch").load(tmp_path / name, contract, threads=1)
        given = session.run({"x": x.float().numpy()})["y"]
        session.close()
        return float(np.sqrt(np.mean((given - exact) ** 2)))

    split = error("split.pte")
    monkeypatch.setattr(export.to_executorch, "in_parts", lambda program: program)
    whole = error("whole.pte")
    rounding = float(np.sqrt(np.mean((exact.astype(np.float16) - exact) ** 2)))
    if whole < 1.5 * rounding:  # of the result alone; then the sum was not made in half precision
        pytest.skip("needs a processor on which XNNPACK adds up half precision in half precision")
    assert split < whole / 1.5


class Wide(nn.Module):
    """A layer whose input has the contract's name."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor]:
        return (self.layer(x),)


def tensor(name: str, shape: tuple[int, ...]) -> TensorSpec:
    return TensorSpec(name=name, shape=shape, low=None, high=None, meaning="test")
