"""From what a device says of itself to the device, or to the class that it falls to, and why."""

import dataclasses
import functools
import re
from collections.abc import Iterator
from typing import Literal, TypeAlias

from pocketmatte.selection.bounds import bound, weakest_of
from pocketmatte.selection.classes import (
    CLASSES,
    DeviceClass,
    class_of,
    estimated_gflops,
    rank,
)
from pocketmatte.selection.devices import device_table
from pocketmatte.selection.facts import Facts
from pocketmatte.selection.names import same
from pocketmatte.selection.rows import INSTRUCTIONS, PLATFORMS, Device, DeviceTable, Platform, Soc

By: TypeAlias = Literal["identifier", "soc", "memory", "system", "nothing"]

# MediaTek writes how a part was packed behind its number: MT6833V/NZA
_MEDIATEK = re.compile(r"mt[0-9]{4}")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What a device is, as far as it can be told.

    Attributes:
        device: The row of the table; ``None`` where there is none.
        soc: Its processor; ``None`` where it is not known. Of several that call themselves the
            same it is the slowest.
        device_class: What it falls to.
        by: What decided.
        ram_mib: Memory that the class was found with: as reported, else the least that is sold.
        gflops: Estimated, see ``classes.estimated_gflops``.
        reason: Why, in words.
    """

    device: Device | None
    soc: Soc | None
    device_class: DeviceClass
    by: By
    ram_mib: int | None
    gflops: float | None
    reason: str


def find(facts: Facts) -> Found:
    """Look a device up in the table that comes with PocketMatte.

    The first of these that is known decides: its identifier, its processor, its memory, its
    system and what that declares. There is always an answer; where nothing is known it is the
    lowest class.

    Raises:
        DeviceTableError: If the table breaks its rules.
    """
    return _own_finder().find(facts)


@functools.cache
def _own_finder() -> "Finder":
    return Finder(device_table())


class Finder:
    """A table made ready to look devices up in.

    Args:
        table: Of devices.
    """

    def __init__(self, table: DeviceTable) -> None:
        self._models: dict[tuple[str, str], Device] = {}
        self._of_any_maker: dict[str, list[Device]] = {}
        self._devices: dict[tuple[str, str], Device] = {}
        for device in table.devices:
            maker = same(device.manufacturer)
            for model in device.models:
                self._models[maker, same(model)] = device
                self._of_any_maker.setdefault(same(model), []).append(device)
            self._devices.update({(maker, same(each)): device for each in device.devices})
        self._socs: dict[str, list[Soc]] = {}
        for soc in table.socs.values():
            for name in {same(each) for each in (soc.name, *soc.reported)}:
                self._socs.setdefault(name, []).append(soc)
        self._least_mib: dict[str, int] = {}
        for device in table.devices:
            least = self._least_mib.get(device.soc.key, device.ram_mib[0])
            self._least_mib[device.soc.key] = min(least, device.ram_mib[0])
        self._weakest = {each: weakest_of(table, each) for each in PLATFORMS}

    def find(self, facts: Facts) -> Found:
        """Look a device up; see the function of that name."""
        found = self._identified(facts)
        if found is not None:
            device, how = found
            ram_mib = device.ram_mib[0] if facts.ram_mib is None else facts.ram_mib
            return self._judged(facts, device, device.soc, ram_mib, how)
        candidates = self._reported(facts)
        if candidates:
            soc, ram_mib = min(
                (self._with_memory(facts, each) for each in candidates),
                key=lambda each: self._speed(facts, *each),
            )
            how = f"no device of that name; {facts.soc!a:.60} is a processor of the table"
            if len(candidates) > 1:
                how += f", and the slowest of {len(candidates)} that call themselves so is taken"
            return self._judged(facts, None, soc, ram_mib, how)
        return self._unknown(facts, None, None, "no device and no processor of the table")

    def _identified(self, facts: Facts) -> tuple[Device, str] | None:
        """Return a device of the platform by its model, else by its device name, and how."""
        model, maker = same(facts.model or ""), same(facts.manufacturer or "")
        if facts.platform != "android":
            maker = maker or same("Apple")
        device = self._models.get((maker, model))
        if device is None and not maker:
            alike = self._of_any_maker.get(model, [])
            device = alike[0] if len(alike) == 1 else None
        how = f"model {facts.model!a:.60}"
        if device is None and facts.device:
            device = self._devices.get((maker, same(facts.device)))
            how = f"device {facts.device!a:.60}"
        if device is None or not _of_family(device.platform, facts.platform):
            return None
        return device, f"{how} is {device.name}"

    def _reported(self, facts: Facts) -> list[Soc]:
        """Return the processors that what is reported may be."""
        for name in _spellings(facts.soc or ""):
            socs = [
                each
                for each in self._socs.get(name, [])
                if (each.vendor == "Apple") == (facts.platform != "android")
            ]
            if socs:
                return socs
        return []

    def _with_memory(self, facts: Facts, soc: Soc) -> tuple[Soc, int]:
        least = self._least_mib.get(soc.key, 0)
        return soc, least if facts.ram_mib is None else facts.ram_mib

    def _speed(self, facts: Facts, soc: Soc, ram_mib: int) -> tuple[int, float]:
        gflops = estimated_gflops(soc)
        if gflops is None:
            return rank(bound(facts, self._weakest[facts.platform]).device_class), 0.0
        return rank(class_of(gflops, soc.instructions, ram_mib, facts.platform)), gflops

    def _judged(
        self, facts: Facts, device: Device | None, soc: Soc, ram_mib: int, how: str
    ) -> Found:
        gflops = estimated_gflops(soc)
        if gflops is None:
            how += f"; what the cores of {soc.name} do in a cycle is not public"
            return self._unknown(facts, device, soc, how)
        device_class = class_of(gflops, soc.instructions, ram_mib, facts.platform)
        memory = "reported" if facts.ram_mib is not None else "at least"
        return Found(
            device=device,
            soc=soc,
            device_class=device_class,
            by="soc" if device is None else "identifier",
            ram_mib=ram_mib,
            gflops=gflops,
            reason=f"{how}; {soc.name}, an estimated {gflops:.0f} GFLOP/s, {ram_mib} MiB {memory}"
            + _short_of_next(device_class, gflops, soc, ram_mib, facts.platform),
        )

    def _unknown(self, facts: Facts, device: Device | None, soc: Soc | None, how: str) -> Found:
        """Fall back on memory and system; a device's own memory stands in for one not reported."""
        if facts.ram_bytes is None and device is not None:
            facts = dataclasses.replace(facts, ram_bytes=device.ram_mib[0] * 1024 * 1024)
        least = bound(facts, self._weakest[facts.platform])
        by: By = "memory" if least.memory else "system" if least.system else "nothing"
        return Found(
            device=device,
            soc=soc,
            device_class=least.device_class,
            by="identifier" if device is not None else "soc" if soc is not None else by,
            ram_mib=facts.ram_mib,
            gflops=None,
            reason=f"{how}; {least.reason}",
        )


