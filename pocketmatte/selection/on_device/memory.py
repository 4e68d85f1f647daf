"""What a calibration found, kept for the next launch, and forgotten when anything changed."""

import dataclasses
import json
from collections.abc import Sequence
from typing import Literal

from pocketmatte.results import plain
from pocketmatte.selection.json_files import json_value
from pocketmatte.selection.on_device.calibrating import Calibrated
from pocketmatte.selection.on_device.deciding import Step
from pocketmatte.selection.on_device.device_lock import Word
from pocketmatte.selection.policy import Tier
from pocketmatte.selection.shapes import Count, MisfitError, parsed

MOST_ATTEMPTS = 3  # of a phone that is always hot, or an app that is always left


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """What a calibration holds for: where one of these changed, it is made anew.

    Attributes:
        device: Manufacturer, model and memory.
        os_build: Of the system, not only its version.
        app: Version and build of the app.
        lock_sha256, device_sha256: Of the lock and of what lies beside it.
    """

    device: str
    os_build: str
    app: str
    lock_sha256: str
    device_sha256: str


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """What was found of one network.

    Attributes:
        network: Which.
        chosen, recipe: Tier and recipe that the calibration began with.
        tier: That it came to; ``None`` where every attempt so far said nothing.
        attempts: That were made.
    """

    network: Word
    chosen: Tier
    recipe: Word
    tier: Tier | None
    attempts: Count


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Memory:
    """All that is remembered."""

    schema_version: Literal[1]
    key: Key
    entries: tuple[Entry, ...]


def recalled(data: bytes | None, key: Key) -> Memory:
    """Return what is remembered: nothing where the file is damaged or of another key."""
    nothing = Memory(schema_version=1, key=key, entries=())
    if data is None:
        return nothing
    try:
        found = parsed(json_value(data), Memory, closed=False)
    except MisfitError:
        return nothing
    return found if found.key == key else nothing


def remembered(memory: Memory, network: str, steps: Sequence[Step], at: int) -> int | None:
    """Return the place of the tier that an earlier calibration came to, if it is still held."""
    entry = _entry(memory, network, steps[at])
    places = [place for place, step in enumerate(steps) if entry and step.tier == entry.tier]
    return next((place for place in places if abs(place - at) <= 1), None)


def is_due(memory: Memory, network: str, steps: Sequence[Step], at: int) -> bool:
    """Say whether a calibration is to be made."""
    if remembered(memory, network, steps, at) is not None:
        return False
    entry = _entry(memory, network, steps[at])
    return entry is None or entry.tier is not None or entry.attempts < MOST_ATTEMPTS


def noted(
    memory: Memory, network: str, steps: Sequence[Step], at: int, found: Calibrated
) -> Memory:
    """Return a memory with what a calibration came to."""
    before = _entry(memory, network, steps[at])
    entry = Entry(
        network=network,
        chosen=steps[at].tier,
        recipe=steps[at].recipe,
        tier=steps[found.at].tier if found.valid else None,
        attempts=1 + (before.attempts if before is not None and before.tier is None else 0),
    )
    others = tuple(each for each in memory.entries if each.network != network)
    return dataclasses.replace(memory, entries=(*others, entry))


def memory_text(memory: Memory) -> str:
    """Return a memory as its file holds it."""
    return json.dumps(plain(memory), indent=1, sort_keys=True, allow_nan=False) + "\n"


def _entry(memory: Memory, network: str, step: Step) -> Entry | None:
    for each in memory.entries:
        if (each.network, each.chosen, each.recipe) == (network, step.tier, step.recipe):
            return each
    return None
