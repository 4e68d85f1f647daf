"""A small bundle to choose from, with what verify and bench wrote, and results of devices."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pocketmatte.selection.asked import asked_of
from pocketmatte.selection.choosing import select
from pocketmatte.selection.lock import Group, Lock, NetworkChoice, Taken
from pocketmatte.selection.policy import Policy, policy_of
from tests.pocketmatte.harness.results import good_result, statistics
from tiers.contract_table import PROGRAMS

TIERS = tuple(f"t{number:02}" for number in range(1, 13))
SUFFIX = {"executorch": ".pte", "coreml": ".mlpackage", "onnx": ".onnx"}
SIZES = {"fp32": 400, "fp16": 200, "w8a8": 110, "w8": 120}

# Devices of the table by the class that they fall to; the last is a second one of t11.
PHONES = {
    "t04": ("Google", "Pixel 4a"),
    "t06": ("Google", "Pixel 4"),
    "t09": ("Google", "Pixel 6"),
    "t11": ("samsung", "SM-S928B"),
    "also t11": ("Google", "Pixel 10"),
}


def content(path: str, size: int) -> bytes:
    """Return bytes that only this path has."""
    seed = hashlib.sha256(path.encode()).digest()
    return (seed * (size // len(seed) + 1))[:size]


def entry_of(
    network: str, tier: str, program: str, form: str, recipe: str, data: bytes
) -> dict[str, Any]:
    """Return one artifact of a manifest."""
    half = recipe == "fp16"
    tensor = {
        "name": "frame", "shape": [1, 3, 16, 16], "dtype": "float16" if half else "float32",
        "low": 0.0, "high": 1.0, "meaning": "RGB",
    }  # fmt: skip
    return {
        "path": f"{network}/{tier}/{program}-{recipe}{SUFFIX[form]}",
        "network": network,
        "tier": tier,
        "program": program,
        "format": form,
        "recipe": recipe,
        "sha256": hashlib.sha256(data).hexdigest(),
        "size_bytes": len(data),
        "frame": {
            "output_hw": [16, 16], "working_hw": [16, 16], "orientation": "landscape",
            "colour_order": "RGB", "low": 0.0, "high": 1.0,
        },
        "inputs": [tensor],
        "outputs": [],
        "states": [],
        "weights_digest": "0" * 64,
        "tools": {},
        "notes": {},
        "build_key": "0" * 64,
    }  # fmt: skip


def write_bundle(
    root: Path,
    *,
    networks: Iterable[str] = ("rvm",),
    tiers: Iterable[str] = TIERS,
    formats: Iterable[str] = ("executorch",),
    recipes: Iterable[str] = ("fp32", "fp16"),
    statuses: Mapping[str, str] | None = None,
    sizes: Mapping[str, int] = SIZES,
    verified: bool = True,
) -> Path:
    """Write a bundle whose files nothing runs.

    Args:
        root: A folder that is not there yet.
        networks, tiers, formats, recipes: What it holds, all programs of it.
        statuses: Of ``verify``, by path; ``proven`` where left out.
        sizes: Of a file, by recipe, in bytes.
        verified: Whether there is a ``results/parity.json``.
    """
    artifacts = []
    for network in networks:
        for tier in tiers:
            for program in PROGRAMS[network]:
                for form in formats:
                    for recipe in recipes:
                        name = f"{network}/{tier}/{program}-{recipe}{SUFFIX[form]}"
                        data = content(name, sizes[recipe])
                        (root / name).parent.mkdir(parents=True, exist_ok=True)
                        (root / name).write_bytes(data)
                        artifacts.append(entry_of(network, tier, program, form, recipe, data))
    manifest = {"schema_version": 1, "pocketmatte": "0", "weights": [], "artifacts": artifacts}
    write_json(root / "manifest.json", manifest)
    if verified:
        rows = [
            {
                "path": each["path"], "sha256": each["sha256"], "size_bytes": each["size_bytes"],
                "status": (statuses or {}).get(each["path"], "proven"), "reasons": [],
                "parity": {"judged": "alpha", "psnr_db": {"alpha": 60.0}},
            }
            for each in artifacts
        ]  # fmt: skip
        write_json(root / "results" / "parity.json", {"frames": 52, "artifacts": rows})
    return root


def write_json(path: Path, value: object) -> Path:
    """Write a value as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
    return path


