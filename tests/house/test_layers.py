"""Arrows point down only, no exporter knows another, and the tables need no library."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BARE_MODULES = (
    "pocketmatte.cost_model.prior",
    "pocketmatte.selection.evidence", "pocketmatte.selection.front",
    "pocketmatte.selection.lookup", "pocketmatte.selection.shipping",
    "tiers.contract", "tiers.errors", "tiers.ladder", "tiers.spec",
)  # fmt: skip
PACKAGES = ("export", "pocketmatte", "tiers")


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def import_in_bare_python(root: Path, module: str) -> subprocess.CompletedProcess[str]:
    """Import ``module`` where nothing but the standard library and our own folder can be found."""
    program = f"import sys; sys.path.insert(0, {str(root)!r}); import {module}"
    return subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", program],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_import_contracts_hold(root: Path) -> None:
    result = lint_imports(root)
    assert result.returncode == 0, result.stdout
    assert "0 broken" in result.stdout


@pytest.mark.parametrize(
    ("file", "line", "broken"),
    [
        ("tiers/errors.py", "import export", "tiers.errors -> export"),
        ("export/to_onnx.py", "import export.to_coreml", "export.to_onnx -> export.to_coreml"),
        ("tiers/spec.py", "import numpy", "tiers.spec -> numpy"),
    ],
)
def test_a_forbidden_import_breaks_its_contract(
    root: Path, tmp_path: Path, file: str, line: str, broken: str
) -> None:
    shutil.copy(root / "pyproject.toml", tmp_path)
    for package in PACKAGES:
        for source in (root / package).rglob("*.py"):
            copy = tmp_path / source.relative_to(root)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, copy)
    with (tmp_path / file).open("a") as copied:
        copied.write(f"\n{line}\n")
    result = lint_imports(tmp_path)
    assert result.returncode == 1
    assert broken in result.stdout


@pytest.mark.parametrize("module", BARE_MODULES)
def test_a_table_imports_in_a_bare_python(root: Path, module: str) -> None:
    result = import_in_bare_python(root, module)
    assert result.returncode == 0, result.stderr


def test_a_network_does_not_import_in_a_bare_python(root: Path) -> None:
    assert "No module named 'torch'" in import_in_bare_python(root, "tiers.networks.rvm").stderr
