"""What an app carries beside its lock so that a device finds its class and may step to other tiers.

docs/on-device.md has what the device does with it.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from pocketmatte.selection.delivery.planning import Planned, made
from pocketmatte.selection.held import read_manifest
from pocketmatte.selection.lock import Lock, LockedFile
from pocketmatte.selection.on_device.carried import files_beside
from pocketmatte.selection.on_device.device_file import DEVICE_FILE
from pocketmatte.selection.rows import Platform


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Beside:
    """What is carried beside a lock.

    Attributes:
        device_file: ``tiers.device.json``; none without neighbours.
        files: Tiers to step to that some class of the platforms does not get anyway.
    """

    device_file: tuple[Planned, ...] = ()
    files: tuple[LockedFile, ...] = ()


def beside(
    lock: Lock,
    lock_path: Path,
    lock_sha256: str,
    root: Path,
    neighbours: int | None,
    platforms: Sequence[Platform],
    folder: str,
) -> Beside:
    """Return what is carried beside a lock.

    Args:
        lock: The lock.
        lock_path: Its file.
        lock_sha256: Of its bytes.
        root: Its bundle.
        neighbours: Tiers on each side; ``None`` for nothing at all.
        platforms: Of the app; the steps of others are left out.
        folder: Where the lock lies in the delivery, ``""`` for the topmost.

    Raises:
        UsageError: If there are not so many tiers.
        BundleError: If the lock was made with another device table.
    """
    if neighbours is None:
        return Beside()
    manifest, _ = read_manifest(root)
    text, files = files_beside(lock, lock_path, lock_sha256, manifest, neighbours, platforms)
    prefix = f"{folder}/" if folder else ""
    return Beside(device_file=(made(prefix + DEVICE_FILE, text),), files=tuple(files))
