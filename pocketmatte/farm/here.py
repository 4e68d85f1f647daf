"""Jobs on this machine: in this process, or in several of their own."""

import concurrent.futures
import contextlib
import functools
from collections.abc import Iterator
from pathlib import Path

from export.atomic import remove_partials
from pocketmatte.build_job import run
from pocketmatte.farm.jobs import Done, Job
from pocketmatte.farm.schedule import Crew, Future
from pocketmatte.pool import workers


class Processes:
    """See ``schedule.Crew``.

    Args:
        out: The bundle.
        size: Processes.
        pool: They.
    """

    def __init__(self, out: Path, size: int, pool: concurrent.futures.Executor) -> None:
        self.size = size
        self._run, self._pool = functools.partial(run, out), pool

    def submit(self, job: Job) -> Future:
        """See ``schedule.Crew``."""
        return self._pool.submit(self._run, job)

    def collect(self, future: Future) -> Done:
        """See ``schedule.Crew``."""
        done: Done = future.result()
        return done


@contextlib.contextmanager
def processes(out: Path, jobs: int) -> Iterator[Crew]:
    """Give a crew of so many processes; 1 does everything in this one.

    Args:
        out: The bundle, into which they write.
        jobs: Their number.

    Raises:
        WorkerError: If one dies.
    """
    with workers(jobs, clean=lambda: remove_partials(out)) as pool:
        yield Processes(out, jobs, pool)
