"""XNNPACK moves eight-bit values only between tensors that have the same levels.

Joining, slicing or clamping what is rounded on either side becomes one of its integer operators,
which refuses to load where the levels of input and output differ. Values are brought to the levels
of the output before they are moved instead of after: the results are the same.
"""

from typing import Any

import torch
import torch.ao.quantization.fx._decomposed  # registers quantized_decomposed
from torch import fx

from export.converting import converting
from export.program import Captured
from export.quantise import graph_of
from tiers.example_inputs import example_inputs

_MOVES = frozenset(
    {
        torch.ops.aten.cat.default,
        torch.ops.aten.clamp.default,
        torch.ops.aten.expand.default,
        torch.ops.aten.flatten.using_ints,
        torch.ops.aten.hardtanh.default,
        torch.ops.aten.max_pool2d.default,
        torch.ops.aten.permute.default,
        torch.ops.aten.relu.default,
        torch.ops.aten.relu6.default,
        torch.ops.aten.reshape.default,
        torch.ops.aten.slice.Tensor,
        torch.ops.aten.transpose.int,
        torch.ops.aten.unsqueeze.default,
        torch.ops.aten.view.default,
    }
)


def with_level_moves(captured: Captured) -> torch.export.ExportedProgram:
    """Return a rounded program whose values have the same levels before and after a move."""
    operators = torch.ops.quantized_decomposed
    to_levels = operators.quantize_per_tensor.default
    from_levels = operators.dequantize_per_tensor.default
    program = graph_of(captured)
    for node in list(program.graph.nodes):
        users = list(node.users)
        if node.target not in _MOVES or len(users) != 1 or users[0].target is not to_levels:
            continue
        levels = users[0].args[1:]
        given = node.all_input_nodes
        if any(each.target is not from_levels for each in given):
            continue
        for each in given:
            if each.args[1:] != levels:
                _bring(program, node, each, levels)
    program.graph.lint()
    program.recompile()
    with converting():
        return torch.export.export(program, tuple(example_inputs(captured.contract)))


def _bring(program: fx.GraphModule, node: fx.Node, given: fx.Node, levels: tuple[Any, ...]) -> None:
    """Bring what a node takes to other levels."""
    operators = torch.ops.quantized_decomposed
    with program.graph.inserting_before(node):
        whole = program.graph.call_function(operators.quantize_per_tensor.default, (given, *levels))
        back = program.graph.call_function(
            operators.dequantize_per_tensor.default, (whole, *levels)
        )
    node.replace_input_with(given, back)
