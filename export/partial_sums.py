"""Wide convolutions added up part by part, for a runtime that adds up in half precision.

XNNPACK adds up a half-precision convolution in half precision: its rounding error grows with the
root of the number of products. Where parts of the input channels are added up on their own, it
grows with the root of a part only. Weights and mathematics stay as they are.
"""

import math
from typing import Any

import torch
from torch.fx import Graph, Node
from torch.fx.node import map_arg

PRODUCTS = 512  # added up at once: fewer round less, and every part is one more pass over the map

_CONVOLUTIONS = (torch.ops.aten.conv2d.default, torch.ops.aten.conv2d.padding)


def in_parts(program: torch.export.ExportedProgram) -> torch.export.ExportedProgram:
    """Split, in place, every 2-D convolution of one group that adds up more than ``PRODUCTS``.

    Args:
        program: As ``torch.export.export`` gives it; its graph is edited.

    Returns:
        ``program``.
    """
    graph = program.graph
    for node in list(graph.nodes):
        if node.target not in _CONVOLUTIONS:
            continue
        channels = _shape(node.args[0])[1]
        of_weight = _shape(node.args[1])[1:]
        if of_weight[0] == channels and math.prod(of_weight) > PRODUCTS:
            width = max(1, PRODUCTS // math.prod(of_weight[1:]))
            total = _split(graph, node, channels, -(-channels // width))
            for output in program.graph_signature.output_specs:
                if output.arg.name == node.name:
                    output.arg.name = total.name
    graph.lint()
    program.graph_module.recompile()
    return program


def _split(graph: Graph, node: Node, channels: int, parts: int) -> Node:
    """Replace a convolution by the sum of nearly even parts, and return the sum."""
    x, weight, bias, *how = (*node.args, None)[: max(3, len(node.args))]
    sums: list[Node] = []
    with graph.inserting_before(node):
        for part in range(parts):
            where = (1, channels * part // parts, channels * (part + 1) // parts)
            pieces = (
                _call(graph, torch.ops.aten.slice.Tensor, each, *where) for each in (x, weight)
            )
            sums.append(_call(graph, node.target, *pieces, None if sums else bias, *how))
        while len(sums) > 1:
            pairs = [sums[start : start + 2] for start in range(0, len(sums), 2)]
            sums = [
                _call(graph, torch.ops.aten.add.Tensor, *pair) if len(pair) > 1 else pair[0]
                for pair in pairs
            ]
    node.replace_all_uses_with(sums[0])
    graph.erase_node(node)
    return sums[0]


def _call(graph: Graph, target: Any, *args: Any) -> Node:
    node = graph.call_function(target, args)
    node.meta["val"] = target(*map_arg(args, lambda each: each.meta["val"]))
    return node


def _shape(node: Any) -> tuple[int, ...]:
    return tuple(node.meta["val"].shape)
