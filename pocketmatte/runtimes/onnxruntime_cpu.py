"""ONNX files on ONNX Runtime's CPU execution provider."""

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pocketmatte.runtimes.checks import (
    check_declared,
    check_file,
    checked_inputs,
    checked_threads,
    one_line,
)
from pocketmatte.runtimes.protocol import FloatArray
from tiers.contract import ProgramContract
from tiers.errors import BundleError, RuntimeUnavailableError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_PROVIDER = "CPUExecutionProvider"
_DTYPES = {"tensor(float)": "float32", "tensor(float16)": "float16"}  # as numpy names them
_ONLY_FATAL = 4  # ONNX Runtime's log severity; what it refuses comes as an exception


class OnnxRuntimeCpu:
    """See ``protocol.Runtime``."""

    name = "onnxruntime"

    def unavailable(self) -> str | None:
        """Return why ONNX Runtime cannot be used here, or ``None``."""
        if importlib.util.find_spec("onnxruntime") is None:
            return "onnxruntime is not installed; install it with: pip install onnxruntime"
        return None

    def load(
        self, path: Path, contract: ProgramContract, *, threads: int
    ) -> "OnnxRuntimeCpuSession":
        """Load an ``.onnx`` file; see ``protocol.Runtime``."""
        if reason := self.unavailable():
            raise RuntimeUnavailableError(reason)
        check_file(path)
        return OnnxRuntimeCpuSession(path, contract, checked_threads(threads))


class OnnxRuntimeCpuSession:
    """See ``protocol.Session``."""

    def __init__(self, path: Path, contract: ProgramContract, threads: int) -> None:
        import onnxruntime

        self._path, self._contract = path, contract
        self._session: InferenceSession | None = _session(path, threads)
        declared = {tensor.name: tensor for tensor in self._session.get_inputs()}
        given = {tensor.name: tensor for tensor in self._session.get_outputs()}
        shapes = {name: tuple(tensor.shape) for name, tensor in declared.items()}
        check_declared(path, "inputs", contract.inputs, shapes)
        shapes = {name: tuple(tensor.shape) for name, tensor in given.items()}
        check_declared(path, "outputs", contract.outputs, shapes)
        self._dtypes = {name: _dtype(path, name, tensor.type) for name, tensor in declared.items()}
        returned = {_dtype(path, name, tensor.type) for name, tensor in given.items()}
        self._facts: dict[str, str | int] = {
            "runtime": OnnxRuntimeCpu.name,
            "version": str(onnxruntime.__version__),
            "provider": ", ".join(self._session.get_providers()),
            "dtype": ", ".join(sorted({*self._dtypes.values(), *returned})),
            "threads_requested": threads,
            "threads": self._session.get_session_options().intra_op_num_threads,
        }

    @property
    def facts(self) -> Mapping[str, str | int]:
        """What really runs."""
        return self._facts

    def run(self, inputs: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """Run the program once; see ``protocol.Session``."""
        if self._session is None:
            msg = f"the session of {self._path} is closed; load the file again"
            raise ValueError(msg)
        arrays = checked_inputs(self._contract, inputs)
        names = [tensor.name for tensor in self._contract.outputs]
        feed = {
            name: array.astype(self._dtypes[name], copy=False) for name, array in arrays.items()
        }
        try:
            outputs = self._session.run(names, feed)
        except refusals() as error:
            msg = f"ONNX Runtime cannot run {self._path}: {one_line(error)}"
            raise BundleError(msg) from error
        return {
            name: np.asarray(output).astype(np.float32, copy=False)
            for name, output in zip(names, outputs, strict=True)
        }

    def close(self) -> None:
        """Free the session."""
        self._session = None


def _session(path: Path, threads: int) -> "InferenceSession":
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Waiting threads sleep: spinning ones take the cores from whatever is measured beside them.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = _ONLY_FATAL
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=[_PROVIDER])
    except refusals() as error:
        msg = f"ONNX Runtime refuses {path}: {one_line(error)}; build it again"
        raise BundleError(msg) from error


def refusals() -> tuple[type[Exception], ...]:
    """Return what ONNX Runtime raises; its exceptions have no base class of their own."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    return (
        state.EPFail,
        state.Fail,
        state.InvalidArgument,
        state.InvalidGraph,
        state.InvalidProtobuf,
        state.NoSuchFile,
        state.NotImplemented,
        state.RuntimeException,
    )


def _dtype(path: Path, name: str, declared: str) -> str:
    try:
        return _DTYPES[declared]
    except KeyError:
        msg = f"{path}: {name} is {declared}; expected one of {', '.join(_DTYPES)}"
        raise BundleError(msg) from None
