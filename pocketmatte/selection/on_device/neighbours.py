"""Which tiers a device may step to from what a lock takes: as the lock's own reasons allow it."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from pocketmatte.selection.candidates import MEGA
from pocketmatte.selection.devices import device_table, table_sha256
from pocketmatte.selection.held import Artifact, Manifest
from pocketmatte.selection.lock import Group, Lock, NetworkChoice, RuledOut, Taken
from pocketmatte.selection.on_device.device_file import DeviceFile, Neighbour, Neighbours
from pocketmatte.selection.on_device.device_lock import HeldFile
from pocketmatte.selection.on_device.index import index_of
from pocketmatte.selection.policy import Rules
from tiers.errors import BundleError

_LOWER = frozenset({"lower_tier"})
# Nothing was wrong with these but their speed on this class, known or guessed: the device itself
# may show that it is faster.
_HIGHER = frozenset(
    {"above_class", "above_higher_class", "estimated_too_slow", "not_measured", "too_slow",
     "tier_too_slow"}
)  # fmt: skip


def device_file(
    lock: Lock, lock_path: Path, lock_sha256: str, manifest: Manifest, beside: int
) -> DeviceFile:
    """Return what an app needs beside a lock.

    Args:
        lock: The lock.
        lock_path: Where it lies, for messages.
        lock_sha256: Of its bytes.
        manifest: Of the bundle.
        beside: How many tiers to carry on each side of what was taken.

    Raises:
        BundleError: If the lock was made with another device table.
    """
    if lock.inputs.devices_sha256 != table_sha256():
        msg = (
            f"{lock_path} is stale: it is of device table {lock.inputs.devices_sha256[:12]}, this "
            f"PocketMatte has {table_sha256()[:12]}; run pocketmatte select again"
        )
        raise BundleError(msg)
    return DeviceFile(
        schema_version=1,
        lock_sha256=lock_sha256,
        devices_sha256=lock.inputs.devices_sha256,
        index=index_of(device_table()),
        neighbours=tuple(_all(lock, manifest, beside)),
    )


def _all(lock: Lock, manifest: Manifest, beside: int) -> Iterator[Neighbours]:
    for group in lock.groups:
        for choice in group.choices:
            if choice.taken is None or choice.network not in lock.rules:
                continue
            rules = lock.rules[choice.network]
            steps = _steps(choice, choice.taken, rules, manifest, beside)
            if steps:
                yield _of(group, choice, steps)


def _of(group: Group, choice: NetworkChoice, steps: Sequence[Neighbour]) -> Neighbours:
    return Neighbours(
        platform=group.platform, device_class=group.device_class, network=choice.network,
        steps=tuple(sorted(steps, key=lambda each: each.tier)),
    )  # fmt: skip


def _steps(
    choice: NetworkChoice, taken: Taken, rules: Rules, manifest: Manifest, beside: int
) -> list[Neighbour]:
    """Return the nearest tiers below and above, lower ones first while the download has room."""
    lower = [each for each in choice.ruled_out if each.reason in _LOWER and each.tier < taken.tier]
    higher = [each for each in choice.ruled_out if each.reason in _HIGHER]
    higher = [each for each in higher if each.tier > taken.tier]
    if rules.require_measurement or rules.memory_mb is not None:
        higher = []  # a calibration times; it neither proves the matte nor measures memory
    room_bytes = math.inf if rules.download_mb is None else rules.download_mb * MEGA
    room_bytes -= sum(each.size_bytes for each in taken.files)
    found: list[Neighbour] = []
    for out, tiers in ((lower, _tiers(lower)[::-1]), (higher, _tiers(higher))):
        wanted = beside
        for tier in tiers:
            if wanted == 0:
                break
            step = _step(choice.network, tier, out, taken, rules, manifest)
            if step is None:
                continue
            size_bytes = sum(each.size_bytes for each in step.files)
            if size_bytes <= room_bytes:
                found.append(step)
                room_bytes -= size_bytes
                wanted -= 1
    return found


def _tiers(out: Sequence[RuledOut]) -> list[str]:
    return sorted({each.tier for each in out})


def _step(
    network: str, tier: str, out: Sequence[RuledOut], taken: Taken, rules: Rules, manifest: Manifest
) -> Neighbour | None:
    """Return the files of a tier in the format that was taken, if it can be had in that."""
    recipes = [each.recipe for each in out if (each.tier, each.format) == (tier, taken.format)]
    order = [taken.recipe, *rules.recipes]
    recipe = next((each for each in order if each in recipes), None)
    if recipe is None:
        return None
    files = [
        _file(each)
        for each in manifest.artifacts
        if (each.network, each.tier, each.format, each.recipe, each.frame.orientation)
        == (network, tier, taken.format, recipe, rules.orientation)
    ]
    by_program = {each.program: each for each in files}
    programs = [each.program for each in taken.files]
    if set(by_program) != set(programs):
        return None
    ordered = tuple(by_program[each] for each in programs)
    return Neighbour(tier=tier, format=taken.format, recipe=recipe, files=ordered)


def _file(entry: Artifact) -> HeldFile:
    return HeldFile(
        path=entry.path, program=entry.program, sha256=entry.sha256, size_bytes=entry.size_bytes
    )
