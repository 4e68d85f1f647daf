"""Ctrl-C in the middle of something that has to be ended first."""

import contextlib
import signal
from collections.abc import Iterator


@contextlib.contextmanager
def interrupt_noted() -> Iterator[list[int]]:
    """Note Ctrl-C and a polite request to end in the list that is yielded, and go on."""
    noted: list[int] = []
    before = {
        number: signal.signal(number, lambda given, _: noted.append(given))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield noted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
