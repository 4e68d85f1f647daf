"""Write a file or folder whole or not at all."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from tiers.errors import BundleError, was_interrupted

PARTIAL = ".partial"  # suffix of a hidden sibling that is not yet, or will never be, whole
REPLACED = ".replaced"  # suffix of a hidden sibling that a whole folder is about to replace


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a hidden sibling to write to; it becomes ``path`` when the block ends without error.

    Whatever ends the block otherwise, nothing is left beside ``path``, and ``path`` is as it was.
    A killed process may leave the sibling ``.<name>.partial``, which the next write to ``path``
    removes, or ``.<name>.replaced``, which it puts back where ``path`` is gone.

    Args:
        path: The file or folder to make or replace; its parents are made. A file never replaces a
            folder.

    Yields:
        Where to write: a path that does not exist.

    Raises:
        BundleError: If the disk refuses it, or the path has no name of its own, as ``.`` has none.
        KeyboardInterrupt: If Ctrl-C ended the block, whatever its clearing up came to.
    """
    if path.name in {"", ".."}:
        msg = f"could not write {path}: it is a folder by another name; give the name it is to have"
        raise BundleError(msg)
    partial = path.with_name(f".{path.name}{PARTIAL}")
    replaced = path.with_name(f".{path.name}{REPLACED}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove(partial)
        _restore(path, replaced)
        yield partial
        _flush(partial)
        if partial.is_dir() and path.is_dir():  # it cannot be renamed onto one that holds something
            path.rename(replaced)
        partial.replace(path)
    except OSError as error:
        if was_interrupted(error):
            raise KeyboardInterrupt from error
        reason = error.strerror or error
        msg = f"could not write {path} ({reason}); free some space or choose another folder"
        raise BundleError(msg) from error
    finally:
        with contextlib.suppress(OSError):  # where a folder above is none, there is nothing to do
            _restore(path, replaced)
            remove(partial)


def remove_partials(root: Path) -> list[Path]:
    """Delete what a killed run left half-written below ``root``; put back what was to be replaced.

    A folder that was moved aside goes back where no new one took its place.

    Returns:
        The folders that were put back.
    """
    for path in sorted(root.rglob(f".*{PARTIAL}"), reverse=True):
        remove(path)
    aside = {
        path: path.with_name(path.name[1 : -len(REPLACED)])
        for path in sorted(root.rglob(f".*{REPLACED}"), reverse=True)
    }
    return [place for path, place in aside.items() if _restore(place, path)]


def _restore(path: Path, replaced: Path) -> bool:
    """Put the old folder back where no new one took its place; delete it elsewhere."""
    restored = replaced.is_dir() and not replaced.is_symlink() and not path.exists()
    if restored:
        replaced.rename(path)
    else:
        remove(replaced)
    return restored


def remove(path: Path) -> None:
    """Delete a file or folder, or the link itself, where there is one."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    for part in (path, *path.rglob("*")) if path.is_dir() else (path,):
        descriptor = os.open(part, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
