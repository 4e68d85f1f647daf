"""The manifest of the files that an app is given: of the bundle's, what is said of these alone.

The harnesses and ``export.manifest`` read it as they read a bundle's. Bare Python.
"""

import dataclasses
import hashlib
import itertools
import json
from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal

from pocketmatte.selection.held import MANIFEST
from pocketmatte.selection.json_files import json_value, read_bytes
from pocketmatte.selection.shapes import MisfitError, Sha256, parsed
from tiers.errors import BundleError

_AGAIN = "build it again"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class _Artifact:
    path: str
    network: str
    weights_digest: Sha256


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class _Weights:
    network: str
    digest: Sha256


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class _Manifest:
    schema_version: Literal[1]
    pocketmatte: str
    weights: tuple[_Weights, ...]
    artifacts: tuple[_Artifact, ...]


def delivered_manifest(root: Path, sha256: str, paths: Collection[str]) -> str:
    """Return the manifest of some files of a bundle, each entry as the bundle's own has it.

    Args:
        root: The bundle.
        sha256: Of its manifest, as a lock has it.
        paths: Of the files, as in the bundle.

    Raises:
        BundleError: If the manifest is damaged, or is not the one that the lock was made of.
    """
    path = root / MANIFEST
    data = read_bytes(path, "manifest", _AGAIN)
    if hashlib.sha256(data).hexdigest() != sha256:
        msg = f"{path} is not what the lock was made of; run pocketmatte select again"
        raise BundleError(msg)
    try:
        return _text(_part(json_value(data), frozenset(paths)))
    except MisfitError as error:
        msg = f"{path} is no manifest: {error}; {_AGAIN}"
        raise BundleError(msg) from error
    except (ValueError, RecursionError) as error:  # a number that is too large, endless brackets
        msg = f"{path} says what cannot be written again; {_AGAIN}"
        raise BundleError(msg) from error


def _part(whole: Any, paths: frozenset[str]) -> dict[str, Any]:
    """Return what a manifest says of some of its files: its rows are as they were."""
    small = parsed(whole, _Manifest, closed=False)
    kept = [each.path in paths for each in small.artifacts]
    used = {(e.network, e.weights_digest) for e in itertools.compress(small.artifacts, kept)}
    needed = [(each.network, each.digest) in used for each in small.weights]
    return {
        "schema_version": small.schema_version,
        "pocketmatte": small.pocketmatte,
        "artifacts": list(itertools.compress(whole["artifacts"], kept)),
        "weights": list(itertools.compress(whole["weights"], needed)),
        "packages": [],
        "traces": [],
    }


def _text(manifest: dict[str, Any]) -> str:
    """Return a manifest with a line for each row: shorter than a bundle's, and sooner written."""
    members = []
    for name in sorted(manifest):
        value = manifest[name]
        rows = [_line(each) for each in value] if isinstance(value, list) else []
        text = "[\n  {}\n ]".format(",\n  ".join(rows)) if rows else _line(value)
        members.append(f' "{name}": {text}')
    return "{{\n{}\n}}\n".format(",\n".join(members))


def _line(value: object) -> str:
    return json.dumps(value, sort_keys=True, allow_nan=False)
