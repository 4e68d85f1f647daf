"""The twelve device classes, and which one a processor with so much memory falls to.

An estimate from cores and clocks, not a measurement: docs/devices.md has the formula, where its
numbers come from and what it cannot see.
"""

import dataclasses
import itertools
from collections.abc import Callable

from pocketmatte.selection.rows import INSTRUCTIONS, Instructions, Platform, Soc
from tiers.ladder import LADDERS

THREADS = 4  # what the host runtimes use on a phone; slower cores would hold the others up
NOMINAL_SHARE = 0.85  # systems report 0.88 to 0.97 of the memory that a phone is sold with

_GIB = 1024


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class DeviceClass:
    """The phones that the rows of one tier are meant for.

    Attributes:
        tier: Name of the tier.
        words: What the rows of every network say of it.
        gflops: Least estimated speed of ``THREADS`` cores, in 1e9 single-precision operations
            a second.
        instructions: Least that an Android phone must have; Core ML chooses its own.
        android_mib, apple_mib: Least memory, in MiB as sold.
    """

    tier: str
    words: str
    gflops: float
    instructions: Instructions
    android_mib: int
    apple_mib: int

    def memory_mib(self, platform: Platform) -> int:
        """Return the least memory on a platform, in MiB as sold."""
        return self.android_mib if platform == "android" else self.apple_mib


def _words(tier: str) -> str:
    """Return how the rows of a tier begin, whatever the network."""
    said = [rows[tier].device_class for rows in LADDERS.values()]
    alike = itertools.takewhile(lambda letters: len(set(letters)) == 1, zip(*said, strict=False))
    return "".join(letters[0] for letters in alike).rstrip(", ")


def _class(
    tier: str, gflops: float, instructions: Instructions, android_gib: int, apple_gib: int
) -> DeviceClass:
    return DeviceClass(
        tier=tier,
        words=_words(tier),
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
    return _highest(lambda each: ram_mib >= NOMINAL_SHARE * each.memory_mib(platform))


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
    by_speed = _highest(lambda each: gflops >= each.gflops)
    found = min(by_speed, class_by_memory(ram_mib, platform), key=rank)
    if platform != "android":
        return found
    has = INSTRUCTIONS.index(instructions)
    by_instructions = _highest(lambda each: has >= INSTRUCTIONS.index(each.instructions))
    return min(found, by_instructions, key=rank)


def rank(device_class: DeviceClass) -> int:
    """Return where a class stands among the twelve: 0 is the lowest."""
    return _RANKS[device_class.tier]


def _highest(keeps: Callable[[DeviceClass], bool]) -> DeviceClass:
    """Return the last class of those that are kept from the lowest on."""
    kept = LOWEST
    for each in CLASSES:
        if not keeps(each):
            break
        kept = each
    return kept
