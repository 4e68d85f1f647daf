"""The device table as a device needs it: names to classes, and nothing that can be computed before.

From an index follows the same class that ``lookup.find`` gives: docs/on-device.md.
"""

import dataclasses
import math

from pocketmatte.selection.bounds import DECLARED, FEW_CORES, weakest_of
from pocketmatte.selection.classes import (
    CLASSES,
    NOMINAL_SHARE,
    class_of,
    estimated_gflops,
    rank,
)
from pocketmatte.selection.errors import DeviceTableError
from pocketmatte.selection.names import same
from pocketmatte.selection.policy import Tier
from pocketmatte.selection.rows import DeviceTable, Platform, Soc
from pocketmatte.selection.shapes import Count

_ANY_MIB = 1 << 40


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Floor:
    """From ``least`` on it is ``tier``: lists of these rise in both."""

    least: Count
    tier: Tier


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Running:
    """The weakest class of the devices that run a major version.

    Attributes:
        last: The newest version of which this holds; ``None`` for every later one.
        tier: The class.
    """

    last: Count | None
    tier: Tier


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """What holds for all devices of Android, or all of Apple.

    Attributes:
        memory: The highest class that so much memory allows, in MiB.
        sold: Up to ``least`` MiB the weakest device with as much memory is of ``tier``; more than
            the last counts as the last. Rising in ``least``.
        systems: Rising in ``last``, ``None`` at the end.
    """

    memory: tuple[Floor, ...]
    sold: tuple[Floor, ...]
    systems: tuple[Running, ...]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class IndexSoc:
    """A processor.

    Attributes:
        names: What the system may call it.
        apple: Whether Apple makes it.
        most: The highest class that its speed and instructions allow; ``None`` where nobody says
            what its cores do.
        least_mib: The least memory that a device with it is sold with.
    """

    names: tuple[str, ...]
    apple: bool
    most: Tier | None
    least_mib: Count


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class IndexDevice:
    """A device.

    Attributes:
        platform, manufacturer, models, devices: Of the table; names folded.
        soc: Place of its processor in the list.
        least_mib: The least memory that it is sold with.
    """

    platform: Platform
    manufacturer: str
    models: tuple[str, ...]
    devices: tuple[str, ...]
    soc: Count
    least_mib: Count


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class DeviceIndex:
    """The device table.

    Attributes:
        android, apple: The two families.
        declared: What a media performance class promises at least.
        few_cores: An Android phone with no more is of the lowest class where it is not known.
        socs, devices: In the order of the table.
    """

    android: Family
    apple: Family
    declared: tuple[Floor, ...]
    few_cores: Count
    socs: tuple[IndexSoc, ...]
    devices: tuple[IndexDevice, ...]


def index_of(table: DeviceTable) -> DeviceIndex:
    """Return the index of a table.

    Raises:
        DeviceTableError: If a name that a device reports is not ASCII.
    """
    least_mib: dict[str, int] = {}
    for device in table.devices:
        known = least_mib.get(device.soc.key, device.ram_mib[0])
        least_mib[device.soc.key] = min(known, device.ram_mib[0])
    places = {key: place for place, key in enumerate(table.socs)}
    return DeviceIndex(
        android=_family(table, "android"),
        apple=_family(table, "ios"),
        declared=tuple(Floor(least=least, tier=tier) for least, tier in sorted(DECLARED)),
        few_cores=FEW_CORES,
        socs=tuple(_soc(each, least_mib.get(each.key, 0)) for each in table.socs.values()),
        devices=tuple(
            IndexDevice(
                platform=each.platform,
                manufacturer=_folded(each.manufacturer),
                models=tuple(_folded(name) for name in each.models),
                devices=tuple(_folded(name) for name in each.devices),
                soc=places[each.soc.key],
                least_mib=each.ram_mib[0],
            )
            for each in table.devices
        ),
    )


def _soc(soc: Soc, least_mib: int) -> IndexSoc:
    apple, gflops = soc.vendor == "Apple", estimated_gflops(soc)
    most = None
    if gflops is not None:
        most = class_of(gflops, soc.instructions, _ANY_MIB, "ios" if apple else "android").tier
    names = tuple(sorted({_folded(each) for each in (soc.name, *soc.reported)}))
    return IndexSoc(names=names, apple=apple, most=most, least_mib=least_mib)


def _family(table: DeviceTable, platform: Platform) -> Family:
    weakest = weakest_of(table, platform)
    sizes = sorted({size for size, _, _ in weakest.sold})
    versions = sorted({last for last, _, _ in weakest.systems})
    systems = []
    for last in versions:
        found = [each for newest, _, each in weakest.systems if newest >= last]
        newest = None if math.isinf(last) else int(last)
        systems.append(Running(last=newest, tier=min(found, key=rank).tier))
    return Family(
        memory=tuple(
            Floor(least=math.ceil(NOMINAL_SHARE * each.memory_mib(platform)), tier=each.tier)
            for each in CLASSES
        ),
        sold=tuple(Floor(least=size, tier=weakest.by_memory(size)[1].tier) for size in sizes),
        systems=tuple(systems),
    )


def _folded(name: str) -> str:
    found = same(name)
    if not found.isascii():
        msg = f"{name!a:.60} is not ASCII, which no device file holds; leave it out of the table"
        raise DeviceTableError(msg)
    return found
