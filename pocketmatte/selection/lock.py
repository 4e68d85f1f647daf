"""``tiers.lock.json``: which tier an app ships on which device, and why.

It holds no timestamp and no path of a disk: the same inputs give the same bytes.
"""

import dataclasses
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pocketmatte.selection.held import stays_inside
from pocketmatte.selection.json_files import read_shape
from pocketmatte.selection.policy import Rules, Tier
from pocketmatte.selection.rows import PLATFORMS, Platform
from pocketmatte.selection.shapes import Amount, Count, Match, Sha256
from tiers.errors import BundleError

FILE_NAME = "tiers.lock.json"
SCHEMA = Path("docs", "protocol", "lock.schema.json")

Basis: TypeAlias = Literal["measured", "measured_on_weaker_class", "estimate", "prior"]
State: TypeAlias = Literal["kept", "estimated", "not judged: no measurement", "no limit"]
Number: TypeAlias = str | bool | int | float | None
Name: TypeAlias = Annotated[str, Match(r"[^\x00-\x1f\x7f]{1,4096}")]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """For which devices a lock was asked.

    Attributes:
        by: What was given.
        name: Of the device or class; ``None`` of all and of facts.
        facts: What a device said of itself, by name; ``None`` elsewhere.
        platform: Of a class, or of all; ``None`` for every platform.
    """

    by: Literal["all", "class", "device", "facts"]
    name: Name | None
    facts: Mapping[str, str | int] | None
    platform: Platform | None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Inputs:
    """What a lock was made of; a digest is ``None`` where there is no such file.

    Attributes:
        manifest_sha256: Of the bundle's manifest.
        verdicts_sha256: Of what ``verify`` wrote beside it.
        host_times_sha256: Of what ``bench`` wrote beside it.
        devices_sha256: Of the device table.
        latency_prior: Name of the model of latencies; ``None`` without one.
    """

    manifest_sha256: Sha256
    verdicts_sha256: Sha256 | None
    host_times_sha256: Sha256 | None
    devices_sha256: Sha256
    latency_prior: Name | None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ResultUse:
    """A result that was given, and whether its latency counted.

    Attributes:
        sha256: Of the file.
        run_id, network, tier, format, recipe, process, status: Of the result.
        device: Its name in the table, or what it calls itself.
        device_class: What it falls to; ``None`` of a host or emulator.
        p95_ms, peak_bytes: Of whole frames; ``None`` where not measured.
        reason: Why its latency does not count; ``None`` where it does.
    """

    sha256: Sha256
    run_id: Name
    network: str
    tier: str
    format: str
    recipe: str
    process: str
    status: str
    device: str
    device_class: Tier | None
    p95_ms: Amount | None
    peak_bytes: Count | None
    reason: str | None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class LockedFile:
    """One file of a bundle."""

    path: Name
    program: Name
    sha256: Sha256
    size_bytes: Count


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """A result that speaks for a choice."""

    run_id: Name
    sha256: Sha256
    device: str
    p95_ms: Amount | None
    peak_bytes: Count | None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Delegate:
    """What was asked for, and what ran it, in the runs that speak for a choice."""

    requested: str
    actual: str | None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """A budget, and how what was taken stands to it."""

    limit: Amount | None
    value: Amount | None
    state: State


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class EightBits:
    """Why eight bits are worth having: against single precision, as docs/selection.md says.

    Attributes:
        smaller: Bytes of single precision over these.
        faster: Time likewise; ``None`` where not measured.
        faster_by: ``device``, of this class or the nearest weaker one that was measured, or
            ``host``, a weak prior; ``None`` where not measured.
    """

    smaller: Amount | None
    faster: Amount | None
    faster_by: Literal["device", "host"] | None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """What a group gets of one network.

    Attributes:
        tier, format, recipe: Which.
        delegate: ``None`` where no run says which is best.
        files: In the order of their calls.
        verified: The worst that ``verify`` found of them; ``not run`` where it did not.
        basis: What the tier rests on. Only ``measured`` is of devices of this class.
        measured_class: Class of the devices that it was measured on; ``None`` without any.
        process: Of the runs; ``None`` without any.
        weak: Whether these ran in a shell where an app was asked for.
        evidence: The runs; none of a prior.
        frame_ms: 95th percentile of a whole frame, in ms.
        memory_mb: Most memory, in 1e6 bytes.
        eight_bits: ``None`` in floating point.
    """

    tier: Tier
    format: Name
    recipe: Name
    delegate: Delegate | None
    files: tuple[LockedFile, ...]
    verified: Name
    basis: Basis
    measured_class: Tier | None
    process: str | None
    weak: bool
    evidence: tuple[Evidence, ...]
    frame_ms: Judged
    memory_mb: Judged
    eight_bits: EightBits | None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class RuledOut:
    """An alternative and why it was not taken.

    Attributes:
        tier: Its tier.
        format, recipe: ``None`` where the bundle holds nothing of the tier.
        reason: A code of docs/selection.md.
        numbers: What was found and what is asked, by name.
    """

    tier: Tier
    format: str | None
    recipe: str | None
    reason: Name
    numbers: Mapping[str, Number]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class NetworkChoice:
    """What a group gets of one network, and what else there was.

    Attributes:
        network: Which.
        taken: ``None`` where nothing will do.
        ruled_out: Every alternative, from the highest tier down.
    """

    network: Name
    taken: Taken | None
    ruled_out: tuple[RuledOut, ...]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Devices of one platform and class: they all get the same.

    Attributes:
        platform: Of them.
        device_class: Theirs, an estimate from cores, clocks and memory.
        devices: Names; with their memory where a device is sold with more than one class of it.
        why: Why a device that was asked for falls to this class; ``None`` elsewhere.
        choices: One for each network.
    """

    platform: Platform
    device_class: Tier
    devices: tuple[str, ...]
    why: str | None
    choices: tuple[NetworkChoice, ...]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Lock:
    """Which tier an app ships on which device, and why; see docs/selection.md."""

    schema_version: Literal[1]
    asked: Asked
    inputs: Inputs
    rules: Mapping[str, Rules]
    results: tuple[ResultUse, ...]
    groups: tuple[Group, ...]


def lock_text(lock: Lock) -> str:
    """Return a lock as its file holds it."""
    from pocketmatte.selection.lock_writing import written  # which knows what a lock is

    return written(lock)


def read_lock(path: Path) -> Lock:
    """Read a lock.

    Raises:
        BundleError: If it is missing, no lock, of another schema version, or names a path that
            leads outside the bundle.
    """
    way_out = "run pocketmatte select again"
    lock, _ = read_shape(path, Lock, "lock", way_out, closed=True)
    for file in files_of(lock):
        if not stays_inside(file.path):
            msg = f"path {file.path!a:.120} of {path} leads outside the bundle; {way_out}"
            raise BundleError(msg)
    return lock


def files_of(lock: Lock, platforms: Collection[Platform] = PLATFORMS) -> list[LockedFile]:
    """Return every file that some group of these platforms gets, once, by its path."""
    groups = [group for group in lock.groups if group.platform in platforms]
    taken = [each.taken for group in groups for each in group.choices if each.taken]
    found = {(file.path, file.sha256): file for each in taken for file in each.files}
    return [found[key] for key in sorted(found)]


def schema_text() -> str:
    """Return the JSON Schema that ``docs/protocol/lock.schema.json`` holds."""
    from pocketmatte.selection.schema import schema_of

    return json.dumps(schema_of(Lock, "tiers.lock.json"), indent=1, sort_keys=True) + "\n"
