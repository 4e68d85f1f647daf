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
    clean: Callable[[], object] = lambda: None,
) -> Iterator[Result]:
    """Yield ``function(job)`` of each job as it ends.

    Args:
        function: Of a module, so that a worker can import it.
        jobs: What it is called with.
        at_once: Processes; 1 runs everything in this one.
        clean: See ``workers``.

    Raises:
        WorkerError: If a worker dies.
    """
    if at_once == 1 or len(jobs) <= 1:
        yield from map(function, jobs)
        return
    with workers(min(at_once, len(jobs)), clean) as pool:
        futures = [pool.submit(function, job) for job in jobs]
        for future in concurrent.futures.as_completed(futures):
            yield future.result()


@contextlib.contextmanager
def workers(
    at_once: int, clean: Callable[[], object] = lambda: None
) -> Iterator[concurrent.futures.Executor]:
    """Give processes that do jobs; what is submitted must be importable there.

    Ctrl-C ends this process and, through it, the workers. Workers also end when this process is
    killed.

    Args:
        at_once: Processes; with 1 a job is done in this one, when it is submitted.
        clean: Called after workers were stopped, to remove what they left half-written.

    Raises:
        WorkerError: If a worker dies.
    """
    if at_once == 1:
        yield _Here()
        return
    # spawn: a forked child of a process that has used torch's thread pool can hang
    context = multiprocessing.get_context("spawn")
    pool = _Pool(at_once, mp_context=context, initializer=_prepare_worker)
    try:
        yield pool
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


class _Here(concurrent.futures.Executor):
    """Does what is submitted at once; an error comes out where it is submitted."""

    def submit(
        self, function: Callable[..., Result], /, *arguments: object, **named: object
    ) -> "concurrent.futures.Future[Result]":
        future: concurrent.futures.Future[Result] = concurrent.futures.Future()
        future.set_result(function(*arguments, **named))
        return future


class _Pool(concurrent.futures.ProcessPoolExecutor):
    """Starts workers, as submitting does, that no Ctrl-C reaches: they are stopped by this one."""

    def submit(
        self, function: Callable[..., Result], /, *arguments: object, **named: object
    ) -> "concurrent.futures.Future[Result]":
        with _interrupts_held():  # workers inherit it: a terminal's Ctrl-C goes to all of them
            return super().submit(function, *arguments, **named)


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
