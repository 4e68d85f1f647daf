"""Which class a device is in, by what it says of itself and an index: as ``lookup.find`` says."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Literal, TypeAlias

from pocketmatte.selection.classes import CLASSES
from pocketmatte.selection.facts import Facts
from pocketmatte.selection.on_device.index import (
    DeviceIndex,
    Family,
    Floor,
    IndexDevice,
    IndexSoc,
)
from pocketmatte.selection.on_device.spelling import folded, spellings
from pocketmatte.selection.rows import PLATFORMS, Platform
from tiers.errors import UsageError

By: TypeAlias = Literal["identifier", "soc", "memory", "system", "nothing"]

LOWEST = CLASSES[0].tier
_BOUNDS: Mapping[str, tuple[int, int]] = {
    "ram_bytes": (64 * 2**20, 2**40),
    "api_level": (1, 10_000),
    "media_performance_class": (0, 10_000),
    "cores": (1, 1024),
}
_TEXTS = ("manufacturer", "model", "device", "soc", "os_version")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Placed:
    """Where a device stands.

    Attributes:
        platform: Of the table where the device is known: an iPad may say ``ios`` of itself.
        device_class: Tier of its class.
        by: What decided.
    """

    platform: Platform
    device_class: str
    by: By


def facts_of(said: Mapping[str, object]) -> Facts:
    """Return what a device says of itself; what no device can say counts as not known.

    An app must get an answer where a build step refuses: nobody is there to mend a wrong fact.

    Raises:
        UsageError: If the platform is none that is chosen for.
    """
    platform = next((each for each in PLATFORMS if each == said.get("platform")), None)
    if platform is None:
        msg = f"platform is {said.get('platform')!a:.60}; there are {', '.join(PLATFORMS)}"
        raise UsageError(msg)
    texts = {name: said.get(name) for name in _TEXTS}
    numbers = {name: _number(said.get(name), *_BOUNDS[name]) for name in _BOUNDS}
    kept = {name: each if isinstance(each, str) else None for name, each in texts.items()}
    return Facts(platform=platform, **kept, **numbers)  # type: ignore[arg-type]


def place(index: DeviceIndex, facts: Facts) -> Placed:
    """Return the class of a device: what is known first of name, processor, memory, system."""
    known = _identified(index, facts)
    if known is not None:
        ram_mib = known.least_mib if facts.ram_mib is None else facts.ram_mib
        most = index.socs[known.soc].most
        if most is None:
            found = _bound(index, facts, ram_mib)[0]
        else:
            found = min(most, _by_memory(_family(index, facts.platform), ram_mib))
        return Placed(platform=known.platform, device_class=found, by="identifier")
    socs = _reported(index, facts)
    if socs:
        found = min(_of_soc(index, facts, each) for each in socs)
        return Placed(platform=facts.platform, device_class=found, by="soc")
    found, by = _bound(index, facts, facts.ram_mib)
    return Placed(platform=facts.platform, device_class=found, by=by)


def _number(value: object, low: int, high: int) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if isinstance(value, int) and whole and low <= value <= high else None


def _family(index: DeviceIndex, platform: Platform) -> Family:
    return index.android if platform == "android" else index.apple


def _identified(index: DeviceIndex, facts: Facts) -> IndexDevice | None:
    apple = facts.platform != "android"
    model, maker = folded(facts.model or ""), folded(facts.manufacturer or "")
    if apple and not maker:
        maker = "apple"
    found = list(_having(index, maker, lambda each: model in each.models))
    if not found and maker and facts.device:
        device = folded(facts.device)
        found = list(_having(index, maker, lambda each: device in each.devices))
    if len(found) != 1 or (found[0].platform != "android") != apple:
        return None
    return found[0]


def _having(
    index: DeviceIndex, maker: str, has: Callable[[IndexDevice], bool]
) -> Iterator[IndexDevice]:
    """Yield the devices of a maker, of any where none is said."""
    return (each for each in index.devices if maker in ("", each.manufacturer) and has(each))


def _reported(index: DeviceIndex, facts: Facts) -> list[IndexSoc]:
    apple = facts.platform != "android"
    for name in spellings(facts.soc or ""):
        found = [each for each in index.socs if name in each.names and each.apple == apple]
        if found:
            return found
    return []


def _of_soc(index: DeviceIndex, facts: Facts, soc: IndexSoc) -> str:
    if soc.most is None:
        return _bound(index, facts, facts.ram_mib)[0]
    ram_mib = soc.least_mib if facts.ram_mib is None else facts.ram_mib
    return min(soc.most, _by_memory(_family(index, facts.platform), ram_mib))


def _by_memory(family: Family, ram_mib: int) -> str:
    return _from(family.memory, ram_mib) or LOWEST


def _from(floors: tuple[Floor, ...], value: int) -> str | None:
    """Return the last of rising floors that a value reaches."""
    return next((each.tier for each in reversed(floors) if value >= each.least), None)


def _bound(index: DeviceIndex, facts: Facts, ram_mib: int | None) -> tuple[str, By]:
    """Return the class that memory, system and what is declared come to, and what said so."""
    family, memory, system = _family(index, facts.platform), [LOWEST], [LOWEST]
    if ram_mib is not None and family.sold:
        enough = min(ram_mib, family.sold[-1].least)
        memory.append(next(each.tier for each in family.sold if each.least >= enough))
    if (major := facts.major) is not None:
        running = [each for each in family.systems if each.last is None or each.last >= major]
        system += [each.tier for each in running[:1]]
    if facts.platform == "android" and facts.media_performance_class is not None:
        declared = _from(index.declared, facts.media_performance_class)
        system += [] if declared is None else [declared]
    by: By = "memory" if len(memory) > 1 else "system" if len(system) > 1 else "nothing"
    found = max(*memory, *system)
    if ram_mib is not None:
        found = min(found, _by_memory(family, ram_mib))
    few = facts.platform == "android" and facts.cores is not None
    if few and facts.cores is not None and facts.cores <= index.few_cores:
        found = LOWEST
    return found, by
