"""A lock and a device file of three networks, for vectors."""

import hashlib
import json
import random
from typing import Any

from pocketmatte.results import plain
from pocketmatte.selection.on_device.device_file import (
    DeviceFile,
    Neighbour,
    Neighbours,
    device_file_text,
)
from pocketmatte.selection.on_device.device_lock import HeldFile
from pocketmatte.selection.on_device.index import DeviceIndex

TABLE_SHA256 = "d" * 64
_PROGRAMS = {"rvm": ("matte",), "fusion": ("attend", "fuse"), "foreground": ("segment",)}
_GROUPS = {
    "android": ("t01", "t03", "t05", "t06", "t09", "t11"),
    "ios": ("t09", "t11"),
    "ipados": ("t08", "t12"),
}
_FORMATS = {"android": "executorch", "ios": "coreml", "ipados": "coreml"}
_SUFFIX = {"executorch": "pte", "coreml": "mlpackage"}


def lock_text_of() -> str:
    """Return a lock of three networks, as ``select`` would write what an app looks at."""
    drawn = random.Random(13)
    groups = []
    for platform, classes in _GROUPS.items():
        for tier in classes:
            choices = [_choice(drawn, platform, tier, network) for network in _PROGRAMS]
            groups.append(
                {"platform": platform, "device_class": tier, "devices": ["any"], "why": None,
                 "choices": choices}
            )  # fmt: skip
    inputs = {"manifest_sha256": "e" * 64, "devices_sha256": TABLE_SHA256, "latency_prior": None}
    lock = {"schema_version": 1, "inputs": inputs, "groups": groups, "results": [], "rules": {}}
    return json.dumps(lock, indent=1, sort_keys=True) + "\n"


def device_text(lock_sha256: str, index: DeviceIndex) -> str:
    """Return a device file for that lock: neighbours of most, on one side or both."""
    drawn = random.Random(14)
    found = []
    for group in json.loads(lock_text_of())["groups"]:
        for choice in group["choices"]:
            taken = choice["taken"]
            if taken is None or drawn.random() < 0.15:
                continue
            number = int(taken["tier"][1:])
            tiers = [n for n in (number - 2, number - 1, number + 1) if 1 <= n <= 12]
            tiers = [n for n in tiers if drawn.random() < 0.8]
            steps = tuple(
                neighbour(choice["network"], f"t{n:02}", taken["format"], drawn) for n in tiers
            )
            found.append(
                Neighbours(platform=group["platform"], device_class=group["device_class"],
                           network=choice["network"], steps=steps)
            )  # fmt: skip
    return device_file_text(
        DeviceFile(schema_version=1, lock_sha256=lock_sha256, devices_sha256=TABLE_SHA256,
                   index=index, neighbours=tuple(found))
    )  # fmt: skip


def _choice(drawn: random.Random, platform: str, tier: str, network: str) -> dict[str, Any]:
    if network == "foreground" and drawn.random() < 0.4:
        return {"network": network, "taken": None, "ruled_out": []}
    number = max(1, int(tier[1:]) - drawn.randrange(3))
    form, recipe = _FORMATS[platform], drawn.choice(("fp16", "w8a8"))
    files = [plain(each) for each in _files(network, f"t{number:02}", form, recipe)]
    delegate = drawn.choice((None, {"requested": "xnnpack", "actual": None}))
    limit = drawn.choice((None, 33.3, 16.6))
    taken = {
        "tier": f"t{number:02}", "format": form, "recipe": recipe, "delegate": delegate,
        "files": files, "verified": "proven", "basis": "prior", "weak": False,
        "frame_ms": {"limit": limit, "value": None, "state": "no limit"},
    }  # fmt: skip
    return {"network": network, "taken": taken, "ruled_out": []}


def neighbour(network: str, tier: str, form: str, drawn: random.Random) -> Neighbour:
    """Return one tier, in a recipe that is drawn."""
    recipe = drawn.choice(("fp16", "w8a8"))
    files = _files(network, tier, form, recipe)
    return Neighbour(tier=tier, format=form, recipe=recipe, files=files)


def _files(network: str, tier: str, form: str, recipe: str) -> tuple[HeldFile, ...]:
    paths = {p: f"{network}/{tier}/{p}-{recipe}.{_SUFFIX[form]}" for p in _PROGRAMS[network]}
    return tuple(
        HeldFile(path=path, program=program, sha256=hashlib.sha256(path.encode()).hexdigest(),
                 size_bytes=len(path))
        for program, path in paths.items()
    )  # fmt: skip
