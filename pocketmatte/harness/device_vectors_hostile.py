"""Locks and device files that an app must refuse, and some like them that it must read."""

import copy
import hashlib
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from pocketmatte.harness.device_vectors_files import TABLE_SHA256, lock_text_of, neighbour
from pocketmatte.results import plain
from pocketmatte.selection.on_device.device_file import device_file_of
from pocketmatte.selection.on_device.device_lock import lock_of
from pocketmatte.selection.shapes import MisfitError

_VALUES: tuple[Any, ...] = (None, [], {}, "", -1, True)


def hostile() -> Iterator[dict[str, Any]]:
    """Yield locks and device files, each with whether an app may read it."""
    lock, device = _small()
    yield _judged("as they are", lock, device)
    yield _judged("a new field", {**lock, "new": [1]}, {**device, "new": {"a": None}})
    for path in _PATHS:
        wrong, beside = copy.deepcopy(lock), copy.deepcopy(device)
        _file(wrong)["path"] = _step(beside)["files"][0]["path"] = path
        yield _judged(f"lock: path {path!a}", wrong, device)
        yield _judged(f"device: path {path!a}", lock, beside)
    for name, change in _LOCK_CHANGES.items():
        yield _judged(f"lock: {name}", _changed(lock, change), device)
    for name, change in _DEVICE_CHANGES.items():
        yield _judged(f"device: {name}", lock, _changed(device, change), of_lock=lock)
    text = json.dumps(lock)
    yield _judged("lock: something behind it", f"{text} x", device)
    yield _judged("lock: not a number", text.replace('"limit": ', '"limit": NaN, "was": '), device)
    for size in range(0, len(text), len(text) // 12):
        yield _judged(f"lock: cut at {size}", text[:size], device)
    for place, where in enumerate(_fields(lock)):
        for value in (_VALUES[place % len(_VALUES)], _VALUES[(place * 5 + 3) % len(_VALUES)]):
            changed = _with(lock, where, value)
            named = ".".join(map(str, where))
            yield _judged(f"lock: {named} is {json.dumps(value)}", changed, device)


def _small() -> tuple[dict[str, Any], dict[str, Any]]:
    whole = json.loads(lock_text_of())
    group = copy.deepcopy(whole["groups"][2])
    group["choices"] = group["choices"][:1]
    group["choices"][0]["taken"]["delegate"] = {"requested": "xnnpack"}
    lock = {"schema_version": 1, "inputs": {"devices_sha256": TABLE_SHA256}, "groups": [group]}
    family: dict[str, Any] = {"memory": [], "sold": [], "systems": []}
    soc = {"names": ["a"], "apple": False, "most": "t03", "least_mib": 1}
    known = {"platform": "android", "manufacturer": "m", "models": ["p"], "devices": [], "soc": 0,
             "least_mib": 1}  # fmt: skip
    index = {"android": family, "apple": family, "declared": [], "few_cores": 4, "socs": [soc],
             "devices": [known]}  # fmt: skip
    taken = group["choices"][0]["taken"]
    beside = plain(neighbour("rvm", "t01", taken["format"], random.Random(1)))
    neighbours = {"platform": group["platform"], "device_class": group["device_class"],
                  "network": "rvm", "steps": [beside]}  # fmt: skip
    device = {"schema_version": 1, "lock_sha256": "", "devices_sha256": TABLE_SHA256,
              "index": index, "neighbours": [neighbours]}  # fmt: skip
    return lock, device


def _taken(lock: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = lock["groups"][0]["choices"][0]["taken"]
    return found


def _file(lock: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = _taken(lock)["files"][0]
    return found


def _step(device: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = device["neighbours"][0]["steps"][0]
    return found


_PATHS = (
    "../a.pte", "/a.pte", "a//b.pte", "a/./b.pte", "a/..", "a\\b", "a\u0000b", "a\u00e9b", "a/", "",
)  # fmt: skip
_LOCK_CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "version 2": lambda lock: lock.update(schema_version=2),
    "no groups": lambda lock: lock.pop("groups"),
    "empty": lambda lock: lock.update(groups=[]),
    "a group twice": lambda lock: lock["groups"].append(lock["groups"][0]),
    "a network twice": lambda lock: lock["groups"][0]["choices"].append(
        lock["groups"][0]["choices"][0]
    ),
    "no files": lambda lock: _taken(lock).update(files=[]),
    "a file twice": lambda lock: _taken(lock)["files"].append(_file(lock)),
    "a program twice": lambda lock: _taken(lock)["files"].append({**_file(lock), "path": "b"}),
    "two programs": lambda lock: _taken(lock)["files"].append(
        {**_file(lock), "path": "b", "program": "b"}
    ),
    "sha256 in capitals": lambda lock: _file(lock).update(sha256="A" * 64),
    "sha256 short": lambda lock: _file(lock).update(sha256="a" * 63),
    "size of a text": lambda lock: _file(lock).update(size_bytes="1"),
    "size of a fraction": lambda lock: _file(lock).update(size_bytes=1.5),
    "size without end": lambda lock: _file(lock).update(size_bytes=10**30),
    "tier t13": lambda lock: _taken(lock).update(tier="t13"),
    "tier T01": lambda lock: _taken(lock).update(tier="T01"),
    "class t00": lambda lock: lock["groups"][0].update(device_class="t00"),
    "platform macos": lambda lock: lock["groups"][0].update(platform="macos"),
    "format with a space": lambda lock: _taken(lock).update(format="a b"),
    "limit below nothing": lambda lock: _taken(lock).update(frame_ms={"limit": -1.0}),
    "limit whole": lambda lock: _taken(lock).update(frame_ms={"limit": 33}),
    "no limit": lambda lock: _taken(lock).update(frame_ms={}),
    "nothing taken, and neighbours": lambda lock: lock["groups"][0]["choices"][0].update(
        taken=None
    ),
}
_DEVICE_CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "version 2": lambda each: each.update(schema_version=2),
    "another lock": lambda each: each.update(lock_sha256="0" * 64),
    "another table": lambda each: each.update(devices_sha256="0" * 64),
    "no index": lambda each: each.pop("index"),
    "no processor": lambda each: each["index"].update(socs=[]),
    "a processor below 0": lambda each: each["index"]["devices"][0].update(soc=-1),
    "a processor of a text": lambda each: each["index"]["devices"][0].update(soc="0"),
    "a name of a number": lambda each: each["index"]["devices"][0].update(models=[1]),
    "a class t13": lambda each: each["index"]["socs"][0].update(most="t13"),
    "no class": lambda each: each["index"]["socs"][0].update(most=None),
    "neighbours twice": lambda each: each["neighbours"].append(each["neighbours"][0]),
    "a step twice": lambda each: each["neighbours"][0]["steps"].append(_step(each)),
    "a step of another format": lambda each: _step(each).update(format="coreml"),
    "a step that is taken": lambda each: _step(each).update(tier=_taken(_small()[0])["tier"]),
    "a step without files": lambda each: _step(each).update(files=[]),
    "neighbours of no group": lambda each: each["neighbours"][0].update(device_class="t12"),
    "neighbours of no network": lambda each: each["neighbours"][0].update(network="trimap"),
    "no neighbours": lambda each: each.update(neighbours=[]),
}


def _changed(value: dict[str, Any], change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    made = copy.deepcopy(value)
    change(made)
    return made


def _fields(value: Any) -> Iterator[tuple[str | int, ...]]:
    """Yield the place of every field that an app looks at."""
    looked = {
        "schema_version", "inputs", "devices_sha256", "groups", "platform", "device_class",
        "choices", "network", "taken", "tier", "format", "recipe", "delegate", "requested",
        "files", "path", "program", "sha256", "size_bytes", "frame_ms", "limit",
    }  # fmt: skip
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, each in inner:
        if isinstance(value, dict) and key not in looked:
            continue
        yield (key,)
        if isinstance(each, dict | list):
            yield from ((key, *rest) for rest in _fields(each))


def _with(lock: dict[str, Any], path: tuple[str | int, ...], value: object) -> dict[str, Any]:
    made: Any = copy.deepcopy(lock)
    place = made
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    changed: dict[str, Any] = made
    return changed


def _judged(name: str, lock: Any, device: dict[str, Any], *, of_lock: Any = None) -> dict[str, Any]:
    lock_text = lock if isinstance(lock, str) else json.dumps(lock)
    sha256 = hashlib.sha256(lock_text.encode()).hexdigest()
    if of_lock is None or device["lock_sha256"] == "":
        device = {**device, "lock_sha256": sha256}
    text = json.dumps(device)
    try:
        read, _ = lock_of(lock_text.encode())
        device_file_of(text.encode(), read, sha256)
        is_read = True
    except MisfitError:
        is_read = False
    return {"name": name, "lock": lock_text, "device": text, "expected": is_read}
