"""Whether a result is of the files that a bundle holds now."""

from collections.abc import Callable
from pathlib import Path

from export.artifact import inside, sha256_of
from export.manifest import Artifact, Manifest, read_manifest
from export.trace import TRACE_NAME
from pocketmatte.device_results.words import shown
from pocketmatte.harness.result import File, Result, Subject
from pocketmatte.harness.traces import trace_key, trace_path

_AGAIN = "run it again on this bundle"
_SHOWN_DIGITS = 12

Stale = Callable[[Result], str | None]


def stale_for(root: Path) -> Stale:
    """Return what tells how a result is of other files than a bundle, or ``None``.

    What the manifest says is believed; ``pocketmatte verify`` holds files against it.

    Args:
        root: The bundle.

    Raises:
        BundleError: If it has no manifest, or a broken one.
    """
    manifest = read_manifest(root)
    traced = {trace_key(trace) for trace in manifest.traces}
    digests: dict[str, str] = {}  # of traces, each read once

    def stale(result: Result) -> str | None:
        subject = result.subject
        if wrong := _other_files(manifest, subject):
            return f"stale: {wrong}; {_AGAIN}"
        tier = (subject.network, subject.tier, subject.orientation)
        if (*tier, subject.weights_digest) not in traced or result.status == "load_failed":
            return None  # what could not be loaded may be the trace
        path = f"{trace_path(*tier)}/{TRACE_NAME}"
        if path not in digests:
            digests[path] = sha256_of(inside(root, path))
        if digests[path] != subject.trace_sha256:
            return f"stale: it was held to another trace than {path}; {_AGAIN}"
        return None

    return stale


def _other_files(manifest: Manifest, subject: Subject) -> str | None:
    entries = {entry.path: entry for entry in manifest.artifacts if _is_of(entry, subject)}
    of = " ".join(
        (subject.network, subject.tier, subject.orientation, subject.format, subject.recipe)
    )
    if not entries:
        return f"the bundle holds nothing of {of}"
    for file in subject.files:
        if file.path not in entries:
            return f"{shown(file.path)} is no file of {of} in the bundle"
        if wrong := _unlike(file, entries[file.path]):
            return f"{file.path} {wrong}"
    if lacking := sorted(entries.keys() - {file.path for file in subject.files}):
        return f"it ran without {lacking[0]}"
    if any(entry.weights_digest != subject.weights_digest for entry in entries.values()):
        return "it is of other weights"
    return None


def _is_of(entry: Artifact, subject: Subject) -> bool:
    return (
        entry.network, entry.tier, entry.frame.orientation, entry.format, entry.recipe
    ) == (
        subject.network, subject.tier, subject.orientation, subject.format, subject.recipe
    )  # fmt: skip


def _unlike(file: File, entry: Artifact) -> str | None:
    if file.sha256 != entry.sha256:
        here, there = file.sha256[:_SHOWN_DIGITS], entry.sha256[:_SHOWN_DIGITS]
        return f"is {here}... in the result, {there}... in the manifest"
    if (file.program, file.size_bytes) != (entry.program, entry.size_bytes):
        return "is of another program or size than the manifest says"
    return None
