"""Inside the block a graph module makes its code when it is asked for, and not before."""

import inspect

import pytest
import torch
from torch import Tensor, nn
from torch.fx import Graph, GraphModule, symbolic_trace

from export.deferred_code import code_deferred


class Twice(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x) * 2


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[GraphModule]:
    """Return the modules whose code was made, in that order."""
    modules = []
    make = GraphModule.recompile

    def noted(module: GraphModule) -> object:
        modules.append(module)
        return make(module)

    monkeypatch.setattr(GraphModule, "recompile", noted)
    return modules


def test_code_is_made_for_who_asks_and_once(made: list[GraphModule]) -> None:
    with code_deferred():
        module = symbolic_trace(Twice())
        for _ in range(3):
            module.recompile()
        assert not made
        assert module(torch.ones(1)).item() == 2
        assert "relu" in module.code
    assert made == [module]


def test_a_module_that_nobody_asked_makes_its_code_after_the_block(
    made: list[GraphModule],
) -> None:
    with code_deferred():
        module = symbolic_trace(Twice())
    assert not made
    assert "relu" in str(module.code)
    assert module(torch.ones(1)).item() == 2
    assert made == [module]


def test_changes_after_the_code_was_asked_for_are_in_it_next_time() -> None:
    with code_deferred():
        module = symbolic_trace(Twice())
        assert module(-torch.ones(1)).item() == 0
        (relu,) = module.graph.find_nodes(op="call_function", target=torch.relu)
        relu.target = torch.abs
        module.recompile()
        assert module(-torch.ones(1)).item() == 2
        assert "abs" in module.code


def test_a_part_is_made_anew_with_the_whole() -> None:
    with code_deferred():
        part = symbolic_trace(Twice())
        graph = Graph()
        graph.output(graph.call_module("part", (graph.placeholder("x"),)))
        whole = GraphModule(nn.ModuleDict({"part": part}), graph)
        assert part(-torch.ones(1)).item() == 0
        (relu,) = part.graph.find_nodes(op="call_function", target=torch.relu)
        relu.target = torch.abs
        whole.recompile()
        assert part(-torch.ones(1)).item() == 2


def test_parameters_have_their_names() -> None:
    with code_deferred():
        module = symbolic_trace(Twice())
        assert list(inspect.signature(module.forward).parameters) == ["x"]


def test_all_is_as_before_after_an_error() -> None:
    before = GraphModule.recompile
    with pytest.raises(ValueError, match="loud"), code_deferred():
        raise ValueError("loud")  # noqa: EM101
    assert GraphModule.recompile is before
