"""Real Core ML beside the evaluator: what each choice of compute units gives of every package."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from export.artifact import inside
from export.manifest import Artifact
from pocketmatte.bundle import read_bundle
from pocketmatte.groups import Group, groups
from pocketmatte.integrity import fault
from pocketmatte.parity import Candidate, compare_all
from pocketmatte.runtimes.protocol import Runtime, Session
from pocketmatte.tally import Parity
from tiers.errors import BundleError, UsageError

_FORMATS = ("coreml", "coreml-stateful")  # those whose outputs are not cut to 8 bits


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """One package in one runtime.

    Attributes:
        path: Inside the bundle.
        sha256: Of the package.
        runtime: Key of the runtime that ran it.
        facts: What really ran, as the runtime says.
        against_torch: How far it lies from PyTorch, or ``None`` where it did not run.
        against_evaluator: How far it lies from the evaluator; likewise, and of that itself.
        refused: Why the runtime did not take it.
    """

    path: str
    sha256: str
    runtime: str
    facts: Mapping[str, str | int]
    against_torch: Parity | None = None
    against_evaluator: Parity | None = None
    refused: str | None = None


def seen_on(
    root: Path,
    runtimes: Mapping[str, Runtime],
    evaluator: Runtime,
    *,
    frames: int,
    on_tier: Callable[[str], None] = lambda _: None,
) -> Iterator[Seen]:
    """Play every Core ML package of a bundle in every runtime, beside PyTorch and the evaluator.

    Args:
        root: The bundle.
        runtimes: By name.
        evaluator: That of ML Programs.
        frames: Of the standard scene.
        on_tier: Called with its name after each tier.

    Raises:
        UsageError: If the bundle holds no Core ML package of tensors.
        BundleError: If a package is missing or changed.
    """
    manifest = read_bundle(root)
    entries = [entry for entry in manifest.artifacts if entry.format in _FORMATS]
    if not entries:
        msg = f"{root} holds no Core ML package; build it with --format coreml"
        raise UsageError(msg)
    for entry in entries:
        if reason := fault(root, entry):
            msg = f"{entry.path}: {reason}"
            raise BundleError(msg)
    for group in groups(root, manifest.model_copy(update={"artifacts": entries}), 1):
        for same in _variants(group.artifacts):
            yield from _seen(root, group, same, runtimes, evaluator, frames)
        on_tier(f"{group.spec.network} {group.spec.name}")


def _variants(artifacts: Sequence[Artifact]) -> list[list[Artifact]]:
    """Return the artifacts by format and recipe: what is played together."""
    kinds = dict.fromkeys((entry.format, entry.recipe) for entry in artifacts)
    return [[a for a in artifacts if (a.format, a.recipe) == kind] for kind in kinds]


def _seen(
    root: Path,
    group: Group,
    same: Sequence[Artifact],
    runtimes: Mapping[str, Runtime],
    evaluator: Runtime,
    frames: int,
) -> Iterator[Seen]:
    recipe = same[0].recipe
    with contextlib.ExitStack() as stack:

        def loaded(runtime: Runtime) -> tuple[dict[str, Session], dict[str, str]]:
            sessions: dict[str, Session] = {}
            refused: dict[str, str] = {}
            for entry in same:
                path = inside(root, entry.path)
                try:
                    session = runtime.load(path, group.contract(entry), threads=1)
                except BundleError as error:
                    refused[entry.program] = str(error)
                else:
                    stack.callback(session.close)
                    sessions[entry.program] = session
            return sessions, refused

        evaluated, unknown = loaded(evaluator)
        opened = {name: loaded(runtime) for name, runtime in runtimes.items()}
        opened[evaluator.name] = (evaluated, unknown)
        candidates = {
            name: Candidate(recipe=recipe, sessions=sessions)
            for name, (sessions, _) in opened.items()
        }
        from_torch = compare_all(
            group.reference, candidates, group.contracts, group.play, group.scene(frames)
        )
        reference = {**group.reference, **evaluated}
        own = {name: each for name, each in candidates.items() if name != evaluator.name}
        from_evaluator = compare_all(
            reference, own, group.contracts, group.play, group.scene(frames)
        )
        for name, (sessions, refused) in opened.items():
            for entry in same:
                session = sessions.get(entry.program)
                yield Seen(
                    path=entry.path,
                    sha256=entry.sha256,
                    runtime=name,
                    facts=dict(session.facts) if session else {},
                    against_torch=from_torch[name].get(entry.program),
                    against_evaluator=from_evaluator.get(name, {}).get(entry.program),
                    refused=refused.get(entry.program),
                )
