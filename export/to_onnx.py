"""Captured program -> one ONNX file."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

from export.atomic import whole
from export.converting import converting
from export.onnx_forms import into_fast_forms
from export.program import Captured

if TYPE_CHECKING:
    import onnx

# The opset that the exporter's operators are written in; no conversion between opsets follows.
OPSET = 18


def to_onnx(captured: Captured, path: Path, metadata: Mapping[str, str]) -> None:
    """Write ``captured`` as one self-contained ONNX file with the contract's tensor names.

    The same capture and metadata give the same bytes.

    Args:
        captured: The program.
        path: The ``.onnx`` file.
        metadata: Goes into the model's ``metadata_props``, sorted by key.
    """
    with converting():
        import onnx
        import torch

        program = torch.onnx.export(
            captured.exported,
            dynamo=True,
            opset_version=OPSET,
            input_names=[tensor.name for tensor in captured.contract.inputs],
            output_names=[tensor.name for tensor in captured.contract.outputs],
            verbose=False,
        )
        model = cast("torch.onnx.ONNXProgram", program).model_proto
        _strip(model)
        _make_unsigned(model)
        into_fast_forms(model)
        for key in sorted(metadata):
            model.metadata_props.add(key=key, value=metadata[key])
        onnx.checker.check_model(model, full_check=True)
    with whole(path) as partial:
        partial.write_bytes(model.SerializeToString(deterministic=True))


def _make_unsigned(model: "onnx.ModelProto") -> None:
    """Hold rounded activations as unsigned integers beside signed weights, in place.

    The values are the same: levels and the level of 0 move by 128. ONNX Runtime has fast kernels
    for this pair on x86 and Arm alike; on x86 it has none for signed activations.
    """
    import numpy as np
    from onnx import TensorProto, numpy_helper

    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    infos = {info.name: info for info in graph.value_info}
    rounding = [node for node in graph.node if node.op_type == "QuantizeLinear"]  # not of weights
    zeros = {node.input[2] for node in rounding}
    for name in zeros:
        level = numpy_helper.to_array(constants[name]).astype(np.int16) + 128
        constants[name].CopyFrom(numpy_helper.from_array(level.astype(np.uint8), name))
    for name in zeros.union(node.output[0] for node in rounding):
        if info := infos.get(name):
            info.type.tensor_type.elem_type = TensorProto.UINT8


def _strip(model: "onnx.ModelProto") -> None:
    """Take out what names the exporting machine: stack traces, module paths, doc strings."""
    graph = model.graph
    parts = (graph.node, graph.input, graph.output, graph.value_info, graph.initializer)
    for holder in (model, graph, *(item for part in parts for item in part)):
        holder.ClearField("doc_string")
        holder.ClearField("metadata_props")
