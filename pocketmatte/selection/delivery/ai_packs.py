"""Play for On-device AI: a module for each network, with a folder for each device group.

https://developer.android.com/google/play/on-device-ai has the layout, the suffixes of folders and
the limits; Play strips ``#group_NAME``, so the app opens the path that the bundle has.
"""

import dataclasses
import json
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

from pocketmatte.selection.delivery.levels import Level, files_of, levels_of
from pocketmatte.selection.delivery.planning import Planned, Sources, made
from pocketmatte.selection.delivery.targeting import DEFAULT, PREFIX, device_groups, name_of
from pocketmatte.selection.delivery.targeting_xml import FILE_NAME, targeting_text
from pocketmatte.selection.lock import FILE_NAME as LOCK_NAME
from pocketmatte.selection.lock import Lock, Taken
from tiers.errors import BundleError

Delivery: TypeAlias = Literal["install-time", "fast-follow", "on-demand"]

# "Considerations" of that page. Play counts compressed bytes; these are not, so they are no fewer.
MOST_PACK_BYTES = 1_500_000_000
MOST_APP_BYTES = 4_000_000_000

APP = "app/pocketmatte"  # app/ is one more assets folder of the app's module
INDEX = f"{APP}/packs.json"
DELIVERED = "delivered.json"  # in every variant: which one it is
_BUILD_FILE = """\
plugins {{
    id("com.android.ai-pack")
}}

aiPack {{
    packName.set("{pack}")
    dynamicDelivery {{
        deliveryType.set("{delivery}")
    }}
}}
"""


def plan(lock: Lock, lock_text: bytes, sources: Sources, delivery: Delivery) -> list[Planned]:
    """Return the files of the modules of packs, and of a folder of assets for the app.

    Args:
        lock: Of all devices.
        lock_text: As its file holds it.
        sources: Of its bundle.
        delivery: When Play brings the packs.

    Raises:
        BundleError: If a file is missing or changed, a limit of Play is broken, or the lock is not
            of all Android devices.
    """
    levels = levels_of(lock, "android")
    groups = device_groups(levels)
    by_name = {name_of(level): level for level in levels}
    variants = [(DEFAULT, levels[0]), *((each.name, by_name[each.name]) for each in groups)]
    found: list[Planned] = []
    for network in sorted(levels[0].choices):
        pack = PREFIX + network
        build = _BUILD_FILE.format(pack=pack, delivery=delivery)
        found.append(made(f"{pack}/build.gradle.kts", build))
        for name, level in variants:
            # without groups there is no targeting file, and a suffix would mean nothing
            suffix = f"#group_{name}" if groups else ""
            top = f"{pack}/src/main/assets/{network}{suffix}"
            found += _variant(network, name, level, top, sources)
    for name, level in variants:
        _check_sizes(name, level)
    if groups:
        found.append(made(FILE_NAME, targeting_text(groups)))
    found.append(made(INDEX, _text(_index(variants, delivery))))
    found.append(made(f"{APP}/{LOCK_NAME}", lock_text))
    return found


def _variant(network: str, name: str, level: Level, top: str, sources: Sources) -> list[Planned]:
    """Return the files of one network for one group: the folder stands for that of the network."""
    found = [made(f"{top}/{DELIVERED}", _text(_delivered(network, name, level)))]
    for file in files_of(level.choices[network]):
        parts = file.path.split("/")
        if parts[0] != network or parts[1:] == [DELIVERED]:
            msg = f"{file.path} is of {network} and not in a folder of that name; build it again"
            raise BundleError(msg)
        found += [
            dataclasses.replace(each, path=f"{top}/{each.path.partition('/')[2]}")
            for each in sources.planned(file)
        ]
    return found


def _delivered(network: str, name: str, level: Level) -> dict[str, Any]:
    return {
        "schema_version": 1, "group": name, "classes": list(level.classes),
        **_choice(network, level.choices[network]),
    }  # fmt: skip


def _choice(network: str, taken: Taken | None) -> dict[str, Any]:
    return {
        "network": network,
        "tier": taken.tier if taken else None,
        "format": taken.format if taken else None,
        "recipe": taken.recipe if taken else None,
        "files": [
            {"path": each.path, "program": each.program, "sha256": each.sha256,
             "size_bytes": each.size_bytes}
            for each in files_of(taken)
        ],
    }  # fmt: skip


def _index(variants: Sequence[tuple[str, Level]], delivery: Delivery) -> dict[str, Any]:
    """Return which pack holds which file for which group, for the app."""
    groups = [
        {
            "group": name,
            "classes": list(level.classes),
            "choices": [
                {"pack": PREFIX + network, **_choice(network, level.choices[network])}
                for network in sorted(level.choices)
            ],
        }
        for name, level in variants
    ]
    return {
        "schema_version": 1, "layout": "ai-packs", "delivery": delivery,
        "default_group": DEFAULT, "groups": groups,
    }  # fmt: skip


def _check_sizes(name: str, level: Level) -> None:
    """Refuse what Play would not take: files as they are, so no less than what it counts."""
    total = 0
    for network, taken in sorted(level.choices.items()):
        size_bytes = sum(each.size_bytes for each in files_of(taken))
        total += size_bytes
        if size_bytes > MOST_PACK_BYTES:
            msg = (
                f"pack {PREFIX}{network} has {size_bytes} bytes for {name}, Play takes "
                f"{MOST_PACK_BYTES}; set download_mb in the policy, or choose a smaller recipe"
            )
            raise BundleError(msg)
    if total > MOST_APP_BYTES:
        msg = (
            f"all packs together have {total} bytes for {name}, Play takes {MOST_APP_BYTES} with "
            "the app; set download_mb in the policy, or ship fewer networks"
        )
        raise BundleError(msg)


def _text(value: object) -> str:
    return json.dumps(value, indent=1, sort_keys=True) + "\n"
