"""Programs in eight bits: what PyTorch computes with one, and that every format computes it."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, fx, nn

from export.level_moves import with_level_moves
from export.levels import (
    rounded_weight,
    step_and_zero,
)
from export.program import Captured, capture
from export.quantisation import Quantisation
from export.quantise import (
    constant_of,
    graph_of,
    groups,
    layers,
    quantise,
    quantised,
    rounded_tensors,
)
from export.recipe import recipe
from export.targets import TARGETS
from export.to_coreai import to_coreai
from export.to_executorch import to_executorch
from export.to_onnx import to_onnx
from pocketmatte.runtimes.coreai import CoreAi
from tiers.contract_table import contracts
from tiers.errors import ExportError
from tiers.ladder import tier
from tiers.networks import build

Spans = dict[str, tuple[float, float]]

NO_CORE_AI = TARGETS["coreai"].unavailable()


class Two(nn.Module):
    """A convolution with a ReLU, and one without, whose weight is used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(8, 9, 3, padding=1)
        self.second = nn.Conv2d(9, 9, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Run."""
        return self.second(self.second(self.first(x).relu()))  # type: ignore[no-any-return]


def two() -> tuple[Two, fx.GraphModule, Tensor]:
    torch.manual_seed(0)
    module, x = Two().eval().requires_grad_(requires_grad=False), torch.randn(1, 8, 6, 8)
    exported = torch.export.export(module, (x,)).module(check_guards=False)
    return module, fx.GraphModule(exported, exported.graph), x


class _Spans(fx.Interpreter):
    def __init__(self, program: fx.GraphModule) -> None:
        super().__init__(program)
        self.spans: Spans = {}

    def run_node(self, n: fx.Node) -> object:
        result = super().run_node(n)
        if isinstance(result, Tensor):
            self.spans[n.name] = float(result.min()), float(result.max())
        return result


def rounded(tensor: Tensor, span: tuple[float, float]) -> Tensor:
    """Return a tensor as eight bits hold it, by PyTorch's own rounding."""
    return torch.fake_quantize_per_tensor_affine(tensor, *step_and_zero(span), -128, 127)


def spans_of(program: fx.GraphModule, *inputs: Tensor) -> Spans:
    watched = _Spans(program)
    with torch.no_grad():
        watched.run(*inputs)
    return {name: watched.spans[name] for name in rounded_tensors(program)}


def test_a_rounded_program_computes_what_its_numbers_say() -> None:
    module, program, x = two()
    spans = spans_of(program, x)
    names = [layer.name for layer in layers(program)]
    assert [layer.weight for layer in layers(program)] == ["first", "second", "second"]
    assert len(spans) == 4  # the input, what the ReLU gives, and either result
    given, relu, middle, last = spans.values()
    shift = (0.25, 0.0, -0.5, *(0.125,) * 6)
    quantise(program, Quantisation(spans=spans, shifts={names[0]: shift}))
    first, second = (rounded_weight(each.weight) for each in (module.first, module.second))
    bias = module.first.bias
    assert bias is not None
    hidden = torch.conv2d(rounded(x, given), first, bias + torch.tensor(shift), padding=1)
    expected = torch.conv2d(rounded(hidden.relu(), relu), second)
    expected = rounded(torch.conv2d(rounded(expected, middle), second), last)
    torch.testing.assert_close(program(x), expected, rtol=0, atol=1e-6)


def test_a_channel_of_tiny_weights_keeps_its_bias_within_32_bits() -> None:
    layer = nn.Conv2d(8, 8, 1)
    weights, bias = torch.tensor([1e-12, *(0.5,) * 7]), torch.tensor([0.75, *(-0.25,) * 7])
    with torch.no_grad():
        layer.weight.copy_(weights.view(8, 1, 1, 1).expand(8, 8, 1, 1))
        layer.bias.copy_(bias)  # type: ignore[union-attr]
    x = torch.rand(1, 8, 2, 2)
    exported = torch.export.export(nn.Sequential(layer), (x,)).module()
    program = fx.GraphModule(exported, exported.graph)
    spans = spans_of(program, x)
    step, _ = step_and_zero(spans[layers(program)[0].given.name])
    quantise(program, Quantisation(spans=spans, shifts={}))
    (steps,) = [value for name, value in program.named_buffers() if name.endswith("_steps")]
    assert (bias.abs() / (step * steps) <= 2**31 - 1).all()
    assert steps[1] == pytest.approx(0.5 / 127)
    torch.testing.assert_close(program(x), layer(x), atol=0.03, rtol=0)


def test_a_convolution_of_few_channels_is_no_layer() -> None:
    class Narrow(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.wide = nn.Conv2d(3, 16, 1), nn.Conv2d(16, 16, 3, groups=16)
            self.box, self.last = nn.Conv2d(4, 4, 3, groups=4), nn.Conv2d(16, 1, 1)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            """Run."""
            return self.last(self.wide(self.first(x))), self.box(torch.cat([x, x[:, :1]], dim=1))

    exported = torch.export.export(Narrow(), (torch.zeros(1, 3, 8, 8),)).module()
    found = layers(fx.GraphModule(exported, exported.graph))
    assert [layer.weight for layer in found] == ["wide"]


def test_what_is_kept_stays_as_it_is_and_without_spans_weights_alone_are_rounded() -> None:
    module, program, x = two()
    spans = spans_of(program, x)
    del spans[layers(program)[0].given.name]  # of what nothing but the kept layer takes
    quantise(program, Quantisation(spans=spans, shifts={}, kept={"first": "a test"}))
    operators = torch.ops.quantized_decomposed
    called = [node.target for node in program.graph.nodes]
    assert called.count(operators.quantize_per_tensor.default) == 3
    assert called.count(operators.dequantize_per_channel.default) == 2
    _, program, _ = two()
    quantise(program, Quantisation(spans={}, shifts={}))
    second = rounded_weight(module.second.weight)
    hidden = torch.conv2d(x, rounded_weight(module.first.weight), module.first.bias, padding=1)
    expected = torch.conv2d(torch.conv2d(hidden.relu(), second), second)
    torch.testing.assert_close(program(x), expected, rtol=0, atol=1e-6)


def test_numbers_of_another_program_are_refused() -> None:
    _, program, x = two()
    spans = spans_of(program, x)
    name = next(iter(spans))
    with pytest.raises(ExportError, match=f"no span of {name} is known; calibrate"):
        quantise(program, Quantisation(spans={"other": (0, 1)}, shifts={}))
    _, program, _ = two()
    with pytest.raises(ExportError, match="2 shifts are known of first, which has 9 channels"):
        quantise(program, Quantisation(spans=spans, shifts={"conv2d": (0.0, 0.0)}))


def test_blocks_hold_every_layer_once(captured: Mapping[str, Captured]) -> None:
    program = graph_of(captured["fp32"])
    blocks = dict(groups(program))
    assert sum(map(len, blocks.values())) == len(layers(program))
    assert len(blocks["network.backbone.features.1.block"]) == 2
    assert all(constant_of(program, layer).ndim == 4 for layer in layers(program))


@pytest.fixture(scope="module")
def eight_bit(
    captured: Mapping[str, Captured], frames: list[Tensor]
) -> tuple[Captured, list[Tensor], tuple[Tensor, ...]]:
    """Return a program in eight bits, its inputs, and what PyTorch computes from them."""
    single = dataclasses.replace(captured["fp32"], recipe=recipe("w8a8"))
    states = [torch.zeros(tensor.shape) for tensor in single.contract.inputs[1:]]
    program = graph_of(single)
    given = [frames[0], *states]
    with torch.no_grad():
        given = [frames[1], *program(*given)[2:]]  # states that the network made
    spans = spans_of(program, *given)
    made = quantised(single, Quantisation(spans=spans, shifts={}))
    with torch.no_grad():
        outputs = graph_of(made)(*given)
    return made, given, outputs


def psnr_db(given: object, expected: Tensor) -> float:
    scale = float(expected.abs().max())
    off = (torch.as_tensor(given) - expected) / scale
    return float(-10 * off.square().mean().log10())


def test_onnx_runtime_computes_it_and_holds_unsigned_activations(
    eight_bit: tuple[Captured, list[Tensor], tuple[Tensor, ...]], tmp_path: Path
) -> None:
    made, given, expected = eight_bit
    path = tmp_path / "w8a8.onnx"
    to_onnx(made, path, {})
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    rounding = [node for node in model.graph.node if node.op_type == "QuantizeLinear"]
    kinds = {constants[node.input[2]].data_type for node in rounding}
    assert len(rounding) > 50
    assert kinds == {onnx.TensorProto.UINT8}
    session = onnxruntime.InferenceSession(path)
    names = [tensor.name for tensor in session.get_inputs()]
    outputs = session.run(None, dict(zip(names, (v.numpy() for v in given), strict=True)))
    alpha = [tensor.name for tensor in made.contract.outputs].index("alpha")
    assert psnr_db(outputs[alpha], expected[alpha]) > 30
    assert path.stat().st_size < 600_000  # 1.16 MB in single precision


def test_executorch_loads_it_as_one_delegate_and_computes_it(
    eight_bit: tuple[Captured, list[Tensor], tuple[Tensor, ...]], tmp_path: Path
) -> None:
    """The tier joins tensors of different levels, which XNNPACK refuses as they are."""
    from executorch.runtime import Runtime

    made, given, expected = eight_bit
    path = tmp_path / "w8a8.pte"
    lowered = to_executorch(made, path, {})
    assert (lowered.delegates, lowered.outside) == (1, {})
    outputs = Runtime.get().load_program(path).load_method("forward").execute(given)
    alpha = [tensor.name for tensor in made.contract.outputs].index("alpha")
    assert psnr_db(outputs[alpha], expected[alpha]) > 30


@pytest.mark.skipif(NO_CORE_AI is not None, reason=str(NO_CORE_AI))
def test_core_ai_computes_it_and_stores_whole_levels(
    eight_bit: tuple[Captured, list[Tensor], tuple[Tensor, ...]], tmp_path: Path
) -> None:
    made, given, expected = eight_bit
    path = tmp_path / "w8a8.aimodel"
    to_coreai(made, path, {})
    names = [tensor.name for tensor in made.contract.inputs]
    session = CoreAi().load(path, made.contract, threads=1)
    try:
        outputs = session.run({k: v.numpy() for k, v in zip(names, given, strict=True)})
    finally:
        session.close()
    alpha = [tensor.name for tensor in made.contract.outputs].index("alpha")
    assert psnr_db(outputs["alpha"], expected[alpha]) > 30
    assert sum(each.stat().st_size for each in path.rglob("*")) < 600_000


def test_levels_are_the_same_on_either_side_of_a_move_and_results_too() -> None:
    spec = tier("trimap", "t01")
    (contract,) = (each for each in contracts(spec) if each.name == "encode_reference")
    single = capture(build(spec).eval(), spec, contract.name, recipe("w8a8"))
    torch.manual_seed(0)
    given = [torch.rand(tensor.shape) for tensor in contract.inputs]
    program = graph_of(single)
    made = quantised(single, Quantisation(spans=spans_of(program, *given), shifts={}))
    moved = with_level_moves(made).module(check_guards=False)
    rounded_graph = graph_of(made)
    assert [len(levels) for levels in joined(rounded_graph)] == [2, 2, 2]
    assert [len(levels) for levels in joined(moved)] == [1, 1, 1]
    with torch.no_grad():
        for found, was in zip(moved(*given), rounded_graph(*given), strict=True):
            torch.testing.assert_close(found, was, rtol=0, atol=1e-5)


def joined(program: fx.GraphModule) -> list[set[object]]:
    """Return the different levels around each tensor that is joined between roundings."""
    operators = torch.ops.quantized_decomposed
    from_levels = operators.dequantize_per_tensor.default
    to_levels = operators.quantize_per_tensor.default
    found = []
    for node in program.graph.nodes:
        users, given = list(node.users), node.all_input_nodes
        if (
            node.target is torch.ops.aten.cat.default
            and [user.target for user in users] == [to_levels]
            and {each.target for each in given} == {from_levels}
        ):
            found.append({each.args[1:3] for each in (*given, users[0])})
    return found
