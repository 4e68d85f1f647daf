"""The Swift package and the app's project name what is there, and keep Apple's parts apart."""

import importlib
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.harness_swift.swift_source import code_of

FOLDER = Path("ios_harness")
APPLE_ONLY = "MatteCoreML"


def targets(manifest: str) -> dict[str, tuple[str, list[str]]]:
    """Return the targets of a Package.swift: the folder each lies in and what it depends on."""
    found = {}
    pattern = (
        r"\.(target|executableTarget|testTarget)\(name: \"(\w+)\"(?:, dependencies: \[(.*?)\])?\)"
    )
    for kind, name, needed in re.findall(pattern, manifest):
        folder = "Tests" if kind == "testTarget" else "Sources"
        found[name] = (f"{folder}/{name}", re.findall(r'"(\w+)"', needed))
    return found


def package_faults(folder: Path, manifest: str) -> list[str]:
    """Return where a Package.swift and its folders do not fit each other."""
    named = targets(manifest)
    faults = [
        f"no folder {at}" for at, _ in named.values() if not any((folder / at).glob("*.swift"))
    ]
    there = {f"{top}/{p.name}" for top in ("Sources", "Tests") for p in (folder / top).iterdir()}
    faults += [f"no target {at}" for at in sorted(there - {at for at, _ in named.values()})]
    needed = {name for _, names in named.values() for name in names}
    needed |= set(re.findall(r'"(\w+)"', " ".join(re.findall(r"targets: \[(\".*?)\]", manifest))))
    return faults + [f"no target {name}" for name in sorted(needed - set(named))]


def test_every_target_has_its_folder_and_every_folder_its_target(root: Path) -> None:
    manifest = (root / FOLDER / "Package.swift").read_text()
    assert len(targets(manifest)) == 5
    assert package_faults(root / FOLDER, manifest) == []


@pytest.mark.parametrize(
    ("right", "wrong", "fault"),
    [
        (
            '.target(name: "MatteCore")',
            '.target(name: "MatteHeart")',
            "no folder Sources/MatteHeart",
        ),
        ('.target(name: "MatteCore")', "", "no target Sources/MatteCore"),
        ('targets: ["MatteBench"]', 'targets: ["MatteBank"]', "no target MatteBank"),
        ('dependencies: ["MatteCore"]', 'dependencies: ["MatteCure"]', "no target MatteCure"),
    ],
)
def test_a_package_that_does_not_fit_is_found(
    root: Path, right: str, wrong: str, fault: str
) -> None:
    manifest = (root / FOLDER / "Package.swift").read_text()
    assert right in manifest
    assert fault in package_faults(root / FOLDER, manifest.replace(right, wrong))


def test_the_package_needs_no_other_package(root: Path) -> None:
    manifest = (root / FOLDER / "Package.swift").read_text()
    assert manifest.startswith("// swift-tools-version: 5.9\n")
    assert ".package(" not in manifest
    assert "platforms: [.iOS(.v17), .macOS(.v14)]" in manifest


def unguarded(text: str) -> bool:
    """Say whether a file has anything outside of ``#if canImport(CoreML)``."""
    lines = [line for line in code_of(text).splitlines() if line.strip()]
    if not lines or lines[0] != "#if canImport(CoreML)" or lines[-1] != "#endif":
        return True
    depth = 0
    for number, line in enumerate(lines):
        depth += line.lstrip().startswith("#if")
        depth -= line.lstrip().startswith("#endif")
        if number < len(lines) - 1 and depth == 0:
            return True
        if depth == 1 and line.lstrip().startswith("#else"):
            return True
    return depth != 0


def test_whatever_needs_core_ml_is_left_out_where_there_is_none(root: Path) -> None:
    files = [
        *(root / FOLDER / "Sources" / APPLE_ONLY).glob("*.swift"),
        *(root / FOLDER / "Tests" / f"{APPLE_ONLY}Tests").glob("*.swift"),
    ]
    assert len(files) > 5
    assert [path.name for path in files if unguarded(path.read_text())] == []


