"""Record the reference traces of a bundle: one a tier, orientation and set of weights."""

import dataclasses
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Literal

from export.artifact import inside, sha256_of, size_bytes_of
from export.atomic import remove_partials, whole
from export.manifest import Artifact, Manifest, ReferenceTrace, write_manifest
from pocketmatte.build import locked
from pocketmatte.build_key import recording_key
from pocketmatte.bundle import read_bundle
from pocketmatte.groups import open_group, same_tier
from pocketmatte.harness.recording import record
from pocketmatte.harness.traces import is_current, trace_fault, trace_path
from pocketmatte.integrity import fault
from pocketmatte.tolerances import STATELESS_FRAMES
from tiers.contract_table import contracts
from tiers.errors import BundleError
from tiers.ladder import tier


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """What came of one trace.

    Attributes:
        path: Of its folder, inside the bundle.
        outcome: ``recorded`` or ``kept``.
        frames: It holds.
        size_bytes: Of its files.
    """

    path: str
    outcome: Literal["recorded", "kept"]
    frames: int
    size_bytes: int


def to_record(
    artifacts: Sequence[Artifact], networks: Collection[str], tiers: Collection[str]
) -> list[list[Artifact]]:
    """Return the artifacts of a part of a bundle, those of one trace together.

    Raises:
        BundleError: If there is none, or files of one tier are made from different weights.
    """
    part = [entry for entry in artifacts if entry.network in networks and entry.tier in tiers]
    if not part:
        msg = f"the bundle holds nothing of {', '.join(networks)} {', '.join(tiers)}"
        raise BundleError(msg)
    together = list(same_tier(part))
    seen: set[str] = set()
    for first, *_ in together:
        path = trace_path(first.network, first.tier, first.frame.orientation)
        if path in seen:
            msg = f"files of {first.network} {first.tier} are made from different weights"
            raise BundleError(msg)
        seen.add(path)
    return together


def record_traces(
    root: Path, networks: Collection[str], tiers: Collection[str], frames: int
) -> Iterator[Recorded]:
    """Record the traces of a part of a bundle that are missing or out of date.

    The manifest is written after each, and lists none that is half-written.

    Raises:
        UsageError: If a build is at work in the bundle.
        BundleError: If the manifest or a file is broken, or the disk refuses.
        CheckpointError: If PyTorch gives a value that is not finite.
    """
    read_bundle(root)  # before anything is written there
    with locked(root):
        remove_partials(root)
        manifest = read_bundle(root)
        for same in to_record(manifest.artifacts, networks, tiers):
            first = same[0]
            path = trace_path(first.network, first.tier, first.frame.orientation)
            known = next((trace for trace in manifest.traces if trace.path == path), None)
            if (
                known is not None
                and known.weights_digest == first.weights_digest
                and known.frames >= _most(same, frames)
                and is_current(known)
                and trace_fault(root, known) is None
            ):
                yield Recorded(
                    path=path, outcome="kept", frames=known.frames, size_bytes=known.size_bytes
                )
                continue
            entry = _recorded(root, path, same, manifest, frames)
            others = [trace for trace in manifest.traces if trace.path != path]
            manifest = manifest.model_copy(update={"traces": [*others, entry]})
            write_manifest(root, manifest)
            yield Recorded(
                path=path, outcome="recorded", frames=entry.frames, size_bytes=entry.size_bytes
            )


def _most(same: Sequence[Artifact], frames: int) -> int:
    """Return how many frames a trace comes to: nothing builds up without states."""
    recurrent = any(contract.states for contract in contracts(tier(same[0].network, same[0].tier)))
    return frames if recurrent else min(frames, STATELESS_FRAMES)


def _recorded(
    root: Path, path: str, same: Sequence[Artifact], manifest: Manifest, frames: int
) -> ReferenceTrace:
    for entry in same:
        if reason := fault(root, entry):
            msg = f"{entry.path}: {reason}"
            raise BundleError(msg)
    group = open_group(root, manifest, same, threads=1)
    target = inside(root, path)
    with whole(target) as partial:
        partial.mkdir()
        trace = record(partial, group, frames)
    return ReferenceTrace(
        path=path,
        network=trace.network,
        tier=trace.tier,
        orientation=trace.orientation,
        frames=trace.frames,
        sha256=sha256_of(target),
        size_bytes=size_bytes_of(target),
        weights_digest=trace.weights_digest,
        recording_key=recording_key(group.spec, trace.weights_digest),
    )
