"""The twelve device classes, and which one a processor with so much memory falls to.

An estimate from cores and clocks, not a measurement: docs/devices.md has the formula, where its
numbers come from and what it cannot see.
"""

import bisect
import dataclasses
import itertools
from collections.abc import Sequence

from pocketmatte.selection.rows import INSTRUCTIONS, PLATFORMS, Instructions, Platform, Soc

THREADS = 4  # what the host runtimes use on a phone; slower cores would hold the others up
NOMINAL_SHARE = 0.85  # systems report 0.88 to 0.97 of the memory that a phone is sold with

_GIB = 1024


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class DeviceClass:
    """The phones that the rows of one tier are meant for.

    Attributes:
        tier: Name of the tier.
        gflops: Least estimated speed of ``THREADS`` cores, in 1e9 single-precision operations
            a second.
        instructions: Least that an Android phone must have; Core ML chooses its own.
        android_mib, apple_mib: Least memory, in MiB as sold.
    """

    tier: str
    gflops: float
    instructions: Instructions
    android_mib: int
    apple_mib: int

    @property
    def words(self) -> str:
        """How the rows of the tier begin, whatever the network."""
        from tiers.ladder import LADDERS  # a choice does without the rows

        said = [rows[self.tier].device_class for rows in LADDERS.values()]
        letters = itertools.takewhile(lambda each: len(set(each)) == 1, zip(*said, strict=False))
        return "".join(each[0] for each in letters).rstrip(", ")

    def memory_mib(self, platform: Platform) -> int:
        """Return the least memory on a platform, in MiB as sold."""
        return self.android_mib if platform == "android" else self.apple_mib


def _class(
    tier: str, gflops: float, instructions: Instructions, android_gib: int, apple_gib: int
) -> DeviceClass:
    return DeviceClass(
        tier=tier,
        gflops=gflops,
        instructions=instructions,
        android_mib=android_gib * _GIB,
        apple_mib=apple_gib * _GIB,
    )


# Memory of Android is what the words of the rows say; an Apple device does the same with less, and
# its sizes are those that were sold. Speeds lie between processors that makers sell as different
# ranks, see docs/devices.md. From t04 on the recipes count on arithmetic in half precision, from
# t10 on on products of 8-bit integers.
CLASSES = (
    _class("t01", 0, "armv8.0", 0, 0),
    _class("t02", 40, "armv8.0", 3, 2),
    _class("t03", 50, "armv8.0", 4, 2),
    _class("t04", 80, "fp16", 4, 2),
    _class("t05", 105, "fp16", 6, 3),
    _class("t06", 140, "fp16", 6, 3),
    _class("t07", 161, "fp16", 8, 4),
    _class("t08", 185, "fp16", 8, 4),
    _class("t09", 205, "fp16", 8, 6),
    _class("t10", 220, "i8mm", 8, 8),
    _class("t11", 250, "i8mm", 12, 8),
    _class("t12", 350, "i8mm", 16, 12),
)  # fmt: skip

LOWEST = CLASSES[0]
_RANKS = {each.tier: place for place, each in enumerate(CLASSES)}
# What each class asks for, rising from class to class.
_SPEEDS = [each.gflops for each in CLASSES]
_SETS = [INSTRUCTIONS.index(each.instructions) for each in CLASSES]
_MEMORIES: dict[Platform, list[float]] = {
    platform: [NOMINAL_SHARE * each.memory_mib(platform) for each in CLASSES]
    for platform in PLATFORMS
}


def estimated_gflops(soc: Soc) -> float | None:
    """Estimate what the fastest ``THREADS`` cores could do at best.

    The sum over those cores of ``fp32_per_cycle * max_mhz / 1000``: the peak of their vector
    units, as if memory, heat and the rest of the program cost nothing.

    Returns:
        1e9 single-precision operations a second. A cluster without a clock counts nothing.
        ``None`` where nobody says what the cores do in a cycle.
    """
    speeds: list[float] = []
    for cluster in soc.clusters:
        if cluster.core.fp32_per_cycle is None:
            return None
        speed = cluster.core.fp32_per_cycle * (cluster.max_mhz or 0) / 1000
        speeds += [speed] * cluster.count
    return sum(sorted(speeds, reverse=True)[:THREADS])


def class_by_memory(ram_mib: int, platform: Platform) -> DeviceClass:
    """Return the highest class that a device with so much memory may be.

    Args:
        ram_mib: As sold or as reported.
        platform: Whose classes.
    """
    return CLASSES[_highest(_MEMORIES[platform], ram_mib)]


def class_of(
    gflops: float, instructions: Instructions, ram_mib: int, platform: Platform
) -> DeviceClass:
    """Return the highest class whose every floor is kept: more of anything never lowers it.

    Args:
        gflops: See ``estimated_gflops``.
        instructions: That all cores have.
        ram_mib: As sold or as reported.
        platform: Whose floors of memory; instructions are asked for on Android alone.
    """
    found = min(_highest(_SPEEDS, gflops), _highest(_MEMORIES[platform], ram_mib))
    if platform == "android":
        found = min(found, _highest(_SETS, INSTRUCTIONS.index(instructions)))
    return CLASSES[found]


def rank(device_class: DeviceClass) -> int:
    """Return where a class stands among the twelve: 0 is the lowest."""
    return _RANKS[device_class.tier]


def _highest(floors: Sequence[float], value: float) -> int:
    """Return the place of the last class whose floor is kept; the lowest keeps no one out."""
    return max(bisect.bisect_right(floors, value) - 1, 0)
