"""Shared vectors of what an app decides on the device: docs/on-device.md.

``python -m pocketmatte.harness.vectors`` writes them with all others.
"""

import dataclasses
import json
import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pocketmatte.harness.device_vectors_files import device_text, lock_text_of
from pocketmatte.harness.device_vectors_hostile import hostile
from pocketmatte.harness.device_vectors_runs import calibrations, memories, thermals
from pocketmatte.results import plain
from pocketmatte.selection.devices import device_table
from pocketmatte.selection.facts import Facts
from pocketmatte.selection.on_device.deciding import decide
from pocketmatte.selection.on_device.device_file import DeviceFile, device_file_of
from pocketmatte.selection.on_device.device_lock import DeviceLock, lock_of
from pocketmatte.selection.on_device.index import index_of
from pocketmatte.selection.on_device.placing import facts_of, place
from pocketmatte.selection.rows import Device
from tiers.errors import UsageError

_RANDOM_PLACES = 300
_DECISIONS = 220
_MIB = 2**20


def write_device_vectors(folder: Path) -> None:
    """Write every vector of choices on the device into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    lock_text = lock_text_of()
    lock, sha256 = lock_of(lock_text.encode())
    device = device_text(sha256, index_of(device_table()))
    file = device_file_of(device.encode(), lock, sha256)
    texts = {
        "lock.json": lock_text,
        "device.json": device,
        "places.json": _cases(_places(file)),
        "decisions.json": _cases(_decisions(lock, file)),
        "hostile.json": _cases(hostile()),
        "calibrations.json": _cases(calibrations()),
        "memories.json": _cases(memories()),
        "thermals.json": _cases(thermals()),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


def _cases(cases: Iterable[dict[str, Any]]) -> str:
    """Return cases a line each: there are hundreds."""
    lines = (json.dumps(each, sort_keys=True, allow_nan=False) for each in cases)
    return '{"cases": [\n' + ",\n".join(lines) + "\n]}\n"


def _places(file: DeviceFile) -> Iterator[dict[str, Any]]:
    drawn = random.Random(11)
    devices = device_table().devices
    for device in devices:
        yield _place(file, _own(device))
    for _ in range(_RANDOM_PLACES):
        yield _place(file, _random_facts(drawn, devices))
    for said in _odd_facts():
        yield _place(file, said)


def _own(device: Device) -> dict[str, Any]:
    """Return what a device of the table says of itself, and no more than it must."""
    return {
        "platform": device.platform, "manufacturer": device.manufacturer,
        "model": device.models[0], "ram_bytes": int(device.ram_mib[-1] * 0.93) * _MIB,
    }  # fmt: skip


def _random_facts(drawn: random.Random, devices: tuple[Device, ...]) -> dict[str, Any]:
    """Return facts of a device that may be known, half known or unknown, oddly spelt."""
    device, other = drawn.choice(devices), drawn.choice(devices)
    reported = drawn.choice((*device.soc.reported, device.soc.name))
    soc = drawn.choice(
        (None, reported, f"QTI {reported}", f"Mediatek {reported}V/NZA", f"{reported}-AC", "fog")
    )
    said = {
        "platform": drawn.choice((device.platform, device.platform, other.platform)),
        "manufacturer": drawn.choice((device.manufacturer, other.manufacturer, None, "", "nobody")),
        "model": drawn.choice((device.models[-1], f"{device.models[0]} X", None)),
        "device": drawn.choice((*device.devices, None, "thing")),
        "soc": soc,
        "ram_bytes": drawn.choice((None, drawn.randrange(2**29, 2**34), 0)),
        "os_version": drawn.choice((None, "9", "14", "16.1.2", "26.0", "Tiramisu", "20240101")),
        "api_level": drawn.choice((None, 27, 30, 34, 36, 10_000, 0)),
        "media_performance_class": drawn.choice((None, 0, 30, 31, 33, 34)),
        "cores": drawn.choice((None, 4, 6, 8)),
    }
    for name in ("manufacturer", "model", "soc"):
        said[name] = _respelt(drawn, said[name])
    return said


def _respelt(drawn: random.Random, name: Any) -> Any:
    if not name:
        return name
    wide = "".join(chr(ord(each) + 0xFEE0) if "!" <= each <= "~" else each for each in name)
    return drawn.choice((name, name.upper(), f"\u3000{name.replace(' ', '  ')}\t", wide))


def _odd_facts() -> Iterator[dict[str, Any]]:
    yield {"platform": "macos", "model": "Mac15,3"}
    yield {"platform": "", "model": "iPhone17,3"}
    yield {"platform": "ios"}
    yield {"platform": "ipados", "model": "iPad99,9", "ram_bytes": 6 * 2**30}
    yield {"platform": "ios", "manufacturer": "", "model": "iPad14,1", "os_version": "18"}
    yield {"platform": "android", "manufacturer": "Gro\xdf", "model": "\xdf \u1e9e"}
    yield {"platform": "android", "soc": "-", "model": "/"}
    yield {"platform": "android", "soc": " ".join(["word"] * 9) + " SM8650"}
    yield {"platform": "android", "ram_bytes": 2**40, "cores": 4}
    yield {"platform": "android", "ram_bytes": 2**40 + 1, "cores": 2000, "api_level": 33}
    yield {"platform": "android", "ram_bytes": 64 * _MIB, "media_performance_class": 10_001}
    yield {"platform": "android", "ram_bytes": 64 * _MIB - 1, "media_performance_class": 33}


def _place(file: DeviceFile, said: dict[str, Any]) -> dict[str, Any]:
    try:
        found = plain(place(file.index, facts_of(said)))
    except UsageError:
        found = None
    return {"facts": said, "expected": found}


def _decisions(lock: DeviceLock, file: DeviceFile) -> Iterator[dict[str, Any]]:
    drawn = random.Random(12)
    devices = device_table().devices
    paths = sorted(_paths(lock, file))
    for _ in range(_DECISIONS):
        said = _own(drawn.choice(devices))
        if drawn.random() < 0.3:
            said = _random_facts(drawn, devices)
        share = drawn.choice((0.0, 0.0, 0.2, 0.6, 1.0))
        network = drawn.choice(("rvm", "rvm", "rvm", "fusion", "fusion", "foreground", "none"))
        own = [path for path in paths if path.startswith(f"{network}/")]
        damaged = [path for path in own if drawn.random() < share]
        yield _decision(lock, file, facts_of(said), said, network, damaged)


def _paths(lock: DeviceLock, file: DeviceFile) -> set[str]:
    found = [choice.taken.files for g in lock.groups for choice in g.choices if choice.taken]
    found += [step.files for each in file.neighbours for step in each.steps]
    return {held.path for files in found for held in files}


def _decision(
    lock: DeviceLock,
    file: DeviceFile,
    facts: Facts,
    said: dict[str, Any],
    network: str,
    damaged: list[str],
) -> dict[str, Any]:
    found = decide(lock, file, facts, network, lambda held: held.path not in damaged)
    expected = {
        **plain(found.placed),
        **{each.name: getattr(found, each.name) for each in dataclasses.fields(found)},
        "steps": [[each.tier, each.format, each.recipe] for each in found.steps],
        "files": [held.path for step in found.steps for held in step.files],
        "damaged": list(found.damaged),
    }
    del expected["placed"]
    return {"facts": said, "network": network, "damaged": damaged, "expected": expected}
