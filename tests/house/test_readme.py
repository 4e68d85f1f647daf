"""The README tells the truth: its tree, its links, its commands."""

import re
import shlex
from pathlib import Path, PurePosixPath

import pytest
from typer.core import TyperCommand

ENTRY = re.compile(r"^(?P<indent> *)(?P<name>\S+)(?:\s{2,}(?P<comment>\S.*))?$")
SHELL = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TREE = re.compile(r"^## The tree$.*?^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")


@pytest.fixture(scope="module")
def readme(root: Path) -> str:
    return (root / "README.md").read_text()


def tree_comments(readme: str) -> dict[PurePosixPath, str]:
    """Path -> comment of the tree; a level is two spaces, a folder's path ends at its name."""
    block = TREE.search(readme)
    assert block is not None
    above: list[str] = []
    comments = {}
    for line in block[1].splitlines():
        entry = ENTRY.match(line)
        assert entry is not None, f"no tree entry: {line!r}"
        above[len(entry["indent"]) // 2 :] = [entry["name"].rstrip("/")]
        comments[PurePosixPath(*above)] = entry["comment"] or ""
    return comments


def expected_paths(files: list[PurePosixPath]) -> set[PurePosixPath]:
    """What the tree must hold: every visible file and its folders.

    Of `tests/` the folders, of the two apps, whose READMEs go on, the first level of them.
    """
    visible = [file for file in files if not any(part.startswith(".") for part in file.parts)]
    apps = {"android_harness", "ios_harness"}
    folders = {parent for file in visible for parent in file.parents if parent.name}
    folders = {path for path in folders if path.parts[0] not in apps or len(path.parts) <= 2}
    in_folders = apps | {"tests"}
    shown = {f for f in visible if f.parts[0] not in in_folders and f.name != "__init__.py"}
    return folders | shown


def broken_links(page: Path) -> list[str]:
    targets = (target.split("#")[0] for target in LINK.findall(page.read_text()))
    return [
        target
        for target in targets
        if target and "://" not in target and not (page.parent / target).exists()
    ]


def command_lines(readme: str, program: str) -> list[list[str]]:
    """The words after ``program`` in every shell line that runs it."""
    lines = (line for block in SHELL.findall(readme) for line in block.splitlines())
    words = (shlex.split(line, comments=True) for line in lines)
    return [line[1:] for line in words if line and PurePosixPath(line[0]).name == program]


def test_the_tree_lists_every_file_and_nothing_else(
    readme: str, project_files: list[PurePosixPath]
) -> None:
    listed, expected = set(tree_comments(readme)), expected_paths(project_files)
    missing, extra = sorted(map(str, expected - listed)), sorted(map(str, listed - expected))
    assert not missing, f"missing in the README's tree: {missing}"
    assert not extra, f"in the README's tree, but not on disk: {extra}"


def test_every_entry_of_the_tree_has_a_comment(readme: str) -> None:
    assert [str(path) for path, comment in tree_comments(readme).items() if not comment] == []


def test_a_file_the_tree_lacks_is_found() -> None:
    tree = "## The tree\n```\ntiers/  layer 0\n  spec.py  a row\n```\n"
    files = [PurePosixPath("tiers/spec.py"), PurePosixPath("tiers/blocks/new.py")]
    assert expected_paths(files) - set(tree_comments(tree)) == {
        PurePosixPath("tiers/blocks"),
        PurePosixPath("tiers/blocks/new.py"),
    }


def test_every_relative_link_leads_somewhere(
    root: Path, project_files: list[PurePosixPath]
) -> None:
    pages = [name for name in project_files if name.suffix == ".md"]
    assert PurePosixPath("README.md") in pages
    assert {str(page): broken for page in pages if (broken := broken_links(root / page))} == {}


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("[here](page.md#top) [gone](gone.md) [web](https://example.org)")
    assert broken_links(page) == ["gone.md"]


def test_every_make_target_of_the_readme_exists(root: Path, readme: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", (root / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", readme, re.MULTILINE))
    assert {"demo", "test"} <= named <= targets


def test_every_command_has_an_example(readme: str, commands: dict[str, TyperCommand]) -> None:
    lines = command_lines(readme, "pocketmatte")
    assert {words[0] for words in lines} == set(commands)


def test_the_checks_of_every_change_run_the_test_command_of_the_readme(root: Path) -> None:
    assert "make test" in (root / ".ci" / "run").read_text()
