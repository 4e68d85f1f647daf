"""Run the jobs of a build, one after the other or several at the same time."""

import concurrent.futures
import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool

from export.atomic import remove_partials
from pocketmatte.build_job import Job, Result, run_job
from tiers.errors import ExportError


def run_jobs(jobs: Sequence[Job], at_once: int) -> Iterator[list[Result]]:
    """Yield the results of each job as it ends.

    Ctrl-C ends this process and, through it, the workers; what they left half-written is removed.
    Workers also end when this process is killed.

    Raises:
        ExportError: If a worker dies.
    """
    if at_once == 1 or len(jobs) <= 1:
        yield from map(run_job, jobs)
        return
    # spawn: a forked child of a process that has used torch's thread pool can hang
    context = multiprocessing.get_context("spawn")
    pool = concurrent.futures.ProcessPoolExecutor(
        min(at_once, len(jobs)), mp_context=context, initializer=_prepare_worker
    )
    try:
        with _interrupts_held():  # workers inherit it: a terminal's Ctrl-C goes to all of them
            futures = [pool.submit(run_job, job) for job in jobs]
        for future in concurrent.futures.as_completed(futures):
            yield future.result()
    except BaseException as error:
        for process in list((pool._processes or {}).values()):
            process.terminate()
        pool.shutdown(wait=True, cancel_futures=True)
        for job in jobs:
            remove_partials(job.out)
        if isinstance(error, BrokenProcessPool):
            msg = "a build process died, most likely of too little memory; lower --jobs"
            raise ExportError(msg) from error
        raise
    pool.shutdown()


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _prepare_worker() -> None:
    import tqdm  # type: ignore[import-untyped]

    # tqdm's own lock holds a semaphore of the system, which a stopped worker would leave behind
    tqdm.tqdm.set_lock(threading.RLock())
    threading.Thread(target=_follow_parent, daemon=True).start()


def _follow_parent() -> None:
    """End this worker when its parent is gone: an orphan would write beside the next build."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
