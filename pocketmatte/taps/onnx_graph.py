"""The values inside an ONNX file, computed by ONNX Runtime."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pocketmatte.runtimes.checks import check_file, checked_inputs, one_line
from pocketmatte.runtimes.onnxruntime_cpu import refusals
from pocketmatte.runtimes.protocol import FloatArray
from tiers.contract import ProgramContract
from tiers.errors import BundleError

if TYPE_CHECKING:
    from onnx import ModelProto


class OnnxTaps:
    """See ``protocol.Taps``.

    ONNX Runtime runs the nodes as they stand in the file: its own rewriting, which would leave some
    of the values out, is off. A file that parts only with it on shows in ``pocketmatte verify``.

    Args:
        path: The ``.onnx`` file.
        contract: Of its program.
    """

    def __init__(self, path: Path, contract: ProgramContract) -> None:
        import onnx
        from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
        from onnx.checker import ValidationError

        check_file(path)
        self._path, self._contract = path, contract
        try:
            self._model = onnx.load(path)
        except (DecodeError, ValidationError, OSError) as error:
            msg = f"{path} is no ONNX file: {one_line(error)}; build it again"
            raise BundleError(msg) from error
        self._kinds = {
            name: node.op_type for node in self._model.graph.node for name in node.output if name
        }

    @property
    def kinds(self) -> Mapping[str, str]:
        """See ``protocol.Taps``."""
        return self._kinds

    def run(
        self, inputs: Mapping[str, FloatArray], wanted: Collection[str]
    ) -> dict[str, FloatArray]:
        """See ``protocol.Taps``."""
        import onnx
        import onnxruntime

        own = {output.name for output in self._model.graph.output}
        model = onnx.ModelProto()
        model.CopyFrom(self._model)
        model.graph.output.extend(
            onnx.ValueInfoProto(name=name) for name in wanted if name not in own
        )
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.intra_op_num_threads = 1
        options.log_severity_level = 3  # what it leaves undone by request is no warning
        names = list(wanted)
        try:
            session = onnxruntime.InferenceSession(
                self._serialised(model), options, providers=["CPUExecutionProvider"]
            )
            half = {each.name for each in session.get_inputs() if each.type == "tensor(float16)"}
            feed = {
                name: array.astype(np.float16) if name in half else array
                for name, array in checked_inputs(self._contract, inputs).items()
            }
            values = session.run(names, feed)
        except refusals() as error:
            msg = f"ONNX Runtime cannot run {self._path}: {one_line(error)}"
            raise BundleError(msg) from error
        return {
            name: np.asarray(value, dtype=np.float32)
            for name, value in zip(names, values, strict=True)
            if np.issubdtype(np.asarray(value).dtype, np.floating)
        }

    def _serialised(self, model: "ModelProto") -> bytes:
        try:
            serialised: bytes = model.SerializeToString()
        except ValueError as error:  # protobuf takes less than 2 GB
            msg = f"{self._path} cannot be looked into: {one_line(error)}"
            raise BundleError(msg) from error
        return serialised
