"""The work folder of a run: masks of its passes, kept states, and what is done.

It lies hidden beside the output and goes when that is whole. What is in it is only good for a run
of the same inputs, networks and settings; ``job.json`` holds them.
"""

import contextlib
import fcntl
import json
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from export.artifact import write_text
from export.atomic import remove_partials, whole
from pocketmatte.cut.store import ArrayStore
from pocketmatte.matting.board import Tensors
from pocketmatte.runtimes.protocol import FloatArray
from tiers.errors import MediaError, UsageError

_POSITION = "position"  # of a pass: frames that are done; no tensor has this name
_LOCK = ".lock"
_JOB = "job.json"
_AGAIN = "delete the work folder and start again"


def work_path(out: Path) -> Path:
    """Return where the work of an output lies."""
    return out.with_name(f".{out.name}.cut")


def unfinished(out: Path) -> bool:
    """Say whether an earlier run of an output left something to go on with."""
    return (work_path(out) / _JOB).is_file()


class Work:
    """An open work folder; see ``opened``.

    Args:
        path: The folder.
        resumed: Whether an earlier run left something in it.
    """

    def __init__(self, path: Path, *, resumed: bool) -> None:
        self.path, self.resumed = path, resumed

    def store(self, name: str, shape: tuple[int, ...]) -> ArrayStore:
        """Return a store of one array a frame."""
        return ArrayStore(self.path / name, shape)

    def note(self, name: str, value: object) -> None:
        """Keep a small value for the runs that go on."""
        write_text(self.path / f"{name}.json", json.dumps(value) + "\n")

    def noted(self, name: str) -> object:
        """Return a value that was kept, ``None`` where there is none.

        Raises:
            MediaError: If its file is damaged.
        """
        path = self.path / f"{name}.json"
        if not path.is_file():
            return None
        try:
            return json.loads(path.read_bytes())
        except ValueError as error:
            raise _damaged(path) from error

    def keep(self, name: str, position: int, tensors: Mapping[str, FloatArray]) -> None:
        """Keep how far a pass came and its tensors, in the place of the ones before."""
        path = self.path / f"{name}.npz"
        with whole(path) as partial, partial.open("wb") as file:
            np.savez(file, allow_pickle=False, **{_POSITION: np.array(position)}, **tensors)

    def kept(self, name: str) -> tuple[int, Tensors] | None:
        """Return what was kept of a pass, ``None`` where nothing was.

        Raises:
            MediaError: If its file is damaged.
        """
        path = self.path / f"{name}.npz"
        if not path.is_file():
            return None
        try:
            with path.open("rb") as stored, np.load(stored, allow_pickle=False) as file:
                tensors = dict(file)
            return int(tensors.pop(_POSITION)), tensors
        except (
            OSError,
            ValueError,
            KeyError,
            TypeError,
            EOFError,
            zipfile.BadZipFile,
        ) as error:
            raise _damaged(path) from error


@contextlib.contextmanager
def opened(out: Path, job: Mapping[str, object], *, resume: bool) -> Iterator[Work]:
    """Open the work folder of an output; remove it where the block ends without error.

    Args:
        out: The output.
        job: Everything that decides what the passes give.
        resume: Go on with what an earlier run left, if it left anything.

    Raises:
        UsageError: If another run is at work in it, an earlier run left something and ``resume`` is
            false, or what it left is of another job.
    """
    path = work_path(out)
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        msg = f"{path} is in the way of the work folder; remove it"
        raise UsageError(msg)
    path.mkdir(parents=True, exist_ok=True)
    with _locked(path):
        left = unfinished(out)
        if left and not resume:
            msg = f"an unfinished run of {out} lies in {path}; add --resume, or delete the folder"
            raise UsageError(msg)
        work = Work(path, resumed=left)
        if left:
            _require_same(out, work.noted("job"), job)
            remove_partials(path)
        else:
            _empty(path)  # of what a killed clearing left
        work.note("job", job)
        try:
            yield work
        except BaseException:
            if not any(path.glob("*.npz")):  # no pass was begun: there is nothing to go on with
                shutil.rmtree(path, ignore_errors=True)
            raise
        (path / _JOB).unlink()  # first: without it the rest is nothing to go on with
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with (path / _LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            msg = f"another run is at work in {path}; wait for it or choose another --out"
            raise UsageError(msg) from error
        yield


def _empty(path: Path) -> None:
    for part in path.iterdir():
        if part.is_dir() and not part.is_symlink():
            shutil.rmtree(part)
        elif part.name != _LOCK:
            part.unlink()


def _require_same(out: Path, found: object, job: Mapping[str, object]) -> None:
    held = found if isinstance(found, dict) else {}
    now = json.loads(json.dumps(job))
    other = sorted(key for key in {*held, *now} if held.get(key) != now.get(key))
    if other:
        msg = (
            f"the unfinished run of {out} differs in {', '.join(other)}; give what it was "
            f"begun with, or delete {work_path(out)}"
        )
        raise UsageError(msg)


def _damaged(path: Path) -> MediaError:
    return MediaError(f"{path} is damaged; {_AGAIN}")
