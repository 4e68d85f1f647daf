"""Whether a bundle holds what its manifest says, all of it and nothing else."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from export.artifact import sha256_of, size_bytes_of
from export.manifest import FILE_NAME as MANIFEST
from export.manifest import Artifact, Manifest, Package, ReferenceTrace, Weights
from pocketmatte.bundle import described
from pocketmatte.signing.bom import FILE_NAME as BOM
from pocketmatte.signing.bom import records
from pocketmatte.signing.listing import Listing, of_entry, shown
from pocketmatte.signing.signature import short
from tiers.checkpoint import digest, read_safetensors
from tiers.errors import CheckpointError
from tiers.weights import Weights as WeightsFile

_AGAIN = "build it again"


def holding_faults(root: Path, manifest: Manifest, found: Listing) -> list[str]:
    """Return a line for everything in which a bundle and its manifest differ.

    Args:
        root: The bundle.
        manifest: Its manifest.
        found: What lies in it, without faults of its own.
    """
    names = sorted(found.files)
    entries: tuple[Artifact | Package | ReferenceTrace, ...] = (
        *manifest.artifacts, *manifest.packages, *manifest.traces,
    )  # fmt: skip
    weights = {entry.path: entry for entry in manifest.weights if entry.path is not None}
    faults = [line for entry in entries if (line := _entry_fault(root, entry, names))]
    faults += [
        line
        for path, entry in weights.items()
        if (line := _weights_fault(root, path, entry, found))
    ]
    faults += [
        f"{shown(path)}: missing; {_AGAIN}"
        for path in sorted(records(manifest))
        if path not in found.files
    ]
    told = {MANIFEST, BOM, *records(manifest), *weights}
    told |= {path for entry in entries for path in of_entry(entry.path, names)}
    faults += [
        f"{shown(path)}: not of the manifest; move it elsewhere"
        for path in names
        if path not in told
    ]
    listed = {entry.digest for entry in manifest.weights}
    faults += [
        f"{shown(entry.path)}: the manifest does not list its weights; {_AGAIN}"
        for entry in entries
        if entry.weights_digest not in listed
    ]
    return faults + _twins(names)


def _entry_fault(
    root: Path, entry: Artifact | Package | ReferenceTrace, names: Sequence[str]
) -> str | None:
    path = root / entry.path
    if not of_entry(entry.path, names):
        return f"{shown(entry.path)}: missing; {_AGAIN}"
    now = sha256_of(path)
    if now != entry.sha256:
        line = f"its sha256 is {short(now)}, the manifest says {short(entry.sha256)}"
        return f"{shown(entry.path)}: {line}; {_AGAIN}"
    if (size_bytes := size_bytes_of(path)) != entry.size_bytes:
        line = f"it has {size_bytes} bytes, the manifest says {entry.size_bytes}"
        return f"{shown(entry.path)}: {line}; {_AGAIN}"
    return None


def _weights_fault(root: Path, path: str, entry: Weights, found: Listing) -> str | None:
    """Hold the numbers of a weight file, and what it says of them, against the manifest.

    The manifest's digest is of the numbers; origin and licence are in the file beside them.
    """
    if path not in found.files:
        return f"{shown(path)}: missing; {_AGAIN}"
    try:
        tensors, metadata = read_safetensors(root / path)
    except CheckpointError as error:
        return str(error)
    held = described(
        WeightsFile(
            network=entry.network, tensors=tensors, metadata=metadata, sha256=digest(tensors)
        )
    )
    wrong = [
        name for name in ("digest", "origin", "licence", "path")
        if getattr(held, name) != getattr(entry, name)
    ]  # fmt: skip
    if not wrong:
        return None
    return f"{shown(path)}: its {', '.join(wrong)} is not that of the manifest; {_AGAIN}"


def _twins(names: Iterable[str]) -> list[str]:
    """Return a line for names that are one where case does not count: on macOS, in zip files."""
    seen: dict[str, str] = {}
    faults = []
    for path in names:
        other = seen.setdefault(path.casefold(), path)
        if other != path:
            faults.append(f"{shown(path)}: differs from {shown(other)} in case only; rename one")
    return faults
