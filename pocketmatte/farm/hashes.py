"""Hashes of a bundle's files, remembered: a file that nobody wrote since is not read again.

Only a build relies on them, to keep what is up to date; ``verify`` reads every byte.
"""

import json
from pathlib import Path

from export.artifact import members, sha256_of
from pocketmatte.results import FOLDER, write_results

_NAME = "hashes"


class Hashes:
    """What ``results/hashes.json`` of a bundle remembers.

    A file counts as the same while its size, its times of change and its place on the disk are.

    Args:
        root: The bundle.
    """

    def __init__(self, root: Path) -> None:
        self._root, self._changed = root, False
        self._known: dict[str, list[object]] = {}
        try:
            held = json.loads((root / FOLDER / f"{_NAME}.json").read_text(encoding="utf-8"))
            self._known = {str(path): list(each) for path, each in held["files"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            pass  # what is not remembered is read

    def of(self, path: Path) -> str:
        """Return the sha256 of a file or folder; see ``export.artifact.sha256_of``."""
        name = path.relative_to(self._root).as_posix()
        seen = _seen(path)
        known = self._known.get(name)
        if known is not None and known[:1] == [seen] and isinstance(known[-1], str):
            return known[-1]
        sha256 = sha256_of(path)
        self._known[name], self._changed = [seen, sha256], True
        return sha256

    def save(self) -> None:
        """Remember them, if there is something new.

        Raises:
            BundleError: If the disk refuses.
        """
        if self._changed:
            write_results(self._root, _NAME, {"files": self._known})


def _seen(path: Path) -> list[list[object]]:
    """Return what tells that nobody wrote a file, or any file of a folder."""
    seen: list[list[object]] = []
    for each in [path] if path.is_file() else members(path):
        found = each.stat()
        times = (found.st_mtime_ns, found.st_ctime_ns)
        seen.append([each.name, found.st_size, *times, found.st_ino])
    return seen
