"""Prove a bundle: every file is the one that was built and computes what PyTorch computes."""

import contextlib
import dataclasses
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from export.artifact import inside
from export.manifest import Artifact, Manifest
from export.mlpackage import check_mlpackage
from export.recipe import recipe as recipe_of
from export.targets import target
from pocketmatte.bundle import bundle_weights, read_bundle, weights_entry
from pocketmatte.integrity import fault
from pocketmatte.parity import Parity, compare_all, standard_frames
from pocketmatte.runtimes.protocol import FloatArray, Runtime, Session
from pocketmatte.runtimes.table import runtime
from pocketmatte.runtimes.torch_eager import TorchSession
from tiers.contract import ProgramContract, contracts
from tiers.errors import BundleError, PocketMatteError
from tiers.ladder import tier as tier_of
from tiers.networks import programs
from tiers.spec import TierSpec
from tiers.weights import network_of

# Programs that XNNPACK takes whole; design: as few delegates as the mathematics allows.
_WHOLE_DELEGATE = frozenset({"rvm"})
_IMAGES = "coreml-image"
_OF_IMAGES = (
    "8-bit images cannot be held to these limits; the tensor package of the same capture is"
)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What was found of one artifact.

    Attributes:
        path: Inside the bundle.
        sha256: Of the file that was judged, as the manifest has it.
        size_bytes: Likewise.
        status: ``proven`` against PyTorch, ``checked`` in structure only because this machine
            cannot run it or its outputs are 8-bit images, or ``failed``.
        reasons: Why it failed, or why it was not run.
        parity: The measured differences, where it ran.
    """

    path: str
    sha256: str
    size_bytes: int
    status: Literal["proven", "checked", "failed"]
    reasons: tuple[str, ...] = ()
    parity: Parity | None = None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """The artifacts that compute one program of one tier, and what they are compared with."""

    spec: TierSpec
    contract: ProgramContract
    reference: TorchSession
    artifacts: tuple[Artifact, ...]


def verify(
    root: Path,
    *,
    frames: int,
    threads: int,
    on_frame: Callable[[str], None] = lambda _: None,
) -> Iterator[Verdict]:
    """Judge every artifact of the bundle ``root``, tier by tier.

    Args:
        root: The bundle.
        frames: Recurrent frames compared; drift is judged from 50 on.
        threads: Of every runtime.
        on_frame: Called with the tier before each compared frame.

    Raises:
        BundleError: If there is no manifest, or it is broken or empty.
    """
    manifest = read_bundle(root)
    broken = {entry.path: fault(root, entry) for entry in manifest.artifacts}
    for entry in manifest.artifacts:
        if reason := broken[entry.path]:
            yield _failed(entry, reason)
    whole = [entry for entry in manifest.artifacts if not broken[entry.path]]
    for same in _same_program(whole):
        try:
            group = open_group(root, manifest, same, threads)
        except PocketMatteError as error:
            yield from (_failed(entry, str(error)) for entry in same)
            continue
        yield from _judge(root, group, frames, threads, on_frame)


def groups(root: Path, manifest: Manifest, threads: int) -> Iterator[Group]:
    """Yield the bundle's artifacts by tier and program, each with its PyTorch reference."""
    for same in _same_program(manifest.artifacts):
        yield open_group(root, manifest, same, threads)


def open_group(
    root: Path, manifest: Manifest, artifacts: Sequence[Artifact], threads: int
) -> Group:
    """Build the PyTorch program that ``artifacts``, found without fault, were exported from.

    Raises:
        BundleError: If the weights are missing.
        CheckpointError: If the weights are corrupt.
    """
    first = artifacts[0]
    spec = tier_of(first.network, first.tier).oriented(first.frame.orientation)
    contract = next(c for c in contracts(spec) if c.name == first.program)
    entry = weights_entry(root, manifest, first)
    network = network_of(spec, bundle_weights(root, entry, spec))
    program = programs(network, spec)[first.program]
    return Group(
        spec=spec,
        contract=contract,
        reference=TorchSession(program, contract, threads),
        artifacts=tuple(artifacts),
    )


