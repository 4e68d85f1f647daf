"""One job at a time, in a thread of its own, with progress and a way to stop it."""

import contextlib
import dataclasses
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import TypeAlias

from pocketmatte.cut.run import Progress
from pocketmatte.selection.shapes import printable
from tiers.errors import PocketMatteError, UsageError

_END_SECONDS = 60.0  # that a job may take to see that it is to stop, when the studio ends

Work: TypeAlias = Callable[[Progress], None]


class Cancelled(Exception):  # noqa: N818 - nothing went wrong
    """The user stopped a job."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Running:
    """A job that runs.

    Attributes:
        number: Of the job, from 1.
        what: It is for.
        step: It is at.
        done: Of the step.
        total: Of the step, ``None`` where nobody knows.
    """

    number: int
    what: str
    step: str = ""
    done: int = 0
    total: int | None = None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """How a job ended: well, with an error, or stopped."""

    number: int
    error: str | None = None
    cancelled: bool = False


class Jobs:
    """Runs jobs one after the other and refuses a second beside the first.

    Args:
        changed: Called, from any thread, whenever there is something new to tell.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._idle = threading.Event()
        self._idle.set()
        self._count = 0
        self.running: Running | None = None
        self.ended = Ended(number=0)
        self._queue: SimpleQueue[tuple[int, Work] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="studio jobs", daemon=True)
        self._thread.start()

    def start(self, what: str, work: Work) -> int:
        """Start a job and return its number.

        Raises:
            UsageError: If another one runs.
        """
        with self._lock:
            self._require_idle()
            self._count += 1
            self._stop.clear()
            self._idle.clear()
            self.running = Running(number=self._count, what=what)
            self._queue.put((self._count, work))
        self._changed()
        return self._count

    @contextlib.contextmanager
    def idle(self) -> Iterator[None]:
        """Let no job start inside the block.

        Raises:
            UsageError: If one runs.
        """
        with self._lock:
            self._require_idle()
            yield

    def cancel(self) -> None:
        """Stop the job that runs, at its next step; nothing where none does."""
        self._stop.set()

    def wait(self, seconds: float) -> bool:
        """Wait until nothing runs; false where the time was too short."""
        return self._idle.wait(seconds)

    def close(self) -> None:
        """Stop what runs and take no more."""
        self.cancel()
        self._queue.put(None)
        self._thread.join(_END_SECONDS)

    @contextlib.contextmanager
    def progress(self, total: int | None, step: str) -> Iterator[Callable[[str], None]]:
        """Tell of a step of the job that runs; see ``pocketmatte.cut.run.Progress``."""
        self._tell(step=step, done=0, total=total)
        done = 0

        def advance(_: str) -> None:
            nonlocal done
            if self._stop.is_set():
                raise Cancelled
            done += 1
            self._tell(step=step, done=done, total=total)

        if self._stop.is_set():
            raise Cancelled
        yield advance

    def _require_idle(self) -> None:
        if self.running is not None:
            msg = f"busy with {self.running.what}; wait for it, or stop it"
            raise UsageError(msg)

    def _tell(self, *, step: str, done: int, total: int | None) -> None:
        if self.running is not None:
            self.running = dataclasses.replace(self.running, step=step, done=done, total=total)
            self._changed()

    def _serve(self) -> None:
        while (job := self._queue.get()) is not None:
            number, work = job
            ended = self._ended(number, work)
            with self._lock:
                self.running, self.ended = None, ended
                self._idle.set()  # inside, or it would say so of the next job
            self._changed()

    def _ended(self, number: int, work: Work) -> Ended:
        try:
            work(self.progress)
        except Cancelled:
            return Ended(number=number, cancelled=True)
        except PocketMatteError as error:
            return Ended(number=number, error=one_line(str(error)))
        except OSError as error:
            said = f"{error.strerror or error}; free some space, or check the file"
            return Ended(number=number, error=one_line(said))
        except Exception as error:  # the page must learn of it, and the thread go on
            traceback.print_exc(file=sys.stderr)
            said = f"{type(error).__name__}: {error}; the terminal has the whole of it"
            return Ended(number=number, error=one_line(said))
        return Ended(number=number)


def one_line(text: str) -> str:
    """Return a text in one line, with a question mark for what has no shape, as half a letter."""
    return printable(text)
