"""Captured program -> the same program with eight-bit convolutions, which every format takes.

Weights are symmetric and per output channel, activations affine and per tensor, as in Jacob et al.,
"Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", CVPR
2018. The rounded program is a graph of PyTorch's ``quantized_decomposed`` operators: what PyTorch
computes with it is what every format is to compute, and every exporter takes it as it is.
"""

import dataclasses
from collections.abc import Iterator

import torch
import torch.ao.quantization.fx._decomposed  # registers quantized_decomposed
from torch import Tensor, fx

from export.converting import converting
from export.levels import (
    HIGH,
    LOW,
    WEIGHT_HIGH,
    least_steps,
    step_and_zero,
    weight_levels,
)
from export.program import Captured
from export.quantisation import Quantisation, Span
from tiers.errors import ExportError
from tiers.example_inputs import example_inputs

# Kernels for eight bits take so many channels at once: the box filters of rvm's guided filter, of
# four channels, were slower in ONNX Runtime's integers than in single precision.
_LEAST_CHANNELS = 8

_CONVOLUTION = torch.ops.aten.conv2d.default
_RELU = torch.ops.aten.relu.default


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """One convolution of a program.

    Attributes:
        node: It in the graph.
        weight: Name of its weight in the network; layers that share one are kept together.
    """

    node: fx.Node
    weight: str

    @property
    def name(self) -> str:
        """Its name in the graph."""
        return self.node.name

    @property
    def given(self) -> fx.Node:
        """The tensor that it takes."""
        return _node(self.node.args[0])

    @property
    def result(self) -> fx.Node:
        """The tensor that it gives, past a ReLU that it is computed with."""
        users = list(self.node.users)
        alone = len(users) == 1 and users[0].target is _RELU
        return users[0] if alone else self.node


def graph_of(captured: Captured) -> fx.GraphModule:
    """Return a program in single precision as a module whose graph can be changed."""
    with converting():
        module = captured.exported.module(check_guards=False)
    return fx.GraphModule(module, module.graph)  # a plain one: the exporter's own takes no eval()


def layers(program: fx.GraphModule) -> list[Layer]:
    """Return the convolutions of a graph that can be held in eight bits, in the order they run in.

    The weights of those are constants of the graph; one that is computed is no layer. Nor is one of
    so few channels that integers gain nothing.
    """
    found = []
    for node in program.graph.nodes:
        if node.op == "call_function" and node.target is _CONVOLUTION:
            weight = _node(node.args[1])
            if weight.op == "get_attr" and _channels(program, node) >= _LEAST_CHANNELS:
                found.append(Layer(node=node, weight=str(weight.target).removesuffix(".weight")))
    return found


def _channels(program: fx.GraphModule, node: fx.Node) -> int:
    """Return how many channels a convolution takes or gives, whichever are fewer."""
    groups = node.args[6] if len(node.args) > 6 else 1
    given, inside, *_ = _constant(program, _node(node.args[1])).shape
    return min(given, inside * (groups if isinstance(groups, int) else 1))


def rounded_tensors(program: fx.GraphModule, quantisation: Quantisation | None = None) -> list[str]:
    """Return the names of the tensors that layers take and give, in the order of the graph."""
    kept = frozenset() if quantisation is None else frozenset(quantisation.kept)
    near = {
        tensor.name
        for layer in layers(program)
        if layer.weight not in kept
        for tensor in (layer.given, layer.result)
    }
    return [node.name for node in program.graph.nodes if node.name in near]


def quantise(program: fx.GraphModule, quantisation: Quantisation) -> fx.GraphModule:
    """Round a graph's layers, in place, but those that are kept.

    Args:
        program: Of ``graph_of``.
        quantisation: Made for this program.

    Returns:
        The same module.

    Raises:
        ExportError: If it was made for another program.
    """
    found = [layer for layer in layers(program) if layer.weight not in quantisation.kept]
    taken = {layer.name: quantisation.spans.get(layer.given.name) for layer in found}
    if quantisation.spans:
        _round_tensors(program, quantisation)
    for layer in found:
        if (shift := quantisation.shifts.get(layer.name)) is not None:
            _shift(program, layer, shift)
        _round_weight(program, layer, taken[layer.name])
    program.graph.eliminate_dead_code()
    program.recompile()
    return program


