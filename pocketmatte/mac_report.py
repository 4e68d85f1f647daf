"""Real Core ML beside the evaluator: what each choice of compute units gives of every package."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

from export.artifact import inside
from export.manifest import Artifact, Manifest
from pocketmatte.bundle import read_bundle
from pocketmatte.groups import Group, open_group, same_tier
from pocketmatte.host import nameless
from pocketmatte.integrity import fault
from pocketmatte.matting.board import true_mask
from pocketmatte.parity import Candidate, compare_all
from pocketmatte.parity_figures import Parity
from pocketmatte.runtimes.protocol import FloatArray, Runtime, Session
from pocketmatte.tally import not_finite
from tiers.errors import BundleError, PocketMatteError, UsageError

Verdict: TypeAlias = Literal["ran", "failed", "refused", "not called", "not compared"]

_FORMATS = ("coreml", "coreml-stateful")  # those whose outputs are not cut to 8 bits
_IMAGES = "coreml-image"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """One package in one runtime.

    Attributes:
        path: Inside the bundle.
        sha256: Of the package.
        runtime: Key of the runtime that ran it.
        verdict: ``ran`` where every comparison kept its limits, ``failed`` where one did not.
        facts: What really ran, as the runtime says.
        against_torch: How far it lies from PyTorch, or ``None`` where that is not known.
        against_evaluator: How far it lies from the evaluator; likewise, and of that itself.
        refused: Why the runtime did not take it.
        uncompared: Why a comparison is missing though the runtime took it.
    """

    path: str
    sha256: str
    runtime: str
    verdict: Verdict
    facts: Mapping[str, str | int] = dataclasses.field(default_factory=dict)
    against_torch: Parity | None = None
    against_evaluator: Parity | None = None
    refused: str | None = None
    uncompared: str | None = None

    def reasons(self) -> tuple[str, ...]:
        """Return why it is not ``ran``, or not compared with everything."""
        parities = (self.against_torch, self.against_evaluator)
        failures = [reason for parity in parities if parity for reason in parity.failures]
        return tuple(filter(None, (self.refused, self.uncompared, *failures)))


def compared(manifest: Manifest) -> list[Artifact]:
    """Return the packages that are played: those of tensors."""
    return [entry for entry in manifest.artifacts if entry.format in _FORMATS]


def left_out(manifest: Manifest) -> dict[str, str]:
    """Return why each other Core ML package is not played, by its path."""
    images = [entry.path for entry in manifest.artifacts if entry.format == _IMAGES]
    packed = [package.path for package in manifest.packages]
    return {
        **dict.fromkeys(images, "of 8-bit images: the limits are those of tensors"),
        **dict.fromkeys(packed, "of several files: they are played one by one"),
    }


def seen_on(
    root: Path,
    runtimes: Mapping[str, Runtime],
    evaluator: Runtime,
    *,
    frames: int,
    on_tier: Callable[[str], None] = lambda _: None,
) -> Iterator[Seen]:
    """Play every Core ML package of tensors in every runtime, beside PyTorch and the evaluator.

    What goes wrong with one tier is recorded of its packages and does not end the others'. Reasons
    hold neither the bundle's folder nor that of the user.

    Args:
        root: The bundle.
        runtimes: By name.
        evaluator: That of ML Programs.
        frames: Of the standard scene.
        on_tier: Called with its name after each tier, all of which has then been yielded.

    Raises:
        UsageError: If the bundle holds no Core ML package of tensors.
        BundleError: If a package is missing or changed.
    """
    manifest = read_bundle(root)
    entries = compared(manifest)
    if not entries:
        msg = f"{root} holds no Core ML package of tensors; build it with --format coreml"
        raise UsageError(msg)
    for entry in entries:
        if reason := fault(root, entry):
            msg = f"{entry.path}: {reason}"
            raise BundleError(msg)
    everything = {**runtimes, evaluator.name: evaluator}
    for same in same_tier(entries):
        try:
            group = open_group(root, manifest, same, 1)
        except PocketMatteError as error:
            for name in everything:
                yield from (_uncompared(entry, name, nameless(str(error), root)) for entry in same)
        else:
            for together in _variants(same):
                yield from _rows(root, group, together, everything, evaluator.name, frames)
        on_tier(f"{same[0].network} {same[0].tier}")


def _uncompared(entry: Artifact, runtime: str, reason: str) -> Seen:
    return Seen(
        path=entry.path,
        sha256=entry.sha256,
        runtime=runtime,
        verdict="not compared",
        uncompared=reason,
    )


def _variants(artifacts: Sequence[Artifact]) -> list[list[Artifact]]:
    """Return the artifacts by format and recipe: what is played together."""
    kinds = dict.fromkeys((entry.format, entry.recipe) for entry in artifacts)
    return [[a for a in artifacts if (a.format, a.recipe) == kind] for kind in kinds]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class _Opened:
    """What a runtime made of the packages, by program."""

    sessions: Mapping[str, Session]
    refused: Mapping[str, str]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class _Comparison:
    """The parities of files by runtime and program, or why there are none."""

    found: Mapping[str, Mapping[str, Parity]]
    failed: str | None = None

    def of(self, runtime: str, program: str) -> Parity | None:
        return self.found.get(runtime, {}).get(program)


class _Reference:
    """A session that others are compared with, and that says by name where it gives no numbers."""

    def __init__(self, what: str, session: Session) -> None:
        self._what, self._session = what, session

    @property
    def facts(self) -> Mapping[str, str | int]:
        return self._session.facts

    def run(self, inputs: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        outputs = self._session.run(inputs)
        if bad := not_finite(outputs):
            msg = f"{self._what} gives NaN or infinity in {bad}"
            raise BundleError(msg)
        return outputs

    def close(self) -> None:
        self._session.close()


def _rows(
    root: Path,
    group: Group,
    same: Sequence[Artifact],
    runtimes: Mapping[str, Runtime],
    evaluator: str,
    frames: int,
) -> list[Seen]:
    """Play packages of one format and recipe in all ``runtimes``, of which one is the evaluator."""
    with contextlib.ExitStack() as stack:
        opened = {
            name: _opened(root, group, same, runtime, stack) for name, runtime in runtimes.items()
        }
        comparisons = _comparisons(group, opened, evaluator, same[0].recipe, frames)
        return [
            _row(root, entry, name, opened, comparisons, evaluator, frames)
            for name in opened
            for entry in same
        ]


def _opened(
    root: Path,
    group: Group,
    same: Sequence[Artifact],
    runtime: Runtime,
    stack: contextlib.ExitStack,
) -> _Opened:
    sessions: dict[str, Session] = {}
    refused: dict[str, str] = {}
    for entry in same:
        try:
            session = runtime.load(inside(root, entry.path), group.contract(entry), threads=1)
        except PocketMatteError as error:
            refused[entry.program] = str(error)
        else:
            stack.callback(session.close)
            sessions[entry.program] = session
    return _Opened(sessions=sessions, refused=refused)


def _comparisons(
    group: Group, opened: Mapping[str, _Opened], evaluator: str, recipe: str, frames: int
) -> tuple[_Comparison, _Comparison]:
    """Compare everything with PyTorch, and everything else with the evaluator.

    What the evaluator refused is PyTorch's on both sides of the second comparison: nothing is said
    of that, and the rest is not blamed for it.
    """
    torch = {name: _Reference("PyTorch", each) for name, each in group.reference.items()}
    files = {name: each.sessions for name, each in opened.items()}
    from_torch = _compared(torch, files, group, recipe, frames)
    known = files.pop(evaluator)
    evaluated = {name: _Reference("the evaluator", each) for name, each in known.items()}
    own = {
        name: {program: each for program, each in sessions.items() if program in known}
        for name, sessions in files.items()
    }
    if from_torch.failed or not any(own.values()):
        return from_torch, _Comparison(found={})
    return from_torch, _compared({**torch, **evaluated}, own, group, recipe, frames)


def _compared(
    reference: Mapping[str, Session],
    files: Mapping[str, Mapping[str, Session]],
    group: Group,
    recipe: str,
    frames: int,
) -> _Comparison:
    candidates = {
        name: Candidate(recipe=recipe, sessions=sessions) for name, sessions in files.items()
    }
    try:
        scene = group.scene(frames)
        found = compare_all(reference, candidates, group.contracts, group.play, scene, true_mask)
    except PocketMatteError as error:
        return _Comparison(found={}, failed=str(error))
    return _Comparison(found=found)


def _row(
    root: Path,
    entry: Artifact,
    runtime: str,
    opened: Mapping[str, _Opened],
    comparisons: tuple[_Comparison, _Comparison],
    evaluator: str,
    frames: int,
) -> Seen:
    program = entry.program
    session = opened[runtime].sessions.get(program)
    refused = opened[runtime].refused.get(program)
    from_torch, from_evaluator = (each.of(runtime, program) for each in comparisons)
    uncompared: str | None = None
    verdict: Verdict = "ran"
    if refused:
        verdict = "refused"
    elif reason := comparisons[0].failed:
        verdict, uncompared = "not compared", reason
    elif from_torch is None:
        verdict, uncompared = "not called", f"{frames} frame(s) never call it; take more --frames"
    else:
        if not all(each.passed for each in (from_torch, from_evaluator) if each):
            verdict = "failed"
        if runtime != evaluator and from_evaluator is None:
            uncompared = comparisons[1].failed or opened[evaluator].refused.get(program)
    return Seen(
        path=entry.path,
        sha256=entry.sha256,
        runtime=runtime,
        verdict=verdict,
        facts=dict(session.facts) if session else {},
        against_torch=_told(from_torch, "PyTorch", root),
        against_evaluator=_told(from_evaluator, "the evaluator", root),
        refused=nameless(refused, root) if refused else None,
        uncompared=nameless(uncompared, root) if uncompared else None,
    )


def _told(parity: Parity | None, reference: str, root: Path) -> Parity | None:
    """Return a parity whose failures name what it was compared with, and no folder."""
    if parity is None:
        return None
    failures = (nameless(each, root).replace("PyTorch", reference) for each in parity.failures)
    return dataclasses.replace(parity, failures=tuple(failures))
