"""The components of a bill of materials, one function a kind."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from export.manifest import Artifact, Package, ReferenceTrace, Tensor, Weights
from pocketmatte.signing.listing import of_entry

Json: TypeAlias = dict[str, Any]

# CycloneDX takes identifiers of the SPDX list alone as `id`; anything else is a `name`.
_SPDX = frozenset(
    {
        "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0",
        "GPL-2.0-only", "GPL-2.0-or-later", "GPL-3.0", "GPL-3.0-only", "GPL-3.0-or-later",
        "LGPL-3.0-only", "MIT", "MPL-2.0",
    }
)  # fmt: skip
_MODEL, _DATA, _FILE = "machine-learning-model", "data", "file"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Contents:
    """The files of a bundle.

    Attributes:
        sha256: Of each, by path.
        size_bytes: Of each, by path.
        paths: All of them, sorted.
    """

    sha256: Mapping[str, str]
    size_bytes: Mapping[str, int]
    paths: Sequence[str]


def model(entry: Artifact, made_from: Weights, contents: Contents) -> Json:
    """Return the component of an exported program."""
    return {
        "type": _MODEL,
        "bom-ref": entry.path,
        "name": entry.path,
        "description": (
            f"{entry.network} {entry.tier}: {entry.program} in {entry.recipe}, as {entry.format}, "
            f"{entry.frame.orientation}"
        ),
        "licenses": _licences(made_from),
        **_on_disk(entry.path, contents),
        "modelCard": {
            "modelParameters": {
                "architectureFamily": entry.network,
                "modelArchitecture": f"{entry.network} {entry.tier}",
                "inputs": [_tensor(tensor) for tensor in entry.inputs],
                "outputs": [_tensor(tensor) for tensor in entry.outputs],
            },
            "properties": _card(entry, made_from),
        },
        "properties": _properties(
            {"sha256": entry.sha256, "size_bytes": entry.size_bytes, "format": entry.format}
            | {f"tool:{name}": version for name, version in entry.tools.items()}
        ),
    }


def package(entry: Package, made_from: Weights, contents: Contents) -> Json:
    """Return the component of a package of several programs."""
    what = f"{entry.network} {entry.tier} in {entry.recipe} for {entry.minimum_runtime}"
    return {
        "type": _MODEL,
        "bom-ref": entry.path,
        "name": entry.path,
        "description": f"{what}: {', '.join(sorted(entry.functions))}",
        "licenses": _licences(made_from),
        **_on_disk(entry.path, contents),
        "modelCard": {
            "modelParameters": {
                "architectureFamily": entry.network,
                "modelArchitecture": f"{entry.network} {entry.tier}",
            },
            "properties": _card(entry, made_from),
        },
        "properties": _properties(
            {"sha256": entry.sha256, "size_bytes": entry.size_bytes}
            | {f"tool:{name}": version for name, version in entry.tools.items()}
        ),
    }


def weights(entry: Weights, contents: Contents) -> Json:
    """Return the component of weights: a file, or, where they are made from a seed, none."""
    return {
        "type": _DATA,
        "bom-ref": weights_ref(entry),
        "name": entry.path or f"weights of {entry.network}",
        "description": entry.origin,
        "licenses": _licences(entry),
        **({} if entry.path is None else _on_disk(entry.path, contents)),
        "data": [{"type": "other", "name": "weights", "description": entry.origin}],
        "properties": _properties({"network": entry.network, "digest": entry.digest}),
    }


def weights_ref(entry: Weights) -> str:
    """Return the name of weights inside the document."""
    return entry.path or f"weights:{entry.network}:{entry.digest}"


def record(path: str, contents: Contents) -> Json:
    """Return the component of the record that eight-bit files are made with."""
    said = "what the eight-bit files of this tier were made with"
    return {
        "type": _DATA,
        "bom-ref": path,
        "name": path,
        "description": said,
        **_on_disk(path, contents),
        "data": [{"type": "configuration", "name": "quantisation", "description": said}],
    }


def trace(entry: ReferenceTrace, contents: Contents) -> Json:
    """Return the component of a reference trace."""
    said = f"what PyTorch was given and gave over {entry.frames} frames; for tests on devices"
    return {
        "type": _DATA,
        "bom-ref": entry.path,
        "name": entry.path,
        "description": said,
        **_on_disk(entry.path, contents),
        "data": [{"type": "dataset", "name": "reference trace", "description": said}],
        "properties": _properties({"sha256": entry.sha256, "size_bytes": entry.size_bytes}),
    }


def hashes(sha256: str) -> list[Json]:
    """Return a hash as CycloneDX writes it."""
    return [{"alg": "SHA-256", "content": sha256}]


def _on_disk(path: str, contents: Contents) -> Json:
    """Return the hash of a file, or the files of a folder, each with its own."""
    files = of_entry(path, contents.paths)
    if list(files) == [path]:
        return {"hashes": hashes(contents.sha256[path])}
    return {
        "components": [
            {
                "type": _FILE,
                "bom-ref": each,
                "name": each.removeprefix(f"{path}/"),
                "hashes": hashes(contents.sha256[each]),
                "properties": _properties({"size_bytes": contents.size_bytes[each]}),
            }
            for each in files
        ]
    }


def _card(entry: Artifact | Package, made_from: Weights) -> list[Json]:
    return _properties(
        {
            "network": entry.network,
            "tier": entry.tier,
            "recipe": entry.recipe,
            "weights:digest": made_from.digest,
            "weights:origin": made_from.origin,
        }
    )


def _tensor(tensor: Tensor) -> Json:
    shape = "x".join(str(length) for length in tensor.shape)
    span = f" in {tensor.low:g}..{tensor.high:g}" if None not in (tensor.low, tensor.high) else ""
    return {"format": f"{tensor.name}: {tensor.dtype} {shape}{span}, {tensor.meaning}"}


def _licences(entry: Weights) -> list[Json]:
    return [{"license": {"id" if entry.licence in _SPDX else "name": entry.licence}}]


def _properties(values: Mapping[str, object]) -> list[Json]:
    return [
        {"name": f"pocketmatte:{name}", "value": str(value)}
        for name, value in sorted(values.items())
    ]
