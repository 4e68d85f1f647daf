"""Core ML packages on any machine: ML Programs evaluated operation by operation with PyTorch.

It tells what a file computes. It does not tell where Core ML would place it, how fast it is there,
or what a runtime or a compiler on the device does wrong.
"""

import importlib.util
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from export.own_states import explicit, stored_shapes
from pocketmatte.mlprogram.program import Function, Model, Named
from pocketmatte.mlprogram.types import State, StateType, TensorType, Value
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
_COLOURS = ("RGB", "GRAYSCALE")  # whose pixels are 8-bit, in the order of our tensors


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
    """See ``protocol.Session``.

    Takes every variant: tensors, images for the pictures, states inside the file. Those are set to
    what ``run`` is given and read back from where the program left them, so that all variants go by
    one contract.
    """

    def __init__(self, path: Path, contract: ProgramContract, threads: int) -> None:
        from pocketmatte.mlprogram.evaluate import Evaluator
        from pocketmatte.mlprogram.read import read_package

        self._path, self._contract, self._threads = path, contract, threads
        model = read_package(path)
        function = model.functions[model.default]
        declared = {
            name: tuple(size or 0 for size in kind.shape)
            for name, kind in _tensors(function.inputs).items()
        }
        self._states = {
            named.name: tuple(size or 0 for size in named.type.wrapped.shape)
            for named in function.inputs
            if isinstance(named.type, StateType)
        }
        inputs, outputs = contract.inputs, contract.outputs
        if self._states:
            inputs, outputs = explicit(contract)
            _check_states(path, self._states, stored_shapes(contract))
        check_declared(path, "inputs", inputs, declared)
        given = _outputs(function)
        shapes = {name: tuple(size or 0 for size in kind.shape) for name, kind in given.items()}
        check_declared(path, "outputs", outputs, shapes)
        self._images = _images(path, model)
        elements = {
            kind.element.name
            for name, kind in (*_tensors(function.inputs).items(), *given.items())
            if name not in self._images
        }
        try:
            evaluator = Evaluator(function)
        except BundleError as error:
            msg = f"{path}: {error}"
            raise BundleError(msg) from error
        self._run: Callable[[Mapping[str, Value]], dict[str, Value]] | None = evaluator.run
        self._peaks = evaluator.peaks
        self._facts: dict[str, str | int] = {
            "runtime": CoreMlReference.name,
            "version": f"opset {function.opset}",
            "provider": "PyTorch, rounded to the declared types",
            "threads_requested": threads,
        }
        if elements:
            self._facts["dtype"] = ", ".join(sorted(_NAMES.get(name, name) for name in elements))

    @property
    def facts(self) -> Mapping[str, str | int]:
        """What really runs."""
        return self._facts

    @property
    def peaks(self) -> Mapping[str, float]:
        """See ``protocol.Watched``."""
        return self._peaks

    def run(self, inputs: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """Run the program once; see ``protocol.Session``."""
        if self._run is None:
            msg = f"the session of {self._path} is closed; load the file again"
            raise ValueError(msg)
        arrays = checked_inputs(self._contract, inputs)
        if torch.get_num_threads() != self._threads:
            torch.set_num_threads(self._threads)
        given: dict[str, Value] = {}
        for name, array in arrays.items():
            tensor = torch.from_numpy(_pixels(array) if name in self._images else array)
            given[name] = self._state(name, tensor) if name in self._states else tensor
        try:
            outputs = self._run(given)
        except BundleError as error:
            msg = f"{self._path}: {error}"
            raise BundleError(msg) from error
        if self._states:
            for pair in self._contract.states:
                outputs[pair.output] = self._stored(given[pair.input], arrays[pair.input].shape[-1])
        return {tensor.name: self._array(tensor.name, outputs) for tensor in self._contract.outputs}

    def _state(self, name: str, value: Tensor) -> State:
        """Return a state that holds ``value``; what its width is padded with stays 0."""
        stored = torch.zeros(self._states[name])
        stored[..., : value.shape[-1]] = value
        return State(stored)

    def _stored(self, state: Value, width: int) -> Tensor:
        """Return what a state holds, without its padding.

        Raises:
            BundleError: If the padding is no longer 0.
        """
        if not isinstance(state, State) or state.value[..., width:].any():
            msg = f"{self._path} writes into the padding of a state; build it again"
            raise BundleError(msg)
        return state.value[..., :width]

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


def _tensors(named: Iterable[Named]) -> dict[str, TensorType]:
    return {each.name: each.type for each in named if isinstance(each.type, TensorType)}


def _outputs(function: Function) -> dict[str, TensorType]:
    """Return the declared types of a function's outputs, which may be inputs passed on."""
    made = (named for operation in function.body.operations for named in operation.outputs)
    known = _tensors((*function.inputs, *made))
    return {name: known[name] for name in function.body.outputs if name in known}


def _images(path: Path, model: Model) -> set[str]:
    """Return the names of the inputs and outputs that are images.

    Raises:
        BundleError: If one has other pixels than a picture of ours.
    """
    images = {each.name: each.image for each in (*model.inputs, *model.outputs) if each.image}
    for name, colour in images.items():
        if colour not in _COLOURS:
            msg = f"{path}: {name} is a {colour} image; there are {' and '.join(_COLOURS)}"
            raise BundleError(msg)
    return set(images)


def _check_states(
    path: Path, declared: Mapping[str, tuple[int, ...]], expected: Mapping[str, tuple[int, ...]]
) -> None:
    """Refuse a package whose states are not those of the contract, padded.

    Raises:
        BundleError: With both.
    """
    if dict(declared) != dict(expected):
        has, must_have = (
            ", ".join(f"{name} {shape}" for name, shape in shapes.items())
            for shapes in (declared, expected)
        )
        msg = f"{path} holds another program: its states are {has}; expected {must_have}"
        raise BundleError(msg)


def _pixels(picture: FloatArray) -> FloatArray:
    """Return a picture in 0..1 as the 8-bit values that a camera gives."""
    pixels: FloatArray = np.rint(picture.clip(0, 1) * _PEAK).astype(np.float32)
    return pixels
