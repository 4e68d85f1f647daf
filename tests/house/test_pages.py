"""What pages of the documentation name can be run: commands, their options, modules."""

import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest
from typer.core import TyperCommand

INLINE = re.compile(r"(?<!`)`([^`]+)`(?!`)")  # also over the end of a line
BLOCK = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OPTION = re.compile(r"--[a-z][a-z0-9-]*")
COMMAND = re.compile(r"\s*pocketmatte (?! )\S")  # two spaces: a table of folders
MODULE = re.compile(r"python -m ((?:pocketmatte|runtime_tests|benchmarks)[\w.]*)")


@pytest.fixture(scope="module")
def options(commands: dict[str, TyperCommand]) -> dict[str, set[str]]:
    """Options of each command."""
    return {
        name: {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
        | {"--help"}
        for name, command in commands.items()
    }


def snippets(text: str) -> Iterator[str]:
    """Yield the lines of blocks of code, continued ones as one, and code within sentences."""
    for block in BLOCK.findall(text):
        yield from re.sub(r"\\\n", " ", block).splitlines()
    for inline in INLINE.findall(BLOCK.sub("", text)):
        yield " ".join(inline.split())


def faults(text: str, options: dict[str, set[str]]) -> list[str]:
    """What of the code on a page names a command, an option or a module that is not there."""
    found = []
    for snippet in snippets(text):
        for part in re.split(r"&&|;|\|(?!\|)", snippet):
            try:
                words = shlex.split(part, comments=True)
            except ValueError:
                words = part.split()
            if COMMAND.match(part):
                name = words[1]
                if name.startswith("-") or not name.islower():
                    continue
                if name not in options:
                    found.append(f"{part.strip()}: no command {name}")
                    continue
                named = {OPTION.match(word) for word in words[2:]}
                wrong = {each[0] for each in named if each} - options[name]
                found += [f"{part.strip()}: no option {each}" for each in sorted(wrong)]
        found += [
            f"{snippet}: no module {name}"
            for name in MODULE.findall(snippet)
            if importlib.util.find_spec(name.rstrip(".")) is None
        ]
    return found


def test_commands_options_and_modules_of_all_pages_exist(
    root: Path, project_files: list[PurePosixPath], options: dict[str, set[str]]
) -> None:
    pages = [name for name in project_files if name.suffix == ".md" and name.name != "CHANGELOG.md"]
    assert PurePosixPath("docs/building.md") in pages
    wrong = {str(page): faults((root / page).read_text(), options) for page in pages}
    assert {page: each for page, each in wrong.items() if each} == {}


def test_what_is_not_there_is_found(options: dict[str, set[str]]) -> None:
    text = (
        "Run `pocketmatte verify\nBUNDLE --nothing` or `pocketmatte nothing`.\n"
        "```sh\npocketmatte build --out b \\\n  --no-such && python -m benchmarks.nothing\n```\n"
        "`pocketmatte verify BUNDLE --jobs 2` is, and `pocketmatte ...` says nothing.\n"
    )
    assert [each.split(": ")[1] for each in faults(text, options)] == [
        "no option --no-such",
        "no module benchmarks.nothing",
        "no option --nothing",
        "no command nothing",
    ]
