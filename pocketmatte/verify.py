"""Prove a bundle: every file is the one that was built and computes what PyTorch computes."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from export.artifact import inside
from export.manifest import Artifact, Manifest, Package
from export.mlpackage import check_mlpackage
from export.recipe import recipe as recipe_of
from pocketmatte.bundle import read_bundle
from pocketmatte.delegation import broken_up
from pocketmatte.groups import Group, open_group, prover_of, run_by, runtime_of, same_tier
from pocketmatte.harness.traces import trace_fault
from pocketmatte.integrity import fault, package_fault
from pocketmatte.matting.board import true_mask
from pocketmatte.mlprogram.read import read_package
from pocketmatte.package_proof import Task, differences
from pocketmatte.parity import Candidate, compare_all
from pocketmatte.parity_figures import Parity, Status, Verdict
from pocketmatte.pool import run_jobs
from pocketmatte.proof_memory import ProofMemory
from pocketmatte.runtimes.protocol import Session
from tiers.contract import ProgramContract
from tiers.errors import BundleError, PocketMatteError
from tiers.ladder import tier as tier_of

_IMAGES = "coreml-image"
_OF_IMAGES = (
    "how Core ML itself rounds to 8-bit images is not documented, so that these are held to no "
    "limit; they are evaluated where there is no Core ML"
)


def verify(
    root: Path,
    *,
    frames: int,
    threads: int,
    jobs: int = 1,
    foreign: str | None = None,
    on_tier: Callable[[str], None] = lambda _: None,
    memory: ProofMemory | None = None,
) -> Iterator[Verdict]:
    """Judge every artifact of the bundle ``root``, tier by tier, then every package of several.

    Args:
        root: The bundle.
        frames: Recurrent frames compared; drift is judged from 50 on.
        threads: Of every runtime.
        jobs: Tiers judged at the same time.
        foreign: Key of ``runtimes.arm64.FOREIGN``: the files of its formats alone are judged, in
            its runtimes, and no packages.
        on_tier: Called with a path of each tier, and of each package, that is judged.
        memory: Tiers that it has are not judged again, and those that are judged are kept in it.

    Raises:
        BundleError: If there is no manifest, or it is broken or empty, or holds no file that the
            foreign runtimes run, or if the disk refuses the memory.
        RuntimeUnavailableError: If a foreign runtime is not there.
        WorkerError: If a worker process dies.
    """
    manifest = read_bundle(root)
    if foreign is not None:
        manifest = run_by(manifest, foreign)
    broken = {entry.path: fault(root, entry) for entry in manifest.artifacts}
    failed = {path for path, reason in broken.items() if reason}
    for entry in manifest.artifacts:
        if reason := broken[entry.path]:
            yield _failed(entry, reason)
    whole = [entry for entry in manifest.artifacts if not broken[entry.path]]
    tiers = [
        Tier(
            root=root,
            manifest=manifest,
            artifacts=tuple(same),
            frames=frames,
            threads=threads,
            foreign=foreign,
        )
        for same in same_tier(whole)
    ]
    for verdicts in _judged(tiers, jobs, memory):
        on_tier(verdicts[0].path)
        failed |= {verdict.path for verdict in verdicts if verdict.status == "failed"}
        yield from verdicts
    for verdict in _packages(root, manifest, failed, threads, jobs):
        on_tier(verdict.path)
        yield verdict
    yield from _traces(root, manifest)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Tier:
    """The unit that a proof is made of: the whole artifacts of one tier.

    Attributes:
        root: The bundle.
        manifest: Its manifest.
        artifacts: Of one tier, orientation and set of weights.
        frames: Recurrent frames compared.
        threads: Of every runtime.
        foreign: See ``verify``.
    """

    root: Path
    manifest: Manifest
    artifacts: tuple[Artifact, ...]
    frames: int
    threads: int
    foreign: str | None = None

    def proves(self, entry: Artifact) -> bool:
        """Say whether that is the format's own runtime, and no evaluator of ours."""
        return self.foreign is not None or prover_of(entry) is runtime_of(entry)

    def not_run(self, entry: Artifact) -> str | None:
        """Return why an artifact is not run, or ``None``."""
        of_images = _OF_IMAGES if self.proves(entry) and entry.format == _IMAGES else None
        return prover_of(entry, self.foreign).unavailable() or of_images


def _judged(
    tiers: Sequence[Tier], jobs: int, memory: ProofMemory | None
) -> Iterator[list[Verdict]]:
    """Yield the verdicts of each tier, first of those that the memory has."""
    waiting = []
    for tier in tiers:
        before = memory.recall(tier.manifest, tier.artifacts) if memory is not None else None
        if before is None:
            waiting.append(tier)
        else:
            yield before
    for verdicts in run_jobs(judge, waiting, jobs):
        if memory is not None:
            memory.keep(verdicts)
        yield verdicts


def judge(tier: Tier) -> list[Verdict]:
    """Judge the artifacts of one tier; what keeps them from being judged fails them all."""
    try:
        group = open_group(tier.root, tier.manifest, tier.artifacts, tier.threads)
        return list(_judge(tier, group))
    except PocketMatteError as error:
        return [_failed(entry, str(error)) for entry in tier.artifacts]


