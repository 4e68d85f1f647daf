"""The lock: its schema, its bytes, and what it refuses to be."""

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

from pocketmatte.results import plain
from pocketmatte.selection.asked import asked_of
from pocketmatte.selection.choosing import select
from pocketmatte.selection.lock import (
    SCHEMA,
    Lock,
    files_of,
    lock_text,
    read_lock,
    schema_text,
)
from tests.pocketmatte.selection.shipped import (
    PHONES,
    SIZES,
    device_result,
    locked,
    policy,
    write_bundle,
    write_results,
)
from tiers.errors import BundleError

EVERY = asked_of(every=True)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a bundle of two networks, one of several programs."""
    return write_bundle(
        tmp_path / "bundle", networks=("rvm", "fusion"), recipes=tuple(SIZES), tiers=("t01", "t05")
    )


def whole_lock(root: Path, folder: Path) -> Lock:
    """Return a lock of all devices, of results that count and some that do not."""
    results = (
        device_result(root, "t05", peak_bytes=10),
        device_result(root, "t01", process="adb_shell", phone=PHONES["t06"]),
        device_result(root, "t05", network="fusion", recipe="w8a8", p95_ms=50.0),
        device_result(root, "t05", network="fusion", recipe="fp32", p95_ms=90.0),
    )
    given = write_results(folder, *results)
    rules = policy(frame_ms=33.3, memory_mb=100, network={"fusion": {"frame_ms": 60.0}})
    return select(root, asked_of(every=True), policy=rules, results=[given])


def validate(value: object) -> None:
    jsonschema: Any = importlib.import_module("jsonschema")
    jsonschema.validate(value, json.loads(schema_text()))


def test_the_committed_schema_is_that_of_the_code() -> None:
    committed = Path(__file__).parents[3] / SCHEMA
    again = "write it again with: python -m pocketmatte.harness.vectors"
    assert committed.read_text() == schema_text(), again


def test_a_lock_holds_the_schema(root: Path, tmp_path: Path) -> None:
    validate(plain(whole_lock(root, tmp_path / "given")))


@pytest.mark.parametrize(
    ("way", "value"),
    [
        (("schema_version",), 2),
        (("more",), 1),
        (("groups", 0, "device_class"), "t13"),
        (("inputs", "manifest_sha256"), "x"),
        (("asked", "by"), "guess"),
        (("groups", 0, "choices", 0, "taken", "basis"), "hope"),
    ],
)
def test_what_is_no_lock_breaks_the_schema_and_is_refused(
    root: Path, tmp_path: Path, way: tuple[Any, ...], value: object
) -> None:
    jsonschema: Any = importlib.import_module("jsonschema")
    lock = json.loads(lock_text(whole_lock(root, tmp_path / "given")))
    inside = lock
    for key in way[:-1]:
        inside = inside[key]
    inside[way[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        validate(lock)
    path = tmp_path / "tiers.lock.json"
    path.write_text(json.dumps(lock))
    with pytest.raises(BundleError, match=r"is no lock: .*; run pocketmatte select again"):
        read_lock(path)


def test_a_lock_reads_back_as_it_was_written(root: Path, tmp_path: Path) -> None:
    lock = whole_lock(root, tmp_path / "given")
    path = tmp_path / "tiers.lock.json"
    path.write_text(lock_text(lock))
    assert lock_text(read_lock(path)) == lock_text(lock)


def test_a_lock_of_all_classes_is_written_as_json_writes_it(root: Path, tmp_path: Path) -> None:
    for lock in (whole_lock(root, tmp_path / "given"), select(root, EVERY, policy=policy())):
        told = json.dumps(plain(lock), indent=1, sort_keys=True, allow_nan=False)
        assert lock_text(lock) == f"{told}\n"


def test_what_holds_for_many_classes_and_networks_is_one_object(root: Path) -> None:
    lock = select(root, EVERY, policy=policy())
    out = [each for group in lock.groups for choice in group.choices for each in choice.ruled_out]
    told = {(e.tier, e.format, e.recipe, e.reason, str(dict(e.numbers))) for e in out}
    assert len({id(each) for each in out}) == len(told) < len(out) / 10


def test_the_same_inputs_give_the_same_bytes(root: Path, tmp_path: Path) -> None:
    text = lock_text(whole_lock(root, tmp_path / "given"))
    moved = root.rename(tmp_path / "moved")
    given = sorted((tmp_path / "given").iterdir(), reverse=True)
    (tmp_path / "other").mkdir()
    elsewhere = [each.rename(tmp_path / "other" / f"x{each.name}") for each in given]
    rules = policy(frame_ms=33.3, memory_mb=100, network={"fusion": {"frame_ms": 60.0}})
    lock = select(
        moved, asked_of(every=True), policy=rules, results=[*elsewhere, tmp_path / "other"]
    )
    assert lock_text(lock) == text


def test_a_lock_holds_no_time_and_no_place(root: Path, tmp_path: Path) -> None:
    text = lock_text(whole_lock(root, tmp_path / "given"))
    assert str(tmp_path) not in text
    assert "2026-" not in text
    assert "started_at" not in text


def test_the_files_are_those_of_the_manifest(root: Path) -> None:
    manifest = json.loads((root / "manifest.json").read_text())
    listed = {each["path"]: (each["sha256"], each["size_bytes"]) for each in manifest["artifacts"]}
    lock = locked(root, "t05", networks=["fusion"])
    files = files_of(lock)
    assert [each.path for each in files] == [
        "fusion/t05/attend-fp16.pte", "fusion/t05/fuse-fp16.pte",
    ]  # fmt: skip
    assert all(listed[each.path] == (each.sha256, each.size_bytes) for each in files)


def test_a_lock_names_every_result_and_what_it_was_used_for(root: Path, tmp_path: Path) -> None:
    lock = whole_lock(root, tmp_path / "given")
    assert len(lock.results) == 4
    evidence = {
        each.sha256
        for group in lock.groups
        for choice in group.choices
        for each in (choice.taken.evidence if choice.taken else ())
    }
    assert evidence <= {each.sha256 for each in lock.results if each.reason is None}
    assert evidence


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x", "a\\b", "a\nb"])
def test_a_path_that_escapes_is_refused(root: Path, tmp_path: Path, path: str) -> None:
    lock = json.loads(lock_text(locked(root, networks=["rvm"])))
    lock["groups"][0]["choices"][0]["taken"]["files"][0]["path"] = path
    file = tmp_path / "tiers.lock.json"
    file.write_text(json.dumps(lock))
    with pytest.raises(BundleError, match=r"leads outside|must match"):
        read_lock(file)


def test_one_device_gets_what_its_group_gets(root: Path, tmp_path: Path) -> None:
    every = whole_lock(root, tmp_path / "given")
    rules = policy(frame_ms=33.3, memory_mb=100, network={"fusion": {"frame_ms": 60.0}})
    given = [tmp_path / "given"]
    alone = select(root, asked_of(device="SM-S928B"), policy=rules, results=given)
    (group,) = alone.groups
    assert (group.platform, group.device_class, group.devices) == (
        "android", "t11", ("Galaxy S24 Ultra",),
    )  # fmt: skip
    same = next(
        each for each in every.groups if (each.platform, each.device_class) == ("android", "t11")
    )
    assert group.choices == same.choices
