"""Hashes of a bundle's files, remembered: a file that nobody wrote since is not read again.

Only a build relies on them, to keep what is up to date; ``verify`` reads every byte.
"""

from pathlib import Path

from export.artifact import members, sha256_of
from pocketmatte.farm.memory import Memory


class Hashes:
    """What ``results/hashes.json`` of a bundle remembers.

    A file counts as the same while its size, its times of change and its place on the disk are.

    Args:
        root: The bundle.
    """

    def __init__(self, root: Path) -> None:
        self._root, self._memory = root, Memory(root, "hashes")
        self.save = self._memory.save

    def of(self, path: Path) -> str:
        """Return the sha256 of a file or folder; see ``export.artifact.sha256_of``."""
        name = path.relative_to(self._root).as_posix()
        seen = _seen(path)
        match self._memory.get(name):
            case [before, str(sha256)] if before == seen:
                return sha256
        sha256 = sha256_of(path)
        self._memory.put(name, [seen, sha256])
        return sha256

    def learn(self, path: Path, sha256: str) -> None:
        """Remember the hash of a file or folder that was written just now."""
        self._memory.put(path.relative_to(self._root).as_posix(), [_seen(path), sha256])


def _seen(path: Path) -> list[list[object]]:
    """Return what tells that nobody wrote a file, or any file of a folder."""
    seen: list[list[object]] = []
    for each in [path] if path.is_file() else members(path):
        found = each.stat()
        times = (found.st_mtime_ns, found.st_ctime_ns)
        seen.append([each.name, found.st_size, *times, found.st_ino])
    return seen
