"""A folder of results: each in a file whose place follows from what it says.

``<platform>/<model>/<network>/<tier>/<format>/<recipe>/<sha256>.json`` holds a result in the one
way there is to write it, so that the order of adding leaves no trace and ``sha256sum`` checks it.
``results-index.json`` lists them; it follows from the files and is written anew with every change.
"""

import contextlib
import dataclasses
import fcntl
import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from export.artifact import inside, write_text
from export.atomic import PARTIAL, remove_partials
from pocketmatte.device_results.reading import Kept, read_kept
from pocketmatte.device_results.summary import summary
from pocketmatte.device_results.words import shown
from pocketmatte.folders import make_folder
from pocketmatte.results import plain
from tiers.errors import BundleError, UsageError

INDEX_NAME = "results-index.json"
SUFFIX = ".json"
_LOCK_NAME = ".lock"
_OWN_NAMES = (_LOCK_NAME, INDEX_NAME, f".{INDEX_NAME}{PARTIAL}")
_LONGEST_NAME = 40
_UNKNOWN = "unknown"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Shelf:
    """What a store holds.

    Attributes:
        kept: Results by their paths in the store, sorted.
        faults: One line by the path of each file that should not be there, or is not what was
            added.
    """

    kept: dict[str, Kept]
    faults: dict[str, str]


def place(kept: Kept) -> str:
    """Return where a result belongs, relative to its store; no name in it leads elsewhere."""
    device, subject = kept.result.device, kept.result.subject
    names = (
        device.platform, device.model or _UNKNOWN, subject.network, subject.tier, subject.format,
        subject.recipe,
    )  # fmt: skip
    return "/".join((*map(_folder_name, names), f"{kept.sha256}{SUFFIX}"))


def is_store(folder: Path) -> bool:
    """Say whether a folder is a store."""
    return (folder / INDEX_NAME).is_file()


@contextlib.contextmanager
def opened(store: Path) -> Iterator[None]:
    """Make a store where there is none, and keep other processes from it until the block ends.

    Raises:
        UsageError: If the folder holds something else, or a file is in the way.
        BundleError: If the disk refuses it.
    """
    make_folder(store)
    # Its index is the first file of a store, so that one that another process makes has it by the
    # time anything else is seen.
    others = [part.name for part in sorted(store.iterdir()) if part.name not in _OWN_NAMES]
    if others and not is_store(store):
        found = shown(", ".join(others[:3]))
        msg = f"{store} holds {found} and no {INDEX_NAME}; choose an empty or new folder"
        raise UsageError(msg)
    with _locked(store):
        if is_store(store):
            remove_partials(store)  # of a process that was killed
        else:
            write_index(store, {})
        yield


def read_store(store: Path) -> Shelf:
    """Read every file of a store; its index is not asked.

    Raises:
        UsageError: If it is no store.
    """
    if not is_store(store):
        msg = f"{store} holds no {INDEX_NAME}; give a folder that pocketmatte results-add wrote"
        raise UsageError(msg)
    kept: dict[str, Kept] = {}
    faults: dict[str, str] = {}
    for path in sorted(store.rglob("*")):
        name = path.relative_to(store).as_posix()
        if path.is_symlink():
            faults[name] = f"{shown(name, 200)}: a symbolic link; a store holds files only"
        elif path.is_file() and name != INDEX_NAME and not path.name.startswith("."):
            try:
                kept[name] = _in_place(path, name)
            except BundleError as error:
                faults[name] = str(error)
    return Shelf(kept=kept, faults=faults)


def lay_in(store: Path, kept: Kept) -> str:
    """Write a result to its place, whole or not at all, and return that.

    Raises:
        BundleError: If the disk refuses it, or a link in the store leads outside.
    """
    name = place(kept)
    try:
        path = inside(store, name)
    except BundleError as error:
        msg = f"{name} leads outside the store {store}; remove the symbolic link in it"
        raise BundleError(msg) from error
    write_text(path, kept.text)
    return name


def write_index(store: Path, kept: dict[str, Kept]) -> None:
    """Write the index of these results whole or not at all.

    Raises:
        BundleError: If the disk refuses it.
    """
    rows = [{"path": path, **plain(summary(kept[path]))} for path in sorted(kept)]
    content = {"schema_version": 1, "results": rows}
    write_text(store / INDEX_NAME, json.dumps(content, indent=1, sort_keys=True) + "\n")


def chosen_runs(kept: Sequence[Kept], run: str, option: str) -> list[Kept]:
    """Return the results of a run: those of that name, or whose names begin with it and a dash.

    Raises:
        UsageError: If there is none.
    """
    exact = [each for each in kept if each.result.run_id == run]
    found = exact or [each for each in kept if each.result.run_id.startswith(f"{run}-")]
    if not found:
        last = max(kept, key=lambda e: (e.result.started_at, e.result.run_id), default=None)
        newest = f"; the newest is {last.result.run_id}" if last else ""
        msg = f"{option} is {shown(run)}; the store has no such run{newest}"
        raise UsageError(msg)
    return found


@contextlib.contextmanager
def _locked(store: Path) -> Iterator[None]:
    """Wait until no other process is at work in a store.

    Raises:
        BundleError: If the disk refuses the file that is locked, or that is a link.
    """
    try:
        lock = os.open(store / _LOCK_NAME, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o666)
    except OSError as error:
        msg = f"could not write {store / _LOCK_NAME} ({error.strerror}); choose another folder"
        raise BundleError(msg) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)  # let go when it is closed, or its process dies
        yield
    finally:
        os.close(lock)


def _in_place(path: Path, name: str) -> Kept:
    """Read a file of a store, which must lie where its content says.

    Raises:
        BundleError: If it does not, or is no result.
    """
    kept = read_kept(path)
    if place(kept) != name or path.read_text(encoding="utf-8") != kept.text:
        msg = f"{shown(name, 200)}: not the file that was added; add it again from where it came"
        raise BundleError(msg)
    return kept


def _folder_name(text: str) -> str:
    """Return a name that is one folder on any disk: lower case, digits, dashes, underscores."""
    name = re.sub(r"[^0-9a-z_]+", "-", text.lower()).strip("-")[:_LONGEST_NAME]
    return name or _UNKNOWN
