"""The folder that a Core ML package is: written here, and checked against a contract."""

import itertools
import json
import shutil
import uuid
from pathlib import Path
from typing import Any

from export.own_states import STATE_SUFFIX, explicit, stored_shapes
from export.quiet import quiet
from export.recipe import Recipe
from tiers.contract import ProgramContract, TensorSpec
from tiers.errors import BundleError

IMAGE_SUFFIX = ".image.mlpackage"  # of packages with images for pictures

_MODEL = "com.apple.CoreML/model.mlmodel"
_WEIGHTS = "com.apple.CoreML/weights"
_IOS16, _IOS17, _IOS18 = 7, 8, 9  # versions of the specification, and what brought them
_RELEASES = {_IOS16: "iOS 16", _IOS17: "iOS 17", _IOS18: "iOS 18"}


def images(contract: ProgramContract) -> frozenset[str]:
    """Return the names of the tensors that the image variant has as images."""
    return frozenset(
        tensor.name for tensor in (*contract.inputs, *contract.outputs) if tensor.picture
    )


def release(recipe: Recipe) -> str:
    """Return the first release that runs a recipe's packages without states.

    coremltools writes eight-bit integers for iOS 17 and newer.
    """
    return _RELEASES[_version(recipe)]


def _version(recipe: Recipe) -> int:
    return _IOS16 if recipe.floating else _IOS17


def write_mlpackage(spec: Any, weights: Path, folder: Path) -> None:
    """Write a package with identifiers made from its items' paths.

    coremltools' own writer draws them at random and adds debugging files.

    Args:
        spec: coremltools' ``Model`` protobuf message.
        weights: The folder that holds ``weight.bin``.
        folder: The package to make.
    """
    data = folder / "Data"
    shutil.copytree(weights, data / _WEIGHTS)
    (data / _MODEL).write_bytes(spec.SerializeToString(deterministic=True))
    identifiers = {path: str(uuid.uuid5(uuid.NAMESPACE_URL, path)) for path in (_MODEL, _WEIGHTS)}
    descriptions = {_MODEL: "CoreML Model Specification", _WEIGHTS: "CoreML Model Weights"}
    manifest = {
        "fileFormatVersion": "1.0.0",
        "itemInfoEntries": {
            identifiers[path]: {
                "author": "com.apple.CoreML",
                "description": description,
                "name": Path(path).name,
                "path": path,
            }
            for path, description in descriptions.items()
        },
        "rootModelIdentifier": identifiers[_MODEL],
    }
    text = json.dumps(manifest, indent=4, sort_keys=True)
    (folder / "Manifest.json").write_text(text + "\n", encoding="utf-8")


def check_mlpackage(path: Path, contract: ProgramContract, recipe: Recipe) -> None:
    """Read a package's description back and hold it against its contract; its program is not read.

    Args:
        path: The package; one with ``IMAGE_SUFFIX`` must have images for pictures, one with
            ``STATE_SUFFIX`` its states inside.
        contract: The names and shapes it must have.
        recipe: The element type it must have.

    Raises:
        BundleError: If the package cannot be read or is another program's.
    """
    spec = _read(path)
    stateful = path.name.endswith(STATE_SUFFIX)
    version = _IOS18 if stateful else _version(recipe)
    if spec.WhichOneof("Type") != "mlProgram" or spec.specificationVersion != version:
        msg = (
            f"{path}: a {spec.WhichOneof('Type')} of specification {spec.specificationVersion}; "
            f"it must be an mlProgram of specification {version} ({_RELEASES[version]}); "
            "build it again"
        )
        raise BundleError(msg)
    pictures = images(contract) if path.name.endswith(IMAGE_SUFFIX) else frozenset()
    inputs, outputs = explicit(contract) if stateful else (contract.inputs, contract.outputs)
    states = stored_shapes(contract) if stateful else {}
    given = spec.description
    for kind, features, promised in (
        ("inputs", given.input, [_line(tensor, recipe, pictures) for tensor in inputs]),
        ("outputs", given.output, [_line(tensor, recipe, pictures) for tensor in outputs]),
        ("states", given.state, [f"{name}: float16 {shape}" for name, shape in states.items()]),
    ):
        try:
            found = [f"{feature.name}: {_found(feature.type)}" for feature in features]
        except ValueError as error:  # a number that is no type and no colour space
            msg = f"{path}: one of its {kind} is of an unknown type ({error}); build it again"
            raise BundleError(msg) from error
        for has, must_have in itertools.zip_longest(found, promised, fillvalue="nothing"):
            if has != must_have:
                msg = f"{path}: among its {kind} is {has}; its contract says {must_have}"
                raise BundleError(msg)


def _read(path: Path) -> Any:
    with quiet():
        import coremltools as ct
        from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

        try:
            return ct.utils.load_spec(str(path))
        # coremltools looks up and asserts what a damaged file claims, without checking it first
        except (AssertionError, AttributeError, DecodeError, LookupError, OSError, RuntimeError,
                TypeError, ValueError) as error:  # fmt: skip
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            msg = f"{path}: not a Core ML package that can be read ({reason}); build it again"
            raise BundleError(msg) from error


def _found(kind: Any) -> str:
    """Describe a feature's type as ``_line`` does."""
    if kind.WhichOneof("Type") == "imageType":
        image = kind.imageType
        colour = image.ColorSpace.Name(image.colorSpace)
        return f"{colour} image {image.width}x{image.height}"
    array = kind.multiArrayType
    if kind.WhichOneof("Type") == "stateType":
        array = kind.stateType.arrayType
    return f"{array.ArrayDataType.Name(array.dataType).lower()} {tuple(array.shape)}"


def _line(tensor: TensorSpec, recipe: Recipe, pictures: frozenset[str]) -> str:
    if tensor.name not in pictures:
        return f"{tensor.name}: {recipe.dtype} {tensor.shape}"
    _, channels, height, width = tensor.shape
    colour = "RGB" if channels == 3 else "GRAYSCALE"
    return f"{tensor.name}: {colour} image {width}x{height}"
