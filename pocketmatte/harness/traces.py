"""The reference traces of a bundle: where they lie, whether they are whole and up to date."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from export.artifact import inside, sha256_of
from export.manifest import Artifact, ReferenceTrace
from export.trace import read_trace
from pocketmatte.build_key import recording_key
from tiers.errors import BundleError
from tiers.ladder import tier

AGAIN = "run pocketmatte trace again"

_FOLDER = "traces"


def trace_path(network: str, tier: str, orientation: str) -> str:
    """Return where a tier's trace lies in its bundle."""
    held = "-portrait" if orientation == "portrait" else ""
    return f"{_FOLDER}/{network}/{tier}{held}"


def trace_fault(root: Path, entry: ReferenceTrace) -> str | None:
    """Return what is wrong with a trace, in one line, or ``None``."""
    try:
        folder = inside(root, entry.path)
        if sha256_of(folder) != entry.sha256:
            return f"it changed since it was recorded; {AGAIN}"
        trace = read_trace(folder)  # its data is in the hash
    except BundleError as error:
        return str(error)
    said = (trace.network, trace.tier, trace.orientation, trace.frames, trace.weights_digest)
    held = (entry.network, entry.tier, entry.orientation, entry.frames, entry.weights_digest)
    return None if said == held else f"it is of {' '.join(map(str, said[:3]))}; {AGAIN}"


def is_current(trace: ReferenceTrace) -> bool:
    """Say whether a trace is what would be recorded now: code and limits change, too."""
    spec = tier(trace.network, trace.tier).oriented(trace.orientation)
    return trace.recording_key == recording_key(spec, trace.weights_digest)


def trace_key(trace: ReferenceTrace) -> tuple[str, ...]:
    """Return what a trace is of: network, tier, orientation, weights."""
    return trace.network, trace.tier, trace.orientation, trace.weights_digest


def tier_key(entry: Artifact) -> tuple[str, ...]:
    """Return what a trace of an artifact would be of."""
    return entry.network, entry.tier, entry.frame.orientation, entry.weights_digest


def remove_unlisted_traces(root: Path, traces: Iterable[ReferenceTrace]) -> None:
    """Delete the traces of a bundle that its manifest does not list: they are out of date."""
    listed = {trace.path for trace in traces}
    for folder in sorted((root / _FOLDER).glob("*/*")):
        if folder.relative_to(root).as_posix() not in listed and folder.is_dir():
            shutil.rmtree(inside(root, folder.relative_to(root).as_posix()), ignore_errors=True)
