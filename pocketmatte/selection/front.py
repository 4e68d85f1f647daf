"""What ``pocketmatte select`` does, for the command line and for a bare Python alike."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export.artifact import write_text
from pocketmatte.selection.asked import asked_of
from pocketmatte.selection.choosing import select
from pocketmatte.selection.explaining import missing, of_nothing
from pocketmatte.selection.lock import Lock, lock_text, read_lock
from pocketmatte.selection.policy import PRIORS, Policy, Wanted, read_policy, wanted_of
from pocketmatte.selection.shapes import MisfitError, printable, shown
from tiers.errors import MissingError, UsageError

if TYPE_CHECKING:  # a choice without a prior does without it
    from pocketmatte.selection.latency_prior import PriorOf

# The options that outrank a policy, and its field for each.
OPTIONS: Mapping[str, str] = {
    "--budget-ms": "frame_ms",
    "--budget-fps": "frames_per_second",
    "--memory-mb": "memory_mb",
    "--download-mb": "download_mb",
    "--minimum-tier": "minimum_tier",
    "--minimum-psnr-db": "least_psnr_db",
    "--process": "process",
    "--orientation": "orientation",
    "--prefer": "prefer",
}


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What a command was given.

    Attributes:
        bundle: Its folder.
        device, class_name, facts, every, platform: See ``asked.asked_of``.
        networks: Comma-separated; ``None`` for those of the policy.
        policy: A file.
        prior: Model of latencies, outranks the policy's; see ``policy.Prior``.
        results: Files and folders.
        options: By name, see ``OPTIONS``; ``None`` is not given.
        out: Where the lock goes.
        check: A lock to hold against what would be chosen now.
    """

    bundle: Path
    device: str | None = None
    class_name: str | None = None
    facts: Path | None = None
    every: bool = False
    platform: str | None = None
    networks: str | None = None
    policy: Path | None = None
    prior: str | None = None
    results: tuple[Path, ...] = ()
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    out: Path | None = None
    check: Path | None = None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What came of it.

    Attributes:
        lock: As it would be written now; ``None`` where a lock asks for what there is no more.
        changes: What a checked lock does not hold any more, in lines.
        nothing: Who gets nothing of a network, in lines.
    """

    lock: Lock | None
    changes: tuple[str, ...] = ()
    nothing: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether a lock is fresh, and everybody gets every network."""
        return not self.changes and not self.nothing


def run(request: Request) -> Outcome:
    """Choose, and write the lock or check one.

    Raises:
        UsageError: If options do not fit together or name what there is not.
        BundleError: If the bundle, a result or a lock is damaged, or the disk refuses.
    """
    policy = Policy() if request.policy is None else read_policy(request.policy)
    options = _options(request.options)
    if request.check is not None:
        return _checked(request, request.check, policy, options)
    lock = _selected(request, None, policy, options)
    if request.out is not None:
        write_text(request.out, lock_text(lock))
    return Outcome(lock=lock, nothing=tuple(of_nothing(*each) for each in missing(lock)))


def _checked(request: Request, path: Path, policy: Policy, options: Wanted) -> Outcome:
    for_whom = (request.device, request.class_name, request.facts, request.platform)
    if any(each is not None for each in for_whom) or request.every or request.out is not None:
        msg = "--check takes its devices from the lock and writes nothing; leave the others out"
        raise UsageError(msg)
    from pocketmatte.selection.staleness import changes  # not needed to choose

    before = read_lock(path)
    try:
        lock = _selected(request, before, policy, options)
    except MissingError:  # of what was given now, not of what the lock was made of
        raise
    except UsageError as error:
        return Outcome(lock=None, changes=(printable(str(error)),))
    return Outcome(lock=lock, changes=tuple(changes(before, lock)))


def _selected(request: Request, before: Lock | None, policy: Policy, options: Wanted) -> Lock:
    asked = (
        before.asked
        if before is not None
        else asked_of(
            device=request.device,
            class_name=request.class_name,
            facts=request.facts,
            every=request.every,
            platform=request.platform,
        )
    )
    named = request.networks
    networks = None if named is None else [part.strip() for part in named.split(",")]
    return select(
        request.bundle, asked, policy=policy, options=options, networks=networks,
        results=request.results, prior_of=prior_of(request.prior or policy.prior),
    )  # fmt: skip


def prior_of(name: str | None) -> "PriorOf | None":
    """Return what makes the model of latencies of a name; ``None`` for none.

    Raises:
        UsageError: If there is no such model.
    """
    if name is None or name == "none":
        return None
    if name != "roofline":
        msg = f"--prior is {shown(name)}; there are {', '.join(PRIORS)}"
        raise UsageError(msg)
    from pocketmatte.cost_model.prior import RooflinePrior  # most build steps do without its tables

    return RooflinePrior


def _options(given: Mapping[str, Any]) -> Wanted:
    said = {OPTIONS[name]: value for name, value in given.items() if value is not None}
    try:
        return wanted_of(said)
    except MisfitError as error:
        names = {field: name for name, field in OPTIONS.items()}
        place = names.get(error.place[0], error.place[0]) if error.place else "options"
        msg = f"{place}: {error.what}"
        raise UsageError(msg) from error
