"""The Gradle files of the Kotlin harness agree with each other: no Gradle of this age runs here."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ALIAS = re.compile(r"\blibs((?:\.\w+)+)")
INCLUDE = re.compile(r'^include\(":([\w-]+)"\)$', re.MULTILINE)
PACKAGE = re.compile(r"^package ([\w.]+)$", re.MULTILINE)
ANDROID = re.compile(r"^import androidx?\.", re.MULTILINE)
TABLES = {"versions": ".versions", "plugins": ".plugins", "libraries": ""}
# What Kotlin 1.3 still takes and Kotlin 2 refuses, or understands otherwise. The other way round is
# the old compiler's to find.
GONE = re.compile(
    r"\.(?:toLowerCase|toUpperCase|capitalize|decapitalize|sumBy|sumByDouble|appendln"
    r"|max|min|maxBy|minBy|maxWith|minWith)\b *[({]"
)
MAY_NAME_ANDROID = ("app", "probes")


@pytest.fixture(scope="module")
def harness(root: Path) -> Path:
    return root / "android_harness"


@pytest.fixture(scope="module")
def catalog(harness: Path) -> dict[str, dict[str, object]]:
    return tomllib.loads((harness / "gradle" / "libs.versions.toml").read_text())


def accessors(catalog: dict[str, dict[str, object]]) -> set[str]:
    """Return what a build file may write after ``libs``."""
    return {
        f"{prefix}.{name.replace('-', '.')}"
        for table, prefix in TABLES.items()
        for name in catalog[table]
    }


def used(text: str) -> set[str]:
    """Return the aliases that a build file uses."""
    return {found.removesuffix(".get") for found in ALIAS.findall(text)}


def build_texts(harness: Path) -> str:
    return "\n".join(path.read_text() for path in sorted(harness.rglob("*.gradle.kts")))


def kotlin_files(harness: Path) -> Iterator[tuple[str, str]]:
    """Yield each source's path below ``harness`` and its text."""
    for path in sorted(harness.rglob("*.kt")):
        yield path.relative_to(harness).as_posix(), path.read_text()


def too_wide(text: str) -> list[int]:
    """Return the numbers of lines of more than 100 columns."""
    return [number for number, line in enumerate(text.splitlines(), 1) if len(line) > 100]


def misplaced(name: str, text: str) -> bool:
    """Say whether a source's package is not its module's.

    The folders of a module's one package are left out, as Kotlin's conventions have it.
    """
    package = PACKAGE.search(text)
    module = name.partition("/")[0].removeprefix("engine-")
    own = "org.pocketmatte.harness" + ("" if module == "app" else f".{module}")
    return package is None or package[1] != own or not name.rpartition("/")[0].endswith("/kotlin")


def names_android(name: str, text: str) -> bool:
    """Say whether a source outside the modules of Android names its classes."""
    return name.split("/")[0] not in MAY_NAME_ANDROID and bool(ANDROID.search(text))


def test_every_alias_exists_and_none_is_idle(
    harness: Path, catalog: dict[str, dict[str, object]]
) -> None:
    libraries = [*catalog["libraries"].values(), *catalog["plugins"].values()]
    references = re.findall(r"'ref': '([\w-]+)'", str(libraries))
    referred = {f".versions.{name.replace('-', '.')}" for name in references}
    assert used(build_texts(harness)) <= accessors(catalog)
    assert accessors(catalog) <= used(build_texts(harness)) | referred


def test_an_alias_that_no_catalog_has_is_noticed(catalog: dict[str, dict[str, object]]) -> None:
    text = "implementation(libs.gson)\nimplementation(libs.moshi)\nlibs.versions.jdk.get().toInt()"
    assert used(text) - accessors(catalog) == {".moshi"}


def test_settings_include_every_module_and_no_other(harness: Path) -> None:
    included = INCLUDE.findall((harness / "settings.gradle.kts").read_text())
    modules = {path.parent.name for path in harness.glob("*/build.gradle.kts")}
    assert set(included) == modules
    assert len(included) == len(modules) == 5


def test_every_project_that_a_module_needs_is_included(harness: Path) -> None:
    included = INCLUDE.findall((harness / "settings.gradle.kts").read_text())
    needed = set(re.findall(r'project\(":([\w-]+)"\)', build_texts(harness)))
    assert needed <= set(included)
    assert "core" in needed


def test_the_kotlin_of_android_modules_is_the_plugins_own(harness: Path) -> None:
    files = [*harness.rglob("*.gradle.kts"), harness / "gradle" / "libs.versions.toml"]
    assert not any("org.jetbrains.kotlin.android" in path.read_text() for path in files)


def test_the_runtimes_are_those_of_the_exporter(
    root: Path, catalog: dict[str, dict[str, object]]
) -> None:
    pinned = (root / "pyproject.toml").read_text()
    for name in ("executorch", "onnxruntime"):
        assert f'"{name}=={catalog["versions"][name]}"' in pinned


def test_the_wrapper_names_its_gradle_and_brings_no_jar(harness: Path) -> None:
    properties = (harness / "gradle" / "wrapper" / "gradle-wrapper.properties").read_text()
    assert "/gradle-9.6.1-bin.zip" in properties
    assert list(harness.rglob("*.jar")) == []


def test_every_source_is_of_its_modules_package(harness: Path) -> None:
    files = dict(kotlin_files(harness))
    assert len(files) > 30
    assert [name for name, text in files.items() if misplaced(name, text)] == []


def test_a_source_of_another_package_is_noticed() -> None:
    name = "core/src/main/kotlin/Choice.kt"
    assert misplaced(name, "package org.pocketmatte.harness\n")
    assert misplaced("core/src/main/kotlin/org/Choice.kt", "package org.pocketmatte.harness.core\n")
    assert not misplaced(name, "package org.pocketmatte.harness.core\n")


def test_no_line_of_a_source_is_wider_than_100_columns(harness: Path) -> None:
    wide = [f"{n}:{line}" for n, text in kotlin_files(harness) for line in too_wide(text)]
    assert wide == []
    assert too_wide("a\n" + "b" * 101) == [2]


def test_only_probes_and_app_name_android(harness: Path) -> None:
    files = dict(kotlin_files(harness))
    assert [name for name, text in files.items() if names_android(name, text)] == []
    assert any(ANDROID.search(text) for text in files.values())


@pytest.mark.parametrize("line", ["import android.os.Build", "import androidx.core.util.Pair"])
def test_a_core_that_names_android_is_noticed(line: str) -> None:
    assert names_android("core/src/main/kotlin/A.kt", f"package a\n\n{line}\n")
    assert not names_android("probes/src/main/kotlin/A.kt", f"package a\n\n{line}\n")


def test_no_source_uses_what_newer_kotlin_refuses(harness: Path) -> None:
    found = {name: GONE.findall(text) for name, text in kotlin_files(harness)}
    assert [name for name, uses in found.items() if uses] == []


@pytest.mark.parametrize("line", ["name.toLowerCase()", "list.maxBy { it.size }", "values.max()"])
def test_what_newer_kotlin_refuses_is_noticed(line: str) -> None:
    assert GONE.search(line)
