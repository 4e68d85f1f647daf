"""Which tier every class of devices gets of every network under several budgets: one table."""

import dataclasses
import hashlib
from collections.abc import Iterable, Sequence

from pocketmatte.selection.choosing import choose
from pocketmatte.selection.held import Artifact, Held, Verdict
from pocketmatte.selection.latency_prior import PriorOf
from pocketmatte.selection.lock import Asked, Taken
from pocketmatte.selection.policy import Policy, Wanted
from pocketmatte.selection.rows import Platform
from pocketmatte.selection.runs import Run
from tiers.errors import BundleError


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """What one class of devices gets under one budget.

    Attributes:
        frames_per_second: The budget.
        platform, device_class: Of the devices.
        devices: How many devices of the table are in it.
        taken: By network; ``None`` where nothing will do.
    """

    frames_per_second: float
    platform: Platform
    device_class: str
    devices: int
    taken: dict[str, Taken | None]


def rows_of(
    held: Held,
    runs: Sequence[Run],
    policy: Policy,
    prior_of: PriorOf | None,
    budgets: Iterable[float],
    platform: Platform | None = None,
) -> list[Row]:
    """Return a row for each budget, platform and class, from low to high.

    Args:
        held: What a bundle holds, or several; see ``merged``.
        runs: Of devices.
        policy: Whatever it says of frames is left aside.
        prior_of: Makes a model of latencies, for what nobody measured; see ``choosing.select``.
        budgets: In frames a second.
        platform: One alone; ``None`` for all.
    """
    asked = Asked(by="all", name=None, facts=None, platform=platform)
    made: list[Row] = []
    for budget in budgets:
        options = Wanted(frames_per_second=budget)
        lock = choose(held, runs, asked, policy=policy, options=options, prior_of=prior_of)
        made += [
            Row(
                frames_per_second=budget, platform=group.platform,
                device_class=group.device_class, devices=len(group.devices),
                taken={each.network: each.taken for each in group.choices},
            )
            for group in lock.groups
        ]  # fmt: skip
    return made


def merged(parts: Sequence[Held]) -> Held:
    """Return what several bundles hold together, such as one for each tier.

    Raises:
        BundleError: If two of them name one path and mean different files.
    """
    if len(parts) == 1:
        return parts[0]
    artifacts: dict[str, Artifact] = {}
    verdicts: dict[str, Verdict] = {}
    host_ms: dict[str, float] = {}
    for part in parts:
        for path, entry in part.artifacts.items():
            if artifacts.setdefault(path, entry).sha256 != entry.sha256:
                msg = f"two bundles hold different files {path!a:.120}; give one of them"
                raise BundleError(msg)
        for sha256, verdict in part.verdicts.items():
            if verdicts.setdefault(sha256, verdict).status != "failed":
                verdicts[sha256] = verdict
        host_ms |= part.host_ms
    return Held(
        artifacts=artifacts, verdicts=verdicts, host_ms=host_ms,
        manifest_sha256=_digest([part.manifest_sha256 for part in parts]),
        verdicts_sha256=_digest([part.verdicts_sha256 or "" for part in parts]),
        host_sha256=_digest([part.host_sha256 or "" for part in parts]),
    )  # fmt: skip


def _digest(digests: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()
