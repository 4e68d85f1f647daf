"""``pocketmatte select``, and the same in a Python that has nothing installed."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from export.manifest import read_manifest as read_whole
from pocketmatte.selection.__main__ import main
from pocketmatte.selection.asked import targets_of
from pocketmatte.selection.explaining import explained
from pocketmatte.selection.held import group_of, read_manifest
from pocketmatte.selection.lock import Asked
from pocketmatte.selection.reasons import RESULTS, RULED_OUT, words
from pocketmatte.selection.rows import PLATFORMS
from tests.pocketmatte.selection.shipped import (
    device_result,
    locked,
    write_bundle,
    write_json,
    write_results,
)

BARE = """
import sys
sys.path.insert(0, {root!r})
from pocketmatte.selection.__main__ import main
code = main({words!r})
import pocketmatte.selection.evidence
strangers = {{"numpy", "torch", "pydantic", "typer", "rich"}} & set(sys.modules)
sys.stderr.write(f"{{code}} {{sorted(strangers)}}")
"""


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """Return a bundle of two tiers."""
    return write_bundle(tmp_path / "bundle", tiers=("t01", "t05"))


def bare(root: Path, *given: object) -> tuple[str, str]:
    """Run the module where nothing but the standard library can be found."""
    program = BARE.format(root=str(root), words=[str(word) for word in given])
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", program],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout, done.stderr


def test_a_bare_python_writes_the_same_lock_and_ships_it(
    root: Path, made: Path, tmp_path: Path, cli: Callable[..., Any]
) -> None:
    given = write_results(tmp_path / "given", device_result(made))
    asked = (made, "--all", "--platform", "android", "--budget-ms", "30", "--results", given,
             "--out")  # fmt: skip
    ours, theirs = tmp_path / "ours.json", tmp_path / "theirs.json"
    assert bare(root, "select", *asked, ours)[1] == "0 []"
    said = cli("select", *asked, theirs)
    assert said.code == 0, said.err
    assert ours.read_bytes() == theirs.read_bytes()
    out = tmp_path / "out"
    err = bare(root, "bundle", ours, "--bundle", made, "--out", out)[1]
    assert err.splitlines()[-1] == "0 []"
    assert (out / "tiers.lock.json").read_bytes() == ours.read_bytes()


def test_a_bare_python_checks_a_lock(root: Path, made: Path, tmp_path: Path) -> None:
    lock = tmp_path / "tiers.lock.json"
    bare(root, "select", made, "--class", "t05", "--platform", "android", "--out", lock)
    out, err = bare(root, "select", made, "--check", lock, "--json")
    assert (json.loads(out), err) == ({"stale": False, "changes": []}, "0 []")
    out, err = bare(root, "select", made, "--check", lock, "--budget-ms", "9", "--json")
    assert json.loads(out)["changes"][0] == "policy: frame_ms of rvm was None, is 9.0"
    assert err.splitlines()[-1] == "1 []"


@pytest.mark.parametrize(("least", "code"), [("t01", 0), ("t05", 1)])
def test_the_process_ends_with_all_that_it_says_and_its_code(
    root: Path, made: Path, capfd: pytest.CaptureFixture[str], least: str, code: int
) -> None:
    words = ["select", str(made), "--all", "--platform", "android", "--minimum-tier", least]
    words.append("--json")
    done = subprocess.run(
        [sys.executable, "-S", "-B", "-m", "pocketmatte.selection", *words], cwd=root,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert main(words) == code
    said = capfd.readouterr()
    assert (done.stdout, done.stderr, done.returncode) == (said.out, said.err, code)
    assert len(done.stdout) > io.DEFAULT_BUFFER_SIZE  # so that some of it waits to be written


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (("--device", "no such phone"), 2),
        (("--class", "t05", "--prefer", "beauty"), 2),
        (("--class", "t05", "--results", "nowhere.json"), 2),
        (("--class", "t01", "--minimum-tier", "t05"), 1),
    ],
)
def test_both_ends_fail_alike(
    made: Path, cli: Callable[..., Any], capfd: pytest.CaptureFixture[str],
    given: tuple[str, ...], code: int,
) -> None:  # fmt: skip
    said = cli("select", made, "--platform", "android", *given) if "--class" in given else cli(
        "select", made, *given
    )  # fmt: skip
    capfd.readouterr()
    platform = ("--platform", "android") if "--class" in given else ()
    assert main(["select", str(made), *platform, *given]) == said.code == code
    assert capfd.readouterr().err.splitlines()[-1].removeprefix("pocketmatte: ") == (
        said.err.splitlines()[-1].removeprefix("pocketmatte: ")
    )


def test_a_choice_is_shown_as_a_table(made: Path, cli: Callable[..., Any]) -> None:
    said = cli("select", made, "--device", "pixel 4a")
    assert said.code == 0
    line = next(line for line in said.out.splitlines() if "rvm" in line)
    assert line.split() == [
        "android", "t04", "rvm", "t01", "executorch", "fp16", "0.00", "-", "prior",
    ]  # fmt: skip


def test_json_is_the_lock(made: Path, tmp_path: Path, cli: Callable[..., Any]) -> None:
    lock = tmp_path / "tiers.lock.json"
    said = cli("select", made, "--device", "Pixel 4a", "--out", lock, "--json")
    assert said.json() == json.loads(lock.read_text())


def test_a_choice_is_explained_with_a_line_for_each_alternative(
    made: Path, cli: Callable[..., Any]
) -> None:
    said = cli("select", made, "--device", "Pixel 4a", "--budget-fps", "30", "--explain")
    lines = said.out.splitlines()
    assert lines[0] == "android t04: Pixel 4a"
    assert "class t04, an estimate" in lines[1]
    assert lines[2] == (
        "  rvm: t01 executorch fp16, 0.00 MB, by its class alone, which is no measurement"
    )
    assert lines[3] == "    a frame: limit 33.3333 ms, not judged: no measurement"
    out = [line for line in lines if line.startswith("    not ")]
    assert len(out) == 10 + 3  # tiers that are not built, and files of those that are
    assert (
        "    not t05 executorch fp16: it is meant for stronger devices; this class is t04 "
        "(above_class)"
    ) in out


def test_where_a_device_gets_nothing_the_command_fails_and_says_why(
    made: Path, tmp_path: Path, cli: Callable[..., Any]
) -> None:
    said = cli("select", made, "--device", "Pixel 4a", "--minimum-tier", "t05")
    assert said.code == 1
    assert ("android t04 gets no rvm: t01: the policy asks for t05 or higher") in " ".join(
        said.err.split()
    )
    policy = tmp_path / "app.toml"
    policy.write_text('schema_version = 1\nminimum_tier = "t05"\noptional = true\n')
    assert cli("select", made, "--device", "Pixel 4a", "--policy", policy).code == 0


def test_facts_of_a_device_choose(made: Path, tmp_path: Path, cli: Callable[..., Any]) -> None:
    facts = {"platform": "android", "manufacturer": "x", "model": "y", "ram_bytes": 8 << 30}
    path = write_json(tmp_path / "facts.json", facts)
    found = cli("select", made, "--facts", path, "--json").json()
    assert found["asked"]["facts"] == facts
    assert found["groups"][0]["why"]
    for wrong, what in (({"platform": "linux"}, "linux"), ({}, "no platform"), ([], "an object")):
        assert what in cli("select", made, "--facts", write_json(path, wrong)).refusal(2)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((), "0 of --device, --class, --facts and --all are given"),
        (("--all", "--class", "t05"), "2 of --device, --class, --facts and --all are given"),
        (("--class", "t13"), "no class 't13'"),
        (("--class", "t05", "--platform", "linux"), "no platform 'linux'"),
        (("--device", "Pixel 4a", "--platform", "android"), "a device has its own"),
        (("--device", "Pixle 4a"), "did you mean Pixel 4a"),
        (("--all", "--network", "stfam"), "the bundle holds no stfam; it holds rvm"),
        (("--all", "--budget-ms", "nan"), "--budget-ms: it is nan, not a finite number"),
        (("--all", "--budget-ms", "3", "--budget-fps", "3"), "--budget-ms: give frame_ms or"),
        (
            ("--all", "--minimum-tier", "t0"),
            "--minimum-tier: it is 't0'; it must be one of t01 to t12",
        ),
    ],
)
def test_wrong_use_is_refused(
    made: Path, cli: Callable[..., Any], given: tuple[str, ...], said: str
) -> None:
    assert said in cli("select", made, *given).refusal(2)


def test_a_name_of_two_devices_is_refused_with_both() -> None:
    from pocketmatte.selection.devices import device_table
    from pocketmatte.selection.names import same

    rows: dict[str, set[str]] = {}
    for device in device_table().devices:
        for name in (*device.models, *device.devices):
            rows.setdefault(same(name), set()).add(device.name)
    assert [name for name, found in rows.items() if len(found) > 1] == []
    assert targets_of(Asked(by="device", name="lynx", facts=None, platform=None))


def test_the_small_reader_takes_what_the_whole_one_takes(made: Path) -> None:
    whole, (small, _) = read_whole(made), read_manifest(made)
    assert [(entry.path, entry.sha256, entry.size_bytes) for entry in whole.artifacts] == [
        (entry.path, entry.sha256, entry.size_bytes) for entry in small.artifacts
    ]
    assert group_of(small.artifacts[0]) == ("rvm", "t01", "executorch", "fp32", "landscape")


def test_every_reason_has_words_and_a_line_in_the_page(root: Path) -> None:
    page = (root / "docs" / "selection.md").read_text()
    for code in {*RULED_OUT, *RESULTS}:
        assert f"`{code}`" in page, code
    named = {f"`{each}`" for each in PLATFORMS}
    assert named <= {word.strip(".,;:()") for word in page.split()}


def test_a_name_that_would_move_the_cursor_is_not_printed(made: Path) -> None:
    result = device_result(made, "t05", phone=("x\x1b[2J", "y\u202e\n"))
    result["execution"] |= {"delegate_requested": "z\x1b[1A", "delegate_actual": "z\x1b[1A"}
    lock = locked(made, "t12", result, require_measurement=True)
    (device,) = {each.device for each in lock.results}
    assert device == "x?[2J y?"
    lines = explained(lock)
    assert all(line.isprintable() for line in lines)
    assert "    delegate: z?[1A, z?[1A was asked for" in lines


def test_no_word_of_a_reason_is_left_without_its_number(made: Path) -> None:
    result = device_result(made, "t05", p95_ms=50.0)
    lock = locked(made, "t09", result, frame_ms=33.3)
    for line in explained(lock):
        assert "{" not in line
    assert words("not_measured", {}) == "nobody measured it on such a device"
    assert words("not_measured", {"measured_up_to": "t05"}).endswith("only up to t05")