def quantised(captured: Captured, quantisation: Quantisation) -> Captured:
    """Return a program with its layers rounded.

    Args:
        captured: In single precision.
        quantisation: Made for this program.

    Raises:
        ExportError: If it was made for another program.
    """
    program = quantise(graph_of(captured), quantisation)
    with converting():
        exported = torch.export.export(program, tuple(example_inputs(captured.contract)))
    return dataclasses.replace(captured, exported=exported)


def _round_tensors(program: fx.GraphModule, quantisation: Quantisation) -> None:
    operators = torch.ops.quantized_decomposed
    by_name = {node.name: node for node in program.graph.nodes}
    for name in rounded_tensors(program, quantisation):
        if name not in quantisation.spans:
            msg = f"no span of {name} is known; calibrate the program again"
            raise ExportError(msg)
        tensor = by_name[name]
        levels = (*step_and_zero(quantisation.spans[name]), LOW, HIGH, torch.int8)
        users = list(tensor.users)
        with program.graph.inserting_after(tensor):
            whole = program.graph.call_function(
                operators.quantize_per_tensor.default, (tensor, *levels)
            )
        for user in users:  # each its own: XNNPACK's parts would depend on one another otherwise
            with program.graph.inserting_before(user):
                back = program.graph.call_function(
                    operators.dequantize_per_tensor.default, (whole, *levels)
                )
            user.replace_input_with(tensor, back)


def _round_weight(program: fx.GraphModule, layer: Layer, span: Span | None) -> None:
    node = layer.node
    least = least_steps(bias_of(program, layer), span)
    whole, steps = weight_levels(constant_of(program, layer), least)
    zeros = torch.zeros(len(steps), dtype=torch.int64)
    with program.graph.inserting_before(node):
        held = [
            add_constant(program, f"{node.name}_{part}", value)
            for part, value in (("levels", whole), ("steps", steps), ("zeros", zeros))
        ]
        back = program.graph.call_function(
            torch.ops.quantized_decomposed.dequantize_per_channel.default,
            (*held, 0, -WEIGHT_HIGH, WEIGHT_HIGH, torch.int8),
        )
    node.update_arg(1, back)


def _shift(program: fx.GraphModule, layer: Layer, shift: tuple[float, ...]) -> None:
    node = layer.node
    moved = torch.tensor(shift)
    if (bias := bias_of(program, layer)) is not None:
        if len(bias) != len(shift):
            msg = f"{len(shift)} shifts are known of {layer.weight}, which has {len(bias)} channels"
            raise ExportError(msg)
        moved = moved + bias.detach()
    with program.graph.inserting_before(node):
        bias_node = add_constant(program, f"{node.name}_bias", moved)
    node.args = (*node.args[:2], bias_node, *node.args[3:])


def add_constant(program: fx.GraphModule, name: str, value: Tensor) -> fx.Node:
    """Give a graph a constant, where nodes are being inserted, and return its node."""
    program.register_buffer(name, value)
    return program.graph.get_attr(name)


def _constant(program: fx.GraphModule, node: fx.Node) -> Tensor:
    owner, _, name = str(node.target).rpartition(".")
    value: Tensor = getattr(program.get_submodule(owner), name)
    return value


def constant_of(program: fx.GraphModule, layer: Layer) -> Tensor:
    """Return a layer's weight, ``(O, I, H, W)``."""
    return _constant(program, _node(layer.node.args[1]))


def bias_of(program: fx.GraphModule, layer: Layer) -> Tensor | None:
    """Return a layer's bias, ``(O,)``, if it has one."""
    given = layer.node.args[2] if len(layer.node.args) > 2 else None
    return _constant(program, given) if isinstance(given, fx.Node) else None


def _node(argument: object) -> fx.Node:
    if not isinstance(argument, fx.Node):
        msg = f"a convolution takes {argument!r}, which is no tensor of the graph"
        raise ExportError(msg)
    return argument


def groups(program: fx.GraphModule) -> Iterator[tuple[str, list[Layer]]]:
    """Yield the blocks of a program with their layers.

    A block is what a network's own modules hold together: weights whose names agree up to their
    last two parts.
    """
    found: dict[str, list[Layer]] = {}
    for layer in layers(program):
        parts = layer.weight.split(".")
        found.setdefault(".".join(parts[: max(len(parts) - 2, 1)]), []).append(layer)
    yield from found.items()
