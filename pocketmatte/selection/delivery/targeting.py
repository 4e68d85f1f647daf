"""Device groups of Google Play that give a device what the lock gives its class, and never more.

Play sees brand, device, processor and memory, and nothing else of what a lookup goes by. So a
group lists the devices and the processors of the table that fall to its classes with so much
memory, and whoever is in none gets the lowest level. Memory alone lifts nobody: a processor that
Play cannot see may be slower than those that are sold with as much.
"""

import bisect
import dataclasses
import functools
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from pocketmatte.selection.classes import CLASSES, class_by_memory, rank
from pocketmatte.selection.delivery.levels import Level
from pocketmatte.selection.devices import device_table
from pocketmatte.selection.facts import Facts
from pocketmatte.selection.lookup import find
from tiers.errors import BundleError

DEFAULT = "other"  # what Play calls the group of those that are in none
PREFIX = "pocketmatte_"  # an app may have groups of its own

# https://developer.android.com/google/play/on-device-ai, "Device targeting"
MOST_SELECTORS = 5
MOST_DEVICE_IDS = 10_000

_MIB = 1024 * 1024
_MOST_MIB = 1024 * 1024 - 1  # what facts.Facts lets through

# Build.BRAND by Build.MANUFACTURER where they differ, and Build.SOC_MANUFACTURER by maker: general
# knowledge, not read from devices. A spelling that no device has does no harm.
BRANDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Google": ("google",),
        "Xiaomi": ("Redmi", "POCO", "xiaomi"),
        "vivo": ("iQOO",),
    }
)
SOC_MAKERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Google": ("Google",),
        "HiSilicon": ("HiSilicon", "Hisilicon"),
        "MediaTek": ("MediaTek", "Mediatek"),
        "Qualcomm": ("QTI", "Qualcomm"),
        "Samsung": ("Samsung", "samsung"),
        "UNISOC": ("Spreadtrum", "UNISOC", "Unisoc"),
    }
)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Selector:
    """What a device must be: one of the devices, one of the processors, and of so much memory.

    Attributes:
        ram_min_bytes: Least memory, as reported; 0 for any.
        devices: ``Build.BRAND`` and ``Build.DEVICE``; empty for any.
        socs: ``Build.SOC_MANUFACTURER`` and ``Build.SOC_MODEL``; empty for any.
    """

    ram_min_bytes: int
    devices: tuple[tuple[str, str], ...] = ()
    socs: tuple[tuple[str, str], ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class DeviceGroup:
    """Devices that match any of the selectors.

    Attributes:
        name: With ``PREFIX``.
        classes: That it is for, from low to high.
        selectors: One is enough.
    """

    name: str
    classes: tuple[str, ...]
    selectors: tuple[Selector, ...]


def name_of(level: Level) -> str:
    """Return what the group of a level is called: by its lowest class."""
    return PREFIX + level.classes[0]


def device_groups(levels: Sequence[Level]) -> tuple[DeviceGroup, ...]:
    """Return the groups of Android's levels, the highest first: Play takes the first that fits.

    The lowest level has none, and neither has a level that no device of the table falls to.

    Raises:
        BundleError: If a group is beyond a limit of Play.
    """
    groups = [
        DeviceGroup(
            name=name_of(level), classes=level.classes, selectors=_selectors(level.classes[0])
        )
        for level in reversed(levels[1:])
    ]
    found = tuple(each for each in groups if each.selectors)
    for each in found:
        check_limits(each)
    return found


def check_limits(group: DeviceGroup) -> None:
    """Refuse a group that Play would refuse.

    Raises:
        BundleError: With the number and the limit.
    """
    ids = sum(len(each.devices) for each in group.selectors)
    for number, most, what in (
        (len(group.selectors), MOST_SELECTORS, "selectors"),
        (ids, MOST_DEVICE_IDS, "device ids"),
    ):
        if number > most:
            msg = (
                f"group {group.name} has {number} {what}, Play takes {most}; leave devices out of "
                "the table, or use --layout assets"
            )
            raise BundleError(msg)


@functools.cache
def _selectors(tier: str) -> tuple[Selector, ...]:
    """Return who falls to a class or a higher one, and with how much memory."""
    wanted = next(rank(each) for each in CLASSES if each.tier == tier)
    sizes = sorted({_least_mib(wanted, by_memory=False), _least_mib(wanted, by_memory=True)})
    devices: dict[int, set[tuple[str, str]]] = {}
    socs: dict[int, set[tuple[str, str]]] = {}
    table = device_table()
    for device in table.devices:
        if device.platform == "android":
            maker = device.manufacturer
            facts = Facts(platform="android", manufacturer=maker, model=device.models[0])
            names = {(brand, each) for brand in brands_of(maker) for each in device.devices}
            _put(devices, _enough(facts, wanted, sizes), names)
    for soc in table.socs.values():
        for name in soc.reported:
            facts = Facts(platform="android", soc=name)
            makers = SOC_MAKERS.get(soc.vendor, (soc.vendor,))
            _put(socs, _enough(facts, wanted, sizes), {(each, name) for each in makers})
    found = [Selector(ram_min_bytes=s * _MIB, devices=tuple(sorted(devices[s]))) for s in devices]
    found += [Selector(ram_min_bytes=s * _MIB, socs=tuple(sorted(socs[s]))) for s in socs]
    return tuple(sorted(found, key=lambda each: (each.ram_min_bytes, each.socs, each.devices)))


def brands_of(manufacturer: str) -> tuple[str, ...]:
    """Return what Play may call the maker of a device: its brands, and its own name."""
    return (manufacturer, *BRANDS.get(manufacturer, ()))


def _put(
    into: dict[int, set[tuple[str, str]]], size_mib: int | None, names: set[tuple[str, str]]
) -> None:
    if size_mib is not None and names:
        into.setdefault(size_mib, set()).update(names)


def _enough(facts: Facts, wanted: int, sizes: Sequence[int]) -> int | None:
    """Return with how much of these sizes of memory a device falls to a class, or none does.

    A processor whose speed is known needs the floor of the class, another as much as a device that
    nothing else is known of: ``lookup.find`` has no third way.
    """
    return next((size for size in sizes if _rank_with(facts, size) >= wanted), None)


@functools.cache
def _least_mib(wanted: int, *, by_memory: bool) -> int:
    """Return the least memory of a class: its floor, or what alone speaks for the class."""

    def reached(size_mib: int) -> bool:
        if by_memory:
            return _rank_with(Facts(platform="android"), size_mib) >= wanted
        return rank(class_by_memory(size_mib, "android")) >= wanted

    return bisect.bisect_left(range(_MOST_MIB), x=True, key=lambda size: reached(max(size, 64)))


@functools.cache
def _rank_with(facts: Facts, size_mib: int) -> int:
    return rank(find(dataclasses.replace(facts, ram_bytes=size_mib * _MIB)).device_class)
