"""Take results into a store: the good ones, each once; the others are refused with a reason."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from pocketmatte.device_results.reading import Kept, read_kept
from pocketmatte.device_results.staleness import Stale
from pocketmatte.device_results.store import (
    INDEX_NAME,
    SUFFIX,
    lay_in,
    opened,
    place,
    read_store,
    write_index,
)
from pocketmatte.device_results.words import shown
from pocketmatte.harness.result import Result
from tiers.errors import BundleError, UsageError

_Run: TypeAlias = tuple[str | None, ...]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Added:
    """What came of adding.

    Attributes:
        added: Paths in the store of those that are new.
        known: Number of files that say what a file of the store says already.
        refused: One line each: the file, and why.
        damaged: One line each for files of the store that are not what was added.
        total: Results in the store now.
    """

    added: tuple[str, ...]
    known: int
    refused: tuple[str, ...]
    damaged: tuple[str, ...]
    total: int


def files_of(sources: Sequence[Path]) -> list[Path]:
    """Return the files to read: those given, and all ``*.json`` below the folders given.

    Links and hidden files in folders are passed over, and so is the index of a store.

    Raises:
        UsageError: If something is missing, or a folder holds no such file.
    """
    found: dict[Path, None] = {}
    for source in sources:
        if not source.exists():
            msg = f"{source} is missing; give results or folders of them"
            raise UsageError(msg)
        if not source.is_dir():
            found[source] = None
            continue
        inner = [path for path in sorted(source.rglob(f"*{SUFFIX}")) if _is_wanted(path, source)]
        if not inner:
            msg = f"{source} holds no *{SUFFIX}; give results or folders of them"
            raise UsageError(msg)
        found |= dict.fromkeys(inner)
    return list(found)


def add(files: Sequence[Path], store: Path, stale: Stale | None = None) -> Added:
    """Add what is good, and say why the rest is not.

    Args:
        files: To read.
        store: Made where there is none.
        stale: Tells what is of other files than a bundle; ``None`` asks nothing.

    Raises:
        UsageError: If ``store`` is a folder of something else.
        BundleError: If the disk refuses it.
    """
    refused: list[str] = []
    added: list[str] = []
    known = 0
    with opened(store):
        shelf = read_store(store)
        kept = dict(shelf.kept)
        runs = {_run(each.result): each.sha256 for each in kept.values()}
        try:
            for file in files:
                try:
                    new = _checked(file, stale, runs)
                except BundleError as error:
                    refused.append(str(error))
                    continue
                if place(new) in kept:
                    known += 1
                    continue
                name = lay_in(store, new)
                added.append(name)
                kept[name], runs[_run(new.result)] = new, new.sha256
        finally:  # what was added until something went wrong stays
            write_index(store, kept)
    return Added(
        added=tuple(sorted(added)),
        known=known,
        refused=tuple(refused),
        damaged=tuple(line for name, line in shelf.faults.items() if name not in kept),
        total=len(kept),
    )


def _is_wanted(path: Path, source: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(source).parts)
    return path.is_file() and not path.is_symlink() and not hidden and path.name != INDEX_NAME


def _checked(file: Path, stale: Stale | None, runs: dict[_Run, str]) -> Kept:
    """Read a file and hold it against the bundle and the runs that are known.

    Raises:
        BundleError: With the file, if it is refused.
    """
    new = read_kept(file)
    wrong = stale(new.result) if stale else None
    if wrong is None and runs.get(_run(new.result), new.sha256) != new.sha256:
        wrong = (
            f"run {new.result.run_id} of this device is known with other content; "
            "run it again under another name, or remove the one in the store"
        )
    if wrong is not None:
        msg = f"{shown(str(file), 300)}: {wrong}"
        raise BundleError(msg)
    return new


def _run(result: Result) -> _Run:
    """Return what names a run: one command gives runs on several devices one name."""
    device, process = result.device, result.execution.process
    return (
        result.run_id, process, device.platform, device.manufacturer, device.model, device.abi
    )  # fmt: skip
