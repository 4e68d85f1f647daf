"""Run jobs one after the other, or several at the same time in processes of their own."""

import concurrent.futures
import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from tiers.errors import WorkerError

Job = TypeVar("Job")
Result = TypeVar("Result")


def run_jobs(
    function: Callable[[Job], Result],
    jobs: Sequence[Job],
    at_once: int,
    clean: Callable[[], None] = lambda: None,
) -> Iterator[Result]:
    """Yield ``function(job)`` of each job as it ends.

    Ctrl-C ends this process and, through it, the workers. Workers also end when this process is
    killed.

    Args:
        function: Of a module, so that a worker can import it.
        jobs: What it is called with.
        at_once: Processes; 1 runs everything in this one.
        clean: Called after workers were stopped, to remove what they left half-written.

    Raises:
        WorkerError: If a worker dies.
    """
    if at_once == 1 or len(jobs) <= 1:
        yield from map(function, jobs)
        return
    # spawn: a forked child of a process that has used torch's thread pool can hang
    context = multiprocessing.get_context("spawn")
    pool = concurrent.futures.ProcessPoolExecutor(
        min(at_once, len(jobs)), mp_context=context, initializer=_prepare_worker
    )
    try:
        with _interrupts_held():  # workers inherit it: a terminal's Ctrl-C goes to all of them
            futures = [pool.submit(function, job) for job in jobs]
        for future in concurrent.futures.as_completed(futures):
            yield future.result()
    except BaseException as error:
        for process in list((pool._processes or {}).values()):
            process.terminate()
        pool.shutdown(wait=True, cancel_futures=True)
        clean()
        if isinstance(error, BrokenProcessPool):
            msg = "a worker process died, most likely of too little memory; lower --jobs"
            raise WorkerError(msg) from error
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
