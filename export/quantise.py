"""Captured program -> the same program with eight-bit convolutions, which every format takes.

Weights are symmetric and per output channel, activations affine and per tensor, as in Jacob et al.,
"Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", CVPR
2018. The rounded program is a graph of PyTorch's ``quantized_decomposed`` operators: what PyTorch
computes with it is what every format is to compute, and every exporter takes it as it is.
"""

import dataclasses
import math
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import torch
import torch.ao.quantization.fx._decomposed  # registers quantized_decomposed
from torch import Tensor, fx

from export.program import Captured
from export.quantisation import Quantisation, Span
from export.quiet import quiet
from tiers.errors import ExportError
from tiers.example_inputs import example_inputs

_LEVELS = 255  # steps of an eight-bit integer
_LOW, _HIGH = -128, 127  # of an activation
_WEIGHT_HIGH = 127  # -128 is left out, so that the levels are symmetric
_LEAST_STEP = 1e-8  # of a tensor that is zero everywhere
_BIAS_HIGH = 2**30  # runtimes hold biases in 32 bits, in steps of input times weight

_USEFUL: Mapping[object, Span] = MappingProxyType(
    {
        torch.ops.aten.hardswish.default: (-3.0, math.inf),
        torch.ops.aten.relu.default: (0.0, math.inf),
        torch.ops.aten.relu6.default: (0.0, 6.0),
        torch.ops.aten.sigmoid.default: (-8.0, 8.0),
        torch.ops.aten.tanh.default: (-4.0, 4.0),
    }
)

# What an operator can give at all.
_POSSIBLE: Mapping[object, Span] = MappingProxyType(
    {
        torch.ops.aten.hardsigmoid.default: (0.0, 1.0),
        torch.ops.aten.hardswish.default: (-0.375, math.inf),
        torch.ops.aten.relu6.default: (0.0, 6.0),
        torch.ops.aten.sigmoid.default: (0.0, 1.0),
        torch.ops.aten.tanh.default: (-1.0, 1.0),
    }
)

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
    with quiet():
        module = captured.exported.module(check_guards=False)
    return fx.GraphModule(module, module.graph)  # a plain one: the exporter's own takes no eval()


def layers(program: fx.GraphModule) -> list[Layer]:
    """Return the convolutions of a graph in the order they run in.

    The weights of those are constants of the graph; one that is computed is no layer.
    """
    found = []
    for node in program.graph.nodes:
        if node.op == "call_function" and node.target is _CONVOLUTION:
            weight = _node(node.args[1])
            if weight.op == "get_attr":
                found.append(Layer(node=node, weight=str(weight.target).removesuffix(".weight")))
    return found


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


def useful_span(node: fx.Node) -> Span:
    """Return the values of a tensor that make a difference to what takes it.

    What lies beyond gives what the end of the span gives: exactly so for hard swishes and clamps,
    to within 4e-4 for sigmoids and 7e-4 for hyperbolic tangents.
    """
    spans = [_useful_to(user) for user in node.users]
    return min(low for low, _ in spans), max(high for _, high in spans)


def with_headroom(node: fx.Node, span: Span, share: float) -> Span:
    """Return a span that is wider by a share at either end, but not than can be or makes sense."""
    least, most = useful_span(node)
    low, high = _POSSIBLE.get(node.target, (-math.inf, math.inf))
    return (
        max(least, low, span[0] - share * abs(span[0])),
        min(most, high, span[1] + share * abs(span[1])),
    )


def _useful_to(user: fx.Node) -> Span:
    if user.target is torch.ops.aten.clamp.default:
        low, high, *_ = (*user.args[1:], None, None)
        return (
            float(low) if isinstance(low, int | float) else -math.inf,
            float(high) if isinstance(high, int | float) else math.inf,
        )
    return _USEFUL.get(user.target, (-math.inf, math.inf))


def step_and_zero(span: Span) -> tuple[float, int]:
    """Return the step between two levels of a tensor and the level that stands for 0.

    A span is widened to hold 0, which padding is made of.
    """
    low, high = min(span[0], 0.0), max(span[1], 0.0)
    step = max((high - low) / _LEVELS, _LEAST_STEP)
    return step, max(_LOW, min(_HIGH, round(_LOW - low / step)))


def rounded(tensor: Tensor, span: Span) -> Tensor:
    """Return a tensor as eight bits hold it."""
    step, zero = step_and_zero(span)
    return ((tensor / step).round_().add_(zero).clamp_(_LOW, _HIGH) - zero) * step


def weight_levels(weight: Tensor, least: Tensor | float = 0.0) -> tuple[Tensor, Tensor]:
    """Return a convolution's weight in whole levels and the steps between them.

    Args:
        weight: ``(O, I, H, W)``.
        least: ``(O,)`` or a number, what steps are at least.

    Returns:
        Integers ``(O, I, H, W)`` in -127..127 and steps ``(O,)``: the weight is about their
        product.
    """
    steps = weight.detach().abs().amax((1, 2, 3)).clamp(min=_LEAST_STEP) / _WEIGHT_HIGH
    steps = torch.maximum(steps, torch.as_tensor(least, dtype=steps.dtype))
    whole = (weight.detach() / steps[:, None, None, None]).round()
    return whole.clamp_(-_WEIGHT_HIGH, _WEIGHT_HIGH).to(torch.int8), steps


def rounded_weight(weight: Tensor) -> Tensor:
    """Return a convolution's weight as eight bits hold it."""
    whole, steps = weight_levels(weight)
    return whole * steps[:, None, None, None]


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
    with quiet():
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
        levels = (*step_and_zero(quantisation.spans[name]), _LOW, _HIGH, torch.int8)
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
    least = torch.tensor(0.0)
    bias = node.args[2] if len(node.args) > 2 else None
    if span is not None and isinstance(bias, fx.Node):
        # a channel of tiny weights is its bias: with steps as tiny that would not fit its 32 bits
        least = _constant(program, bias).detach().abs() / (step_and_zero(span)[0] * _BIAS_HIGH)
    whole, steps = weight_levels(constant_of(program, layer), least)
    zeros = torch.zeros(len(steps), dtype=torch.int64)
    with program.graph.inserting_before(node):
        held = [
            add_constant(program, f"{node.name}_{part}", value)
            for part, value in (("levels", whole), ("steps", steps), ("zeros", zeros))
        ]
        back = program.graph.call_function(
            torch.ops.quantized_decomposed.dequantize_per_channel.default,
            (*held, 0, -_WEIGHT_HIGH, _WEIGHT_HIGH, torch.int8),
        )
    node.update_arg(1, back)


def _shift(program: fx.GraphModule, layer: Layer, shift: tuple[float, ...]) -> None:
    node = layer.node
    given = node.args[2] if len(node.args) > 2 else None
    moved = torch.tensor(shift)
    if isinstance(given, fx.Node):
        bias = _constant(program, given).detach()
        if len(bias) != len(shift):
            msg = f"{len(shift)} shifts are known of {layer.weight}, which has {len(bias)} channels"
            raise ExportError(msg)
        moved = moved + bias
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