@pytest.mark.parametrize(
    "text",
    [
        "import CoreML\n",
        "import Foundation\n#if canImport(CoreML)\n#endif\n",
        "#if canImport(CoreML)\n#endif\nlet x = 1\n#if os(iOS)\n#endif\n",
        "#if canImport(CoreML)\n#else\nlet x = 1\n#endif\n",
        "#if canImport(CoreML)\n#if os(iOS)\n#endif\n",
    ],
)
def test_a_file_that_is_not_wholly_guarded_is_found(text: str) -> None:
    assert unguarded(text)


def imports(text: str) -> set[str]:
    """Return the modules that a Swift file imports."""
    return set(re.findall(r"^(?:@\w+ )?import (\w+)", code_of(text), re.MULTILINE))


def test_the_core_imports_foundation_and_nothing_else(root: Path) -> None:
    files = list((root / FOLDER / "Sources/MatteCore").glob("*.swift"))
    assert set().union(*(imports(path.read_text()) for path in files)) == {"Foundation"}
    assert imports("@testable import MatteCore\nimport CoreML\n// import UIKit\n") == {
        "MatteCore", "CoreML",
    }  # fmt: skip


def test_the_core_names_nothing_that_linux_lacks(root: Path) -> None:
    lacking = re.compile(r"\b(?:autoreleasepool|Float16|CryptoKit|UIDevice|MLModel|thermalState)\b")
    files = (root / FOLDER / "Sources/MatteCore").glob("*.swift")
    assert [p.name for p in files if lacking.search(code_of(p.read_text()))] == []
    assert lacking.search(code_of("let x = Float16(1) // a comment"))


def test_results_name_the_version_of_the_project(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    bench = (root / FOLDER / "Sources/MatteCore/Bench.swift").read_text()
    assert re.findall(r'name: "ios_harness", version: "(.+?)"', bench) == [project["version"]]


def project_faults(folder: Path, project: dict[str, Any], products: set[str]) -> list[str]:
    """Return what an XcodeGen project names and is not there."""
    faults = []
    for name, package in project["packages"].items():
        if not (folder / package["path"] / "Package.swift").is_file():
            faults.append(f"no package {name}")
    for target in project["targets"].values():
        faults += [f"no sources {at}" for at in target["sources"] if not (folder / at).is_dir()]
        for needed in target["dependencies"]:
            if needed["package"] not in project["packages"]:
                faults.append(f"no package {needed['package']}")
            if needed["product"] not in products:
                faults.append(f"no product {needed['product']}")
    built = {name for scheme in project["schemes"].values() for name in scheme["build"]["targets"]}
    return faults + [f"no target {name}" for name in sorted(built - set(project["targets"]))]


def test_the_apps_project_names_what_is_there(root: Path) -> None:
    try:
        yaml = importlib.import_module("yaml")
    except ModuleNotFoundError:
        pytest.skip("needs PyYAML to read project.yml, which is not installed")
    folder = root / FOLDER / "App"
    project = yaml.safe_load((folder / "project.yml").read_text())
    manifest = (root / FOLDER / "Package.swift").read_text()
    products = set(re.findall(r"\.library\(name: \"(\w+)\"", manifest))
    assert project_faults(folder, project, products) == []
    sources = (folder / "Sources").glob("*.swift")
    assert sum("@main" in code_of(path.read_text()) for path in sources) == 1


def test_a_project_that_names_what_is_not_there_is_found(tmp_path: Path) -> None:
    project = {
        "packages": {"Here": {"path": ".."}},
        "targets": {
            "App": {
                "sources": ["Sources"],
                "dependencies": [{"package": "There", "product": "Thing"}],
            }
        },
        "schemes": {"App": {"build": {"targets": {"Other": "all"}}}},
    }
    assert project_faults(tmp_path / "App", project, {"MatteCore"}) == [
        "no package Here", "no sources Sources", "no package There", "no product Thing",
        "no target Other",
    ]  # fmt: skip
