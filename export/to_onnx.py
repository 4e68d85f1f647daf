"""Captured program -> one ONNX file."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

from export.atomic import whole
from export.program import Captured
from export.quiet import quiet

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
    with quiet():
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
        for key in sorted(metadata):
            model.metadata_props.add(key=key, value=metadata[key])
        onnx.checker.check_model(model, full_check=True)
    with whole(path) as partial:
        partial.write_bytes(model.SerializeToString(deterministic=True))


def _strip(model: "onnx.ModelProto") -> None:
    """Take out what names the exporting machine: stack traces, module paths, doc strings."""
    graph = model.graph
    parts = (graph.node, graph.input, graph.output, graph.value_info, graph.initializer)
    for holder in (model, graph, *(item for part in parts for item in part)):
        holder.ClearField("doc_string")
        holder.ClearField("metadata_props")
