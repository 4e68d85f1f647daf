"""Read a Core ML package from disk: its specification and its weights, and nothing else."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch

from export.quiet import quiet
from pocketmatte.mlprogram.binding import FAULTS, reason
from pocketmatte.mlprogram.blob import Blob, decoded
from pocketmatte.mlprogram.program import (
    Argument,
    Block,
    Constant,
    Feature,
    Function,
    Model,
    Named,
    Operation,
    Reference,
)
from pocketmatte.mlprogram.types import (
    ELEMENTS,
    ListType,
    OtherType,
    StateType,
    TensorType,
    Type,
    Value,
    require_size,
)
from tiers.errors import BundleError, MissingBundleError

_MODEL_PATH = "@model_path/"  # stands for the folder of the specification
_UNREADABLE: tuple[type[Exception], ...] = (OSError, *FAULTS)
_OPSET = re.compile("CoreML[0-9]{1,3}")


def read_package(path: Path) -> Model:
    """Read an ``.mlpackage``.

    Raises:
        BundleError: If it is no package that can be read, or holds no ML Program.
    """
    model = _model_file(path)
    with quiet():
        from coremltools.proto import Model_pb2
        from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

        message = Model_pb2.Model()
        try:
            message.ParseFromString(model.read_bytes())
        except (DecodeError, *_UNREADABLE) as error:
            msg = f"{model}: not a specification that can be read ({reason(error)}); build it again"
            raise BundleError(msg) from error
    if message.WhichOneof("Type") != "mlProgram":
        msg = f"{path} holds a {message.WhichOneof('Type')}, not an ML Program"
        raise BundleError(msg)
    return read_model(message, model.parent)


def read_model(message: Any, folder: Path) -> Model:
    """Take a specification apart.

    Args:
        message: coremltools' ``Model`` protobuf message.
        folder: What ``@model_path`` stands for.

    Raises:
        BundleError: If what it claims does not fit together.
    """
    reader = _Reader(folder)
    functions = {
        name: reader.function(name, function)
        for name, function in message.mlProgram.functions.items()
    }
    description = message.description
    default = description.defaultFunctionName or "main"
    features = next((each for each in description.functions if each.name == default), description)
    if default not in functions:
        msg = f"{folder}: no function {default!r}; there are {', '.join(functions) or 'none'}"
        raise BundleError(msg)
    return Model(
        functions=functions,
        default=default,
        inputs=tuple(_feature(each) for each in features.input),
        outputs=tuple(_feature(each) for each in features.output),
        metadata=dict(description.metadata.userDefined),
    )


def _model_file(path: Path) -> Path:
    try:
        manifest = json.loads((path / "Manifest.json").read_text(encoding="utf-8"))
        own = manifest["itemInfoEntries"][manifest["rootModelIdentifier"]]["path"]
        # resolving raises RuntimeError where links form a loop, and so does JSON nested too deep
        model: Path = (path / "Data" / own).resolve()
        data = (path / "Data").resolve()
    except FileNotFoundError as error:
        if not path.exists():
            msg = f"no Core ML package {path}; check the path"
            raise MissingBundleError(msg) from error
        msg = f"{path}: no Core ML package, it lacks {error.filename}; build it again"
        raise BundleError(msg) from error
    except _UNREADABLE as error:
        msg = f"{path}: no Core ML package ({type(error).__name__}: {error}); build it again"
        raise BundleError(msg) from error
    if not model.is_relative_to(data):
        msg = f"{path}: its model lies outside it, at {own}; build it again"
        raise BundleError(msg)
    return model


def _feature(feature: Any) -> Feature:
    if feature.type.WhichOneof("Type") != "imageType":
        return Feature(name=feature.name, image=None)
    image = feature.type.imageType
    try:
        return Feature(name=feature.name, image=image.ColorSpace.Name(image.colorSpace))
    except ValueError as error:
        msg = f"{feature.name} is an image of colour space {image.colorSpace}, not known here"
        raise BundleError(msg) from error


class _Reader:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._blobs: dict[str, Blob] = {}

    def function(self, name: str, function: Any) -> Function:
        if not _OPSET.fullmatch(function.opset):
            msg = f"{self._folder}: function {name} is of opset {function.opset!r}, not known here"
            raise BundleError(msg)
        body = function.block_specializations.get(function.opset)
        if body is None:
            msg = f"{self._folder}: function {name} has no block for {function.opset}"
            raise BundleError(msg)
        inputs = tuple(self._named(each) for each in function.inputs)
        return Function(name=name, inputs=inputs, opset=function.opset, body=self._block(body))

    def _block(self, block: Any) -> Block:
        return Block(
            inputs=tuple(self._named(each) for each in block.inputs),
            operations=tuple(self._operation(each) for each in block.operations),
            outputs=tuple(block.outputs),
        )

    def _operation(self, operation: Any) -> Operation:
        return Operation(
            kind=operation.type,
            inputs={name: self._argument(each) for name, each in operation.inputs.items()},
            attributes={
                name: self._constant(each)
                for name, each in operation.attributes.items()
                if name != "name"
            },
            outputs=tuple(self._named(each) for each in operation.outputs),
            blocks=tuple(self._block(each) for each in operation.blocks),
        )

    def _argument(self, argument: Any) -> Argument:
        return tuple(
            Reference(name=each.name)
            if each.WhichOneof("binding") == "name"
            else self._constant(each.value)
            for each in argument.arguments
        )

    def _named(self, named: Any) -> Named:
        return Named(name=named.name, type=self._type(named.type))

    def _type(self, kind: Any) -> Type:
        which = kind.WhichOneof("type")
        if which == "tensorType":
            return self._tensor_type(kind.tensorType)
        if which == "listType":
            return ListType(element=self._type(kind.listType.type))
        if which == "stateType":
            return StateType(wrapped=self._tensor_type(kind.stateType.wrappedType.tensorType))
        return OtherType(name=str(which))

    def _tensor_type(self, kind: Any) -> TensorType:
        element = ELEMENTS.get(kind.dataType)
        if element is None:
            msg = f"{self._folder}: elements of type number {kind.dataType} are not known here"
            raise BundleError(msg)
        shape = tuple(
            each.constant.size if each.WhichOneof("dimension") == "constant" else None
            for each in kind.dimensions
        )
        variadic = any(
            each.WhichOneof("dimension") == "unknown" and each.unknown.variadic
            for each in kind.dimensions
        )
        try:
            require_size(tuple(size for size in shape if size is not None), element.held)
        except ValueError as error:
            msg = f"{self._folder}: a tensor of {error}; build it again"
            raise BundleError(msg) from error
        return TensorType(element=element, shape=shape, variadic=variadic)

    def _constant(self, value: Any) -> Constant:
        kind = self._type(value.type)
        return Constant(value=self._value(value, kind), type=kind)

    def _value(self, value: Any, kind: Type) -> Value:
        immediate = value.immediateValue
        if isinstance(kind, ListType):
            return [self._value(each, self._type(each.type)) for each in immediate.list.values]
        if not isinstance(kind, TensorType) or None in kind.shape:
            msg = f"{self._folder}: a constant cannot be of type {kind}"
            raise BundleError(msg)
        shape = tuple(size for size in kind.shape if size is not None)
        try:
            if value.WhichOneof("value") == "blobFileValue":
                held = value.blobFileValue
                return self._blob(held.fileName).read(held.offset, kind.element, shape)
            return _immediate(immediate.tensor, kind, shape)
        except _UNREADABLE as error:
            msg = f"{self._folder}: a constant is no {kind} ({reason(error)}); build it again"
            raise BundleError(msg) from error

    def _blob(self, name: str) -> Blob:
        if name not in self._blobs:
            path = (self._folder / name.removeprefix(_MODEL_PATH)).resolve()
            if not name.startswith(_MODEL_PATH) or not path.is_relative_to(self._folder.resolve()):
                msg = f"{self._folder}: weights at {name}, outside the package; build it again"
                raise BundleError(msg)
            self._blobs[name] = Blob(path)
        return self._blobs[name]


def _immediate(tensor: Any, kind: TensorType, shape: tuple[int, ...]) -> Value:
    which = tensor.WhichOneof("value")
    element = kind.element
    if element.kind == "string":
        values = list(tensor.strings.values)
        return values[0] if not shape else list(values)
    if which == "bytes":
        return decoded(np.frombuffer(tensor.bytes.values, dtype=np.uint8), element, shape)
    held = getattr(tensor, which).values if which else ()
    return torch.tensor(list(held), dtype=element.held).reshape(shape)
