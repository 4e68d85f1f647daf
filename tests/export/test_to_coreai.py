import asyncio
import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from export.program import Captured
from export.recipe import FLOATING, RECIPES
from export.targets import TARGETS, Notes
from export.to_coreai import DIGEST, METADATA, PROGRAM, to_coreai
from tiers.contract import ProgramContract, TensorSpec
from tiers.errors import ExportError

Files = Callable[[str, str], tuple[Path, Notes]]
Run = Callable[[Path, Mapping[str, Tensor]], dict[str, Tensor]]

REASON = TARGETS["coreai"].unavailable()
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))


@pytest.fixture(scope="module")
def run() -> Run:
    """Return a way to run an asset once."""
    from coreai.authoring import AIModelAsset
    from coreai.runtime import NDArray

    async def called(path: Path, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        async with AIModelAsset.load(path).executable() as model:
            feed = {name: NDArray(value.numpy()) for name, value in inputs.items()}
            outputs = await model.load_function("main")(feed)
            return {
                name: torch.from_numpy(np.array(value.numpy())) for name, value in outputs.items()
            }

    return lambda path, inputs: asyncio.run(called(path, inputs))


def _program(module: nn.Module, like: Captured, **inputs: Tensor) -> Captured:
    """Capture a small program with one output, ``y``."""
    exported = torch.export.export(module, tuple(inputs.values()))
    shape = tuple(module(*inputs.values()).shape)

    def tensor(name: str, shape: tuple[int, ...]) -> TensorSpec:
        return TensorSpec(name=name, shape=shape, low=None, high=None, meaning="test")

    contract = ProgramContract(
        name="small",
        inputs=tuple(tensor(name, tuple(value.shape)) for name, value in inputs.items()),
        outputs=(tensor("y", shape),),
        states=(),
        judged=None,
    )
    return dataclasses.replace(like, exported=exported, contract=contract)


@pytest.mark.parametrize("recipe", FLOATING)
def test_the_asset_has_the_names_shapes_and_type_of_the_contract(
    files: Files, captured: Mapping[str, Captured], recipe: str
) -> None:
    from coreai.authoring import AIModelAsset

    summary = AIModelAsset.load(files("coreai", recipe)[0]).summary(include_statistics=False)
    contract = captured[recipe].contract
    assert summary.function_names == ["main"]
    element = {"float32": "Float32", "float16": "Float16"}[RECIPES[recipe].dtype]
    for found, tensors in (
        (summary.function_inputs("main"), contract.inputs),
        (summary.function_outputs("main"), contract.outputs),
    ):
        shapes = {t.name: " × ".join(str(side) for side in t.shape) for t in tensors}  # noqa: RUF001
        assert found == [(name, f"NDArray ({element}, {shape})") for name, shape in shapes.items()]


def test_the_asset_carries_the_metadata_and_no_date(files: Files, metadata: dict[str, str]) -> None:
    path, notes = files("coreai", "fp32")
    content = json.loads((path / METADATA).read_text())
    assert content.pop("creatorDefinedMetadata") == metadata
    assert set(content) == {"assetVersion", "producer"}
    assert notes == {"minimum_runtime": "iOS 27"}


@pytest.mark.parametrize("recipe", FLOATING)
def test_the_asset_is_a_program_with_its_digest_and_names_no_source(
    files: Files, recipe: str, root: Path
) -> None:
    path = files("coreai", recipe)[0]
    assert {each.name for each in path.rglob("*")} == {PROGRAM, DIGEST, METADATA}
    program = (path / PROGRAM).read_bytes()
    assert (path / DIGEST).read_bytes() == hashlib.sha256(program).digest()
    for word in (str(root), "site-packages", "to_coreai", "torch.nn", "tiers."):
        assert word.encode() not in program, word


def test_weights_and_inner_graphs_are_numbered_not_drawn(files: Files) -> None:
    program = (files("coreai", "fp32")[0] / PROGRAM).read_bytes()
    assert b"weight_0\0" in program
    assert b"weight_1\0" in program
    assert b"avg_pool2d_composite_0\0" in program
    assert b"resource_" not in program


def test_core_ai_computes_what_pytorch_computes(
    files: Files,
    captured: Mapping[str, Captured],
    frames: list[Tensor],
    expected: list[tuple[Tensor, ...]],
    run: Run,
) -> None:
    contract = captured["fp32"].contract
    states = {name: torch.zeros(each.shape) for name, each in contract.state_inputs.items()}
    for frame, outputs in zip(frames[:2], expected[:2], strict=True):
        given = run(files("coreai", "fp32")[0], {"frame": frame, **states})
        for truth, tensor in zip(outputs, contract.outputs, strict=True):
            # the limit for single precision on real frames; measured: 2e-6
            assert (given[tensor.name] - truth).abs().max() <= 5e-5, tensor.name
        states = {pair.input: given[pair.output] for pair in contract.states}


def test_bilinear_sampling_which_the_converter_lacks_is_written_out(
    captured: Mapping[str, Captured], run: Run, tmp_path: Path
) -> None:
    class Sampling(nn.Module):
        def forward(self, x: Tensor, grid: Tensor) -> Tensor:
            return functional.grid_sample(x, grid, align_corners=False)

    random = torch.Generator().manual_seed(0)
    x = torch.rand(2, 3, 7, 9, generator=random)
    grid = torch.rand(2, 5, 4, 2, generator=random) * 3 - 1.5  # a part of it outside the picture
    to_coreai(_program(Sampling(), captured["fp32"], x=x, grid=grid), tmp_path / "s.aimodel", {})
    torch.testing.assert_close(
        run(tmp_path / "s.aimodel", {"x": x, "grid": grid})["y"], Sampling()(x, grid)
    )


def test_an_operator_that_the_converter_lacks_is_named_and_nothing_is_left(
    captured: Mapping[str, Captured], tmp_path: Path
) -> None:
    class Lacking(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = torch.special.i0(x)
            return y

    small = _program(Lacking(), captured["fp32"], x=torch.rand(1, 1, 2, 2))
    message = r"^rvm/t01/small: Core AI: .* unsupported ATen ops: aten\.i0\.default$"
    with pytest.raises(ExportError, match=message):
        to_coreai(small, tmp_path / "out" / "small.aimodel", {})
    assert list(tmp_path.iterdir()) == []
