"""Tasks start as soon as they can, the longest first, within the memory that there is."""

import concurrent.futures
import threading

import pytest

from export.manifest import Weights
from pocketmatte.farm.jobs import CaptureJob, Done, Job, Task
from pocketmatte.farm.schedule import Future, scheduled
from tiers.ladder import tier

JOB = CaptureJob(
    spec=tier("rvm", "t01"), program="matte", recipe="fp32", formats=("onnx",),
    weights=Weights(path=None, network="rvm", digest="0" * 64, origin="untrained", licence=""),
)  # fmt: skip
GIB = 1 << 30
PATIENCE_SECONDS = 60


def task(name: str, seconds: float = 1.0, gib: int = 1, after: tuple[str, ...] = ()) -> Task:
    return Task(name=name, job=JOB, after=after, seconds=seconds, memory_bytes=gib * GIB)


class Crew:
    """Threads whose jobs end when so many run at once; keeps how many did."""

    def __init__(self, size: int, meet: int = 1) -> None:
        self.size = size
        self.most = self._running = 0
        self._lock, self._meeting = threading.Lock(), threading.Barrier(meet)
        self._pool = concurrent.futures.ThreadPoolExecutor(size)

    def submit(self, _: Job) -> Future:
        with self._lock:
            self._running += 1
            self.most = max(self.most, self._running)
        return self._pool.submit(self._meeting.wait, PATIENCE_SECONDS)

    def collect(self, future: Future) -> Done:
        future.result()
        with self._lock:
            self._running -= 1
        return Done(files=(), stages={}, peak_bytes=0)


def order(*tasks: Task) -> list[str]:
    return [each.name for each, _ in scheduled(tasks, Crew(1))]


def test_the_longest_goes_first() -> None:
    assert order(task("short", 1), task("long", 9), task("middle", 5)) == [
        "long",
        "middle",
        "short",
    ]


def test_what_waits_for_another_comes_after_it_however_long_it_is() -> None:
    assert order(task("file", 9, after=("search",)), task("search", 1)) == ["search", "file"]


def test_what_was_done_before_is_not_waited_for() -> None:
    assert order(task("file", after=("search",))) == ["file"]


def test_tasks_that_wait_for_one_another_are_refused() -> None:
    with pytest.raises(ValueError, match="a, b wait for one another"):
        order(task("a", after=("b",)), task("b", after=("a",)))


@pytest.mark.parametrize(("memory_gib", "most"), [(None, 3), (4, 2), (1, 1)])
def test_as_many_run_at_once_as_fit_in_memory_and_one_always_does(
    memory_gib: int | None, most: int
) -> None:
    crew = Crew(3, meet=most)
    memory = None if memory_gib is None else memory_gib * GIB
    tasks = [task(str(number), gib=2) for number in range(6)]
    assert len(list(scheduled(tasks, crew, memory))) == 6
    assert crew.most == most
