"""Which classes of a platform get the same, so that there is one pack for them."""

import dataclasses
from collections.abc import Iterable, Mapping

from pocketmatte.selection.classes import CLASSES
from pocketmatte.selection.lock import Group, Lock, LockedFile, Taken
from pocketmatte.selection.rows import Platform
from tiers.errors import BundleError
from tiers.ladder import LADDERS

_AGAIN = "run pocketmatte select again"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Level:
    """Classes that lie side by side and get the same of every network.

    Attributes:
        classes: From low to high.
        choices: What they get, by network; ``None`` is nothing.
    """

    classes: tuple[str, ...]
    choices: Mapping[str, Taken | None]


def levels_of(lock: Lock, platform: Platform) -> tuple[Level, ...]:
    """Return the levels of a platform, from the lowest to the highest.

    A class that no device of the table falls to is not in a lock. It gets what the next lower one
    gets, and below the lowest what that one gets: a device that is not known falls there.

    Raises:
        BundleError: If the lock is not of all devices, has none of the platform, or the lowest
            class gets nothing of a network that is not optional.
    """
    groups = {each.device_class: each for each in lock.groups if each.platform == platform}
    if lock.asked.by != "all" or not groups:
        held = f"asked by {lock.asked.by}" if lock.asked.by != "all" else f"without {platform}"
        msg = f"packs are for every device, and the lock is {held}; {_AGAIN} with --all"
        raise BundleError(msg)
    _check_networks(groups.values())
    lowest = next(each.tier for each in CLASSES if each.tier in groups)
    given, found = groups[lowest], list[Level]()
    for each in CLASSES:
        given = groups.get(each.tier, given)
        choices = {choice.network: choice.taken for choice in given.choices}
        if found and _same(found[-1].choices, choices):
            found[-1] = dataclasses.replace(found[-1], classes=(*found[-1].classes, each.tier))
        else:
            found.append(Level(classes=(each.tier,), choices=choices))
    for network, taken in sorted(found[0].choices.items()):
        rules = lock.rules.get(network)
        if taken is None and not (rules and rules.optional):
            msg = (
                f"{lowest} of {platform} gets nothing of {network}, so a device that is not known "
                "would get nothing; lower the floors of the policy, or say optional = true"
            )
            raise BundleError(msg)
    return tuple(found)


def _check_networks(groups: Iterable[Group]) -> None:
    """Refuse networks that are none: their names become names of packs, and text of build files."""
    names = [{choice.network for choice in group.choices} for group in groups]
    for name in sorted(set().union(*names)):
        if name not in LADDERS:
            msg = f"the lock has network {name!a:.60}, which this PocketMatte has not; {_AGAIN}"
            raise BundleError(msg)
    if any(each != names[0] for each in names):
        msg = f"the classes of the lock differ in their networks; {_AGAIN}"
        raise BundleError(msg)


def files_of(taken: Taken | None) -> tuple[LockedFile, ...]:
    """Return the files of a choice; none of nothing."""
    return taken.files if taken is not None else ()


def _same(one: Mapping[str, Taken | None], other: Mapping[str, Taken | None]) -> bool:
    return one.keys() == other.keys() and all(
        files_of(one[network]) == files_of(other[network]) for network in one
    )
