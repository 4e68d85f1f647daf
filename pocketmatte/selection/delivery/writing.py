"""Bring a folder to what a plan says, whole or not at all, and leave alone what is so already.

A build system looks at times of change: a file that is the same keeps its own, and where all are
the same nothing is written. ``delivery.json`` in the folder says what is in it.
"""

import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from export.artifact import sha256_of
from export.atomic import PARTIAL, REPLACED, whole
from pocketmatte.results import plain
from pocketmatte.selection.delivery.planning import Planned, check_paths
from pocketmatte.selection.json_files import read_shape
from pocketmatte.selection.shapes import Count, Match, Sha256
from tiers.errors import BundleError, UsageError

RECORD = "delivery.json"
_NOBODYS = frozenset({".DS_Store"})  # Finder's, wherever it was looked into; it makes it again


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """One file of a delivery, as its record lists it."""

    path: Annotated[str, Match(r"[^\x00-\x1f\x7f]{1,4096}")]
    sha256: Sha256
    size_bytes: Count


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """``delivery.json``: what was written here, so that the next delivery may remove it.

    Attributes:
        layout: What kind of delivery it is.
        lock_sha256: Of the lock that it was made of.
        files: All others, by path.
    """

    schema_version: Literal[1]
    layout: str
    lock_sha256: Sha256
    files: tuple[Recorded, ...]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """What was done.

    Attributes:
        out: The folder.
        written, removed: Paths below it; none where all was as it is.
        kept: How many files were left alone.
        size_bytes: Of all files but the record.
    """

    out: Path
    written: tuple[str, ...]
    removed: tuple[str, ...]
    kept: int
    size_bytes: int


def record_of(plan: Sequence[Planned], layout: str, lock_sha256: str) -> Planned:
    """Return the record of a plan, as a file of it."""
    files = [
        {"path": each.path, "sha256": each.sha256, "size_bytes": each.size_bytes}
        for each in sorted(plan, key=lambda each: each.path)
    ]
    value = {"schema_version": 1, "layout": layout, "lock_sha256": lock_sha256, "files": files}
    content = (json.dumps(plain(value), indent=1, sort_keys=True) + "\n").encode()
    digest = hashlib.sha256(content).hexdigest()
    return Planned(path=RECORD, sha256=digest, size_bytes=len(content), content=content)


def write(plan: Sequence[Planned], record: Planned, out: Path, root: Path) -> Written:
    """Bring a folder to what a plan says.

    Args:
        plan: Its files, but for the record.
        record: See ``record_of``.
        out: A folder that is new, empty, or was written so before.
        root: The bundle, which must not overlap with it.

    Raises:
        BundleError: If a source changed meanwhile, the record is damaged, or the disk refuses.
        UsageError: If the folder holds anything else, is a link, or overlaps with the bundle.
    """
    files = [*plan, record]
    check_paths(files)
    check_folder(out, root)
    foreign = _foreign(out)
    if foreign:
        msg = (
            f"--out is {out}, which holds {foreign[0]}, not of a delivery; "
            "move it away, or choose an empty folder"
        )
        raise UsageError(msg)
    same = {each.path for each in files if _is_as_planned(out / each.path, each)}
    there = set(_below(out))
    removed = tuple(sorted(there - {each.path for each in files}))
    new = tuple(sorted({each.path for each in files} - same))
    if new or removed:
        with whole(out) as partial:
            partial.mkdir()
            for each in files:
                _put(each, out / each.path if each.path in same else None, partial / each.path)
    else:  # nothing is written, so nothing else would clear what a killed run left
        for suffix in (PARTIAL, REPLACED):
            shutil.rmtree(out.with_name(f".{out.name}{suffix}"), ignore_errors=True)
    size_bytes = sum(each.size_bytes for each in plan)
    return Written(
        out=out, written=new, removed=removed, kept=len(files) - len(new), size_bytes=size_bytes
    )


def differences(plan: Sequence[Planned], record: Planned, out: Path) -> list[str]:
    """Return in lines what a folder lacks, holds otherwise, or holds beside a plan."""
    again = "deliver again"
    if out.is_symlink() or not out.is_dir():
        return [f"{out} is no folder; {again}"]
    found = []
    for each in sorted([*plan, record], key=lambda each: each.path):
        path = out / each.path
        if not path.is_file() and not path.is_symlink():
            way_out = "delete the folder and deliver again" if each is record else again
            found.append(f"{each.path} is missing from {out}; {way_out}")
        elif not _is_as_planned(path, each):
            found.append(f"{each.path} of {out} is not what the lock takes; {again}")
    needed = {each.path for each in plan} | {RECORD}
    found += [
        f"{each} of {out} is no longer needed; {again}, or move it away where it is your own"
        for each in _below(out)
        if each not in needed
    ]
    return found


def check_folder(out: Path, root: Path) -> None:
    """Refuse a folder in which something could get lost.

    Raises:
        UsageError: If it is a file or a link, has no name, or overlaps with the bundle.
    """
    if out.name in ("", ".."):  # what is replaced whole is renamed
        msg = f"--out is {out}, which has no name of its own; give the folder's, as ../matte"
        raise UsageError(msg)
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        msg = f"--out is {out}, a file or a link; choose a folder"
        raise UsageError(msg)
    here, bundle = Path(os.path.realpath(out)), Path(os.path.realpath(root))
    if here.is_relative_to(bundle) or bundle.is_relative_to(here):
        msg = f"--out is {out}, which overlaps with the bundle {root}; choose another folder"
        raise UsageError(msg)


def _foreign(out: Path) -> list[str]:
    """Return the files of a folder that no delivery wrote; links are never ours."""
    there = _below(out)
    if not there:
        return []
    ours: set[str] = set()
    if (out / RECORD).is_file() and not (out / RECORD).is_symlink():
        way_out = "delete the folder and deliver again"
        record, _ = read_shape(out / RECORD, Record, "record", way_out, closed=True)
        ours = {each.path for each in record.files} | {RECORD}
    return [each for each in there if each not in ours or (out / each).is_symlink()]


def _below(out: Path) -> list[str]:
    """Return the files and links below a folder but nobody's; none where there is no folder."""
    if not out.is_dir():
        return []
    found = []
    for folder, names, files in os.walk(out, onerror=_raise):  # it does not follow links
        links = [name for name in names if (Path(folder) / name).is_symlink()]
        found += [
            (Path(folder) / name).relative_to(out).as_posix()
            for name in (*files, *links)
            if name not in _NOBODYS
        ]
    return sorted(found)


def _raise(error: OSError) -> None:
    """Stop at a folder that cannot be read: what it holds is not ours to throw away.

    Raises:
        BundleError: Always.
    """
    msg = f"{error.filename} cannot be read ({error.strerror}); choose another folder"
    raise BundleError(msg) from error


def _is_as_planned(path: Path, planned: Planned) -> bool:
    if path.is_symlink() or not path.is_file() or path.stat().st_size != planned.size_bytes:
        return False
    return sha256_of(path) == planned.sha256


def _put(planned: Planned, same: Path | None, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    if same is not None:
        try:
            os.link(same, to)
        except OSError:  # some disks have no hard links; the time of change is kept so too
            shutil.copy2(same, to)
    elif planned.content is not None:
        to.write_bytes(planned.content)
    elif planned.source is not None:
        shutil.copyfile(planned.source, to)
    if sha256_of(to) != planned.sha256:
        msg = f"{planned.path} changed while it was copied; deliver again"
        raise BundleError(msg)
