"""``tiers.device.json``: what an app needs beside its lock, written by ``pocketmatte bundle``."""

import dataclasses
import json
from pathlib import Path
from typing import Literal

from pocketmatte.results import plain
from pocketmatte.selection.json_files import json_value
from pocketmatte.selection.on_device.device_lock import (
    DeviceLock,
    HeldFile,
    Word,
    check_files,
    check_once,
)
from pocketmatte.selection.on_device.index import DeviceIndex
from pocketmatte.selection.policy import Tier
from pocketmatte.selection.rows import Platform
from pocketmatte.selection.schema import schema_of
from pocketmatte.selection.shapes import Sha256, parsed, refuse

DEVICE_FILE = "tiers.device.json"
SCHEMA = Path("docs", "protocol", "device.schema.json")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Neighbour:
    """A tier beside the one that was taken, in the same format."""

    tier: Tier
    format: Word
    recipe: Word
    files: tuple[HeldFile, ...]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Neighbours:
    """What a group may step to from what it gets of one network.

    Attributes:
        platform, device_class, network: As in the lock.
        steps: From low to high, without what was taken.
    """

    platform: Platform
    device_class: Tier
    network: Word
    steps: tuple[Neighbour, ...]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class DeviceFile:
    """What an app needs beside its lock.

    Attributes:
        schema_version: 1.
        lock_sha256: Of the lock that it was made for.
        devices_sha256: Of the device table, as the lock says it too.
        index: The table, to find a device's class with.
        neighbours: Of every group and network that has any.
    """

    schema_version: Literal[1]
    lock_sha256: Sha256
    devices_sha256: Sha256
    index: DeviceIndex
    neighbours: tuple[Neighbours, ...]


def device_file_text(file: DeviceFile) -> str:
    """Return a file as it is written: an app carries it, so without spaces."""
    return json.dumps(plain(file), sort_keys=True, separators=(",", ":"), allow_nan=False) + "\n"


def device_file_of(data: bytes, lock: DeviceLock, lock_sha256: str) -> DeviceFile:
    """Return what an app needs beside a lock.

    Raises:
        MisfitError: If it is none, was made for another lock, or contradicts it.
    """
    file = parsed(json_value(data), DeviceFile, closed=False)
    if file.lock_sha256 != lock_sha256:
        refuse("it was made for another lock", "lock_sha256")
    if file.devices_sha256 != lock.inputs.devices_sha256:
        refuse("it was made of another device table", "devices_sha256")
    for device in file.index.devices:
        if device.soc >= len(file.index.socs):
            refuse(f"there is no processor {device.soc}", "index")
    named = [(each.platform, each.device_class, each.network) for each in file.neighbours]
    check_once(named, "neighbours")
    for each in file.neighbours:
        for step in each.steps:
            check_files(step.files)
        tiers = [step.tier for step in each.steps]
        if tiers != sorted(set(tiers)):
            refuse("its steps do not rise", "neighbours")
    _check_beside(file, lock)
    return file


def _check_beside(file: DeviceFile, lock: DeviceLock) -> None:
    """Refuse neighbours of what was not taken, or of another format."""
    taken = {
        (group.platform, group.device_class, choice.network): choice.taken
        for group in lock.groups
        for choice in group.choices
    }
    for each in file.neighbours:
        beside = taken.get((each.platform, each.device_class, each.network))
        if beside is None:
            refuse("the lock takes nothing beside it", "neighbours")
        for step in each.steps:
            if step.format != beside.format or step.tier == beside.tier:
                refuse(f"{step.tier} {step.format} is no neighbour", "neighbours")


def schema_text() -> str:
    """Return the JSON Schema that ``docs/protocol/device.schema.json`` holds."""
    return json.dumps(schema_of(DeviceFile, DEVICE_FILE), indent=1, sort_keys=True) + "\n"
