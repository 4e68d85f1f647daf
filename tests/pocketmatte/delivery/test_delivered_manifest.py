"""The manifest that an app is given: of the bundle's what is said of its files, and no more."""

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from export import manifest as whole
from export.artifact import sha256_of, size_bytes_of
from pocketmatte.selection.delivered_manifest import delivered_manifest
from pocketmatte.selection.delivery import ai_packs, background_assets
from pocketmatte.selection.delivery.writing import RECORD
from pocketmatte.selection.shipping import ship
from tests.pocketmatte.delivery.delivered import (
    LAYOUTS,
    below,
    bundle_with_packages,
    delivery,
    edit,
    reasons,
    write_lock,
)
from tests.pocketmatte.selection.shipped import manifest_of
from tiers.errors import BundleError, UsageError

PLACE = {"assets": "", "ai-packs": ai_packs.APP, "background-assets": background_assets.APP}
DIGESTS = {network: digit * 64 for network, digit in (("rvm", "a"), ("fusion", "b"))}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bundle with weights, a package and a trace; no test changes it."""
    bundle = bundle_with_packages(
        tmp_path_factory.mktemp("said") / "bundle", tiers=("t01", "t05"), recipes=("fp32", "fp16")
    )

    def say(held: dict[str, Any]) -> None:
        for each in held["artifacts"]:
            each["weights_digest"] = DIGESTS[each["network"]]
        held["weights"] = [
            {"path": None, "network": network, "digest": digest, "origin": "é", "licence": "MIT"}
            for network, digest in (*DIGESTS.items(), ("rvm", "c" * 64))
        ]
        held["packages"] = [
            {"path": "rvm/t05/rvm.mlpackage", "network": "rvm", "tier": "t05", "recipe": "fp16",
             "minimum_runtime": "iOS 18", "sha256": "0" * 64, "size_bytes": 1, "default": "matte",
             "functions": {"matte": "rvm/t05/matte-fp16.mlpackage"}, "weights_digest": "a" * 64,
             "tools": {}, "build_key": "0" * 64}
        ]  # fmt: skip
        held["traces"] = [
            {"path": "traces/rvm", "network": "rvm", "tier": "t05", "orientation": "landscape",
             "frames": 2, "sha256": "0" * 64, "size_bytes": 1, "weights_digest": "a" * 64}
        ]  # fmt: skip

    edit(bundle / "manifest.json", say)
    return bundle


@pytest.fixture(scope="module")
def lock(root: Path) -> Path:
    """Return a lock of it for all devices."""
    return write_lock(root, root.parent / "tiers.lock.json")


def files_there(out: Path) -> dict[str, Path]:
    """Return the delivered files and folders by the path of the bundle, as a device opens them."""
    found = {}
    for path in out.rglob("*"):
        name = path.relative_to(out).as_posix()
        if path.suffix in (".pte", ".mlpackage"):
            name = name.partition("/src/main/assets/")[2] or name.removeprefix("files/")
            network, _, rest = name.partition("/")
            found[f"{network.partition('#')[0]}/{rest}"] = path
    return found


def read(path: Path) -> Any:
    return json.loads(path.read_text())


# packs hold no neighbours
@pytest.mark.parametrize(
    ("layout", "neighbours"),
    [*itertools.product([*LAYOUTS, "bundle"], [None, 0]), ("assets", 1), ("bundle", 1)],
)
def test_it_lists_exactly_the_files_that_are_there_with_their_hashes(
    root: Path, lock: Path, tmp_path: Path, layout: str, neighbours: int | None
) -> None:
    out = tmp_path / "out"
    if layout == "bundle":
        ship(lock, root, out, neighbours)
    else:
        delivery(root, lock, out, layout, neighbours=neighbours)
    said = read(out / PLACE.get(layout, "") / "manifest.json")
    there = files_there(out)
    assert len(there) >= 6
    assert {each["path"] for each in said["artifacts"]} == set(there)
    for each in said["artifacts"]:
        path = there[each["path"]]
        assert (each["sha256"], each["size_bytes"]) == (sha256_of(path), size_bytes_of(path))


def test_every_entry_is_that_of_the_bundle_and_what_is_not_there_is_not_named(
    root: Path, lock: Path, tmp_path: Path
) -> None:
    ship(lock, root, tmp_path / "out", platform="android")
    said, all_of_it = read(tmp_path / "out" / "manifest.json"), manifest_of(root)
    assert said["artifacts"] == [
        each for each in all_of_it["artifacts"] if (tmp_path / "out" / each["path"]).exists()
    ]
    assert said["weights"] == all_of_it["weights"][:2]
    assert (said["packages"], said["traces"]) == ([], [])  # the reader of iOS asks for packages
    assert (said["schema_version"], said["pocketmatte"]) == (1, "0")


def test_weights_of_files_that_are_not_there_are_left_out(root: Path, tmp_path: Path) -> None:
    lock = write_lock(root, tmp_path / "x.json", class_name="t05", networks="rvm")
    delivery(root, lock, tmp_path / "out", networks="rvm")
    (row,) = read(tmp_path / "out" / "manifest.json")["weights"]
    assert (row["network"], row["digest"]) == ("rvm", "a" * 64)


def test_what_reads_a_bundle_reads_it(
    root: Path, lock: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    ship(lock, root, tmp_path / "out")
    found = whole.read_manifest(tmp_path / "out")
    assert len(found.artifacts) == len(files_there(tmp_path / "out"))
    jsonschema = pytest.importorskip("jsonschema")
    schema = read(request.config.rootpath / "docs" / "manifest.schema.json")
    jsonschema.validate(read(tmp_path / "out" / "manifest.json"), schema)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_check_and_the_record_look_at_it_too(
    root: Path, lock: Path, tmp_path: Path, layout: str
) -> None:
    out, name = tmp_path / "out", f"{PLACE[layout]}/manifest.json".removeprefix("/")
    delivery(root, lock, out, layout)
    assert name in {each["path"] for each in read(out / RECORD)["files"]}
    assert reasons(root, lock, out, layout) == ""
    edit(out / name, lambda said: said["artifacts"].pop())
    assert reasons(root, lock, out, layout).startswith(f"{name} of {out} is not what the lock")
    (out / name).unlink()
    assert reasons(root, lock, out, layout).startswith(f"{name} is missing from {out}")
    done = delivery(root, lock, out, layout).done
    assert done is not None
    assert done.written == (name,)


def test_a_folder_that_was_bundled_is_bundled_again_to_the_same_bytes(
    root: Path, lock: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    ship(lock, root, out, 1)
    before = below(out)
    ship(lock, root, out, platform="android")
    assert set(below(out)) < set(before)
    ship(lock, root, out, 1)
    assert below(out) == before


def test_a_manifest_that_names_files_of_no_lock_is_anothers_and_stays(
    root: Path, lock: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    ship(lock, root, out)
    (out / "manifest.json").write_bytes((root / "manifest.json").read_bytes())
    before = below(out)
    with pytest.raises(UsageError, match=r"which holds manifest\.json, not of a lock"):
        ship(lock, root, out)
    (out / "manifest.json").write_text("{}")
    with pytest.raises(BundleError, match="is no manifest: schema_version: it is missing"):
        ship(lock, root, out)
    assert {**below(out), "manifest.json": b""} == {**before, "manifest.json": b""}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda held: held.pop("weights"), "weights: it is missing"),
        (lambda held: held.update(weights=[{"network": "rvm"}]), "weights.0.digest: it is missing"),
        (lambda held: held["artifacts"][0].pop("weights_digest"), "weights_digest: it is missing"),
        (lambda held: held.update(pocketmatte=1), "pocketmatte: it is 1, not a text"),
    ],
)
def test_a_damaged_manifest_leaves_nothing(
    tmp_path: Path, change: Callable[[Any], object], said: str
) -> None:
    root = bundle_with_packages(tmp_path / "bundle", networks=("rvm",), tiers=("t01",))
    edit(root / "manifest.json", change)
    lock = write_lock(root, tmp_path / "x.json")
    with pytest.raises(BundleError, match=said):
        delivery(root, lock, tmp_path / "out")
    with pytest.raises(BundleError, match=said):
        ship(lock, root, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_number_that_no_json_can_hold_leaves_nothing(tmp_path: Path) -> None:
    root = bundle_with_packages(tmp_path / "bundle", networks=("rvm",), tiers=("t01",))
    path = root / "manifest.json"
    path.write_text(path.read_text().replace('"notes": {}', '"notes": {"a": 1e999}'))
    lock = write_lock(root, tmp_path / "x.json")
    with pytest.raises(BundleError, match="says what cannot be written again; build"):
        delivery(root, lock, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_manifest_that_changed_since_is_refused(root: Path) -> None:
    with pytest.raises(BundleError, match="is not what the lock was made of; run pocketmatte"):
        delivered_manifest(root, "0" * 64, ())
