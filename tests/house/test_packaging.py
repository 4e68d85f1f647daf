"""One distribution, three imports, pinned libraries."""

import importlib.metadata
import importlib.util
import re
import tomllib
import zipfile
from pathlib import Path, PurePosixPath

import pytest
from hatchling.build import build_wheel
from packaging.requirements import Requirement

PACKAGES = ("export", "pocketmatte", "tiers")


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        return zipfile.ZipFile(folder / build_wheel(str(folder)))


@pytest.mark.parametrize("name", PACKAGES)
def test_the_name_belongs_to_our_distribution_alone(root: Path, name: str) -> None:
    owners = importlib.metadata.packages_distributions().get(name, [])
    assert set(owners) <= {"pocketmatte"}  # an editable installation lists no package
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.origin == str(root / name / "__init__.py")


def test_the_wheel_holds_our_three_packages_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)


def test_the_wheel_holds_every_file_of_the_packages(
    wheel: zipfile.ZipFile, project_files: list[PurePosixPath]
) -> None:
    ours = {str(name) for name in project_files if name.parts[0] in PACKAGES}
    assert ours - set(wheel.namelist()) == set()


def test_the_wheel_stays_private_and_carries_its_licence(wheel: zipfile.ZipFile) -> None:
    (metadata,) = (name for name in wheel.namelist() if name.endswith("/METADATA"))
    text = wheel.read(metadata).decode()
    assert "Classifier: Private :: Do Not Upload" in text
    assert "License-Expression: Apache-2.0" in text
    assert metadata.replace("METADATA", "licenses/LICENSE") in wheel.namelist()


def test_the_version_is_the_newest_of_the_changelog(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    newest = re.search(r"^## \[([^\]]+)\]", (root / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert newest[1] == project["version"] == importlib.metadata.version("pocketmatte")


def test_every_library_is_pinned_and_installed_as_pinned(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    for line in project["dependencies"] + project["optional-dependencies"]["dev"]:
        pin = Requirement(line)
        assert [part.operator for part in pin.specifier] == ["=="], line
        assert importlib.metadata.version(pin.name) in pin.specifier, f"{line}: run make setup"
