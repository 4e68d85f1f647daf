"""What ``bundle --neighbours`` copies, and what a device makes of the folder."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from export.artifact import sha256_of
from pocketmatte.selection.asked import asked_of
from pocketmatte.selection.choosing import select
from pocketmatte.selection.lock import lock_text
from pocketmatte.selection.on_device.deciding import Decision, decide
from pocketmatte.selection.on_device.device_file import (
    DEVICE_FILE,
    SCHEMA,
    DeviceFile,
    device_file_of,
)
from pocketmatte.selection.on_device.device_lock import HeldFile, lock_of
from pocketmatte.selection.on_device.placing import facts_of
from pocketmatte.selection.shipping import ship
from tests.pocketmatte.selection.shipped import (
    device_result,
    policy,
    write_bundle,
    write_results,
)
from tests.pocketmatte.selection.test_ship import below
from tiers.errors import BundleError, UsageError

PHONE = {"platform": "android", "manufacturer": "samsung", "model": "SM-S928B"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bundle of one network in all tiers."""
    sizes = {"fp16": 2_000, "fp32": 4_000}
    return write_bundle(tmp_path_factory.mktemp("one") / "bundle", sizes=sizes)


def written(root: Path, folder: Path, **top: Any) -> Path:
    """Write a lock of every device of Android."""
    asked = asked_of(every=True, platform="android")
    path = folder / "tiers.lock.json"
    path.write_text(lock_text(select(root, asked, policy=policy(**top))))
    return path


def device_file(out: Path) -> DeviceFile:
    lock, sha256 = lock_of((out / "tiers.lock.json").read_bytes())
    return device_file_of((out / DEVICE_FILE).read_bytes(), lock, sha256)


def decided(out: Path) -> Decision:
    """Return what a phone of class t11 makes of a folder."""
    lock, _ = lock_of((out / "tiers.lock.json").read_bytes())

    def is_whole(held: HeldFile) -> bool:
        path = out / held.path
        return path.is_file() and sha256_of(path) == held.sha256

    return decide(lock, device_file(out), facts_of(PHONE), "rvm", is_whole)


def beside(out: Path, device_class: str) -> list[str]:
    return [
        step.tier
        for each in device_file(out).neighbours
        if each.device_class == device_class
        for step in each.steps
    ]


def test_without_the_option_nothing_is_there_but_what_is_taken(root: Path, tmp_path: Path) -> None:
    ship(written(root, tmp_path), root, tmp_path / "out")
    assert DEVICE_FILE not in below(tmp_path / "out")


def test_the_next_tiers_on_both_sides_come_along(root: Path, tmp_path: Path) -> None:
    lock = written(root, tmp_path)
    before = lock.read_bytes()
    ship(lock, root, tmp_path / "out", 1)
    assert (tmp_path / "out" / "tiers.lock.json").read_bytes() == before
    assert beside(tmp_path / "out", "t05") == ["t04", "t06"]
    found = decided(tmp_path / "out")
    assert [step.tier for step in found.steps] == ["t10", "t11", "t12"]
    assert (found.at, found.damaged) == (1, ())


def test_none_on_each_side_still_tells_a_device_its_class(root: Path, tmp_path: Path) -> None:
    done = ship(written(root, tmp_path), root, tmp_path / "out", 0)
    assert device_file(tmp_path / "out").neighbours == ()
    found = decided(tmp_path / "out")
    assert [step.tier for step in found.steps] == ["t11"]
    beside_them = {DEVICE_FILE, "manifest.json", "tiers.lock.json"}
    assert {*done.files, *beside_them} == set(below(tmp_path / "out"))


def test_what_the_policy_rules_out_is_no_neighbour(root: Path, tmp_path: Path) -> None:
    asked: list[tuple[dict[str, Any], list[str]]] = [
        ({"minimum_tier": "t05"}, ["t06"]),
        ({"memory_mb": 500}, ["t04"]),
        ({"download_mb": 0.0041}, ["t04"]),
        ({"download_mb": 0.0021}, []),
        ({"recipes": ["fp32"], "allow_unverified": True}, ["t04", "t06"]),
    ]
    for number, (top, wanted) in enumerate(asked):
        folder = tmp_path / str(number)
        folder.mkdir()
        ship(written(root, folder, **top), root, folder / "out", 1)
        assert beside(folder / "out", "t05") == wanted, top


