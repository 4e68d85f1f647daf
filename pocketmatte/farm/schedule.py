"""In what order tasks start: as soon as what they wait for has ended and they fit in memory."""

import concurrent.futures
from collections.abc import Iterator, Sequence
from typing import Any, Protocol, TypeAlias

from pocketmatte.farm.jobs import Done, Job, Task

Future: TypeAlias = "concurrent.futures.Future[Any]"


class Crew(Protocol):
    """Whoever does the jobs."""

    @property
    def size(self) -> int:
        """How many jobs it does at the same time."""
        ...

    def submit(self, job: Job) -> Future:
        """Start a job."""
        ...

    def collect(self, future: Future) -> Done:
        """Return what an ended job came to, its files in the bundle."""
        ...


def scheduled(
    tasks: Sequence[Task], crew: Crew, memory_bytes: int | None = None
) -> Iterator[tuple[Task, Done]]:
    """Yield every task with what it came to, as they end.

    The rows with the longest tasks go first, so that none is left for the end, and the tasks of a
    row together, since a process keeps what it made of one. One that does not fit beside what runs
    waits; one alone always runs.

    Args:
        tasks: What they wait for is among them, or has ended before.
        crew: Whoever does the jobs.
        memory_bytes: For all that run at the same time; ``None`` for no limit.

    Raises:
        ValueError: If tasks wait for one another.
    """
    waiting = _ordered(tasks)
    unfinished = {task.name for task in tasks}
    running: dict[Future, Task] = {}
    while waiting or running:
        for task in list(waiting):
            if len(running) >= crew.size:
                break
            taken = sum(each.memory_bytes for each in running.values())
            fits = memory_bytes is None or taken + task.memory_bytes <= memory_bytes
            if unfinished.isdisjoint(task.after) and (fits or not running):
                waiting.remove(task)
                running[crew.submit(task.job)] = task
        if not running:
            msg = f"{', '.join(task.name for task in waiting)} wait for one another"
            raise ValueError(msg)
        ended, _ = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
        for future in sorted(ended, key=lambda each: running[each].name):
            task = running.pop(future)
            done = crew.collect(future)
            unfinished.discard(task.name)
            yield task, done


def _ordered(tasks: Sequence[Task]) -> list[Task]:
    longest: dict[tuple[str, str], float] = {}
    for task in tasks:
        longest[_row(task)] = max(longest.get(_row(task), 0.0), task.seconds)
    return sorted(
        tasks, key=lambda task: (-longest[_row(task)], _row(task), -task.seconds, task.name)
    )


def _row(task: Task) -> tuple[str, str]:
    return task.job.spec.network, task.job.spec.name
