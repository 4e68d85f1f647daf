"""What a device runs of a network: its class, its group of the lock, the files that are whole."""

import dataclasses
from collections.abc import Callable
from typing import Literal, TypeAlias

from pocketmatte.selection.facts import Facts
from pocketmatte.selection.on_device.device_file import DeviceFile
from pocketmatte.selection.on_device.device_lock import (
    DeviceChoice,
    DeviceGroup,
    DeviceLock,
    HeldFile,
    TakenStep,
    same_group,
)
from pocketmatte.selection.on_device.placing import Placed, place

Refusal: TypeAlias = Literal["no_group", "no_network", "nothing_taken", "files_damaged"]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One tier that the device holds whole."""

    tier: str
    format: str
    recipe: str
    files: tuple[HeldFile, ...]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What a device runs of a network.

    Attributes:
        placed: Where the device stands.
        group_class: Class of the group that it is in: its own, or the highest below it.
        refused: Why there is nothing to run; ``None`` where there is.
        steps: What is held whole, from low to high.
        at: Place of what is run; ``None`` where it is refused.
        damaged: Paths that are missing or not as they were chosen, in the order of tiers and calls.
        delegate: What to ask the runtime for; ``None`` where no run said which is best.
        frame_ms: The budget; ``None`` where there is none.
    """

    placed: Placed
    group_class: str | None = None
    refused: Refusal | None = None
    steps: tuple[Step, ...] = ()
    at: int | None = None
    damaged: tuple[str, ...] = ()
    delegate: str | None = None
    frame_ms: float | None = None


def decide(
    lock: DeviceLock,
    file: DeviceFile,
    facts: Facts,
    network: str,
    is_whole: Callable[[HeldFile], bool],
) -> Decision:
    """Return what a device runs of a network.

    Args:
        lock: Of the app.
        file: Made for it.
        facts: What the device says of itself.
        network: Which.
        is_whole: Says whether a file is there with the size and hash that it was chosen with.
    """
    placed = place(file.index, facts)
    group = _group(lock, placed)
    if group is None:
        return Decision(placed=placed, refused="no_group")
    choice = next((each for each in group.choices if each.network == network), None)
    if choice is None or choice.taken is None:
        refused: Refusal = "no_network" if choice is None else "nothing_taken"
        return Decision(placed=placed, group_class=group.device_class, refused=refused)
    return _held(placed, group, _steps(file, group, choice, choice.taken), choice.taken, is_whole)


def _group(lock: DeviceLock, placed: Placed) -> DeviceGroup | None:
    """Return the group of a class, else the highest below: it holds nothing that is too much."""
    fitting = [
        each
        for each in lock.groups
        if each.platform == placed.platform and each.device_class <= placed.device_class
    ]
    return max(fitting, key=lambda each: each.device_class, default=None)


def _steps(
    file: DeviceFile, group: DeviceGroup, choice: DeviceChoice, taken: TakenStep
) -> list[Step]:
    """Return what was taken among its neighbours, from low to high."""
    steps = [
        Step(tier=each.tier, format=each.format, recipe=each.recipe, files=each.files)
        for beside in file.neighbours
        if same_group(beside, group) and beside.network == choice.network
        for each in beside.steps
    ]
    own = Step(tier=taken.tier, format=taken.format, recipe=taken.recipe, files=taken.files)
    return sorted([*steps, own], key=lambda each: each.tier)


def _held(
    placed: Placed,
    group: DeviceGroup,
    steps: list[Step],
    taken: TakenStep,
    is_whole: Callable[[HeldFile], bool],
) -> Decision:
    whole, damaged = [], []
    for step in steps:
        wrong = [each.path for each in step.files if not is_whole(each)]
        damaged += wrong
        if not wrong:
            whole.append(step)
    below = [place for place, step in enumerate(whole) if step.tier <= taken.tier]
    return Decision(
        placed=placed,
        group_class=group.device_class,
        refused=None if below else "files_damaged",
        steps=tuple(whole) if below else (),
        at=below[-1] if below else None,
        damaged=tuple(damaged),
        delegate=taken.delegate.requested if taken.delegate else None,
        frame_ms=taken.frame_ms.limit,
    )
