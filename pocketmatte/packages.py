"""The packages that hold a whole tier: their names, their sources, whether these changed since."""

import functools
import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path

import export.mlpackage
import export.packing
from export.artifact import inside
from export.manifest import Artifact, Package
from export.recipe import RECIPES
from export.targets import target
from tiers.contract_table import PROGRAMS
from tiers.ladder import LADDERS

FORMAT = "coreml"  # what is packed; images and states inside would be other functions
AGAIN = "run pocketmatte pack again"

_TOOLS = ("coremltools", "numpy")


def package_path(network: str, tier: str, recipe: str) -> str:
    """Return where the package of a tier lies in its bundle."""
    return f"{network}/{tier}/all-{recipe}{target(FORMAT).suffix}"


def function_name(source: Artifact) -> str:
    """Return the name of the function that an artifact becomes."""
    portrait = source.frame.orientation == "portrait"
    return f"{source.program}_portrait" if portrait else source.program


def functions_of(sources: Iterable[Artifact]) -> dict[str, Artifact]:
    """Return artifacts of one tier by the function they become; the first is the default.

    Landscape comes first, programs in the order of their calls.
    """

    def order(entry: Artifact) -> tuple[bool, int]:
        portrait = entry.frame.orientation == "portrait"
        return portrait, PROGRAMS[entry.network].index(entry.program)

    return {function_name(entry): entry for entry in sorted(sources, key=order)}


@functools.cache
def package_tools() -> dict[str, str]:
    """Return the versions of everything that takes part in packing."""
    own = hashlib.sha256()
    for module in (export.mlpackage, export.packing):
        own.update(Path(str(module.__file__)).read_bytes())
    versions = {name: metadata.version(name) for name in _TOOLS}
    return versions | {"export.packing": own.hexdigest()[:12]}


def package_key(functions: Mapping[str, Artifact], default: str, tools: Mapping[str, str]) -> str:
    """Return the hash of all that decides a package's bytes."""
    parts = {
        "sources": {name: entry.sha256 for name, entry in functions.items()},
        "default": default,
        "tools": dict(tools),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def unchanged(package: Package, artifacts: Mapping[str, Artifact]) -> bool:
    """Say whether the files that a package was made from are still those of the manifest.

    Args:
        package: Of the manifest.
        artifacts: Of the manifest, by path.
    """
    sources = {
        name: artifacts[path] for name, path in package.functions.items() if path in artifacts
    }
    if set(sources) != set(package.functions):
        return False
    return package_key(sources, package.default, package.tools) == package.build_key


def remove_unlisted(root: Path, packages: Iterable[Package]) -> None:
    """Delete the packages of a bundle that its manifest does not list: they are out of date."""
    listed = {package.path for package in packages}
    for network, rows in LADDERS.items():
        for tier in rows:
            for recipe in RECIPES:
                relative = package_path(network, tier, recipe)
                if relative not in listed and (root / relative).exists():
                    shutil.rmtree(inside(root, relative), ignore_errors=True)
