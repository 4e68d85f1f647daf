"""How a run ends that the user stopped."""

import contextlib
from collections.abc import Callable, Iterator

from tiers.errors import PocketMatteError, was_interrupted


class StoppedError(PocketMatteError):
    """Ctrl-C, where something is left to go on with; the message says how. Exits 130."""


@contextlib.contextmanager
def resumable(done: str, left: Callable[[], bool]) -> Iterator[None]:
    """Say how to go on with what Ctrl-C ends in the block.

    Args:
        done: What became of the part that is kept: finished, say.
        left: Says whether there is such a part.

    Raises:
        StoppedError: If the block is interrupted and something is left.
    """
    try:
        yield
    except BaseException as error:
        if was_interrupted(error) and left():
            msg = f"stopped; what was {done} is kept: the same command with --resume goes on"
            raise StoppedError(msg) from error
        raise
