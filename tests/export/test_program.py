import dataclasses
from collections.abc import Callable, Mapping

import pytest
import torch
from torch import Tensor, nn

import export.program
from export.program import Captured, capture, fold_batch_norm
from export.recipe import FLOATING, RECIPES, recipe
from tiers.blocks.resnet import ResNet50
from tiers.contract import ProgramContract
from tiers.contract_table import contracts
from tiers.errors import ExportError
from tiers.ladder import tier
from tiers.networks.rvm import Rvm
from tiers.spec import TierSpec


def test_no_batch_norm_is_left_and_the_function_is_the_same(
    captured: Mapping[str, Captured], frames: list[Tensor], expected: list[tuple[Tensor, ...]]
) -> None:
    exported = captured["fp32"].exported
    assert not [node for node in exported.graph.nodes if "batch_norm" in str(node.target)]
    states = [torch.zeros(t.shape) for t in captured["fp32"].contract.state_inputs.values()]
    for frame, outputs in zip(frames, expected, strict=True):
        given = exported.module()(frame, *states)
        assert max(float((a - b).abs().max()) for a, b in zip(given, outputs, strict=True)) <= 1e-5
        states = given[2:]
    alpha = expected[-1][1]
    assert alpha.std() > 0.05, "the fixture's network says nothing about alpha"


def test_a_resnet_folds_too() -> None:
    torch.manual_seed(0)
    network = ResNet50().eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.1, 0.1)  # type: ignore[arg-type]
            nn.init.uniform_(module.running_var, 0.5, 2.0)  # type: ignore[arg-type]
    frame = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        before = network(frame)
        folded = fold_batch_norm(network)
        after = folded(frame)
    assert not [module for module in folded.modules() if isinstance(module, nn.BatchNorm2d)]
    for a, b in zip(before, after, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


def test_a_batch_norm_behind_no_convolution_is_refused() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.BatchNorm2d(4))
    with pytest.raises(ExportError, match="no convolution is registered right before 2"):
        fold_batch_norm(network)


def test_a_capture_leaves_the_network_as_it_is(
    network: Rvm, captured: Mapping[str, Captured]
) -> None:
    assert captured
    assert [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert all(weight.requires_grad for weight in network.parameters())
    assert {weight.dtype for weight in network.parameters()} == {torch.float32}


@pytest.mark.parametrize("name", FLOATING)
def test_every_tensor_of_the_graph_has_the_type_of_the_recipe(
    captured: Mapping[str, Captured], name: str
) -> None:
    dtype = getattr(torch, RECIPES[name].dtype)
    values = [node.meta.get("val") for node in captured[name].exported.graph.nodes]
    assert {value.dtype for value in values if isinstance(value, Tensor)} == {dtype}


def test_an_unknown_program_is_refused_with_the_list(network: Rvm, spec: TierSpec) -> None:
    with pytest.raises(ExportError, match="no program 'segment'; rvm has matte"):
        capture(network, spec, "segment", recipe("fp32"))


def test_a_network_of_another_tier_is_refused(network: Rvm) -> None:
    with pytest.raises(ExportError, match="rvm/t02/matte: the network does not take the inputs"):
        capture(network, tier("rvm", "t02"), "matte", recipe("fp32"))


def _renamed(contract: ProgramContract) -> ProgramContract:
    first, *rest = contract.inputs
    return dataclasses.replace(contract, inputs=(dataclasses.replace(first, name="image"), *rest))


def _shorter(contract: ProgramContract) -> ProgramContract:
    return dataclasses.replace(contract, outputs=contract.outputs[:-1])


def _swapped(contract: ProgramContract) -> ProgramContract:
    foreground, alpha, *rest = contract.outputs
    return dataclasses.replace(contract, outputs=(alpha, foreground, *rest))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_renamed, r"rvm/t01/matte takes frame, r1, .*; its contract says image, r1"),
        (_shorter, r"gives 6 outputs; its contract says foreground, alpha, r1_next, .*r3_next$"),
        (_swapped, r"gives alpha as .*\(1, 3, 288, 512\); its contract says .*\(1, 1, 288, 512\)"),
    ],
)
def test_a_program_that_breaks_its_contract_is_refused(
    network: Rvm,
    spec: TierSpec,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[ProgramContract], ProgramContract],
    message: str,
) -> None:
    broken = change(contracts(spec)[0])
    monkeypatch.setattr(export.program, "contracts", lambda _: (broken,))
    with pytest.raises(ExportError, match=message):
        capture(network, spec, "matte", recipe("fp32"))
