"""The formats that programs are exported to."""

import dataclasses
import importlib.metadata
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from export.mlpackage import IMAGE_SUFFIX, images, release
from export.own_states import STATE_SUFFIX, stored_shapes
from tiers.errors import RuntimeUnavailableError, UnknownFormatError

if TYPE_CHECKING:  # a list of the formats needs no torch
    from export.program import Captured

Notes: TypeAlias = Mapping[str, object]
Export: TypeAlias = Callable[["Captured", Path, Mapping[str, str]], Notes]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """One format.

    Attributes:
        name: What ``--format`` takes.
        suffix: Of the artifact's file or folder.
        runtime: Name of the runtime that runs it.
        evaluator: Name of one that tells what it computes, but not how fast, where its own runtime
            is not to be had.
        export: Writes a captured program with metadata to a path, whole or not at all, and returns
            what the manifest says about it beyond its contract, ``minimum_runtime`` always.
        extra: Libraries that only this format is written with, an optional extra of its name.
    """

    name: str
    suffix: str
    runtime: str
    export: Export
    evaluator: str | None = None
    extra: tuple[str, ...] = ()

    def unavailable(self) -> str | None:
        """Return why files of this format cannot be made here, or ``None`` if they can."""
        missing = [name for name in self.extra if not _installed(name)]
        if not missing:
            return None
        return (
            f"{self.name} needs {' and '.join(missing)}; "
            f"install with: pip install 'pocketmatte[{self.name}]'"
        )


def _installed(library: str) -> bool:
    try:
        importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _onnx(captured: "Captured", path: Path, metadata: Mapping[str, str]) -> Notes:
    from export.to_onnx import OPSET, to_onnx

    to_onnx(captured, path, metadata)
    # the first that reads IR version 10: onnxruntime.ai/docs/reference/compatibility.html
    return {"opset": OPSET, "minimum_runtime": "ONNX Runtime 1.18"}


def _coreml(captured: "Captured", path: Path, metadata: Mapping[str, str]) -> Notes:
    from export.to_coreml import to_coreml

    to_coreml(captured, path, metadata)
    return {"minimum_runtime": release(captured.recipe)}


def _coreml_image(captured: "Captured", path: Path, metadata: Mapping[str, str]) -> Notes:
    from export.to_coreml import to_coreml_image

    to_coreml_image(captured, path, metadata)
    return {
        "minimum_runtime": release(captured.recipe),
        "images": sorted(images(captured.contract)),
    }


def _coreml_stateful(captured: "Captured", path: Path, metadata: Mapping[str, str]) -> Notes:
    from export.to_coreml import to_coreml_stateful

    to_coreml_stateful(captured, path, metadata)
    states = {name: list(shape) for name, shape in stored_shapes(captured.contract).items()}
    return {"minimum_runtime": "iOS 18", "states": states}


def _executorch(captured: "Captured", path: Path, metadata: Mapping[str, str]) -> Notes:
    from export.to_executorch import to_executorch

    lowered = to_executorch(captured, path, metadata)
    return {
        "minimum_runtime": "ExecuTorch 1.5",
        "delegates": lowered.delegates,
        "outside": dict(lowered.outside),
    }


def _coreai(captured: "Captured", path: Path, metadata: Mapping[str, str]) -> Notes:
    from export.to_coreai import to_coreai

    to_coreai(captured, path, metadata)
    return {"minimum_runtime": "iOS 27"}


TARGETS: Mapping[str, Target] = MappingProxyType(
    {
        row.name: row
        for row in (
            Target(name="onnx", suffix=".onnx", runtime="onnxruntime", export=_onnx),
            Target(
                name="coreml",
                suffix=".mlpackage",
                runtime="coreml",
                export=_coreml,
                evaluator="coreml-reference",
            ),
            Target(
                name="coreml-image",
                suffix=IMAGE_SUFFIX,
                runtime="coreml",
                export=_coreml_image,
                evaluator="coreml-reference",
            ),
            Target(
                name="coreml-stateful",
                suffix=STATE_SUFFIX,
                runtime="coreml",
                export=_coreml_stateful,
                evaluator="coreml-reference",
            ),
            Target(name="executorch", suffix=".pte", runtime="executorch", export=_executorch),
            Target(
                name="coreai",
                suffix=".aimodel",
                runtime="coreai",
                export=_coreai,
                extra=("coreai-core", "coreai-torch"),
            ),
        )
    }
)


def target(name: str) -> Target:
    """Return one format.

    Raises:
        UnknownFormatError: If there is no such format; the message lists those there are.
    """
    try:
        return TARGETS[name]
    except KeyError:
        msg = f"no format {name!r}; there are {', '.join(TARGETS)}"
        raise UnknownFormatError(msg) from None


def makeable(name: str) -> Target:
    """Return one format whose files can be made here.

    Raises:
        UnknownFormatError: If there is no such format.
        RuntimeUnavailableError: If this machine lacks a library; the message says how to get it.
    """
    found = target(name)
    if reason := found.unavailable():
        raise RuntimeUnavailableError(reason)
    return found