def _of_family(one: Platform, other: Platform) -> bool:
    """Return whether both are Android, or neither: an iPad may say either of Apple's names."""
    return (one == "android") == (other == "android")


def _spellings(reported: str) -> Iterator[str]:
    """Yield what may be the name in it, the longest first: makers are written before it."""
    words = same(reported).split(" ")
    for start in range(min(len(words), 8)):
        name = " ".join(words[start:])
        yield name
        base = re.split(r"[-/_]", name)[0]
        if base != name:
            yield base
        packed = _MEDIATEK.match(name)
        if packed:
            yield packed[0]


def _short_of_next(
    device_class: DeviceClass, gflops: float, soc: Soc, ram_mib: int, platform: Platform
) -> str:
    """Say what the next class would have asked for."""
    if device_class == CLASSES[-1]:
        return ""
    after, wants = CLASSES[rank(device_class) + 1], []
    if gflops < after.gflops:
        wants.append(f"{after.gflops:g} GFLOP/s")
    lacks = INSTRUCTIONS.index(soc.instructions) < INSTRUCTIONS.index(after.instructions)
    if platform == "android" and lacks:
        wants.append(f"{after.instructions} instructions")
    if class_of(after.gflops, "i8mm", ram_mib, platform) != after:
        wants.append(f"{after.memory_mib(platform)} MiB")
    return f"; {after.tier} asks for {' and '.join(wants)}"
