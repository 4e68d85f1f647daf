"""Core ML packages on any machine: ML Programs evaluated operation by operation with PyTorch.

It tells what a file computes. It does not tell where Core ML would place it, how fast it is there,
or what a runtime or a compiler on the device does wrong.
"""

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch

from pocketmatte.runtimes.checks import (
    check_declared,
    check_file,
    checked_inputs,
    checked_threads,
)
from pocketmatte.runtimes.protocol import FloatArray
from tiers.contract import ProgramContract
from tiers.errors import BundleError, RuntimeUnavailableError

_PEAK = 255  # an 8-bit image's largest value


class CoreMlReference:
    """See ``protocol.Runtime``."""

    name = "coreml-reference"

    def unavailable(self) -> str | None:
        """Return why packages cannot be evaluated here, or ``None``."""
        if importlib.util.find_spec("coremltools") is None:
            return "coremltools is not installed; install it with: pip install coremltools"
        return None

    def load(
        self, path: Path, contract: ProgramContract, *, threads: int
    ) -> "CoreMlReferenceSession":
        """Load an ``.mlpackage``; see ``protocol.Runtime``."""
        if reason := self.unavailable():
            raise RuntimeUnavailableError(reason)
        check_file(path)
        return CoreMlReferenceSession(path, contract, checked_threads(threads))


class CoreMlReferenceSession:
    """See ``protocol.Session``. Takes both variants: tensors, or images for the pictures."""

    def __init__(self, path: Path, contract: ProgramContract, threads: int) -> None:
        from pocketmatte.mlprogram.evaluate import Evaluator
        from pocketmatte.mlprogram.read import read_package
        from pocketmatte.mlprogram.types import TensorType, Value

        self._path, self._contract, self._threads = path, contract, threads
        model = read_package(path)
        function = model.functions[model.default]
        declared = {
            named.name: named.type.shape
            for named in function.inputs
            if isinstance(named.type, TensorType)
        }
        shapes = {name: tuple(size or 0 for size in shape) for name, shape in declared.items()}
        check_declared(path, "inputs", contract.inputs, shapes)
        self._images = {
            feature.name for feature in (*model.inputs, *model.outputs) if feature.image
        }
        names = {tensor.name for tensor in contract.outputs}
        if names != set(function.body.outputs):
            msg = f"{path} gives {', '.join(function.body.outputs)}; expected {', '.join(names)}"
            raise BundleError(msg)
        elements = {
            named.type.element.name
            for named in function.inputs
            if named.name not in self._images and isinstance(named.type, TensorType)
        }
        try:
            self._run: Callable[[Mapping[str, Value]], dict[str, Value]] | None = Evaluator(
                function
            ).run
        except BundleError as error:
            msg = f"{path}: {error}"
            raise BundleError(msg) from error
        self._facts: dict[str, str | int] = {
            "runtime": CoreMlReference.name,
            "version": f"opset {function.opset}",
            "provider": "PyTorch, rounded to the declared types",
            "dtype": ", ".join(sorted(_NAMES.get(name, name) for name in elements)) or "float32",
            "threads_requested": threads,
        }

    @property
    def facts(self) -> Mapping[str, str | int]:
        """What really runs."""
        return self._facts

    def run(self, inputs: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """Run the program once; see ``protocol.Session``."""
        if self._run is None:
            msg = f"the session of {self._path} is closed; load the file again"
            raise ValueError(msg)
        arrays = checked_inputs(self._contract, inputs)
        if torch.get_num_threads() != self._threads:
            torch.set_num_threads(self._threads)
        given = {
            name: torch.from_numpy(_pixels(array) if name in self._images else array)
            for name, array in arrays.items()
        }
        try:
            outputs = self._run(given)
        except BundleError as error:
            msg = f"{self._path}: {error}"
            raise BundleError(msg) from error
        return {tensor.name: self._array(tensor.name, outputs) for tensor in self._contract.outputs}

    def close(self) -> None:
        """Free the program."""
        self._run = None

    def _array(self, name: str, outputs: Mapping[str, object]) -> FloatArray:
        value = outputs[name]
        if not isinstance(value, torch.Tensor):
            msg = f"{self._path} gives {name} as a {type(value).__name__}, not a tensor"
            raise BundleError(msg)
        array: FloatArray = value.to(torch.float32).numpy()
        if name not in self._images:
            return np.ascontiguousarray(array)
        return (np.rint(array).clip(0, _PEAK) / _PEAK).astype(np.float32)


_NAMES: Mapping[str, str] = {"fp16": "float16", "fp32": "float32"}


def _pixels(picture: FloatArray) -> FloatArray:
    """Return a picture in 0..1 as the 8-bit values that a camera gives."""
    pixels: FloatArray = np.rint(picture.clip(0, 1) * _PEAK).astype(np.float32)
    return pixels
