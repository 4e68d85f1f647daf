"""What an unknown device is at least, from its memory, its system and what that declares.

Each kind of evidence says "no less than": the class of the weakest device of the table that it
would fit too. The highest of these counts, and memory and cores say how high it may be.
"""

import dataclasses
import math

from pocketmatte.selection.classes import (
    CLASSES,
    LOWEST,
    DeviceClass,
    class_by_memory,
    class_of,
    estimated_gflops,
    rank,
)
from pocketmatte.selection.facts import Facts
from pocketmatte.selection.rows import DeviceTable, Platform

# A declared media performance class promises memory: 6 GB from Android 11 on, 8 GB from Android 13
# on (section 2.2.7 of Android's compatibility definition). The promise of each, with its class.
DECLARED = ((33, "t07"), (30, "t05"))
FEW_CORES = 4  # an Android phone with so few has little ones alone


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Weakest:
    """The weakest devices of one family of systems, each with the smallest memory sold.

    Attributes:
        sold: Memory in MiB, name and class of every device and size.
        systems: Last major version, infinite where support goes on, name and class of every device
            with its smallest memory.
    """

    sold: tuple[tuple[int, str, DeviceClass], ...]
    systems: tuple[tuple[float, str, DeviceClass], ...]

    def by_memory(self, ram_mib: int) -> tuple[str, DeviceClass]:
        """Return the weakest device with as much memory, or with the most that is sold."""
        enough = min(ram_mib, max(size for size, _, _ in self.sold))
        return _weakest([(name, found) for size, name, found in self.sold if size >= enough])

    def by_system(self, major: int) -> tuple[str, DeviceClass] | None:
        """Return the weakest device that runs a version; ``None`` where the table has none."""
        running = [(name, found) for last, name, found in self.systems if last >= major]
        return _weakest(running) if running else None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Bound:
    """What an unknown device falls to.

    Attributes:
        device_class: Its class.
        memory, system: Whether memory, and whether the system, said anything.
        reason: Why, in words.
    """

    device_class: DeviceClass
    memory: bool
    system: bool
    reason: str


def weakest_of(table: DeviceTable, platform: Platform) -> Weakest:
    """Collect the devices of Android, or those of Apple, whose speed can be estimated."""
    sold: list[tuple[int, str, DeviceClass]] = []
    systems: list[tuple[float, str, DeviceClass]] = []
    for device in table.devices:
        gflops = estimated_gflops(device.soc)
        if gflops is None or (device.platform == "android") != (platform == "android"):
            continue
        found = [
            class_of(gflops, device.soc.instructions, size, platform) for size in device.ram_mib
        ]
        sold += [
            (size, device.name, each) for size, each in zip(device.ram_mib, found, strict=True)
        ]
        last = math.inf if device.os_last is None else int(device.os_last.split(".")[0])
        systems.append((last, device.name, found[0]))
    return Weakest(sold=tuple(sold), systems=tuple(systems))


def bound(facts: Facts, weakest: Weakest) -> Bound:
    """Say what a device is at least that is not in the table, and whose processor is not."""
    at_least, said = LOWEST, []
    if facts.ram_mib is not None and weakest.sold:
        name, found = weakest.by_memory(facts.ram_mib)
        at_least = max(at_least, found, key=rank)
        said.append(f"of devices with {facts.ram_mib} MiB or more {name} is the weakest")
    memory = bool(said)
    running = None if facts.major is None else weakest.by_system(facts.major)
    if running is not None:
        at_least = max(at_least, running[1], key=rank)
        said.append(f"of those that run version {facts.major} {running[0]} is the weakest")
    declared = _declared(facts)
    if declared is not None:
        at_least = max(at_least, declared, key=rank)
        said.append(f"it declares media performance class {facts.media_performance_class}")
    system = len(said) > memory
    if facts.ram_mib is not None:
        at_least = min(at_least, class_by_memory(facts.ram_mib, facts.platform), key=rank)
    if facts.platform == "android" and facts.cores is not None and facts.cores <= FEW_CORES:
        at_least = LOWEST
        said.append(f"{facts.cores} cores are little ones")
    reason = "; ".join(said) or "it says nothing that tells one device from another"
    return Bound(device_class=at_least, memory=memory, system=system, reason=reason)


def _declared(facts: Facts) -> DeviceClass | None:
    declared = facts.media_performance_class
    if facts.platform != "android" or declared is None:
        return None
    for least, tier in DECLARED:
        if declared >= least:
            return next(each for each in CLASSES if each.tier == tier)
    return None


def _weakest(found: list[tuple[str, DeviceClass]]) -> tuple[str, DeviceClass]:
    return min(found, key=lambda each: rank(each[1]))
