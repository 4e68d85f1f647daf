"""Core ML packages on macOS, through coremltools."""

import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from PIL import Image

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

_COMPUTE_UNITS = "ALL"  # what an app gets that asks for nothing else


class CoreMlMacOs:
    """See ``protocol.Runtime``."""

    name = "coreml"

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
        return CoreMlMacOsSession(path, contract, checked_threads(threads))


class CoreMlMacOsSession:
    """See ``protocol.Session``. Takes both variants: tensors, or images for the pictures."""

    def __init__(self, path: Path, contract: ProgramContract, threads: int) -> None:
        import coremltools

        self._path, self._contract = path, contract
        self._model: MLModel | None = _model(path)
        description = self._model.get_spec().description
        inputs = {feature.name: feature for feature in description.input}
        outputs = {feature.name: feature for feature in description.output}
        for kind, expected, declared in (
            ("inputs", contract.inputs, inputs),
            ("outputs", contract.outputs, outputs),
        ):
            shapes = {name: _shape(feature) for name, feature in declared.items()}
            check_declared(path, kind, expected, shapes)
        self._images = {name for name, f in inputs.items() if f.type.HasField("imageType")}
        self._facts: dict[str, str | int] = {
            "runtime": CoreMlMacOs.name,
            "version": f"coremltools {coremltools.__version__}",
            "provider": _COMPUTE_UNITS,
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
        }
        try:
            outputs = self._model.predict(features)
        except RuntimeError as error:
            msg = f"Core ML cannot run {self._path}: {one_line(error)}"
            raise BundleError(msg) from error
        return {
            tensor.name: from_feature(tensor, outputs[tensor.name])
            for tensor in self._contract.outputs
        }

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


def _model(path: Path) -> "MLModel":
    import coremltools
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        return coremltools.models.MLModel(
            str(path), compute_units=coremltools.ComputeUnit[_COMPUTE_UNITS]
        )
    except (DecodeError, OSError, RuntimeError, ValueError) as error:
        msg = f"Core ML refuses {path}: {one_line(error)}; build it again"
        raise BundleError(msg) from error


def _shape(feature: "FeatureDescription") -> tuple[int, ...]:
    if feature.type.HasField("imageType"):
        image = feature.type.imageType
        colours = 3 if image.colorSpace == image.RGB else 1
        return (1, colours, image.height, image.width)
    return tuple(feature.type.multiArrayType.shape)
