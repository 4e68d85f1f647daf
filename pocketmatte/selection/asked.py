"""For which devices a choice is asked, and which classes they fall to."""

import dataclasses
import functools
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pocketmatte.selection.bounds import Weakest, bound, weakest_of
from pocketmatte.selection.classes import CLASSES, DeviceClass, class_of, estimated_gflops
from pocketmatte.selection.devices import device_table
from pocketmatte.selection.facts import Facts
from pocketmatte.selection.json_files import json_value, read_bytes
from pocketmatte.selection.lock import Asked
from pocketmatte.selection.names import same
from pocketmatte.selection.rows import PLATFORMS, Device, Platform
from pocketmatte.selection.shapes import MisfitError, shown
from tiers.errors import UsageError

_FACTS = tuple(each.name for each in dataclasses.fields(Facts))
_FACTS_BYTES = 2**20
_MIB = 1024 * 1024


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """One class of a platform, and who asked for it.

    Attributes:
        platform: Which.
        device_class: Which.
        devices: Names of the devices that get what it gets.
        why: Why a device that was asked for falls to it; ``None`` elsewhere.
    """

    platform: Platform
    device_class: DeviceClass
    devices: tuple[str, ...]
    why: str | None = None


def asked_of(
    *,
    device: str | None = None,
    class_name: str | None = None,
    facts: Path | None = None,
    every: bool = False,
    platform: str | None = None,
) -> Asked:
    """Return for which devices options ask.

    Raises:
        UsageError: If none or several of them are given, or a name is unknown.
        BundleError: If a file of facts cannot be read.
    """
    given = [each for each in (device, class_name, facts, every or None) if each is not None]
    if len(given) != 1:
        msg = f"{len(given)} of --device, --class, --facts and --all are given; give one of them"
        raise UsageError(msg)
    found = next((each for each in PLATFORMS if each == platform), None)
    if platform is not None and found is None:
        msg = f"no platform {shown(platform)}; there are {', '.join(PLATFORMS)}"
        raise UsageError(msg)
    if platform is not None and (device is not None or facts is not None):
        msg = f"--platform is {platform}; a device has its own: give it with --class or --all"
        raise UsageError(msg)
    if device is not None:
        return Asked(by="device", name=_device(device).name, facts=None, platform=None)
    if class_name is not None:
        name = _class(class_name).tier
        return Asked(by="class", name=name, facts=None, platform=found)
    if facts is not None:
        return Asked(by="facts", name=None, facts=read_facts(facts), platform=None)
    return Asked(by="all", name=None, facts=None, platform=found)


def read_facts(path: Path) -> Mapping[str, str | int]:
    """Read what a device says of itself: an object with the fields of ``Facts``.

    Raises:
        UsageError: If it is no such object, or says what no device can say.
        BundleError: If it cannot be read.
    """
    data = read_bytes(path, "facts of a device", "give a JSON object", _FACTS_BYTES)
    try:
        value = json_value(data)
    except MisfitError as error:
        msg = f"{path} is no JSON object: {error}; give the facts of a device"
        raise UsageError(msg) from error
    if not isinstance(value, dict):
        msg = f"{path} is {shown(value)}; give an object with the facts of a device"
        raise UsageError(msg)
    return plain_facts(value)


def plain_facts(value: Mapping[str, Any]) -> Mapping[str, str | int]:
    """Return facts without what is not known, checked.

    Raises:
        UsageError: If a fact is unknown, or what no device can say.
    """
    _facts(value)
    return MappingProxyType(
        {name: value[name] for name in sorted(value) if value[name] is not None}
    )


def _facts(value: Mapping[str, Any]) -> Facts:
    for name in value:
        if name not in _FACTS:
            msg = f"no fact {shown(name)}; there are {', '.join(_FACTS)}"
            raise UsageError(msg)
    if "platform" not in value:
        msg = f"the facts name no platform; there are {', '.join(PLATFORMS)}"
        raise UsageError(msg)
    for name, each in value.items():
        if isinstance(each, str) and not each.isprintable():
            msg = f"{name} is {shown(each)}; it must be a text of one line that can be printed"
            raise UsageError(msg)
    return Facts(**value)


