"""Whether a file of a bundle is the one that was built, and what the manifest says of it true."""

from collections.abc import Callable, Mapping
from pathlib import Path

from export.artifact import inside, sha256_of, size_bytes_of
from export.manifest import Artifact, Frame, Package, contract_tensors
from export.recipe import recipe as recipe_of
from pocketmatte.packages import AGAIN, FORMAT, function_name, package_path, unchanged
from pocketmatte.request import artifact_path
from tiers.contract_table import contracts
from tiers.errors import BundleError, UsageError
from tiers.ladder import tier as tier_of
from tiers.spec import TierSpec


def fault(root: Path, entry: Artifact, hashed: Callable[[Path], str] = sha256_of) -> str | None:
    """Return what is wrong with an artifact, in one line, or ``None``.

    Its names must be of this version, its contract that of its tier, and the bytes on disk those
    of the manifest. What the file computes is not looked at.

    Args:
        root: The bundle.
        entry: Of its manifest.
        hashed: Gives the hash of a file or folder.
    """
    try:
        if wrong := _on_disk(root, entry, "build it again", hashed):
            return wrong
        untrue = _untrue(entry)
    except (BundleError, UsageError) as error:
        return str(error)
    return _said(untrue, "build it again")


def package_fault(root: Path, package: Package, artifacts: Mapping[str, Artifact]) -> str | None:
    """Return what is wrong with a package of several functions, in one line, or ``None``.

    What its functions compute is not looked at.

    Args:
        root: The bundle.
        package: Of its manifest.
        artifacts: Of its manifest, by path.
    """
    try:
        if wrong := _on_disk(root, package, AGAIN, sha256_of):
            return wrong
    except BundleError as error:
        return str(error)
    untrue = _untrue_of_package(package, artifacts)
    if not untrue and not unchanged(package, artifacts):
        return f"a file that it was made from changed since; {AGAIN}"
    return _said(untrue, AGAIN)


def _on_disk(
    root: Path, entry: Artifact | Package, way_out: str, hashed: Callable[[Path], str]
) -> str | None:
    """Hold what lies on the disk against the manifest.

    Raises:
        BundleError: If there is a symbolic link in it.
    """
    path = inside(root, entry.path)
    if not path.exists():
        return f"missing from {root}; {way_out}"
    found, size_bytes = hashed(path), size_bytes_of(path)
    if found != entry.sha256:
        return (
            f"its sha256 is {found[:12]}..., the manifest says {entry.sha256[:12]}...: "
            f"it changed since it was built; {way_out}"
        )
    return _said("size_bytes" if size_bytes != entry.size_bytes else None, way_out)


def _said(untrue: str | None, way_out: str) -> str | None:
    return f"what the manifest says as {untrue} is not so; {way_out}" if untrue else None


def frame_of(spec: TierSpec) -> Frame:
    """Return how a camera frame becomes the tier's input, as the manifest writes it."""
    return Frame(
        output_hw=list(spec.output_hw),
        working_hw=list(spec.working_hw),
        orientation=spec.orientation,
        colour_order="RGB",
        low=0.0,
        high=1.0,
    )


def _untrue(entry: Artifact) -> str | None:
    """Return the first field that does not follow from network, tier, program and recipe.

    Raises:
        UsageError: If one of these, or the format, is unknown.
    """
    spec = tier_of(entry.network, entry.tier).oriented(entry.frame.orientation)
    contract = next((c for c in contracts(spec) if c.name == entry.program), None)
    if contract is None:
        return "program"
    inputs, outputs, states = contract_tensors(contract, recipe_of(entry.recipe).dtype)
    follows = {
        "path": artifact_path(spec, entry.program, entry.recipe, entry.format),
        "inputs": inputs,
        "outputs": outputs,
        "states": states,
        "frame": frame_of(spec),
    }
    return next((name for name in follows if getattr(entry, name) != follows[name]), None)


def _untrue_of_package(package: Package, artifacts: Mapping[str, Artifact]) -> str | None:
    """Return the first field that does not follow from the files it was made from."""
    sources = [artifacts[path] for path in package.functions.values() if path in artifacts]
    follows = {
        "path": package_path(package.network, package.tier, package.recipe),
        "functions": {function_name(entry): entry.path for entry in sources},
    }
    untrue = next((name for name in follows if getattr(package, name) != follows[name]), None)
    if untrue or package.default not in package.functions:
        return untrue or "default"
    if any(entry.format != FORMAT for entry in sources):
        return "functions"
    same = ("network", "tier", "recipe", "weights_digest")
    return next(
        (
            name
            for name in same
            for entry in sources
            if getattr(entry, name) != getattr(package, name)
        ),
        None,
    )
