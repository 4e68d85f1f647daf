"""Apple's managed Background Assets: a pack for each choice, its manifest, an index for the app.

https://developer.apple.com/documentation/backgroundassets/creating-managed-asset-packs has the
manifest, and App Store Connect Help, "Apple-hosted asset pack size limits", the limits. Files of
all packs lie in one tree on the device, so the app opens the path that the bundle has.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

from pocketmatte.selection.delivery.levels import levels_of
from pocketmatte.selection.delivery.planning import Planned, Sources, made
from pocketmatte.selection.families import FAMILIES
from pocketmatte.selection.lock import FILE_NAME as LOCK_NAME
from pocketmatte.selection.lock import Lock, LockedFile, Taken
from pocketmatte.selection.rows import Platform
from tiers.errors import BundleError, UsageError

Download: TypeAlias = Literal["essential", "prefetch", "on-demand"]

MOST_PACKS = 100
MOST_BYTES = 200_000_000_000

APPLE = FAMILIES["apple"]
APP = "app"
INDEX = f"{APP}/packs.json"
FILES = "files"  # where ba-package is run: selectors are relative to it
MANIFESTS = "packs"
# no list of what an id may hold was found: these letters are in every example
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,99}")


def plan(
    lock: Lock, lock_text: bytes, sources: Sources, download: Download, prefix: str
) -> list[Planned]:
    """Return the files of the packs, their manifests, and a folder for the app.

    Args:
        lock: Of all devices.
        lock_text: As its file holds it.
        sources: Of its bundle.
        download: When the system brings the packs.
        prefix: What the ids of packs begin with.

    Raises:
        BundleError: If a file is missing or changed, or a limit of Apple is broken.
        UsageError: If the prefix makes no id.
    """
    if not _ID.fullmatch(prefix):
        msg = (
            f"--pack-prefix is {prefix!a:.60}; give letters, digits, dots and hyphens, at most 100"
        )
        raise UsageError(msg)
    packs: dict[str, tuple[LockedFile, ...]] = {}
    platforms = {}
    for platform in APPLE:
        if any(group.platform == platform for group in lock.groups):
            platforms[platform] = _classes(lock, platform, prefix, packs)
    if not platforms:
        msg = "the lock has no class of ios or ipados; run pocketmatte select again with --all"
        raise BundleError(msg)
    _check_limits(packs)
    found: list[Planned] = []
    for pack, files in sorted(packs.items()):
        members = {file.path: sources.planned(file, FILES) for file in files}
        found += [each for planned in members.values() for each in planned]
        selectors = [
            {"file" if planned[0].path == f"{FILES}/{path}" else "directory": path}
            for path, planned in members.items()
        ]
        found.append(made(f"{MANIFESTS}/{pack}.json", _manifest(pack, selectors, download)))
    index = {
        "schema_version": 1,
        "layout": "background-assets",
        "download": download,
        "packs": [_indexed(pack, files) for pack, files in sorted(packs.items())],
        "platforms": platforms,
    }
    return [*found, made(INDEX, _text(index)), made(f"{APP}/{LOCK_NAME}", lock_text)]


def _classes(
    lock: Lock, platform: Platform, prefix: str, packs: dict[str, tuple[LockedFile, ...]]
) -> dict[str, dict[str, str | None]]:
    """Return the pack of each class and network; put the packs among the others."""
    found: dict[str, dict[str, str | None]] = {}
    for level in levels_of(lock, platform):
        chosen: dict[str, str | None] = {}
        for network, taken in sorted(level.choices.items()):
            chosen[network] = None if taken is None else _pack_of(network, taken, prefix)
            if taken is not None and packs.setdefault(chosen[network] or "", taken.files) != (
                taken.files
            ):
                msg = f"pack {chosen[network]} would hold two sets of files; build the bundle again"
                raise BundleError(msg)
        found |= dict.fromkeys(level.classes, chosen)
    return found


def _pack_of(network: str, taken: Taken, prefix: str) -> str:
    name = "-".join((prefix, network, taken.tier, taken.format, taken.recipe)).replace("_", "-")
    if not _ID.fullmatch(name):
        msg = f"{name!a:.120} makes no id of an asset pack; give a shorter --pack-prefix"
        raise BundleError(msg)
    return name


def _manifest(pack: str, selectors: list[dict[str, str]], download: Download) -> str:
    events = {"installationEventTypes": ["firstInstallation", "subsequentUpdate"]}
    policy: dict[str, Any] = {"onDemand": {}} if download == "on-demand" else {download: events}
    manifest = {
        "assetPackID": pack,
        "downloadPolicy": policy,
        "fileSelectors": selectors,
        "platforms": ["iOS"],
    }
    return _text(manifest)


def _indexed(pack: str, files: Sequence[LockedFile]) -> dict[str, Any]:
    return {
        "pack": pack,
        "files": [
            {"path": each.path, "program": each.program, "sha256": each.sha256,
             "size_bytes": each.size_bytes}
            for each in files
        ],
    }  # fmt: skip


def _check_limits(packs: dict[str, tuple[LockedFile, ...]]) -> None:
    total = sum(each.size_bytes for files in packs.values() for each in files)
    if len(packs) > MOST_PACKS:
        msg = (
            f"there are {len(packs)} packs, Apple takes {MOST_PACKS}; allow fewer recipes in the "
            "policy, or ship fewer networks"
        )
        raise BundleError(msg)
    if total > MOST_BYTES:
        msg = (
            f"the packs have {total} bytes, Apple takes {MOST_BYTES}; set download_mb in the "
            "policy, or ship fewer networks"
        )
        raise BundleError(msg)


def _text(value: object) -> str:
    return json.dumps(value, indent=1, sort_keys=True) + "\n"
