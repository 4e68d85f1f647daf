"""Time the files of a bundle, tier by tier, each beside PyTorch eager."""

import contextlib
import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from export.artifact import inside
from export.manifest import Manifest
from pocketmatte.bench import Latency, interleaved, ratios, timed_load
from pocketmatte.integrity import fault
from pocketmatte.parity import standard_frames
from pocketmatte.runtimes.protocol import Session
from pocketmatte.verify import Group, groups, runnable, runtime_of
from tiers.errors import BundleError

_REFERENCE = "torch"


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
    """Time the asked tiers of a bundle.

    Args:
        root: The bundle.
        manifest: Its manifest.
        tiers: Their names.
        plan: How long.
        on_tier: Called with its name after each tier.

    Returns:
        A row for PyTorch and for each file that this machine runs, of each tier: ``network``,
        ``tier``, ``path`` and ``sha256`` (``None`` for PyTorch), ``ratio_to_torch``, and the
        fields of ``bench.Latency``.

    Raises:
        BundleError: If a file is missing, changed, or refused by its runtime.
        CheckpointError: If the weights are corrupt.
    """
    artifacts = [entry for entry in manifest.artifacts if entry.tier in tiers]
    for entry in artifacts:
        if reason := fault(root, entry):
            msg = f"{entry.path}: {reason}"
            raise BundleError(msg)
    asked = manifest.model_copy(update={"artifacts": artifacts})
    rows = []
    for group in groups(root, asked, plan.threads):
        timed = _timed(root, group, plan)
        against = ratios(timed, _REFERENCE)
        hashes = {entry.path: entry.sha256 for entry in group.artifacts}
        rows += [
            {
                "network": group.spec.network,
                "tier": group.spec.name,
                "path": None if name == _REFERENCE else name,
                "sha256": hashes.get(name),
                "ratio_to_torch": against[name],
                **{f.name: getattr(latency, f.name) for f in dataclasses.fields(Latency)},
            }
            for name, latency in timed.items()
        ]
        on_tier(group.spec.name)
    return rows


def _timed(root: Path, group: Group, plan: Plan) -> dict[str, Latency]:
    sessions: dict[str, Session] = {_REFERENCE: group.reference}
    loads: dict[str, float] = {}
    with contextlib.ExitStack() as stack:
        for entry in group.artifacts:
            if runnable(entry):
                continue
            path = inside(root, entry.path)
            session, loads[entry.path] = timed_load(
                runtime_of(entry), path, group.contract, threads=plan.threads
            )
            stack.callback(session.close)
            sessions[entry.path] = session
        (frame,) = standard_frames(group.spec, 1)
        return interleaved(
            sessions, group.contract, frame, warmups=plan.warmups, runs=plan.runs,
            seconds=plan.seconds, load_ms=loads,
        )  # fmt: skip
