"""The build phase of Xcode, run by dash in an environment as Xcode makes it."""

import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.pocketmatte.delivery.delivered import below, edit, write_lock

SHELLS = [each for each in ("dash", "bash", "busybox") if shutil.which(each)]


@pytest.fixture(scope="module")
def script(request: pytest.FixtureRequest) -> Path:
    return request.config.rootpath / "ios_harness/Delivery/deliver.sh"


@pytest.fixture
def xcode(root: Path, lock: Path, tmp_path: Path, request: pytest.FixtureRequest) -> dict[str, str]:
    """Return what Xcode sets for a target whose project lies in a folder with a space."""
    project = tmp_path / "My App"
    project.mkdir()
    (project / "app.toml").write_text("schema_version = 1\n")
    bundle = Path(shutil.move(root, project / "a bundle"))
    moved = Path(shutil.move(lock, project / "tiers.lock.json"))
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "SRCROOT": str(project),
        "DERIVED_FILE_DIR": str(tmp_path / "Derived Data"),
        "TARGET_BUILD_DIR": str(tmp_path / "Build Products"),
        "UNLOCALIZED_RESOURCES_FOLDER_PATH": "My App.app",
        "POCKETMATTE_SOURCES": str(request.config.rootpath),
        "SCRIPT_INPUT_FILE_COUNT": "4",
        "SCRIPT_INPUT_FILE_0": str(project / "Info.plist"),
        "SCRIPT_INPUT_FILE_1": str(moved),
        "SCRIPT_INPUT_FILE_2": str(bundle / "manifest.json"),
        "SCRIPT_INPUT_FILE_3": str(project / "app.toml"),
    }


def run(
    script: Path, environment: Mapping[str, str], shell: str = SHELLS[0]
) -> subprocess.CompletedProcess[str]:
    command = [shell, "sh"] if shell == "busybox" else [shell]
    return subprocess.run(
        [*command, script], env=dict(environment), capture_output=True, text=True, check=False
    )


def refused(script: Path, environment: Mapping[str, str]) -> str:
    """Return the one line of a failure."""
    done = run(script, environment)
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: pocketmatte: ")
    return line.removeprefix("error: pocketmatte: ")


def app(xcode: Mapping[str, str]) -> Path:
    return Path(xcode["TARGET_BUILD_DIR"], xcode["UNLOCALIZED_RESOURCES_FOLDER_PATH"], "matte")


@pytest.mark.parametrize("shell", SHELLS)
def test_the_app_gets_what_the_lock_takes(script: Path, xcode: dict[str, str], shell: str) -> None:
    stamp = Path(xcode["DERIVED_FILE_DIR"])
    stamp.mkdir()
    xcode["SCRIPT_OUTPUT_FILE_0"] = str(stamp / "pocketmatte stamp")
    done = run(script, xcode, shell)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.match(r"note: pocketmatte: .+: \d+ written", done.stdout)
    found = below(app(xcode))
    assert "rvm/t12/matte-fp16.mlpackage/Data/weight.bin" in found
    assert not any(name.endswith(".pte") for name in found)
    assert (stamp / "pocketmatte stamp").is_file()
    again = run(script, xcode, shell)
    assert "is up to date" in again.stdout


def test_settings_outrank_input_files_and_may_be_relative_to_the_project(
    script: Path, xcode: dict[str, str]
) -> None:
    given = xcode | {
        "SCRIPT_INPUT_FILE_COUNT": "0",
        "POCKETMATTE_LOCK": "tiers.lock.json",
        "POCKETMATTE_BUNDLE": "a bundle",
        "POCKETMATTE_POLICY": "app.toml",
        "POCKETMATTE_NEIGHBOURS": "1",
        "POCKETMATTE_FOLDER": "models/matte",
        "POCKETMATTE_PYTHON": sys.executable,
    }
    done = run(script, given)
    assert (done.returncode, done.stderr) == (0, "")
    found = below(app(xcode).parent / "models" / "matte")
    assert "tiers.device.json" in found


def test_a_stale_lock_fails_the_build_with_the_reason(script: Path, xcode: dict[str, str]) -> None:
    Path(xcode["SRCROOT"], "app.toml").write_text('schema_version = 1\nminimum_tier = "t02"\n')
    assert "is stale: policy: minimum_tier of" in refused(script, xcode)
    assert not app(xcode).exists()
    assert run(script, xcode | {"POCKETMATTE_FROZEN": "YES"}).returncode == 1  # with a policy
    frozen = xcode | {"POCKETMATTE_FROZEN": "YES", "SCRIPT_INPUT_FILE_COUNT": "3"}
    assert run(script, frozen).returncode == 0


def test_a_lock_of_some_networks_is_checked_for_those(script: Path, xcode: dict[str, str]) -> None:
    bundle, lock = Path(xcode["SCRIPT_INPUT_FILE_2"]).parent, Path(xcode["SCRIPT_INPUT_FILE_1"])
    write_lock(bundle, lock, Path(xcode["SCRIPT_INPUT_FILE_3"]), every=True, networks="rvm")
    assert "is stale: policy: fusion is new" in refused(script, xcode)
    done = run(script, xcode | {"POCKETMATTE_NETWORKS": "rvm"})
    assert (done.returncode, done.stderr) == (0, "")
    assert {name.partition("/")[0] for name in below(app(xcode)) if "/" in name} == {"rvm"}


def test_a_missing_file_fails_the_build_with_the_reason(
    script: Path, xcode: dict[str, str]
) -> None:
    shutil.rmtree(Path(xcode["SRCROOT"], "a bundle/rvm/t12/matte-fp16.mlpackage"))
    assert "rvm/t12/matte-fp16.mlpackage is missing from" in refused(script, xcode)


