"""The results of a session, of which the latest few are kept until the source is closed."""

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

from pocketmatte.studio.exports import Export

_MOST = 8


class Results:
    """Files that were written, the latest last.

    Args:
        new_folder: Gives a new folder for a result.
    """

    def __init__(self, new_folder: Callable[[str], Path]) -> None:
        self._new_folder = new_folder
        self._count = 0  # since the session began
        self.kept: tuple[Export, ...] = ()

    def add(self, write: Callable[[Path], Export]) -> None:
        """Write a result into a folder of its own, whole or not at all; the oldest makes room."""
        place = self._new_folder("export")
        try:
            made = write(place)
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
        self._count += 1
        kept = (*self.kept, dataclasses.replace(made, number=self._count))
        self.kept = kept[-_MOST:]
        for old in kept[:-_MOST]:
            shutil.rmtree(old.path.parent, ignore_errors=True)

    def clear(self) -> None:
        """Remove all."""
        gone, self.kept = self.kept, ()
        for old in gone:
            shutil.rmtree(old.path.parent, ignore_errors=True)
