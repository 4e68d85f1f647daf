"""Folders that results go to."""

from pathlib import Path

from export.manifest import FILE_NAME
from tiers.errors import UsageError
from tiers.ladder import LADDERS

# what a build that was killed before its first manifest may have left
_OF_A_BUNDLE = frozenset({*LADDERS, "weights", "results"})


def make_folder(path: Path) -> None:
    """Make a folder and those above it, where they are missing.

    Raises:
        UsageError: If a file is in the way.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        msg = f"{path} is a file or lies below one; choose a folder"
        raise UsageError(msg) from error


def make_bundle_folder(path: Path) -> None:
    """Make a folder for a bundle, or take one that is empty or holds a bundle.

    Raises:
        UsageError: If it holds something else, or a file is in the way.
    """
    make_folder(path)
    if (path / FILE_NAME).is_file():
        return
    names = sorted(part.name for part in path.iterdir() if not part.name.startswith("."))
    others = [name for name in names if name not in _OF_A_BUNDLE]
    if others:
        found = ", ".join(others[:3])
        msg = f"{path} holds {found} and no {FILE_NAME}; choose an empty or new folder"
        raise UsageError(msg)
