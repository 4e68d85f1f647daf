"""Everything in the app itself: the files that some class of its platforms gets, and the lock."""

from collections.abc import Sequence

from pocketmatte.selection.delivery.beside import Beside
from pocketmatte.selection.delivery.planning import Planned, Sources, made
from pocketmatte.selection.families import FAMILIES, family_of
from pocketmatte.selection.lock import FILE_NAME, Lock, files_of
from pocketmatte.selection.rows import Platform
from tiers.errors import BundleError, UsageError


def plan(
    lock: Lock,
    lock_text: bytes,
    sources: Sources,
    platforms: Sequence[Platform],
    carried: Beside,
) -> list[Planned]:
    """Return the files that the platforms get, each once, and the lock beside them.

    Args:
        lock: Of any devices.
        lock_text: As its file holds it.
        sources: Of its bundle.
        platforms: Of the app.
        carried: What comes along for the device to choose by.

    Raises:
        BundleError: If a file is missing or changed, or the lock gives these platforms nothing.
    """
    files = {file.path: file for file in files_of(lock, platforms)}
    if not files:
        named = " or ".join(platforms)
        msg = f"the lock takes no file for {named}; run pocketmatte select again"
        raise BundleError(msg)
    files |= {file.path: file for file in carried.files}
    found = [each for path in sorted(files) for each in sources.planned(files[path])]
    return [*found, made(FILE_NAME, lock_text), *carried.device_file]


def platforms_of(lock: Lock, given: str | None) -> tuple[Platform, ...]:
    """Return the platforms of an app: what is given, else those of the lock.

    Raises:
        UsageError: If there is no such platform, or the lock has Android's and Apple's and none is
            given.
    """
    if given is not None:
        return family_of(given)
    held = {group.platform for group in lock.groups}
    for family in (FAMILIES["android"], FAMILIES["apple"]):
        if held and held.issubset(family):
            return family
    msg = f"the lock is of {', '.join(sorted(held)) or 'nothing'}; give --platform android or apple"
    raise UsageError(msg)
