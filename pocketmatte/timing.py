"""Time the files of a bundle, tier by tier, each beside PyTorch eager."""

import contextlib
import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from export.artifact import inside
from export.manifest import Manifest
from pocketmatte.bench import Latency, interleaved, ratios, timed_load
from pocketmatte.groups import Group, groups, runnable, runtime_of
from pocketmatte.integrity import fault
from pocketmatte.lockstep import Player, run_of
from pocketmatte.matting.board import Tensors
from pocketmatte.runtimes.protocol import Session
from tiers.contract import ProgramContract
from tiers.errors import BundleError

_REFERENCE = "torch"
_FRAMES = 2  # after which every program has run once on what the others gave
_OWN_STATES = "coreml-stateful"
UNTIMED = (
    f"{_OWN_STATES}, whose states every step would copy in and out: an app leaves them where they "
    "are"
)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How long to time; see ``bench.interleaved``.

    Attributes:
        threads: Of every runtime.
        warmups: Uncounted steps of each file.
        runs: Counted steps of each file, at most.
        seconds: Time for each file, at most.
    """

    threads: int
    warmups: int
    runs: int
    seconds: float


def time_bundle(
    root: Path,
    manifest: Manifest,
    tiers: Sequence[str],
    plan: Plan,
    on_tier: Callable[[str], None] = lambda _: None,
) -> list[dict[str, Any]]:
    """Time the asked tiers of a bundle, but for the files that ``untimed`` names.

    Args:
        root: The bundle.
        manifest: Its manifest.
        tiers: Their names.
        plan: How long.
        on_tier: Called with its name after each tier.

    Returns:
        A row for PyTorch and for each file that this machine runs, of each tier and program:
        ``network``, ``tier``, ``program``, ``path`` and ``sha256`` (``None`` for PyTorch),
        ``ratio_to_torch``, and the fields of ``bench.Latency``.

    Raises:
        BundleError: If a file is missing, changed, or refused by its runtime.
        CheckpointError: If the weights are corrupt.
    """
    artifacts = [entry for entry in manifest.artifacts if entry.tier in tiers]
    for entry in artifacts:
        if reason := fault(root, entry):
            msg = f"{entry.path}: {reason}"
            raise BundleError(msg)
    timed = [entry for entry in artifacts if entry.format != _OWN_STATES]
    asked = manifest.model_copy(update={"artifacts": timed})
    rows = []
    for group in groups(root, asked, plan.threads):
        inputs = scene_inputs(group)
        for contract in group.contracts:
            rows += _rows(root, group, contract, inputs[contract.name], plan)
        on_tier(f"{group.spec.network} {group.spec.name}")
    return rows


def untimed(manifest: Manifest, tiers: Sequence[str]) -> list[str]:
    """Return the paths of the files that are left out, for the reason that ``UNTIMED`` says.

    A session takes states and gives them back as arrays, so that every runtime computes one
    contract. Of a file that keeps its states itself it would time just the copies that the file
    is there to avoid.
    """
    return [
        entry.path
        for entry in manifest.artifacts
        if entry.tier in tiers and entry.format == _OWN_STATES
    ]


def scene_inputs(group: Group) -> dict[str, Tensors]:
    """Return what every program is given at its last call in the first frames of the scene."""
    run = run_of(group.reference)
    player = Player(run, lambda noted: group.play(noted, group.scene(_FRAMES)))
    given: dict[str, Tensors] = {}
    while player.advance():
        given |= {call.program: dict(call.inputs) for call in player.calls}
    return given


def _rows(
    root: Path, group: Group, contract: ProgramContract, inputs: Tensors, plan: Plan
) -> list[dict[str, Any]]:
    artifacts = [entry for entry in group.artifacts if entry.program == contract.name]
    if not artifacts:
        return []
    sessions: dict[str, Session] = {_REFERENCE: group.reference[contract.name]}
    loads: dict[str, float] = {}
    with contextlib.ExitStack() as stack:
        for entry in artifacts:
            if runnable(entry):
                continue
            session, loads[entry.path] = timed_load(
                runtime_of(entry), inside(root, entry.path), contract, threads=plan.threads
            )
            stack.callback(session.close)
            sessions[entry.path] = session
        timed = interleaved(
            sessions, contract, inputs, warmups=plan.warmups, runs=plan.runs,
            seconds=plan.seconds, load_ms=loads,
        )  # fmt: skip
    against = ratios(timed, _REFERENCE)
    hashes = {entry.path: entry.sha256 for entry in artifacts}
    return [
        {
            "network": group.spec.network,
            "tier": group.spec.name,
            "program": contract.name,
            "path": None if name == _REFERENCE else name,
            "sha256": hashes.get(name),
            "ratio_to_torch": against[name],
            **{f.name: getattr(latency, f.name) for f in dataclasses.fields(Latency)},
        }
        for name, latency in timed.items()
    ]