def test_a_tier_that_failed_on_a_device_is_no_neighbour(root: Path, tmp_path: Path) -> None:
    failed = device_result(root, "t10", status="run_failed", latency=[], parity=None)
    failed["validity"] |= {"latency_valid": False, "min_runs_met": None, "min_seconds_met": None}
    given = write_results(tmp_path / "given", failed)
    asked = asked_of(class_name="t11", platform="android")
    lock = tmp_path / "tiers.lock.json"
    made = select(root, asked, policy=policy(recipes=["fp16"]), results=[given])
    lock.write_text(lock_text(made))
    ship(lock, root, tmp_path / "out", 1)
    assert beside(tmp_path / "out", "t11") == ["t09", "t12"]


def test_a_folder_of_an_earlier_bundle_is_replaced_and_any_other_left_alone(
    root: Path, tmp_path: Path
) -> None:
    lock, out = written(root, tmp_path), tmp_path / "out"
    ship(lock, root, out, 2)
    ship(lock, root, out)
    assert DEVICE_FILE not in below(out)
    ship(lock, root, out, 1)
    (out / DEVICE_FILE).write_text("{}")
    with pytest.raises(BundleError, match="is no device file"):
        ship(lock, root, out, 1)
    (out / DEVICE_FILE).unlink()
    (out / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"which holds (mine\.txt|rvm)"):
        ship(lock, root, out, 1)


@pytest.mark.parametrize("count", [-1, 12])
def test_more_tiers_than_there_are_cannot_be_asked_for(
    root: Path, tmp_path: Path, count: int
) -> None:
    with pytest.raises(UsageError, match=f"--neighbours is {count}; it must be from 0 to 11"):
        ship(written(root, tmp_path), root, tmp_path / "out", count)
    assert not (tmp_path / "out").exists()


def test_a_lock_of_another_device_table_is_stale(root: Path, tmp_path: Path) -> None:
    lock = written(root, tmp_path)
    held = json.loads(lock.read_text())
    held["inputs"]["devices_sha256"] = "0" * 64
    lock.write_text(json.dumps(held))
    with pytest.raises(BundleError, match="it is of device table 000000000000"):
        ship(lock, root, tmp_path / "out", 1)


def test_the_file_is_of_its_schema_and_of_its_lock(
    root: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    ship(written(root, tmp_path), root, tmp_path / "out", 1)
    jsonschema = pytest.importorskip("jsonschema")
    value = json.loads((tmp_path / "out" / DEVICE_FILE).read_text())
    schema = json.loads((request.config.rootpath / SCHEMA).read_text())
    jsonschema.validate(value, schema)
    lock = (tmp_path / "out" / "tiers.lock.json").read_bytes()
    assert value["lock_sha256"] == hashlib.sha256(lock).hexdigest()
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**value, "neighbours": None}, schema)


def test_the_command_takes_the_option_in_a_bare_python_too(
    root: Path, tmp_path: Path, cli: Callable[..., Any], request: pytest.FixtureRequest
) -> None:
    lock = written(root, tmp_path)
    given = ["bundle", str(lock), "--bundle", str(root), "--neighbours", "1", "--out"]
    said = cli(*given, tmp_path / "ours")
    assert said.code == 0, said.err
    program = (
        f"import sys; sys.path.insert(0, {str(request.config.rootpath)!r})\n"
        "from pocketmatte.selection.__main__ import main\n"
        f"code = main({[*given, str(tmp_path / 'theirs')]!r})\n"
        "strangers = {'numpy', 'torch', 'pydantic', 'typer', 'rich'} & set(sys.modules)\n"
        "print(code, sorted(strangers))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", program],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == "0 []\n", done.stderr
    assert below(tmp_path / "theirs") == below(tmp_path / "ours")
    ours, theirs = (tmp_path / name / DEVICE_FILE for name in ("ours", "theirs"))
    assert ours.read_bytes() == theirs.read_bytes()
