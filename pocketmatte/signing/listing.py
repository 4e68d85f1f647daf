"""The files that lie in a bundle, as they are, and those that no signature covers."""

import bisect
import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from pocketmatte.results import FOLDER as RESULTS
from pocketmatte.signing.signature import FILE_NAME as SIGNATURE

_RESULT_SUFFIX = ".json"
_UNFINISHED_SUFFIX = ".unfinished.jsonl"  # see proof_memory
_RECORD_LOCK = (".quantisation-", f"{_RESULT_SUFFIX}.lock")
_TIER_DEPTH = 3  # of a file in <network>/<tier>


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """What a bundle holds.

    Attributes:
        files: Bytes of every file that a signature has to cover, by path inside the bundle.
        faults: A line for everything that can be in no signed bundle: links, what is neither
            file nor folder, folders that do not open.
    """

    files: Mapping[str, int]
    faults: tuple[str, ...]


def listing(root: Path) -> Listing:
    """Return what lies below ``root``; no link is followed and no file opened.

    Names are those on the disk, so that where case does not count a file of another case is
    another file.
    """
    files: dict[str, int] = {}
    faults = []
    pending = [root]
    while pending:
        folder = pending.pop()
        try:
            with os.scandir(folder) as entries:
                found = list(entries)
        except OSError as error:
            faults.append(f"{_relative(root, folder)}: cannot be read ({error.strerror})")
            continue
        for entry in found:
            path = Path(entry.path)
            relative = path.relative_to(root).as_posix()
            if entry.is_symlink():
                faults.append(f"{shown(relative)}: a symbolic link; a bundle holds files only")
            elif entry.is_dir(follow_symlinks=False):
                pending.append(path)
            elif not entry.is_file(follow_symlinks=False):
                faults.append(f"{shown(relative)}: neither a file nor a folder; remove it")
            elif not _needs_none(relative, size := entry.stat(follow_symlinks=False).st_size):
                files[relative] = size
    return Listing(files=files, faults=tuple(sorted(faults)))


def of_entry(path: str, names: Sequence[str]) -> Sequence[str]:
    """Return the files of an entry: itself, or what lies in its folder.

    Args:
        path: Of the entry.
        names: Of all files, sorted.
    """
    first = bisect.bisect_left(names, path)
    if first < len(names) and names[first] == path:
        return [path]
    after = chr(ord("/") + 1)
    return names[bisect.bisect_left(names, f"{path}/") : bisect.bisect_left(names, path + after)]


def shown(relative: str) -> str:
    """Return a name as a line can hold it: an unknown file's may be made to confuse a terminal."""
    return relative if relative.isprintable() else ascii(relative)


def _relative(root: Path, path: Path) -> str:
    return shown(path.relative_to(root).as_posix())


def _needs_none(relative: str, size_bytes: int) -> bool:
    """Say whether a file is the project's own and says nothing of what was built."""
    parts = relative.split("/")
    if relative == SIGNATURE:
        return True
    if parts[0] == RESULTS:  # verify and bench write them anew
        return len(parts) > 1 and relative.endswith((_RESULT_SUFFIX, _UNFINISHED_SUFFIX))
    if size_bytes:
        return False
    begin, end = _RECORD_LOCK
    of_record = len(parts) == _TIER_DEPTH and parts[-1].startswith(begin) and relative.endswith(end)
    return relative == ".lock" or of_record
