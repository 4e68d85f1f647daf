"""The Gradle plugin compiled against declarations of Gradle, and its logic run, with Python too.

Gradle itself was never there: that it calls what is declared, and when, is not shown.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.harness_kotlin.kotlin_build import (
    JUnitReport,
    compile_kotlin,
    run_junit,
    skip_without_kotlin,
    write_declarations,
)
from tests.pocketmatte.delivery.delivered import bundle_with_packages, write_lock

PACKAGE = "org.pocketmatte.harness.gradle"
PURE = ("AssetsFolder.kt", "DeliverCommand.kt", "Ran.kt")


@pytest.fixture(scope="module")
def project(root_folder: Path) -> Path:
    return root_folder / "android_harness" / "gradle" / "delivery"


@pytest.fixture(scope="module")
def root_folder(request: pytest.FixtureRequest) -> Path:
    return request.config.rootpath


@pytest.fixture(scope="module")
def declarations(root_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("declarations")
    text = root_folder / "tests/pocketmatte/delivery/gradle_declarations.txt"
    write_declarations(text.read_text(), folder)
    return folder


@pytest.fixture(scope="module")
def classes(project: Path, declarations: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    skip_without_kotlin()
    folder = tmp_path_factory.mktemp("plugin")
    assert compile_kotlin([declarations, project / "src"], folder) == ""
    return folder


@pytest.fixture(scope="module")
def tested(
    classes: Path, root_folder: Path, project: Path, tmp_path_factory: pytest.TempPathFactory
) -> JUnitReport:
    folder = tmp_path_factory.mktemp("given")
    bundle = bundle_with_packages(folder / "bundle", networks=("rvm",), tiers=("t01", "t05"))
    lock = write_lock(bundle, folder / "tiers.lock.json", every=True, platform="android")
    names = [f"{PACKAGE}.{file.stem}" for file in sorted((project / "src/test").rglob("*Test.kt"))]
    given = {"python": Path(sys.executable), "sources": root_folder}
    return run_junit(classes, names, bundle=bundle, lock=lock, **given)


def test_the_logic_runs_and_every_test_of_it_passes(project: Path, tested: JUnitReport) -> None:
    sources = (project / "src" / "test").rglob("*.kt")
    written = sum(len(re.findall(r"^ +@Test$", file.read_text(), re.M)) for file in sources)
    assert tested.failed == []
    assert tested.run == written >= 16


def test_the_logic_names_nothing_of_gradle(project: Path) -> None:
    for name in PURE:
        text = (project / "src/main/kotlin" / name).read_text()
        assert not re.search(r"^import (?:org\.gradle|com\.android)", text, re.M)


def test_a_call_that_gradle_has_not_is_noticed(
    project: Path, declarations: Path, tmp_path: Path
) -> None:
    skip_without_kotlin()
    sources = Path(shutil.copytree(project / "src" / "main", tmp_path / "main"))
    task = sources / "kotlin" / "DeliverTask.kt"
    task.write_text(task.read_text().replace("neighbours.orNull", "neighbours.orNothing"))
    said = compile_kotlin([declarations, sources], tmp_path / "classes")
    assert "unresolved reference: orNothing" in said


# Runs a module and says of every file that it opens where it lies, from this folder, and at once:
# the module ends the process without a word.
LISTING = """
import os, runpy, sys
def note(event, given):
    if event == "open" and isinstance(given[0], str):
        os.write(1, os.path.relpath(os.path.realpath(given[0])).encode() + b"\\n")
sys.addaudithook(note)
sys.argv[:1] = []
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


def included(patterns: Iterable[str], name: str) -> bool:
    """Say whether a file is of a Gradle tree with these patterns."""
    regular = (re.escape(p).replace(r"\*\*/", "(?:.*/)?").replace(r"\*", "[^/]*") for p in patterns)
    return any(re.fullmatch(each, name) for each in regular)


def test_whatever_the_command_reads_of_the_sources_is_an_input_of_the_task(
    root_folder: Path, project: Path, tmp_path: Path
) -> None:
    bundle = bundle_with_packages(tmp_path / "bundle", networks=("rvm",), tiers=("t01", "t05"))
    policy = tmp_path / "app.toml"
    policy.write_text('schema_version = 1\nprior = "roofline"\nframe_ms = 33.3\n')
    lock = write_lock(bundle, tmp_path / "tiers.lock.json", policy, every=True, platform="android")
    words = ["pocketmatte.selection", "deliver", lock, "--bundle", bundle, "--policy", policy]
    words += ["--platform", "android", "--neighbours", "1", "--out", tmp_path / "out"]
    done = subprocess.run(
        [sys.executable, "-B", "-s", "-c", LISTING, *map(str, words)],
        cwd=root_folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    read = {
        name
        for name in done.stdout.splitlines()
        if not name.startswith("..") and "__pycache__" not in name and "site-packages" not in name
    }
    assert "pocketmatte/selection/delivery/delivering.py" in read
    assert "pocketmatte/cost_model/host_rates.json" in read
    text = (project / "src/main/kotlin/DeliveryPlugin.kt").read_text()
    patterns = re.findall(r'"([\w/*.]+)"', " ".join(re.findall(r"tree\.include\((.*)\)", text)))
    assert {name for name in read if not included(patterns, name)} == set()
    assert included(patterns, "pocketmatte/bundle.py")
    assert not included(patterns, "pocketmatte/cost_model/a/works.json")


def test_every_input_of_the_task_says_how_it_counts(project: Path) -> None:
    text = (project / "src/main/kotlin/DeliverTask.kt").read_text()
    properties = re.findall(r"((?: +@get:\w+.*\n)*) +abstract val (\w+):", text)
    assert len(properties) == 12
    kinds = re.compile(
        r"@get:(?:Input|InputFile|InputFiles|InputDirectory|OutputDirectory|Internal)\b"
    )
    assert [name for marks, name in properties if len(kinds.findall(marks)) != 1] == []
    files = [name for marks, name in properties if re.search(r"Input(?:File|Dir)", marks)]
    assert files == ["program", "lock", "bundle", "policy", "results"]
    assert all("PathSensitive" in marks for marks, name in properties if name in files)


def test_the_build_file_names_the_plugin_that_is_there(project: Path) -> None:
    text = (project / "build.gradle.kts").read_text()
    (name,) = re.findall(r'implementationClass = "([\w.]+)"', text)
    package, _, simple = name.rpartition(".")
    source = (project / "src/main/kotlin" / f"{simple}.kt").read_text()
    assert source.startswith(f"package {package}\n")
    assert re.search(rf"^class {simple} : Plugin<Project>", source, re.M)
