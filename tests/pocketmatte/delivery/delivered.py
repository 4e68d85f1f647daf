"""A bundle, a lock of all devices, and deliveries of them, for the tests of this folder."""

import json
from pathlib import Path
from typing import Any

import pytest

from export.artifact import sha256_of, size_bytes_of
from pocketmatte.selection import front
from pocketmatte.selection.delivery.delivering import Outcome, Request, deliver
from pocketmatte.selection.lock import Lock, read_lock
from tests.pocketmatte.selection.shipped import content, manifest_of, write_bundle, write_json
from tiers.errors import BundleError, UsageError

LAYOUTS = ("assets", "ai-packs", "background-assets")
NETWORKS = ("rvm", "fusion")


def bundle_with_packages(root: Path, **kept: Any) -> Path:
    """Write a bundle whose Core ML files are folders, as they are."""
    given: dict[str, Any] = {
        "networks": NETWORKS,
        "formats": ("executorch", "coreml"),
        "verified": False,
    } | kept
    write_bundle(root, **given)
    manifest = manifest_of(root)
    for each in manifest["artifacts"]:
        path = root / each["path"]
        if path.suffix == ".mlpackage":
            path.unlink()
            (path / "Data").mkdir(parents=True)
            (path / "Manifest.json").write_text("{}")
            (path / "Data" / "weight.bin").write_bytes(content(each["path"], 100))
            each |= {"sha256": sha256_of(path), "size_bytes": size_bytes_of(path)}
    write_json(root / "manifest.json", manifest)
    verdicts = [
        {"path": each["path"], "sha256": each["sha256"], "status": "proven", "parity": None}
        for each in manifest["artifacts"]
    ]
    write_json(root / "results" / "parity.json", {"artifacts": verdicts})
    return root


def write_lock(root: Path, path: Path, policy: Path | None = None, **asked: Any) -> Path:
    """Choose for all devices, or those asked for, and write the lock."""
    given: dict[str, Any] = asked or {"every": True}
    front.run(front.Request(bundle=root, policy=policy, out=path, **given))
    return path


def delivery(root: Path, lock: Path, out: Path, layout: str = "assets", **more: Any) -> Outcome:
    """Deliver; an app is of Android where nothing else is said."""
    if layout == "assets":
        more = {"platform": "android"} | more
    return deliver(Request(lock=lock, out=out, layout=layout, bundle=root, **more))


def taken(lock: Path, platform: str, tier: str, network: str) -> Any:
    """Return what a class gets of a network."""
    held: Lock = read_lock(lock)
    (group,) = [g for g in held.groups if (g.platform, g.device_class) == (platform, tier)]
    return next(choice.taken for choice in group.choices if choice.network == network)


def below(folder: Path) -> dict[str, bytes]:
    """Return what the files below a folder hold."""
    return {
        each.relative_to(folder).as_posix(): each.read_bytes()
        for each in folder.rglob("*")
        if each.is_file()
    }


def edit(path: Path, change: Any) -> None:
    """Change the JSON of a file in place."""
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


def refused(root: Path, lock: Path, out: Path, layout: str = "assets", **more: Any) -> str:
    """Return why; what was there stays as it was."""
    before = below(out) if out.is_dir() else None
    with pytest.raises((BundleError, UsageError)) as caught:
        delivery(root, lock, out, layout, **more)
    assert (below(out) if out.is_dir() else None) == before
    assert [each.name for each in out.parent.iterdir() if each.name.startswith(".")] == []
    return str(caught.value)


def reasons(root: Path, lock: Path, out: Path, layout: str = "assets", **more: Any) -> str:
    """Return what a check says in one text; it writes nothing."""
    before = below(out) if out.is_dir() else None
    found = delivery(root, lock, out, layout, check=True, **more)
    assert found.done is None
    assert (below(out) if out.is_dir() else None) == before
    return "\n".join(found.reasons)


def changed_policy(_root: Path, lock: Path) -> None:
    """Let a lock say another policy than the one that it is held against."""
    edit(lock, lambda held: held["rules"]["rvm"].update(minimum_tier="t02"))
