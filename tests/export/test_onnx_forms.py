from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.onnx_forms import into_fast_forms, pieces

SIDE = 9


def model_of(
    channels: tuple[int, ...],
    weight: np.ndarray,
    *,
    axis: int = 1,
    group: int = 1,
    bias: bool = True,
    eight_bits: bool = False,
) -> onnx.ModelProto:
    """A convolution over a concatenation of inputs, then a Relu."""
    rng = np.random.default_rng(0)
    names = [f"x{index}" for index in range(len(channels))]
    nodes = [helper.make_node("Concat", names, ["joined"], "joining", axis=axis)]
    outputs = (weight.shape[0],)
    constants: dict[str, np.ndarray] = {"bias": rng.normal(size=outputs).astype(np.float32)}
    if eight_bits:
        constants["levels"] = rng.integers(-127, 127, weight.shape).astype(np.int8)
        constants["scale"] = rng.uniform(0.01, 0.02, outputs).astype(np.float32)
        constants["zero"] = np.zeros(weight.shape[0], np.int8)
        given = ["levels", "scale", "zero"]
        nodes.append(helper.make_node("DequantizeLinear", given, ["weight"], "held", axis=0))
    else:
        constants["weight"] = weight
    if not bias:
        del constants["bias"]
    kernel = weight.shape[2]
    nodes += [
        helper.make_node(
            "Conv", ["joined", "weight", *(["bias"] if bias else [])], ["y"], "node_conv",
            pads=[kernel // 2] * 4, group=group, strides=[1, 1],
        ),
        helper.make_node("Relu", ["y"], ["out"], "relu"),
    ]  # fmt: skip
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, count, SIDE, SIDE])
        for name, count in zip(names, channels, strict=True)
    ]
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, None)
    graph = helper.make_graph(
        nodes, "g", inputs, [out],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    return onnx.shape_inference.infer_shapes(model)


def results_of(model: onnx.ModelProto) -> np.ndarray:
    rng = np.random.default_rng(1)
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    given = {x.name: rng.normal(size=x.shape).astype(np.float32) for x in session.get_inputs()}
    result: np.ndarray = session.run(None, given)[0]
    return result


def weight_of(outputs: int, inputs: int, kernel: int = 3) -> np.ndarray:
    shape = (outputs, inputs, kernel, kernel)
    return np.random.default_rng(2).normal(size=shape).astype(np.float32)


def kinds(model: onnx.ModelProto) -> list[str]:
    return sorted(node.op_type for node in model.graph.node)


def rewritten(make: Callable[[], onnx.ModelProto]) -> tuple[onnx.ModelProto, onnx.ModelProto]:
    before, after = make(), make()
    into_fast_forms(after)
    return before, after


@pytest.mark.parametrize("channels", [(32, 3), (40, 16, 3), (3, 8), (1, 4, 6)])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("eight_bits", [True, False])
def test_an_odd_concatenation_is_convolved_part_by_part(
    channels: tuple[int, ...], bias: bool, eight_bits: bool
) -> None:
    weight = weight_of(5, sum(channels))
    before, after = rewritten(lambda: model_of(channels, weight, bias=bias, eight_bits=eight_bits))
    assert np.abs(results_of(before) - results_of(after)).max() < 1e-4
    assert kinds(after).count("Conv") == len(channels)
    assert kinds(after).count("Add") == len(channels) - 1
    assert "Concat" not in kinds(after)
    held = {tensor.name for tensor in after.graph.initializer}
    wanted = {name for node in after.graph.node for name in node.input}
    assert held <= wanted, "constants that nothing uses make the file larger"


@pytest.mark.parametrize(
    ("channels", "why"),
    [
        ((32, 4), "a multiple of four already"),
        ((10, 9), "a part that blocks do not take either"),
        ((8, 13), "the same"),
    ],
)
def test_what_would_gain_nothing_stays(channels: tuple[int, ...], why: str) -> None:
    weight = weight_of(5, sum(channels))
    before, after = rewritten(lambda: model_of(channels, weight))
    assert before.SerializeToString() == after.SerializeToString(), why
    assert not pieces(channels)


def test_a_depthwise_convolution_and_another_axis_stay() -> None:
    for make in (
        lambda: model_of((8, 3), weight_of(11, 1), group=11),
        lambda: model_of((3, 3), weight_of(5, 3), axis=2),
    ):
        before, after = rewritten(make)
        assert before.SerializeToString() == after.SerializeToString()


def test_a_weight_that_is_computed_is_left_alone() -> None:
    def make() -> onnx.ModelProto:
        model = model_of((32, 3), weight_of(5, 35))
        model.graph.node.insert(0, helper.make_node("Neg", ["weight"], ["negated"], "negating"))
        conv = next(node for node in model.graph.node if node.op_type == "Conv")
        conv.input[1] = "negated"
        return model

    before, after = rewritten(make)
    assert before.SerializeToString() == after.SerializeToString()


def test_scales_of_inputs_are_not_cut() -> None:
    def make() -> onnx.ModelProto:
        model = model_of((3, 2), weight_of(5, 5), eight_bits=True)
        held = next(node for node in model.graph.node if node.op_type == "DequantizeLinear")
        held.attribute[0].i = 1
        return model

    before, after = rewritten(make)
    assert before.SerializeToString() == after.SerializeToString()


def mean_model(values: np.ndarray, *, bias: bool = False) -> onnx.ModelProto:
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, SIDE, SIDE])]
    nodes = [helper.make_node("Conv", ["x", "w", *(["b"] if bias else [])], ["out"], "node_mean")]
    constants = [numpy_helper.from_array(values, "w")]
    if bias:
        constants.append(numpy_helper.from_array(np.ones(1, np.float32), "b"))
    out = [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 1, SIDE, SIDE])]
    graph = helper.make_graph(nodes, "g", inputs, out, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def test_a_mean_over_channels_is_a_scaled_sum() -> None:
    values = np.full((1, 3, 1, 1), 1 / 3, np.float32)
    before, after = rewritten(lambda: mean_model(values))
    assert np.abs(results_of(before) - results_of(after)).max() < 1e-6
    assert kinds(after) == ["Mul", "Split", "Sum"]


def test_what_is_no_mean_stays_a_convolution() -> None:
    uneven = np.array([0.3, 0.3, 0.4], np.float32).reshape(1, 3, 1, 1)
    for make in (
        lambda: mean_model(uneven),
        lambda: mean_model(np.full((1, 3, 1, 1), 1 / 3, np.float32), bias=True),
    ):
        _, after = rewritten(make)
        assert kinds(after) == ["Conv"]


def test_names_that_are_taken_are_not_taken_again() -> None:
    weight = weight_of(5, 35)
    model = model_of((32, 3), weight)
    model.graph.initializer.append(numpy_helper.from_array(np.ones(1), "node_conv_part_1"))
    into_fast_forms(model)
    names = [name for node in model.graph.node for name in node.output]
    assert len(set(names)) == len(names)
    assert "node_conv_part_1" not in names