def test_a_changed_file_fails_the_build_with_the_reason(
    script: Path, xcode: dict[str, str]
) -> None:
    path = Path(xcode["SRCROOT"], "a bundle/rvm/t12/matte-fp16.mlpackage/Data/weight.bin")
    path.write_bytes(b"other")
    assert "rvm/t12/matte-fp16.mlpackage: its sha256 is" in refused(script, xcode)


def test_a_lock_that_escapes_fails_the_build(script: Path, xcode: dict[str, str]) -> None:
    def escape(held: dict[str, Any]) -> None:
        held["groups"][0]["choices"][0]["taken"]["files"][0]["path"] = "../../x"

    edit(Path(xcode["SCRIPT_INPUT_FILE_1"]), escape)
    assert "leads outside the bundle" in refused(script, xcode)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ENABLE_USER_SCRIPT_SANDBOXING": "YES"}, "the sandbox of scripts hides the files"),
        ({"TARGET_BUILD_DIR": ""}, "TARGET_BUILD_DIR or UNLOCALIZED_RESOURCES_FOLDER_PATH"),
        ({"POCKETMATTE_SOURCES": ""}, "POCKETMATTE_SOURCES is not set"),
        ({"POCKETMATTE_SOURCES": "/none"}, "POCKETMATTE_SOURCES is /none, which holds no"),
        ({"SCRIPT_INPUT_FILE_COUNT": "1"}, "no lock is given; add tiers.lock.json"),
        ({"SCRIPT_INPUT_FILE_COUNT": "2"}, "no bundle is given; add its manifest.json"),
        ({"POCKETMATTE_LOCK": "none.json"}, "none.json cannot be read"),
        ({"POCKETMATTE_PYTHON": "/none/python3"}, "/none/python3 is no Python of 3.11"),
        ({"POCKETMATTE_FOLDER": "../x"}, "POCKETMATTE_FOLDER is ../x; give a folder inside"),
        ({"POCKETMATTE_FOLDER": "a/../../x"}, "POCKETMATTE_FOLDER is a/../../x"),
        ({"POCKETMATTE_NEIGHBOURS": "12"}, "--neighbours is 12; it must be from 0 to 11"),
    ],
)
def test_what_is_missing_or_wrong_is_said_in_one_line(
    script: Path, xcode: dict[str, str], change: dict[str, str], said: str
) -> None:
    assert said in refused(script, xcode | change)
    assert not app(xcode).exists()


def test_a_path_without_a_python_that_will_do_says_so(
    script: Path, xcode: dict[str, str], tmp_path: Path
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sed", "touch", "cat"):
        (tools / name).symlink_to(shutil.which(name) or name)
    shell = shutil.which(SHELLS[0]) or SHELLS[0]
    bare = xcode | {"PATH": str(tools)}
    done = subprocess.run([shell, script], env=bare, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "there is no python3 of 3.11 or newer in PATH; set POCKETMATTE_PYTHON" in done.stderr
    old = tools / "python3"
    old.write_text(f"#!{shell}\nexit 1\n")
    old.chmod(old.stat().st_mode | stat.S_IXUSR)
    done = subprocess.run([shell, script], env=bare, capture_output=True, text=True, check=False)
    assert "there is no python3 of 3.11 or newer in PATH" in done.stderr
    (tools / "python3.11").symlink_to(sys.executable)
    done = subprocess.run([shell, script], env=bare, capture_output=True, text=True, check=False)
    assert done.returncode == 0


def test_a_name_that_a_shell_would_run_is_a_name(
    script: Path, xcode: dict[str, str], tmp_path: Path
) -> None:
    odd = tmp_path / 'odd $(touch ran) `touch ran`; "lock".lock.json'
    shutil.copy(xcode["SCRIPT_INPUT_FILE_1"], odd)
    done = run(script, xcode | {"SCRIPT_INPUT_FILE_1": str(odd)})
    assert (done.returncode, done.stderr) == (0, "")
    assert not Path(xcode["SRCROOT"], "ran").exists()


def test_the_plugin_of_swiftpm_names_what_is_there(request: pytest.FixtureRequest) -> None:
    folder = request.config.rootpath / "ios_harness/Delivery"
    manifest = (folder / "Package.swift").read_text()
    (name,) = re.findall(r'\.plugin\(name: "(\w+)", capability: \.buildTool\(\)\)', manifest)
    assert re.findall(r'\.plugin\(name: "(\w+)", targets: \["(\w+)"\]\)', manifest) == [
        (name, name)
    ]
    source = (folder / "Plugins" / name / f"{name}.swift").read_text()
    assert f"struct {name}: BuildToolPlugin" in source


def test_the_plugin_and_the_command_know_the_same_options(request: pytest.FixtureRequest) -> None:
    import argparse

    from pocketmatte.selection.delivery.arguments import add_deliver

    folder = request.config.rootpath / "ios_harness/Delivery/Plugins/MatteCheck"
    used = set(re.findall(r'"(--[\w-]+)"', (folder / "Settings.swift").read_text()))
    parser = argparse.ArgumentParser()
    add_deliver(parser)
    known = {each for action in parser._actions for each in action.option_strings}
    assert {"--check", "--policy", "--frozen"} < used <= known


def test_every_build_can_say_all_that_a_lock_is_chosen_again_by(
    request: pytest.FixtureRequest,
) -> None:
    root = request.config.rootpath
    steps = (
        "ios_harness/Delivery/Plugins/MatteCheck/Settings.swift",
        "ios_harness/Delivery/deliver.sh",
        "android_harness/gradle/delivery/src/main/kotlin/DeliverCommand.kt",
    )
    needed = {"--policy", "--results", "--network", "--neighbours", "--frozen"}
    for step in steps:
        assert needed <= set(re.findall(r"--[a-z]+", (root / step).read_text())), step