def runnable(artifact: Artifact) -> str | None:
    """Return why this machine cannot run the artifact, or ``None`` if it can."""
    return runtime_of(artifact).unavailable()


def runtime_of(artifact: Artifact) -> Runtime:
    """Return the runtime of the artifact's format."""
    return runtime(target(artifact.format).runtime)


def open_session(
    root: Path, artifact: Artifact, contract: ProgramContract, threads: int
) -> Session:
    """Load one artifact in the runtime of its format.

    Raises:
        BundleError: If the runtime refuses the file.
    """
    return runtime_of(artifact).load(inside(root, artifact.path), contract, threads=threads)


def _judge(
    root: Path, group: Group, frames: int, threads: int, on_frame: Callable[[str], None]
) -> Iterator[Verdict]:
    reasons = {entry.path: _structure(root, entry, group.contract) for entry in group.artifacts}
    sessions: dict[str, Session] = {}
    with contextlib.ExitStack() as stack:
        for entry in group.artifacts:
            if reasons[entry.path] or _not_run(entry):
                continue
            try:
                session = open_session(root, entry, group.contract, threads)
            except PocketMatteError as error:
                reasons[entry.path] = (str(error),)
                continue
            stack.callback(session.close)
            if reason := _precision(entry, session):
                reasons[entry.path] = (reason,)
            else:
                sessions[entry.path] = session
        parities = _parities(group, sessions, frames, on_frame)
    for entry in group.artifacts:
        parity = parities.get(entry.path)
        failures = (*reasons[entry.path], *(parity.failures if parity else ()))
        missing = _not_run(entry)
        status: Literal["proven", "checked", "failed"] = "proven" if parity else "checked"
        yield Verdict(
            path=entry.path,
            sha256=entry.sha256,
            size_bytes=entry.size_bytes,
            status="failed" if failures else status,
            reasons=failures or ((missing,) if missing and not parity else ()),
            parity=parity,
        )


def _parities(
    group: Group,
    sessions: Mapping[str, Session],
    frames: int,
    on_frame: Callable[[str], None],
) -> dict[str, Parity]:
    if not sessions:
        return {}

    def counted() -> Iterator[FloatArray]:
        for frame in standard_frames(group.spec, frames):
            on_frame(group.spec.name)
            yield frame

    recipes = {entry.path: entry.recipe for entry in group.artifacts if entry.path in sessions}
    return compare_all(group.reference, sessions, group.contract, recipes, counted())


def _structure(root: Path, entry: Artifact, contract: ProgramContract) -> tuple[str, ...]:
    reasons = []
    if entry.format.startswith("coreml"):
        try:
            check_mlpackage(inside(root, entry.path), contract, recipe_of(entry.recipe))
        except BundleError as error:
            reasons.append(str(error))
    if entry.format == "executorch" and entry.network in _WHOLE_DELEGATE:
        delegates, outside = entry.notes.get("delegates"), entry.notes.get("outside")
        if delegates != 1 or outside != {}:
            found = f"the manifest notes {delegates} delegates, outside them {outside}"
            reasons.append(f"{found}; the limit is one delegate and nothing outside")
    return tuple(reasons)


def _not_run(entry: Artifact) -> str | None:
    return runnable(entry) or (_OF_IMAGES if entry.format == _IMAGES else None)


def _precision(entry: Artifact, session: Session) -> str | None:
    held, expected = session.facts.get("dtype"), recipe_of(entry.recipe).dtype
    if held is None or held == expected:  # a Core ML package says it in its structure
        return None
    return f"it takes and gives {held}; {entry.recipe} is {expected}: delete it and build again"


def _same_program(artifacts: Sequence[Artifact]) -> Iterator[list[Artifact]]:
    def key(entry: Artifact) -> tuple[str, ...]:
        held = entry.frame.orientation
        return (entry.network, entry.tier, held, entry.program, entry.weights_digest)

    for _, same in itertools.groupby(sorted(artifacts, key=key), key):
        yield list(same)


def _failed(entry: Artifact, reason: str) -> Verdict:
    return Verdict(
        path=entry.path,
        sha256=entry.sha256,
        size_bytes=entry.size_bytes,
        status="failed",
        reasons=(reason,),
    )
