"""A functional program says so, and is what tracing would have made of it."""

import pytest
import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from export.functional import functional
from export.program import capture
from export.recipe import recipe
from tiers.contract_table import contracts
from tiers.ladder import LADDERS
from tiers.weights import default, network_of


def _nodes(program: ExportedProgram) -> list[tuple[str, ...]]:
    return [
        (node.op, node.name, str(node.target), str(node.args), str(node.kwargs))
        for node in program.graph.nodes
    ]


@pytest.mark.parametrize("name", LADDERS)
def test_what_is_left_alone_is_what_tracing_gives(name: str) -> None:
    spec = next(iter(LADDERS[name].values()))
    network = network_of(spec, default(spec))
    for contract in contracts(spec):
        exported = capture(network, spec, contract.name, recipe("fp32")).exported
        traced = exported.run_decompositions({})
        given = functional(exported).run_decompositions({})
        assert _nodes(given) == _nodes(traced)
        assert given.dialect == traced.dialect
        assert given.graph_signature.user_outputs == traced.graph_signature.user_outputs
        assert set(given.state_dict) == set(traced.state_dict)


def test_it_is_traced_no_more() -> None:
    convolution = nn.Conv2d(1, 1, 1).requires_grad_(requires_grad=False)
    given = functional(torch.export.export(convolution, (torch.ones(1, 1, 2, 2),)))
    assert given.run_decompositions({}) is given


def test_other_tables_are_followed() -> None:
    exported = torch.export.export(nn.Hardswish(), (torch.ones(1, 1, 2, 2),))
    taken_apart = functional(exported).run_decompositions()
    assert not [node for node in taken_apart.graph.nodes if "hardswish" in str(node.target)]


class InPlace(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return (x + 1).relu_()


class Counting(nn.Module):
    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        self.count.add_(1)
        return x + self.count


class Reshaping(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(4)


@pytest.mark.parametrize("program", [InPlace(), Counting(), Reshaping()])
def test_what_tracing_changes_is_traced(program: nn.Module) -> None:
    exported = torch.export.export(program, (torch.ones(2, 2),))
    traced = exported.run_decompositions({})
    assert _nodes(traced) != _nodes(exported)
    assert _nodes(functional(exported).run_decompositions({})) == _nodes(traced)
