"""The text says nothing of one machine: no path of its disk, no registry it installs from."""

import re
from pathlib import Path, PurePosixPath

import pytest

MACHINE_WORDS = re.compile(
    r"(?<![\w.~)}>-])/(?:home|Users|root|tmp|private|mnt|opt|srv|work|workspace)/"
    r"|[A-Z]:\\Users"
    r"|https?://[\w.]*(?:pypi|pythonhosted|npmjs|debian|download\.pytorch)\."
    r"|--(?:extra-)?index[-]url|--find[-]links"
)


def machine_words(text: str) -> list[str]:
    return [
        f"{number}: {line.strip()}"
        for number, line in enumerate(text.splitlines(), start=1)
        if MACHINE_WORDS.search(line)
    ]


def test_no_file_names_a_machine_path_or_a_registry(
    root: Path, project_files: list[PurePosixPath]
) -> None:
    found = []
    for name in project_files:
        data = (root / name).read_bytes()
        if b"\0" not in data:
            found += [f"{name}:{line}" for line in machine_words(data.decode())]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("folder", ["home", "root", "tmp", "opt"])
def test_an_absolute_machine_path_is_found(folder: str) -> None:
    assert machine_words(f'first\nopen("/{folder}/someone/clip.mp4")') == [
        f'2: open("/{folder}/someone/clip.mp4")'
    ]


@pytest.mark.parametrize("host", ["pypi", "pythonhosted"])
def test_a_registry_host_is_found(host: str) -> None:
    assert machine_words(f"https://files.{host}.org/x")


@pytest.mark.parametrize(
    "text",
    ["/data/local/tmp/pocketmatte", "build/home/x", "https://example.org/opt/x", "../tmp/x"],
)
def test_a_phone_path_a_relative_path_and_a_page_are_no_machine_path(text: str) -> None:
    assert machine_words(text) == []
