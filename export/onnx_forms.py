"""Forms of an ONNX graph that ONNX Runtime computes faster; what they compute is the same.

ONNX Runtime holds feature maps in blocks of channels where its own convolutions run, and those take
only a multiple of four channels, or fewer than a block. A convolution of any other runs as a matrix
product of unfolded pixels, which takes about twice as long. It also runs a mean of
the channels that is written as a convolution with a whole block of outputs, of which one is wanted.
Where ONNX Runtime has no such blocks, on 64-bit Arm, either form costs the same to a percent.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import onnx

# What ONNX Runtime's blocked convolutions take (onnxruntime/core/optimizer/nchwc_transformer.cc).
_CHANNELS_OF = 4
_BLOCK = 8  # the least that any processor has; fewer channels are taken as they are


def into_fast_forms(model: "onnx.ModelProto") -> None:
    """Rewrite convolutions of a model with shapes, in place.

    Rounded convolutions are left alone: they run in other kernels.

    Args:
        model: With the shape of every value, and constants as initialisers.
    """
    graph = _Graph(model)
    for node in list(model.graph.node):
        if node.op_type == "Conv":
            _mean_as_sum(graph, node)
    for node in list(model.graph.node):
        if node.op_type == "Conv":
            _apart(graph, node)
    graph.drop_unused()


def pieces(channels: Sequence[int]) -> bool:
    """Say whether a convolution over a concatenation gains by one convolution for each part.

    Args:
        channels: Of each part.
    """
    return sum(channels) % _CHANNELS_OF != 0 and all(
        part % _CHANNELS_OF == 0 or part < _BLOCK for part in channels
    )


def _apart(graph: "_Graph", node: "onnx.NodeProto") -> None:
    """Make the convolution of a concatenation the sum of those of its parts, where that gains."""
    from onnx import helper

    joined = graph.made_by(node.input[0])
    if joined is None or joined.op_type != "Concat" or _attributes(joined)["axis"] != 1:
        return
    if _attributes(node).get("group", 1) != 1:
        return
    channels = [graph.shape(name)[1] for name in joined.input]
    if len(channels) < 2 or not pieces(channels) or not graph.can_cut(node.input[1]):
        return
    made: list[onnx.NodeProto] = []
    start, total = 0, ""
    for part, (name, count) in enumerate(zip(joined.input, channels, strict=True)):
        last = part == len(channels) - 1
        weight, more = graph.cut(node.input[1], start, start + count)
        found = graph.fresh(node.name)
        inputs = [name, weight, *(node.input[2:] if part == 0 else ())]
        convolution = helper.make_node("Conv", inputs, [found], found, **_attributes(node))
        made += [*more, convolution]
        if part:
            whole = node.output[0] if last else graph.fresh(node.name)
            made.append(helper.make_node("Add", [total, found], [whole], f"{whole}_sum"))
            total = whole
        else:
            total = found
        start += count
    graph.replace(node, made)


def _mean_as_sum(graph: "_Graph", node: "onnx.NodeProto") -> None:
    """Make a convolution that averages the channels a scaled sum of them.

    ReduceMean would say the same, and on 64-bit Arm takes fifty instructions a pixel.
    """
    from onnx import helper

    weight = graph.constants.get(node.input[1])
    if weight is None or len(node.input) > 2:
        return
    values = graph.array(weight)
    count = values.shape[1]
    if values.shape != (1, count, 1, 1) or count < 2:
        return
    if not np.array_equal(values, np.full_like(values, 1 / count)):
        return
    if any(step != 1 for step in _attributes(node).get("strides", ())):
        return
    channels = [graph.fresh(node.name) for _ in range(count)]
    total = graph.fresh(node.name)
    share = graph.constant(values[:, :1], node.name)
    split = helper.make_node(
        "Split", [node.input[0]], channels, channels[0], axis=1, num_outputs=count
    )
    made = [
        split,
        helper.make_node("Sum", channels, [total], total),
        helper.make_node("Mul", [total, share], list(node.output), node.name),
    ]
    graph.replace(node, made)


class _Graph:
    """A graph with what is needed to look things up in it."""

    def __init__(self, model: "onnx.ModelProto") -> None:
        self._graph = model.graph
        infos = (*self._graph.value_info, *self._graph.input, *self._graph.output)
        self._infos = {info.name: info for info in infos}
        self.constants = {tensor.name: tensor for tensor in self._graph.initializer}
        self._makers = {name: node for node in self._graph.node for name in node.output}
        self._names = {*self._infos, *self.constants, *self._makers}

    def made_by(self, name: str) -> "onnx.NodeProto | None":
        return self._makers.get(name)

    def shape(self, name: str) -> list[int]:
        if name in self.constants:
            return list(self.constants[name].dims)
        return [side.dim_value for side in self._infos[name].type.tensor_type.shape.dim]

    def array(self, tensor: "onnx.TensorProto") -> "np.ndarray[Any, Any]":
        from onnx import numpy_helper

        return numpy_helper.to_array(tensor)

    def fresh(self, like: str) -> str:
        number = 1
        while (name := f"{like}_part_{number}") in self._names:
            number += 1
        self._names.add(name)
        return name

    def constant(self, values: "np.ndarray[Any, Any]", like: str) -> str:
        from onnx import numpy_helper

        name = self.fresh(like)
        tensor = numpy_helper.from_array(np.ascontiguousarray(values), name)
        self._graph.initializer.append(tensor)
        self.constants[name] = tensor
        return name

    def can_cut(self, weight: str) -> bool:
        """Say whether a weight is a constant, or one in eight bits with scales of its outputs."""
        if weight in self.constants:
            return True
        held = self._makers.get(weight)
        return (
            held is not None
            and held.op_type == "DequantizeLinear"
            and held.input[0] in self.constants
            and (_attributes(held).get("axis", 1) == 0 or self.shape(held.input[1]) == [])
        )

    def cut(self, weight: str, start: int, stop: int) -> tuple[str, list["onnx.NodeProto"]]:
        """Return some input channels of a weight, and what has to be computed for it."""
        from onnx import helper

        if weight in self.constants:
            values = self.array(self.constants[weight])[:, start:stop]
            return self.constant(values, weight), []
        held = self._makers[weight]  # eight bits, a scale for each output channel
        values = self.array(self.constants[held.input[0]])[:, start:stop]
        inputs = [self.constant(values, held.input[0]), *held.input[1:]]
        name = self.fresh(weight)
        return name, [helper.make_node(held.op_type, inputs, [name], name, **_attributes(held))]

    def replace(self, node: "onnx.NodeProto", made: Sequence["onnx.NodeProto"]) -> None:
        nodes = self._graph.node
        place = next(index for index, other in enumerate(nodes) if other is node)
        nodes.remove(node)
        for index, new in enumerate(made):
            nodes.insert(place + index, new)

    def drop_unused(self) -> None:
        """Take out what nothing uses any more, with what is told about it."""
        wanted = {output.name for output in self._graph.output}
        for node in reversed(list(self._graph.node)):
            if wanted.isdisjoint(node.output):
                self._graph.node.remove(node)
            else:
                wanted.update(node.input)
        for held in (self._graph.initializer, self._graph.value_info):
            for entry in [entry for entry in held if entry.name not in wanted]:
                held.remove(entry)


def _attributes(node: "onnx.NodeProto") -> dict[str, Any]:
    from onnx import helper

    return {each.name: helper.get_attribute_value(each) for each in node.attribute}
