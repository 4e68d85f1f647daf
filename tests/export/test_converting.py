"""Inside the block no history of a node is copied; after it all is as before."""

import copy

import pytest
import torch
from torch import fx
from torch.fx.traceback import NodeSource

from export.converting import converting


def history() -> NodeSource:
    graph = fx.Graph()
    return NodeSource(graph.placeholder("x"), "test")


def test_histories_are_shared_inside_and_copied_outside() -> None:
    source = history()
    with converting():
        with converting():
            assert copy.deepcopy(source) is source
        assert copy.deepcopy([source])[0] is source
    assert copy.deepcopy(source) is not source


def test_all_is_as_before_after_an_error() -> None:
    with pytest.raises(ValueError, match="loud"), converting():
        raise ValueError("loud")  # noqa: EM101
    assert "__deepcopy__" not in vars(NodeSource)


def test_a_capture_is_the_same_as_without() -> None:
    class Twice(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.relu(x) * 2

    def lowered() -> str:
        exported = torch.export.export(Twice(), (torch.ones(1, 2),))
        return str(exported.run_decompositions({}).graph)

    plain = lowered()
    with converting():
        assert lowered() == plain