def targets_of(asked: Asked) -> list[Target]:
    """Return the classes that are asked for, by platform and from low to high.

    Raises:
        UsageError: If what is asked for is not in the table.
    """
    if asked.by in ("device", "facts"):
        return [_told(asked)]
    platforms = PLATFORMS if asked.platform is None else (asked.platform,)
    names = [_class(asked.name or "").tier] if asked.by == "class" else [c.tier for c in CLASSES]
    targets = [
        Target(
            platform=platform, device_class=each,
            devices=tuple(sorted({name for name, _ in members(platform, each.tier)})),
        )
        for platform in platforms
        for each in CLASSES
        if each.tier in names
    ]  # fmt: skip
    return [each for each in targets if each.devices or asked.by == "class"]


def _told(asked: Asked) -> Target:
    from pocketmatte.selection.lookup import find  # a choice for a class does without it

    if asked.by == "facts":
        facts = _facts(asked.facts or {})
        name = None
    else:
        device = _device(asked.name or "")
        maker, model = device.manufacturer, device.models[0]
        facts = Facts(platform=device.platform, manufacturer=maker, model=model)
        name = device.name
    found = find(facts)
    platform = facts.platform if found.device is None else found.device.platform
    names = (found.device.name,) if found.device else (name,) if name else ()
    return Target(
        platform=platform, device_class=found.device_class, devices=names, why=found.reason
    )


def members(platform: Platform, tier: str) -> list[tuple[str, Device]]:
    """Return the devices of the table that fall to a class, with the names that a lock gives them.

    One that is sold with memory of several classes is in each of them, its memory behind its name.
    """
    return _members(platform).get(tier, [])


@functools.cache
def _members(platform: Platform) -> dict[str, list[tuple[str, Device]]]:
    found: dict[str, list[tuple[str, Device]]] = {}
    for device in device_table().devices:
        if device.platform != platform:
            continue
        tiers = _classes_of(device)
        if len(set(tiers)) == 1:
            found.setdefault(tiers[0], []).append((device.name, device))
            continue
        for size, tier in zip(device.ram_mib, tiers, strict=True):
            found.setdefault(tier, []).append((f"{device.name}, {size} MiB", device))
    return found


def _classes_of(device: Device) -> list[str]:
    """Return the class that ``lookup.find`` gives with each memory, without its words."""
    gflops = estimated_gflops(device.soc)
    if gflops is not None:
        has = device.soc.instructions
        return [class_of(gflops, has, size, device.platform).tier for size in device.ram_mib]
    sold = [Facts(platform=device.platform, ram_bytes=size * _MIB) for size in device.ram_mib]
    return [bound(facts, _weakest(device.platform)).device_class.tier for facts in sold]


@functools.cache
def _weakest(platform: Platform) -> Weakest:
    return weakest_of(device_table(), platform)


def _class(name: str) -> DeviceClass:
    for each in CLASSES:
        if each.tier == name:
            return each
    msg = f"no class {shown(name)}; there are {', '.join(each.tier for each in CLASSES)}"
    raise UsageError(msg)


def _device(name: str) -> Device:
    """Return a device by its name, a model or a device name; spelling as in ``names.same``."""
    wanted, devices = same(name), device_table().devices
    exact = [each for each in devices if same(each.name) == wanted]
    found = exact or [
        each
        for each in devices
        if wanted in {same(other) for other in (*each.models, *each.devices)}
    ]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(each.name for each in found)
        msg = f"{shown(name)} is {names}; give one of these names"
        raise UsageError(msg)
    import difflib  # for a message that most runs never need

    called = {same(each.name): each.name for each in devices}
    like = [called[each] for each in difflib.get_close_matches(wanted, called, 3)]
    meant = f"did you mean {', '.join(like)}? Else " if like else ""
    msg = f"no device {shown(name)} in the table; {meant}give --facts or --class"
    raise UsageError(msg)
