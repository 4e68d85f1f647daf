"""Jobs on a Dask cluster, whose workers share no disk with this machine.

A worker gets the weights and what was found out about the tier, does the job in a folder of its
own, and sends back the files, which are held to their hashes before they take their places. One
that is lost in the middle of a job costs that job's time: Dask gives it to another.
"""

import concurrent.futures
import contextlib
import dataclasses
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from export.artifact import inside, members, sha256_of, write_text
from export.atomic import whole
from export.manifest import Artifact
from pocketmatte.build_job import run
from pocketmatte.build_key import environment
from pocketmatte.farm.jobs import Done, Event, Job, records_with
from pocketmatte.farm.schedule import Crew, Future
from tiers.errors import RuntimeUnavailableError, WorkerError

_CONNECT_S = 20
_SENT_AGAIN = 3  # times at most, where a job's weights are lost
_MISSING = "dask is not installed; install it with: pip install 'pocketmatte[dask]'"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Returned:
    """What comes back from a worker.

    Attributes:
        done: See ``jobs.Done``.
        files: Contents of every file of the artifacts and of the record, by path in the bundle.
    """

    done: Done
    files: Mapping[str, bytes]


def run_apart(job: Job, weights: bytes | None, records: Mapping[str, str]) -> Returned:
    """Do a job in a folder of its own; what a worker runs.

    Args:
        job: What to do.
        weights: The weight file; ``None`` for weights that are made from a seed.
        records: What the tier is quantised with, by path, where that is known already.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        if weights is not None and job.weights.path is not None:
            path = inside(out, job.weights.path)
            path.parent.mkdir(parents=True)
            path.write_bytes(weights)
        for name, record in records.items():
            write_text(out / name, record)
        done = run(out, job)
        files: dict[str, bytes] = {}
        for _, entry in done.files:
            if entry is not None:
                files |= _contents(out, out / entry.path)
        for searched in _record_paths(job):
            if (out / searched).is_file():
                files |= _contents(out, out / searched)
        return Returned(done=done, files=files)


def _record_paths(job: Job) -> list[str]:
    return [path for paths in records_with(job).values() for path in paths]


def _contents(out: Path, path: Path) -> dict[str, bytes]:
    files = members(path) if path.is_dir() else [path]
    return {each.relative_to(out).as_posix(): each.read_bytes() for each in files}


class Cluster:
    """See ``schedule.Crew``.

    Args:
        out: The bundle, on this machine.
        client: Of Dask.
        size: Workers.
    """

    def __init__(self, out: Path, client: Any, size: int) -> None:
        self.size = size
        self._out, self._client = out, client
        self._executor = client.get_executor(pure=False)
        self._weights: dict[str, Any] = {}
        self._running: dict[Future, tuple[Job, Any]] = {}  # with the weights that it was sent

    def submit(self, job: Job) -> Future:
        """See ``schedule.Crew``."""
        weights = self._sent(job)
        paths = [path for path in _record_paths(job) if (self._out / path).is_file()]
        records = {path: (self._out / path).read_text(encoding="utf-8") for path in paths}
        future: Future = self._executor.submit(run_apart, job, weights, records)
        self._running[future] = job, weights
        return future

    def collect(self, future: Future) -> Done:
        """See ``schedule.Crew``; puts the files into the bundle.

        Raises:
            WorkerError: If no worker can do a job.
            BundleError: If the disk refuses.
        """
        try:
            returned = self._returned(future)
        except Exception as error:  # of whatever a worker met; Dask has none in common
            msg = f"the cluster gave a job up ({_line(error)}); look at its workers"
            raise WorkerError(msg) from error
        done = returned.done
        rest = dict(returned.files)
        files: list[tuple[Event, Artifact | None]] = []
        for event, entry in done.files:
            if entry is not None:
                own = {path: rest.pop(path) for path in list(rest) if _of(path, entry.path)}
                _place(self._out, entry.path, own)
                if sha256_of(self._out / entry.path) != entry.sha256:
                    reason = "what the worker sent is not what it made; build it again"
                    files.append((Event(path=entry.path, outcome="failed", reason=reason), None))
                    continue
            files.append((event, entry))
        for path, content in rest.items():  # the record
            _place(self._out, path, {path: content})
        return dataclasses.replace(done, files=tuple(files))

    def _returned(self, future: Future) -> Returned:
        """Return what a job gave; it is sent again where its weights were lost with a worker.

        All workers get the weights, and Dask soon keeps them on one alone.
        """
        for _ in range(_SENT_AGAIN):
            job, weights = self._running.pop(future)
            try:
                return cast("Returned", future.result())
            except concurrent.futures.CancelledError:
                if self._weights.get(job.weights.digest) is weights:
                    del self._weights[job.weights.digest]
                future = self.submit(job)
        return cast("Returned", future.result())

    def _sent(self, job: Job) -> Any:
        """Return the weights where the workers are."""
        if job.weights.path is None:
            return None
        digest = job.weights.digest
        if digest not in self._weights:
            content = inside(self._out, job.weights.path).read_bytes()
            self._weights[digest] = self._client.scatter(content, broadcast=True)
        return self._weights[digest]


@contextlib.contextmanager
def cluster(out: Path, address: str) -> Iterator[Crew]:
    """Give the workers of a Dask cluster as a crew.

    Args:
        out: The bundle, on this machine.
        address: Of the scheduler, ``tcp://host:port``.

    Raises:
        RuntimeUnavailableError: If Dask is missing, no scheduler answers, it has no workers, or
            one has other sources or libraries than this machine, or several threads: what it made
            would not be what is built here.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise RuntimeUnavailableError(_MISSING) from error
    try:
        client = Client(address, timeout=_CONNECT_S, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        msg = f"no Dask scheduler answers at {address} ({_line(error)}); start one: dask scheduler"
        raise RuntimeUnavailableError(msg) from error
    with client:
        yield Cluster(out, client, _fit_workers(client, address))


def _fit_workers(client: Any, address: str) -> int:
    """Return how many workers there are, all of them alike.

    Raises:
        RuntimeUnavailableError: If they are not, or there are none.
    """
    threads = client.nthreads()
    if not threads:
        msg = f"the scheduler at {address} has no workers; start some: dask worker {address}"
        raise RuntimeUnavailableError(msg)
    several = [name for name, count in threads.items() if count != 1]
    if several:
        msg = f"worker {several[0]} has several threads, converters take 1; add --nthreads 1"
        raise RuntimeUnavailableError(msg)
    own = environment()
    for name, theirs in client.run(environment, on_error="return").items():
        if theirs != own:
            differs = "cannot import pocketmatte"
            if isinstance(theirs, dict):
                differs = "has another " + ", ".join(
                    key for key in own if own[key] != theirs.get(key)
                )
            msg = f"worker {name} {differs}; install what this machine has"
            raise RuntimeUnavailableError(msg)
    return len(threads)


def _of(path: str, artifact: str) -> bool:
    return path == artifact or path.startswith(f"{artifact}/")


def _place(out: Path, path: str, files: Mapping[str, bytes]) -> None:
    """Put a file, or a folder of files, in its place, whole."""
    with whole(inside(out, path)) as partial:
        for name, content in files.items():
            target = partial
            if name != path:
                target = inside(out, name)
                target = partial / target.relative_to(out / path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)


def _line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
