"""Several Core ML packages of one network -> one whose functions they are, weights stored once.

Packages of several functions run on iOS 18 and newer; coremltools rebuilds each function in that
release's operations.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from export.atomic import whole
from export.mlpackage import write_mlpackage
from export.quiet import quiet
from tiers.errors import BundleError, ExportError

MINIMUM_RUNTIME: Final = "iOS 18"

_SPECIFICATION = 9  # the version that came with iOS 18
_OWN = "pocketmatte."  # prefix of what our exporters write into a model's metadata
_WEIGHTS = "Data/com.apple.CoreML/weights"


def write_functions(sources: Mapping[str, Path], default: str, path: Path) -> None:
    """Write ``sources`` as the functions of one package.

    Constants that are the same in several functions are stored once. The same sources give the same
    bytes. Of the sources' metadata, what all agree on is kept as it is, and what they differ in
    under its key and the function's name: ``pocketmatte.frame_hw.matte_portrait``.

    Args:
        sources: A package of one function by the name that the function gets.
        default: The function that runs where an app names none.
        path: The ``.mlpackage`` folder.

    Raises:
        BundleError: If a source cannot be read, or the disk refuses.
        ExportError: If the sources cannot be merged.
    """
    with whole(path) as partial, tempfile.TemporaryDirectory() as folder, quiet():
        import coremltools as ct

        merged = Path(folder) / "merged.mlpackage"
        descriptor = ct.utils.MultiFunctionDescriptor()
        try:
            for name, source in sources.items():
                descriptor.add_function(str(source), "main", name)
            descriptor.default_function_name = default
            ct.utils.save_multifunction(descriptor, str(merged))
        # coremltools looks up and asserts what it was given, without checking it first
        except (AssertionError, LookupError, RuntimeError, TypeError, ValueError) as error:
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            msg = (
                f"coremltools could not merge {', '.join(sources)} into {path} ({reason}); "
                "free some space, or build them again"
            )
            raise ExportError(msg) from error
        spec = _read(merged)
        own = spec.description.metadata.userDefined
        own.clear()  # it holds the date
        own.update(_metadata(sources))
        write_mlpackage(spec, merged / _WEIGHTS, partial)


def check_functions(path: Path, sources: Mapping[str, Path], default: str) -> None:
    """Read a package back and hold its functions against the packages they were made from.

    Args:
        path: The package of several functions.
        sources: The package that each function was made from, by the function's name.
        default: The function that runs where an app names none.

    Raises:
        BundleError: If a package cannot be read; if it is not for iOS 18 or newer; if a function
            is missing or too many, or has other inputs, outputs or states than its source.
    """
    spec = _read(path)
    if spec.specificationVersion < _SPECIFICATION:
        msg = (
            f"{path}: of specification {spec.specificationVersion}; several functions take "
            f"{_SPECIFICATION} ({MINIMUM_RUNTIME}): delete it and run pocketmatte pack again"
        )
        raise BundleError(msg)
    described = {function.name: function for function in spec.description.functions}
    for found in (described, spec.mlProgram.functions):
        if set(found) != set(sources):
            msg = (
                f"{path}: its functions are {', '.join(sorted(found)) or 'none'}; expected "
                f"{', '.join(sorted(sources))}: delete it and run pocketmatte pack again"
            )
            raise BundleError(msg)
    if spec.description.defaultFunctionName != default:
        msg = (
            f"{path}: its default function is {spec.description.defaultFunctionName!r}; "
            f"the manifest says {default!r}: delete it and run pocketmatte pack again"
        )
        raise BundleError(msg)
    for name, source in sources.items():
        given = _read(source).description
        for kind in ("input", "output", "state"):
            has, must_have = (_features(getattr(each, kind)) for each in (described[name], given))
            if has != must_have:
                parted = sorted(
                    key for key in {*has, *must_have} if has.get(key) != must_have.get(key)
                )
                msg = f"{path}: function {name}: its {kind} {parted[0]} is not that of {source}"
                raise BundleError(msg)


def _metadata(sources: Mapping[str, Path]) -> dict[str, str]:
    """Return the sources' own metadata, each key once where all agree."""
    held = {
        name: dict(_read(source).description.metadata.userDefined)
        for name, source in sources.items()
    }
    merged: dict[str, str] = {}
    for key in sorted({key for own in held.values() for key in own if key.startswith(_OWN)}):
        values = {name: own[key] for name, own in held.items() if key in own}
        if len(values) == len(sources) and len(set(values.values())) == 1:
            merged[key] = next(iter(values.values()))
        else:
            merged |= {f"{key}.{name}": value for name, value in values.items()}
    return merged


def _features(features: Any) -> dict[str, bytes]:
    """Return what an app sees of inputs, outputs or states: each type, by name."""
    return {each.name: each.type.SerializeToString(deterministic=True) for each in features}


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
