"""A lock that is stale says what changed."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pocketmatte.selection import staleness
from pocketmatte.selection.lock import lock_text, read_lock
from pocketmatte.selection.staleness import changes
from tests.pocketmatte.selection.shipped import (
    device_result,
    manifest_of,
    write_bundle,
    write_json,
    write_results,
)

POLICY = 'schema_version = 1\nframe_ms = 33.3\nrecipes = ["fp16", "fp32"]\n'


@dataclasses.dataclass(frozen=True)
class Place:
    """A bundle, a policy, results, and the lock of them."""

    root: Path
    policy: Path
    results: Path
    lock: Path
    cli: Callable[..., Any]

    def select(self, *words: object) -> Any:
        given = ("--policy", self.policy, "--results", self.results)
        return self.cli("select", self.root, *given, *words)

    def changes(self) -> list[str]:
        said = self.select("--check", self.lock, "--json")
        found = said.json()
        assert said.code == (1 if found["changes"] else 0)
        assert found["stale"] is bool(found["changes"])
        listed: list[str] = found["changes"]
        return listed


@pytest.fixture
def place(tmp_path: Path, cli: Callable[..., Any]) -> Place:
    """Return one with a fresh lock."""
    root = write_bundle(tmp_path / "bundle", tiers=("t08", "t11"))
    policy = tmp_path / "app.toml"
    policy.write_text(POLICY)
    results = write_results(tmp_path / "given", device_result(root, "t11", p95_ms=20.0))
    made = Place(root, policy, results, tmp_path / "tiers.lock.json", cli)
    said = made.select("--class", "t11", "--platform", "android", "--out", made.lock)
    assert said.code == 0, said.err
    return made


def test_a_fresh_lock_passes_and_stays_as_it_is(place: Place) -> None:
    before = place.lock.read_bytes()
    assert place.changes() == []
    assert place.lock.read_bytes() == before


def test_a_changed_file_of_the_bundle_is_named(place: Place) -> None:
    manifest = manifest_of(place.root)
    for each in manifest["artifacts"]:
        if each["path"] == "rvm/t11/matte-fp16.pte":
            each["sha256"] = "a" * 64
    write_json(place.root / "manifest.json", manifest)
    said = place.changes()
    assert said[0].startswith("the manifest of the bundle changed: ")
    assert any(line.endswith("counted before, did not count (other_files) now") for line in said)
    assert "android t11 rvm was t11 executorch fp16, is t11 executorch fp32" in said


def test_a_changed_verdict_is_named(place: Place) -> None:
    path = place.root / "results" / "parity.json"
    path.write_text(path.read_text().replace('"proven"', '"failed"', 1))
    said = place.changes()
    assert said[0].startswith("results/parity.json of the bundle, which verify writes, changed: ")


def test_a_changed_policy_is_named_field_by_field(place: Place) -> None:
    place.policy.write_text(POLICY.replace("33.3", "10").replace('"fp16", ', ""))
    said = place.changes()
    assert "policy: frame_ms of rvm was 33.3, is 10.0" in said
    assert "policy: recipes of rvm was fp16, fp32, is fp32" in said


def test_a_new_result_and_one_that_is_gone_are_named(place: Place) -> None:
    slower = device_result(place.root, "t11", p95_ms=40.0)
    write_json(place.results / "0.json", slower)
    said = place.changes()
    assert sorted(line.split(") ")[-1] for line in said if line.startswith("result ")) == [
        "is gone", "is new",
    ]  # fmt: skip
    assert "android t11 rvm was t11 executorch fp16, is t08 executorch fp16" in said


def test_a_lock_that_somebody_edited_is_stale(place: Place) -> None:
    lock = json.loads(place.lock.read_text())
    lock["groups"][0]["choices"][0]["taken"]["recipe"] = "fp32"
    place.lock.write_text(json.dumps(lock))
    assert place.changes() == ["android t11 rvm was t11 executorch fp32, is t11 executorch fp16"]


def test_a_lock_of_another_device_table_is_stale(place: Place) -> None:
    lock = json.loads(place.lock.read_text())
    lock["inputs"]["devices_sha256"] = "b" * 64
    lock["groups"][0]["devices"] = ["A phone"]
    place.lock.write_text(json.dumps(lock))
    table, devices = place.changes()
    assert table.startswith("the device table changed: bbbbbbbbbbbb before")
    assert devices == "the devices of android t11 are not as they were"


def test_a_lock_of_what_there_is_no_more_is_stale(place: Place) -> None:
    lock = json.loads(place.lock.read_text())
    lock["asked"] |= {"by": "device", "name": "A phone of 2040", "platform": None}
    place.lock.write_text(json.dumps(lock))
    (line,) = place.changes()
    assert line.startswith("no device 'A phone of 2040' in the table")


@pytest.mark.parametrize("words", [("--all",), ("--class", "t05"), ("--out", "x.json")])
def test_a_check_takes_its_devices_from_the_lock(place: Place, words: tuple[str, ...]) -> None:
    said = place.select("--check", place.lock, *words)
    assert "--check takes its devices from the lock" in said.refusal(2)


def test_a_check_that_sees_no_difference_would_pass_anything(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The comparison is what fails: without it a changed policy goes through."""
    place.policy.write_text(POLICY.replace("33.3", "10"))
    assert place.changes()
    monkeypatch.setattr("pocketmatte.selection.staleness.changes", lambda _before, _after: [])
    assert place.changes() == []


def test_a_difference_without_a_name_is_still_one(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = read_lock(place.lock)
    after = dataclasses.replace(
        before, inputs=dataclasses.replace(before.inputs, latency_prior="one")
    )
    assert changes(before, after) == ["the model of latencies changed: none before, one now"]
    monkeypatch.setattr(staleness, "_inputs", lambda _before, _after: iter(()))
    assert lock_text(before) != lock_text(after)
    assert changes(before, after) == ["the lock was changed since it was written"]
