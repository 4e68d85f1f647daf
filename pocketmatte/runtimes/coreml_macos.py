"""Core ML packages on macOS, through coremltools."""

import dataclasses
import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from PIL import Image

from export.own_states import explicit, stored_shapes
from pocketmatte.runtimes.checks import (
    check_declared,
    check_file,
    checked_inputs,
    checked_threads,
    one_line,
)
from pocketmatte.runtimes.protocol import FloatArray
from tiers.contract import ProgramContract, TensorSpec
from tiers.errors import BundleError, RuntimeUnavailableError

if TYPE_CHECKING:
    from coremltools.models import MLModel
    from coremltools.proto.Model_pb2 import FeatureDescription

Feature: TypeAlias = Image.Image | FloatArray


class CoreMlMacOs:
    """See ``protocol.Runtime``.

    Args:
        name: In the table of runtimes.
        units: Core ML's name of the compute units that it may use; ``ALL`` is what an app gets that
            asks for nothing else.
    """

    def __init__(self, name: str = "coreml", units: str = "ALL") -> None:
        self.name = name
        self.units = units

    def unavailable(self) -> str | None:
        """Return why Core ML cannot be used here, or ``None``."""
        if sys.platform != "darwin":
            return f"Core ML runs on macOS only; this is {sys.platform}"
        if importlib.util.find_spec("coremltools") is None:
            return "coremltools is not installed; install it with: pip install coremltools"
        return None

    def load(self, path: Path, contract: ProgramContract, *, threads: int) -> "CoreMlMacOsSession":
        """Load an ``.mlpackage``; Core ML picks its threads itself. See ``protocol.Runtime``."""
        if reason := self.unavailable():
            raise RuntimeUnavailableError(reason)
        check_file(path)
        return CoreMlMacOsSession(path, contract, checked_threads(threads), self.name, self.units)


