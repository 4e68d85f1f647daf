"""A lock that is not what would be chosen now: what changed is said, and nothing is written."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.pocketmatte.delivery.delivered import (
    LAYOUTS,
    changed_policy,
    delivery,
    edit,
    reasons,
    refused,
    write_lock,
)
from tests.pocketmatte.selection.shipped import (
    device_result,
    manifest_of,
    write_json,
    write_results,
)


def test_files_of_an_earlier_lock_fail_a_check_until_they_are_gone(
    root: Path, lock: Path, tmp_path: Path
) -> None:
    delivery(root, lock, tmp_path / "out")
    fewer = write_lock(root, tmp_path / "fewer.json", class_name="t05", platform="android")
    said = reasons(root, fewer, tmp_path / "out")
    assert said.count("is no longer needed") == 33
    delivery(root, fewer, tmp_path / "out")
    assert reasons(root, fewer, tmp_path / "out") == ""


def changed_manifest(root: Path, _lock: Path) -> None:
    edit(root / "manifest.json", lambda held: held.update(pocketmatte="1"))


def changed_verdicts(root: Path, _lock: Path) -> None:
    edit(root / "results/parity.json", lambda held: held.update(frames=7))


def changed_table(_root: Path, lock: Path) -> None:
    edit(lock, lambda held: held["inputs"].update(devices_sha256="0" * 64))


def gone_result(_root: Path, lock: Path) -> None:
    used = {
        "sha256": "1" * 64, "run_id": "first", "network": "rvm", "tier": "t05",
        "format": "executorch", "recipe": "fp16", "process": "app_foreground", "status": "ok",
        "device": "Pixel 6", "device_class": "t09", "p95_ms": 9.0, "peak_bytes": None,
        "reason": None,
    }  # fmt: skip
    edit(lock, lambda held: held["results"].append(used))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (changed_manifest, "the manifest of the bundle changed"),
        (changed_verdicts, "results/parity.json of the bundle, which verify writes, changed"),
        (changed_table, "the device table changed: 000000000000 before"),
        (changed_policy, "policy: minimum_tier of rvm was t02, is t01"),
        (gone_result, "result first (111111111111) is gone"),
    ],
)
def test_a_stale_lock_is_refused_with_what_changed(
    root: Path, lock: Path, tmp_path: Path, layout: str, change: Callable[..., None], said: str
) -> None:
    delivery(root, lock, tmp_path / "out", layout)
    change(root, lock)
    found = refused(root, lock, tmp_path / "out", layout)
    assert f"{lock} is stale: " in found
    assert said in found + reasons(root, lock, tmp_path / "out", layout)
    assert found.endswith("run pocketmatte select again")


def test_results_that_a_lock_was_chosen_by_are_asked_for(root: Path, tmp_path: Path) -> None:
    given = write_results(tmp_path / "results", *(device_result(root, t) for t in ("t04", "t05")))
    lock = write_lock(root, tmp_path / "x.json", every=True, results=(given,))
    said = refused(root, lock, tmp_path / "out")
    assert re.search(r"is stale: result rvm-t0[45]-fp16 .* is gone, and \d+ more", said)
    one_by_one = tuple(sorted(given.iterdir(), reverse=True))
    assert delivery(root, lock, tmp_path / "out", results=one_by_one).done is not None
    assert reasons(root, lock, tmp_path / "out", results=(given,)) == ""
    write_results(tmp_path / "more", device_result(root, "t06", p95_ms=99.0))
    said = refused(root, lock, tmp_path / "out", results=(given, tmp_path / "more"))
    assert "result rvm-t06-fp16" in said


def test_the_option_that_was_left_out_is_named(root: Path, tmp_path: Path) -> None:
    policy = tmp_path / "app.toml"
    policy.write_text('schema_version = 1\nnetworks = ["rvm"]\n')
    given = write_results(tmp_path / "results", device_result(root, "t05"))
    lock = write_lock(root, tmp_path / "x.json", policy, every=True, results=(given,))
    out, again = tmp_path / "out", "or run pocketmatte select again"
    every = f"give --policy, --network and --results as select had them, {again}"
    assert refused(root, lock, out).endswith(every)
    assert reasons(root, lock, out).endswith(f"{lock} is stale; {every}")
    only = f"; give --results as select had it, {again}"
    assert refused(root, lock, out, policy=policy).endswith(only)
    edit(root / "manifest.json", lambda held: held.update(pocketmatte="1"))
    fresh = refused(root, lock, out, policy=policy, results=(given,))
    assert fresh.endswith("; run pocketmatte select again")


def test_the_networks_that_a_lock_was_chosen_for_are_asked_for(root: Path, tmp_path: Path) -> None:
    policy = tmp_path / "app.toml"
    policy.write_text('schema_version = 1\nnetworks = ["rvm"]\n')
    out, again = tmp_path / "out", "or run pocketmatte select again"
    for number, (given, networks) in enumerate([(None, "rvm"), (policy, "fusion")]):
        lock = write_lock(root, tmp_path / f"{number}.json", given, every=True, networks=networks)
        options = "--network" if given else "--policy and --network"
        as_before = "it" if given else "them"
        said = refused(root, lock, out, policy=given)
        assert said.endswith(f"; give {options} as select had {as_before}, {again}")
        told = refused(root, lock, out, policy=given, networks="rvm,fusion")
        assert "--network" not in told
        done = delivery(root, lock, tmp_path / f"out{number}", policy=given, networks=networks).done
        assert done is not None


def test_a_model_of_latencies_that_a_policy_asked_for_is_asked_for(
    root: Path, tmp_path: Path
) -> None:
    policy = tmp_path / "app.toml"
    policy.write_text('schema_version = 1\nprior = "roofline"\n')
    lock = write_lock(root, tmp_path / "x.json", policy, every=True)
    said = refused(root, lock, tmp_path / "out")
    assert "the model of latencies changed: roofline" in said
    assert said.endswith("; give --policy as select had it, or run pocketmatte select again")


def test_a_frozen_lock_is_not_chosen_again_and_its_inputs_still_count(
    root: Path, lock: Path, tmp_path: Path
) -> None:
    gone_result(root, lock)
    changed_policy(root, lock)
    assert delivery(root, lock, tmp_path / "out", frozen=True).done is not None
    changed_table(root, lock)
    assert "the device table changed" in refused(root, lock, tmp_path / "out", frozen=True)
    assert "the device table changed" in reasons(root, lock, tmp_path / "out", frozen=True)


def test_a_frozen_lock_of_another_manifest_is_stale(root: Path, lock: Path, tmp_path: Path) -> None:
    changed_manifest(root, lock)
    assert "is stale: it is of manifest" in refused(root, lock, tmp_path / "out", frozen=True)


def test_a_policy_makes_the_same_lock_fresh(root: Path, tmp_path: Path) -> None:
    policy = tmp_path / "app.toml"
    policy.write_text('schema_version = 1\nnetworks = ["rvm"]\nminimum_tier = "t01"\n')
    lock = write_lock(root, tmp_path / "policy.json", policy)
    assert "is stale: policy: fusion is new" in refused(root, lock, tmp_path / "out")
    assert delivery(root, lock, tmp_path / "out", policy=policy).done is not None
    manifest = manifest_of(root)
    write_json(root / "manifest.json", manifest | {"pocketmatte": "2"})
    assert "the manifest" in refused(root, lock, tmp_path / "out", policy=policy)