def _judge(tier: Tier, group: Group) -> Iterator[Verdict]:
    root, frames = tier.root, tier.frames
    reasons = {
        entry.path: _structure(root, entry, group.contract(entry)) for entry in group.artifacts
    }
    sessions: dict[str, Session] = {}
    with contextlib.ExitStack() as stack:
        for entry in group.artifacts:
            if reasons[entry.path] or tier.not_run(entry):
                continue
            try:
                session = prover_of(entry, tier.foreign).load(
                    inside(root, entry.path), group.contract(entry), threads=tier.threads
                )
            except PocketMatteError as error:
                reasons[entry.path] = (str(error),)
                continue
            stack.callback(session.close)
            if reason := _precision(entry, session):
                reasons[entry.path] = (reason,)
            else:
                sessions[entry.path] = session
        parities = _parities(group, sessions, frames)
    for entry in group.artifacts:
        parity = parities.get(entry.path)
        failures = (*reasons[entry.path], *(parity.failures if parity else ()))
        missing = tier.not_run(entry) or f"{frames} frame(s) never call it; take more --frames"
        run: Status = "proven" if tier.proves(entry) else "evaluated"
        status: Status = run if parity else "checked"
        yield Verdict(
            path=entry.path,
            sha256=entry.sha256,
            size_bytes=entry.size_bytes,
            status="failed" if failures else status,
            reasons=failures or (() if parity else (missing,)),
            parity=parity,
        )


def _parities(group: Group, sessions: Mapping[str, Session], frames: int) -> dict[str, Parity]:
    """Return the parity of every file that ``sessions`` has open, by its path."""
    if not sessions:
        return {}

    opened = [entry for entry in group.artifacts if entry.path in sessions]
    together: dict[str, dict[str, Artifact]] = {}
    for entry in opened:
        together.setdefault(f"{entry.format} {entry.recipe}", {})[entry.program] = entry
    candidates = {
        name: Candidate(
            recipe=next(iter(files.values())).recipe,
            sessions={program: sessions[entry.path] for program, entry in files.items()},
            eight_bit=next(iter(files.values())).format == _IMAGES,
        )
        for name, files in together.items()
    }
    found: dict[str, dict[str, Parity]] = {}
    references: tuple[tuple[bool, Mapping[str, Session]], ...] = (
        (False, group.reference),
        (True, group.in_eight_bits),
    )
    for eight_bit, reference in references:
        alike = {name: each for name, each in candidates.items() if each.eight_bit is eight_bit}
        if alike:
            scene = group.scene(frames)
            found |= compare_all(reference, alike, group.contracts, group.play, scene, true_mask)
    return {
        entry.path: found[name][program]
        for name, files in together.items()
        for program, entry in files.items()
        if program in found[name]
    }


def _packages(
    root: Path, manifest: Manifest, failed: set[str], threads: int, jobs: int
) -> Iterator[Verdict]:
    """Judge every package of several files; it is no better than these."""
    artifacts = {entry.path: entry for entry in manifest.artifacts}
    tasks = []
    for package in manifest.packages:
        if reason := package_fault(root, package, artifacts):
            yield _failed(package, reason)
        elif bad := sorted(failed.intersection(package.functions.values())):
            yield _failed(package, f"{bad[0]}, which it was made from, failed")
        else:
            sources = {name: artifacts[path] for name, path in package.functions.items()}
            tasks.append(Task(root=root, package=package, sources=sources, threads=threads))
    for package, reasons in run_jobs(differences, tasks, jobs):
        yield Verdict(
            path=package.path,
            sha256=package.sha256,
            size_bytes=package.size_bytes,
            status="failed" if reasons else "evaluated",
            reasons=reasons,
        )


def _traces(root: Path, manifest: Manifest) -> Iterator[Verdict]:
    for trace in manifest.traces:
        reason = trace_fault(root, trace)
        yield Verdict(
            path=trace.path,
            sha256=trace.sha256,
            size_bytes=trace.size_bytes,
            status="failed" if reason else "checked",
            reasons=(reason or "a reference trace, which devices are held to",),
        )


def _structure(root: Path, entry: Artifact, contract: ProgramContract) -> tuple[str, ...]:
    reasons = []
    if entry.format.startswith("coreml"):
        try:
            check_mlpackage(inside(root, entry.path), contract, recipe_of(entry.recipe))
            read_package(inside(root, entry.path))  # all that it holds, also where nothing runs it
        except BundleError as error:
            reasons.append(str(error))
    if entry.format == "executorch":
        spec = tier_of(entry.network, entry.tier)
        reasons += broken_up(spec, entry.program, entry.notes)
    return tuple(reasons)


def _precision(entry: Artifact, session: Session) -> str | None:
    held, expected = session.facts.get("dtype"), recipe_of(entry.recipe).dtype
    if held is None or held == expected:  # a Core ML package says it in its structure
        return None
    return f"it takes and gives {held}; {entry.recipe} is {expected}: delete it and build again"


def _failed(entry: Artifact | Package, reason: str) -> Verdict:
    return Verdict(
        path=entry.path,
        sha256=entry.sha256,
        size_bytes=entry.size_bytes,
        status="failed",
        reasons=(reason,),
    )
