"""A lock as an app reads it: what is chosen, its files and its budget; the rest is left alone."""

import dataclasses
import hashlib
from collections.abc import Iterable, Sequence
from typing import Annotated, Literal, Protocol, TypeAlias

from pocketmatte.selection.json_files import json_value
from pocketmatte.selection.policy import Tier
from pocketmatte.selection.rows import Platform
from pocketmatte.selection.shapes import (
    Amount,
    Count,
    Match,
    Sha256,
    parsed,
    refuse,
    shown,
)

_NO_NAMES = frozenset({"", ".", ".."})

Path: TypeAlias = Annotated[str, Match("[ -~]{1,4096}")]
Word: TypeAlias = Annotated[str, Match("[!-~]{1,80}")]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class HeldFile:
    """A file of a bundle."""

    path: Path
    program: Word
    sha256: Sha256
    size_bytes: Count


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Delegate:
    """What to ask a runtime for."""

    requested: Word


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """A budget; ``None`` where there is none."""

    limit: Amount | None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class TakenStep:
    """What was taken."""

    tier: Tier
    format: Word
    recipe: Word
    delegate: Delegate | None
    files: tuple[HeldFile, ...]
    frame_ms: Limit


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class DeviceChoice:
    """What a group gets of one network; ``None`` where nothing will do."""

    network: Word
    taken: TakenStep | None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class DeviceGroup:
    """Devices that get the same."""

    platform: Platform
    device_class: Tier
    choices: tuple[DeviceChoice, ...]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class DeviceInputs:
    """What ties a lock to a device table."""

    devices_sha256: Sha256


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class DeviceLock:
    """The part of a lock that an app looks at."""

    schema_version: Literal[1]
    inputs: DeviceInputs
    groups: tuple[DeviceGroup, ...]


class _Grouped(Protocol):
    @property
    def platform(self) -> Platform: ...

    @property
    def device_class(self) -> str: ...


def lock_of(data: bytes) -> tuple[DeviceLock, str]:
    """Return a lock and the sha256 of its bytes.

    Raises:
        MisfitError: If it is none, names a group, network, program or path twice, or a path that
            leads out of its folder.
    """
    lock = parsed(json_value(data), DeviceLock, closed=False)
    check_once([(each.platform, each.device_class) for each in lock.groups], "groups")
    for group in lock.groups:
        check_once([each.network for each in group.choices], "choices")
        for choice in group.choices:
            if choice.taken is not None:
                check_files(choice.taken.files)
    return lock, hashlib.sha256(data).hexdigest()


def check_files(files: Sequence[HeldFile]) -> None:
    """Refuse files of one step that cannot be.

    Raises:
        MisfitError: If there is none, one is there twice, or leads out of its folder.
    """
    if not files:
        refuse("there is no file", "files")
    for file in files:
        parts = file.path.split("/")
        if "\\" in file.path or _NO_NAMES.intersection(parts):
            refuse(f"{file.path!a:.120} leads outside", "files")
    check_once([each.path for each in files], "files")
    check_once([each.program for each in files], "files")


def check_once(names: Iterable[object], place: str) -> None:
    """Refuse a name that is there twice.

    Raises:
        MisfitError: If there is one.
    """
    seen: set[object] = set()
    for name in names:
        if name in seen:
            refuse(f"{shown(name)} is there twice", place)
        seen.add(name)


def same_group(one: _Grouped, other: _Grouped) -> bool:
    """Say whether two are of one platform and class."""
    return (one.platform, one.device_class) == (other.platform, other.device_class)
