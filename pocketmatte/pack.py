"""Pack a bundle: the Core ML files of each tier as the functions of one package."""

import dataclasses
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

from export.artifact import inside, sha256_of, size_bytes_of
from export.atomic import remove_partials
from export.manifest import Artifact, Manifest, Package, write_manifest
from export.packing import MINIMUM_RUNTIME, write_functions
from pocketmatte.build import locked
from pocketmatte.bundle import read_bundle
from pocketmatte.integrity import fault, package_fault
from pocketmatte.packages import (
    FORMAT,
    functions_of,
    package_key,
    package_path,
    package_tools,
    remove_unlisted,
    unchanged,
)
from tiers.errors import BundleError, PocketMatteError

Outcome: TypeAlias = Literal["packed", "kept", "skipped", "failed"]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Packed:
    """What came of the package of one tier.

    Attributes:
        path: Inside the bundle.
        outcome: ``packed``, ``kept`` (up to date), ``skipped`` (nothing to merge) or ``failed``.
        reason: Why it was skipped or failed.
        functions: Its functions, in order; the first is the default.
        size_bytes: Of the package.
        apart_bytes: Of the files that it was made from, together.
    """

    path: str
    outcome: Outcome
    reason: str | None = None
    functions: tuple[str, ...] = ()
    size_bytes: int | None = None
    apart_bytes: int | None = None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A part of a bundle, by names that occur in it."""

    networks: Collection[str]
    tiers: Collection[str]
    recipes: Collection[str]


def pack(root: Path, part: Part) -> Iterator[Packed]:
    """Write the packages of ``part`` that are out of date; yield what came of each.

    The manifest is written after every package, and lists none that is half-written. A package that
    cannot be made is an event, not the end.

    Raises:
        UsageError: If a build or another packing is at work in the bundle.
        BundleError: If the manifest is broken, holds no Core ML file of that part, or the disk
            refuses it.
    """
    read_bundle(root)  # before anything is written there
    with locked(root):
        remove_partials(root)
        yield from _pack(root, read_bundle(root), part)


def packable(artifacts: Sequence[Artifact], part: Part) -> dict[str, list[Artifact]]:
    """Return the files of ``part`` that can be merged, by the path of the package they belong in.

    Raises:
        BundleError: If there is none.
    """
    found: dict[str, list[Artifact]] = {}
    for entry in artifacts:
        if (
            entry.format == FORMAT
            and entry.network in part.networks
            and entry.tier in part.tiers
            and entry.recipe in part.recipes
        ):
            path = package_path(entry.network, entry.tier, entry.recipe)
            found.setdefault(path, []).append(entry)
    if not found:
        msg = f"this part of the bundle holds no {FORMAT} file; build it with --format {FORMAT}"
        raise BundleError(msg)
    return dict(sorted(found.items()))


def _pack(root: Path, manifest: Manifest, part: Part) -> Iterator[Packed]:
    artifacts = {entry.path: entry for entry in manifest.artifacts}
    packages = {each.path: each for each in manifest.packages if unchanged(each, artifacts)}
    todo: dict[str, dict[str, Artifact]] = {}
    for path, sources in packable(manifest.artifacts, part).items():
        if settled := _settled(root, path, sources, packages.get(path), artifacts):
            yield settled
        else:
            todo[path] = functions_of(sources)
            packages.pop(path, None)

    def save() -> None:
        listed = {"packages": list(packages.values())}
        write_manifest(root, manifest.model_copy(update=listed))

    save()
    remove_unlisted(root, packages.values())
    for path, functions in todo.items():
        try:
            packages[path] = _written(root, path, functions)
        except PocketMatteError as error:
            yield Packed(path=path, outcome="failed", reason=str(error))
        else:
            save()
            yield _good(packages[path], functions, "packed")


def _settled(
    root: Path,
    path: str,
    sources: Sequence[Artifact],
    package: Package | None,
    artifacts: dict[str, Artifact],
) -> Packed | None:
    """Return what is to be said of a package that is not to be written, or ``None``."""
    if len(sources) == 1:
        reason = f"{sources[0].path} is this tier's only Core ML file: there is nothing to merge"
        return Packed(path=path, outcome="skipped", reason=reason)
    for entry in sources:
        if wrong := fault(root, entry):
            return Packed(path=path, outcome="failed", reason=f"{entry.path}: {wrong}")
    if len({entry.weights_digest for entry in sources}) > 1:
        first, *others = sources
        other = next(each for each in others if each.weights_digest != first.weights_digest)
        reason = (
            f"{first.path} and {other.path} are made from different weights; "
            "build both from the same"
        )
        return Packed(path=path, outcome="failed", reason=reason)
    functions = functions_of(sources)
    if (
        package is not None
        and package.functions == {name: entry.path for name, entry in functions.items()}
        and package.tools == package_tools()
        and package_fault(root, package, artifacts) is None
    ):
        return _good(package, functions, "kept")
    return None


def _written(root: Path, path: str, functions: dict[str, Artifact]) -> Package:
    """Write a package and return its entry."""
    default, first = next(iter(functions.items()))
    target = inside(root, path)
    sources = {name: inside(root, entry.path) for name, entry in functions.items()}
    write_functions(sources, default, target)
    return Package(
        path=path,
        network=first.network,
        tier=first.tier,
        recipe=first.recipe,
        minimum_runtime=MINIMUM_RUNTIME,
        sha256=sha256_of(target),
        size_bytes=size_bytes_of(target),
        functions={name: entry.path for name, entry in functions.items()},
        default=default,
        weights_digest=first.weights_digest,
        tools=package_tools(),
        build_key=package_key(functions, default, package_tools()),
    )


def _good(package: Package, functions: dict[str, Artifact], outcome: Outcome) -> Packed:
    return Packed(
        path=package.path,
        outcome=outcome,
        functions=tuple(functions),
        size_bytes=package.size_bytes,
        apart_bytes=sum(entry.size_bytes for entry in functions.values()),
    )
