from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from torch import Tensor

from export.program import Captured
from export.recipe import FLOATING, RECIPES
from export.targets import Notes
from export.to_onnx import OPSET

Files = Callable[[str, str], tuple[Path, Notes]]


@pytest.mark.parametrize("recipe", FLOATING)
def test_the_file_has_the_names_shapes_and_type_of_the_contract(
    files: Files, captured: Mapping[str, Captured], recipe: str
) -> None:
    graph = onnx.load(files("onnx", recipe)[0]).graph
    for values, tensors in (
        (graph.input, captured[recipe].contract.inputs),
        (graph.output, captured[recipe].contract.outputs),
    ):
        found = [(v.name, tuple(d.dim_value for d in v.type.tensor_type.shape.dim)) for v in values]
        assert found == [(tensor.name, tensor.shape) for tensor in tensors]
        types = {onnx.helper.tensor_dtype_to_np_dtype(v.type.tensor_type.elem_type) for v in values}
        assert types == {np.dtype(RECIPES[recipe].dtype)}


def test_the_file_carries_the_metadata_and_says_its_opset(
    files: Files, metadata: dict[str, str]
) -> None:
    path, notes = files("onnx", "fp32")
    model = onnx.load(path)
    assert {entry.key: entry.value for entry in model.metadata_props} == metadata
    assert [entry.version for entry in model.opset_import] == [OPSET]
    assert notes == {"opset": 18, "minimum_runtime": "ONNX Runtime 1.18"}
    assert model.ir_version == 10  # what the note on the runtime rests on


def test_the_file_is_in_forms_that_onnx_runtime_computes_faster(files: Files) -> None:
    """The decoder joins the frame's three channels to its maps; the filter takes their mean."""
    graph = onnx.load(files("onnx", "fp32")[0]).graph
    joined = {node.output[0] for node in graph.node if node.op_type == "Concat"}
    shapes = {
        info.name: [side.dim_value for side in info.type.tensor_type.shape.dim]
        for info in graph.value_info
    }
    taken = [node.input[0] for node in graph.node if node.op_type == "Conv"]
    assert [name for name in taken if name in joined and shapes[name][1] % 4] == []
    assert {"Split", "Sum"} <= {node.op_type for node in graph.node}


def test_the_file_is_alone_and_names_no_source(files: Files, root: Path) -> None:
    path = files("onnx", "fp32")[0]
    model = onnx.load(path, load_external_data=False)
    assert all(
        weight.data_location != onnx.TensorProto.EXTERNAL for weight in model.graph.initializer
    )
    for weight in model.graph.initializer:
        weight.ClearField("raw_data")  # random bytes may spell anything
    text = model.SerializeToString()
    for word in (str(root), "site-packages", ".py", "torch.nn", "tiers."):
        assert word.encode() not in text, word


def test_onnx_runtime_computes_what_pytorch_computes(
    files: Files,
    captured: Mapping[str, Captured],
    frames: list[Tensor],
    expected: list[tuple[Tensor, ...]],
) -> None:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        files("onnx", "fp32")[0], options, providers=["CPUExecutionProvider"]
    )
    contract = captured["fp32"].contract
    states = {
        name: np.zeros(tensor.shape, np.float32) for name, tensor in contract.state_inputs.items()
    }
    for frame, outputs in zip(frames, expected, strict=True):
        given = session.run(None, {"frame": frame.numpy(), **states})
        for value, truth, tensor in zip(given, outputs, contract.outputs, strict=True):
            # the limit for single precision on real frames; measured: 3e-6
            assert np.abs(value - truth.numpy()).max() <= 5e-5, tensor.name
        states = dict(zip(states, given[2:], strict=True))
