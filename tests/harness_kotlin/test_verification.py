"""docs/verification.md names every source that was never compiled, as it is now."""

import shutil
from pathlib import Path

import pytest

from runtime_tests.verification_log import PAGE, PATTERNS, never_compiled, renewed
from tiers.errors import BundleError, UsageError


@pytest.fixture
def copy(root: Path, tmp_path: Path) -> Path:
    """Return a small repository of two sources and their page."""
    (tmp_path / "docs").mkdir()
    (tmp_path / PATTERNS).write_text("# why\napp/**/*.kt | read\n")
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "B.kt").write_text("b")
    (tmp_path / "app" / "A.kt").write_text("a")
    shutil.copy(root / PAGE, tmp_path / PAGE)
    return tmp_path


def test_the_hashes_of_the_page_are_those_of_the_files(root: Path) -> None:
    page = (root / PAGE).read_text()
    hint = "a file changed: look through it, then run python -m runtime_tests.verification_log"
    assert page == renewed(root, page), hint


def test_a_file_that_changed_makes_the_page_stale(copy: Path) -> None:
    page = renewed(copy, (copy / PAGE).read_text())
    assert renewed(copy, page) == page
    assert page.index("`app/A.kt` | read") < page.index("`app/B.kt` | read")
    (copy / "app" / "A.kt").write_text("changed")
    assert renewed(copy, page) != page


def test_every_kotlin_source_outside_the_core_is_listed(root: Path) -> None:
    sources = {
        path.relative_to(root).as_posix()
        for path in (root / "android_harness").rglob("*.kt*")
        if path.suffix in (".kt", ".kts")
    }
    core = {name for name in sources if name.startswith("android_harness/core/src/")}
    assert len(core) > 25
    assert sources - core == {
        name
        for name in never_compiled(root)
        if name.startswith("android_harness/") and not name.endswith(".toml")
    }


@pytest.mark.parametrize("line", ["gone/*.kt | read", "app/**/*.kt", "app/**/*.kt |", "| read"])
def test_a_pattern_that_finds_nothing_or_says_nothing_is_refused(copy: Path, line: str) -> None:
    (copy / PATTERNS).write_text(f"{line}\n")
    with pytest.raises(UsageError, match=r"never_compiled.txt:1 finds \d files"):
        never_compiled(copy)


def test_a_page_without_a_place_for_the_table_is_refused(copy: Path) -> None:
    with pytest.raises(BundleError, match="has no lines"):
        renewed(copy, "# A page\n")