def manifest_of(root: Path) -> dict[str, Any]:
    """Return the manifest of a bundle."""
    found: dict[str, Any] = json.loads((root / "manifest.json").read_text())
    return found


def device_result(
    root: Path,
    tier: str = "t05",
    *,
    network: str = "rvm",
    form: str = "executorch",
    recipe: str = "fp16",
    p95_ms: float = 20.0,
    phone: tuple[str, str] = PHONES["t11"],
    process: str = "app_foreground",
    peak_bytes: int | None = None,
    delegate: str = "xnnpack",
    **changed: Any,
) -> dict[str, Any]:
    """Return a result of the files that a bundle holds; all its samples are alike."""
    result = good_result()
    files = [
        {key: each[key] for key in ("path", "program", "sha256", "size_bytes")}
        for each in manifest_of(root)["artifacts"]
        if (each["network"], each["tier"], each["format"], each["recipe"])
        == (network, tier, form, recipe)
    ]
    result["run_id"] = f"{network}-{tier}-{recipe}"
    result["subject"] |= {
        "network": network, "tier": tier, "format": form, "recipe": recipe, "files": files,
    }  # fmt: skip
    result["device"] |= {
        "manufacturer": phone[0], "model": phone[1], "soc": None, "ram_bytes": None,
        "media_performance_class": None,
    }  # fmt: skip
    result["execution"] |= {
        "process": process, "delegate_requested": delegate, "delegate_actual": delegate,
    }  # fmt: skip
    figures = {
        name: value if name in ("count", "stddev") else p95_ms
        for name, value in statistics(2).items()
    }
    result["latency"] = [
        {"what": "frame", "load_ms": 1.0, "first_ms": 1.0,
         "samples_ns": [round(p95_ms * 1e6)] * 2, "ms": figures}
    ]  # fmt: skip
    if peak_bytes is not None:
        result["memory"] = {"peak_bytes": peak_bytes, "method": "a test"}
    return result | changed


def write_results(folder: Path, *results: Mapping[str, Any]) -> Path:
    """Write results to files of a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, result in enumerate(results):
        write_json(folder / f"{number}.json", result)
    return folder


def policy(**top: Any) -> Policy:
    """Return the policy of a TOML file with these fields."""
    return policy_of({"schema_version": 1, **top})


def locked(root: Path, class_name: str = "t11", *results: Mapping[str, Any], **top: Any) -> Lock:
    """Choose for one class of Android."""
    given = [write_results(root.parent / "given", *results)] if results else []
    asked = asked_of(class_name=class_name, platform="android")
    return select(root, asked, policy=policy(**top), results=given)


def only(lock: Lock) -> tuple[Group, NetworkChoice]:
    """Return the one group and the one choice of a lock."""
    (group,) = lock.groups
    (choice,) = group.choices
    return group, choice


def taken(lock: Lock) -> Taken:
    """Return what was taken, which must be something."""
    found = only(lock)[1].taken
    assert found is not None
    return found


def reason(lock: Lock, tier: str, recipe: str = "fp16", form: str = "executorch") -> str | None:
    """Return why an alternative is out, or ``None`` where it is not."""
    for each in only(lock)[1].ruled_out:
        if (each.tier, each.format, each.recipe) in ((tier, form, recipe), (tier, None, None)):
            return each.reason
    return None


def numbers(lock: Lock, tier: str, recipe: str = "fp16") -> Mapping[str, Any]:
    """Return the numbers of that."""
    return next(
        each.numbers
        for each in only(lock)[1].ruled_out
        if (each.tier, each.recipe) == (tier, recipe)
    )
