"""A bundle's bill of materials: CycloneDX 1.6, as JSON, of its models and what they rest on.

Nothing in it differs from run to run: no time, and a serial number that follows from the manifest.
Specification: https://cyclonedx.org/docs/1.6/json/
"""

import json
import uuid
from collections.abc import Iterable
from urllib.parse import quote

from export.manifest import FILE_NAME as MANIFEST
from export.manifest import Artifact, Manifest, Package, ReferenceTrace
from pocketmatte.signing.bom_parts import (
    Contents,
    Json,
    hashes,
    model,
    package,
    record,
    trace,
    weights,
    weights_ref,
)

FILE_NAME = "bom.cdx.json"

_BUNDLE = "bundle"
_OWN_MODULE = "export."  # of this project; the manifest tells its hash as the version
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "pocketmatte bundle")


def bom_text(manifest: Manifest, contents: Contents) -> str:
    """Return the bill of materials of a bundle, the same for the same bundle.

    Args:
        manifest: Of the bundle; it lists the weights of every entry.
        contents: The manifest itself and all that it names.
    """
    sha256 = contents.sha256[MANIFEST]
    of = {entry.digest: entry for entry in manifest.weights}
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, sha256)}",
        "version": 1,
        "metadata": {
            "tools": {"components": _tools(manifest)},
            "component": {
                "type": "file",
                "bom-ref": _BUNDLE,
                "name": MANIFEST,
                "description": "the manifest of the bundle that every component here is of",
                "hashes": hashes(sha256),
            },
        },
        "components": [
            *(model(each, of[each.weights_digest], contents) for each in manifest.artifacts),
            *(package(each, of[each.weights_digest], contents) for each in manifest.packages),
            *(weights(each, contents) for each in manifest.weights),
            *(record(path, contents) for path in sorted(records(manifest))),
            *(trace(each, contents) for each in manifest.traces),
        ],
        "dependencies": _dependencies(manifest),
    }
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def records(manifest: Manifest) -> set[str]:
    """Return the files that say what eight-bit artifacts were made with."""
    return {path for entry in manifest.artifacts if (path := _record(entry)) is not None}


def _record(entry: Artifact) -> str | None:
    noted = entry.notes.get("quantisation")
    return noted if isinstance(noted, str) else None


def _dependencies(manifest: Manifest) -> list[Json]:
    """Return what every component was made from; the bundle rests on all that it lists."""
    refs = {entry.digest: weights_ref(entry) for entry in manifest.weights}
    entries: tuple[Artifact | Package | ReferenceTrace, ...] = (
        *manifest.artifacts, *manifest.packages, *manifest.traces,
    )  # fmt: skip
    on: dict[str, set[str]] = {entry.path: {refs[entry.weights_digest]} for entry in entries}
    for entry in manifest.artifacts:
        on[entry.path] |= {path for path in (_record(entry),) if path is not None}
    for each in manifest.packages:
        on[each.path] |= set(each.functions.values())
    on |= {ref: set() for ref in (*refs.values(), *records(manifest))}
    on[_BUNDLE] = {entry.path for entry in entries}
    return [{"ref": ref, "dependsOn": sorted(needed)} for ref, needed in sorted(on.items())]


def _tools(manifest: Manifest) -> list[Json]:
    """Return this project and the libraries that exported; files name theirs as properties."""
    used = {("pocketmatte", manifest.pocketmatte)}
    entries: Iterable[Artifact | Package] = (*manifest.artifacts, *manifest.packages)
    for entry in entries:
        used |= set(entry.tools.items())
    return [_tool(name, version) for name, version in sorted(used)]


def _tool(name: str, version: str) -> Json:
    tool: dict[str, str] = {
        "type": "application" if name == "pocketmatte" else "library",
        "bom-ref": f"tool:{name}@{version}",
        "name": name,
        "version": version,
    }
    # this project is on no index
    if name != "pocketmatte" and not name.startswith(_OWN_MODULE):
        tool["purl"] = f"pkg:pypi/{quote(name.lower().replace('_', '-'))}@{quote(version)}"
    return tool
