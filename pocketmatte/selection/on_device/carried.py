"""The files that an app carries beside what its lock takes."""

import dataclasses
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path, PurePosixPath

from pocketmatte.selection.held import Manifest, stays_inside
from pocketmatte.selection.json_files import json_value, read_bytes
from pocketmatte.selection.lock import Lock, LockedFile
from pocketmatte.selection.on_device.device_file import (
    DEVICE_FILE,
    DeviceFile,
    device_file_text,
)
from pocketmatte.selection.on_device.neighbours import device_file
from pocketmatte.selection.rows import Platform
from pocketmatte.selection.shapes import MisfitError, parsed
from tiers.errors import BundleError, UsageError

_MOST_BESIDE = 11  # there are twelve tiers


def files_beside(
    lock: Lock,
    lock_path: Path,
    lock_sha256: str,
    manifest: Manifest,
    beside: int,
    platforms: Collection[Platform],
) -> tuple[str, list[LockedFile]]:
    """Return the text of ``tiers.device.json``, and the files that it names.

    Args:
        lock: The lock.
        lock_path: Its file.
        lock_sha256: Of its bytes.
        manifest: Of its bundle.
        beside: Tiers on each side.
        platforms: Of the app; the steps of others are left out.

    Raises:
        UsageError: If it is asked for fewer tiers than none, or more than there are.
        BundleError: If the lock was made with another device table.
    """
    if not 0 <= beside <= _MOST_BESIDE:
        msg = f"--neighbours is {beside}; it must be from 0 to {_MOST_BESIDE}"
        raise UsageError(msg)
    whole = device_file(lock, lock_path, lock_sha256, manifest, beside)
    rows = tuple(each for each in whole.neighbours if each.platform in platforms)
    file = dataclasses.replace(whole, neighbours=rows)
    return device_file_text(file), list(_files(file))


def carried_files(taken: Sequence[LockedFile], extra: Iterable[LockedFile]) -> list[LockedFile]:
    """Return all files, each once, in the order of their paths."""
    found = {(file.path, file.sha256): file for file in (*taken, *extra)}
    return [found[key] for key in sorted(found)]


def paths_beside(out: Path) -> set[PurePosixPath]:
    """Return the paths that a folder's ``tiers.device.json`` names, and its own; none without one.

    Raises:
        BundleError: If it is damaged: then nobody knows whose the files are.
    """
    path = out / DEVICE_FILE
    if not path.is_file():
        return set()
    way_out = "choose an empty or new folder"
    try:
        file = parsed(
            json_value(read_bytes(path, "device file", way_out)), DeviceFile, closed=False
        )
    except MisfitError as error:
        msg = f"{path} is no device file: {error}; {way_out}"
        raise BundleError(msg) from error
    paths = {each.path for each in _files(file) if stays_inside(each.path)}
    return {PurePosixPath(each) for each in (*paths, DEVICE_FILE)}


def _files(file: DeviceFile) -> Iterable[LockedFile]:
    for neighbours in file.neighbours:
        for step in neighbours.steps:
            for each in step.files:
                yield LockedFile(
                    path=each.path, program=each.program, sha256=each.sha256,
                    size_bytes=each.size_bytes,
                )  # fmt: skip
