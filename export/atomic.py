"""Write a file or folder whole or not at all."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a hidden sibling to write to; it becomes ``path`` when the block ends without error.

    Whatever ends the block otherwise, nothing is left beside ``path``, and ``path`` is as it was.
    A killed process may leave the sibling ``.<name>.partial`` (or ``.<name>.replaced``); the next
    write to ``path`` removes it.

    Args:
        path: The file or folder to make or replace; its parents are made.

    Yields:
        Where to write: a path that does not exist.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    replaced = path.with_name(f".{path.name}.replaced")
    _remove(partial)
    _remove(replaced)
    try:
        yield partial
        _flush(partial)
        if path.is_dir():  # a folder cannot be renamed onto one that holds something
            path.rename(replaced)
        partial.replace(path)
    finally:
        _remove(partial)
        _remove(replaced)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    for part in (path, *path.rglob("*")) if path.is_dir() else (path,):
        descriptor = os.open(part, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