class CoreMlMacOsSession:
    """See ``protocol.Session``.

    Takes every variant: tensors, images for the pictures, states inside the file, which are set to
    what ``run`` is given and read back.
    """

    def __init__(
        self, path: Path, contract: ProgramContract, threads: int, name: str, units: str
    ) -> None:
        import coremltools

        self._path, self._contract = path, contract
        self._model: MLModel | None = _model(path, units)
        description = self._model.get_spec().description
        inputs = {feature.name: feature for feature in description.input}
        outputs = {feature.name: feature for feature in description.output}
        self._states = {each.name: _shape_of_state(each) for each in description.state}
        taken, given = explicit(contract) if self._states else (contract.inputs, contract.outputs)
        if self._states:
            check_declared(path, "states", _stored(contract), self._states)
        for kind, expected, declared in (("inputs", taken, inputs), ("outputs", given, outputs)):
            shapes = {name: _shape(feature) for name, feature in declared.items()}
            check_declared(path, kind, expected, shapes)
        self._images = {name for name, f in inputs.items() if f.type.HasField("imageType")}
        self._facts: dict[str, str | int] = {
            "runtime": name,
            "version": f"coremltools {coremltools.__version__}",
            "provider": units,
            "threads_requested": threads,
        }

    @property
    def facts(self) -> Mapping[str, str | int]:
        """What really runs."""
        return self._facts

    def run(self, inputs: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """Run the program once; see ``protocol.Session``."""
        if self._model is None:
            msg = f"the session of {self._path} is closed; load the file again"
            raise ValueError(msg)
        arrays = checked_inputs(self._contract, inputs)
        features: dict[str, Feature] = {
            name: to_image(array) if name in self._images else array
            for name, array in arrays.items()
            if name not in self._states
        }
        try:
            outputs, stored = self._predicted(self._model, features, arrays)
        except Exception as error:  # coremltools has no other type where it lacks model or states
            msg = f"Core ML cannot run {self._path}: {one_line(error)}"
            raise BundleError(msg) from error
        for pair in self._contract.states if self._states else ():
            outputs[pair.output] = self._unpadded(stored[pair.input], arrays[pair.input].shape[-1])
        return {
            tensor.name: from_feature(tensor, outputs[tensor.name])
            for tensor in self._contract.outputs
        }

    def _predicted(
        self,
        model: "MLModel",
        features: dict[str, Feature],
        arrays: Mapping[str, FloatArray],
    ) -> tuple[dict[str, Feature], dict[str, FloatArray]]:
        """Run the model, its own states set to those of ``arrays``.

        Returns:
            The outputs, and what its states then hold, padding included.
        """
        if not self._states:
            return dict(model.predict(features)), {}
        state = model.make_state()
        for name, shape in self._states.items():
            stored = np.zeros(shape, dtype=np.float16)
            stored[..., : arrays[name].shape[-1]] = arrays[name]
            state.write_state(name, stored)
        outputs = dict(model.predict(features, state=state))
        return outputs, {name: np.asarray(state.read_state(name)) for name in self._states}

    def _unpadded(self, stored: FloatArray, width: int) -> FloatArray:
        """Return what a state holds, without its padding.

        Raises:
            BundleError: If the padding is no longer 0.
        """
        if stored[..., width:].any():
            msg = f"{self._path} writes into the padding of a state; build it again"
            raise BundleError(msg)
        return stored[..., :width]

    def close(self) -> None:
        """Free the model."""
        self._model = None


def to_image(picture: FloatArray) -> Image.Image:
    """Return ``(1, 3, H, W)`` or ``(1, 1, H, W)`` in 0..1 as an 8-bit picture, rounded."""
    pixels = np.rint(picture[0].clip(0, 1) * 255).astype(np.uint8).transpose(1, 2, 0)
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def from_feature(tensor: TensorSpec, feature: Feature) -> FloatArray:
    """Return an output as ``tensor`` describes it, whatever the file's variant gives.

    An array is copied element by element into C order: Core ML pads the rows of what it gives,
    so the memory behind it must never be read as if it were dense. Pixels of 0..255 become 0..1.

    Raises:
        BundleError: If the shape is not that of the contract.
    """
    values = _pixels(feature, tensor.shape[1]) if isinstance(feature, Image.Image) else feature
    array = np.array(values, dtype=np.float32, order="C", copy=True)
    if array.shape != tensor.shape:
        msg = f"Core ML gave {tensor.name} as {array.shape}; expected {tensor.shape}"
        raise BundleError(msg)
    return array


def _pixels(image: Image.Image, channels: int) -> FloatArray:
    if channels == 3:
        image = image.convert("RGB")
    elif image.mode not in ("L", "F"):
        image = image.convert("L")
    pixels = np.asarray(image, dtype=np.float32) / np.float32(255)
    return pixels.reshape(1, *pixels.shape[:2], channels).transpose(0, 3, 1, 2)


def _model(path: Path, units: str) -> "MLModel":
    import coremltools

    allowed = coremltools.ComputeUnit[units]
    try:
        return coremltools.models.MLModel(str(path), compute_units=allowed)
    except Exception as error:  # coremltools raises whatever it meets, and plain ones of its own
        msg = f"Core ML refuses {path}: {one_line(error)}; build it again"
        raise BundleError(msg) from error


def _stored(contract: ProgramContract) -> list[TensorSpec]:
    """Return the states as they lie inside the file, padded."""
    shapes = stored_shapes(contract)
    return [
        dataclasses.replace(tensor, shape=shapes[tensor.name])
        for tensor in contract.inputs
        if tensor.name in shapes
    ]


def _shape_of_state(feature: "FeatureDescription") -> tuple[int, ...]:
    return tuple(feature.type.stateType.arrayType.shape)


def _shape(feature: "FeatureDescription") -> tuple[int, ...]:
    if feature.type.HasField("imageType"):
        image = feature.type.imageType
        colours = 3 if image.colorSpace == image.RGB else 1
        return (1, colours, image.height, image.width)
    return tuple(feature.type.multiArrayType.shape)
