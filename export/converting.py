"""What every capture and conversion runs in: silence, and none of the work that nobody looks at.

Exporters rewrite a graph in dozens of passes. For every node of every pass they copy the history of
where it came from, and Python looks for garbage among millions of objects that are all in use.
"""

import contextlib
import gc
from collections.abc import Iterator
from typing import TYPE_CHECKING

from export.quiet import quiet

if TYPE_CHECKING:
    from torch.fx.traceback import NodeSource


@contextlib.contextmanager
def converting() -> Iterator[None]:
    """Keep converters quiet, garbage where it is, and histories of nodes shared, inside the block.

    What a converter gives is the same to the bit.
    """
    with quiet(), _histories_shared(), _garbage_left():
        yield


@contextlib.contextmanager
def _garbage_left() -> Iterator[None]:
    if not gc.isenabled():  # in a block already
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextlib.contextmanager
def _histories_shared() -> Iterator[None]:
    """Let copies of a node's history be the history itself: nobody changes one."""
    from torch.fx.traceback import NodeSource

    if "__deepcopy__" in vars(NodeSource):  # in a block already
        yield
        return
    NodeSource.__deepcopy__ = _itself  # type: ignore[attr-defined]
    try:
        yield
    finally:
        del NodeSource.__deepcopy__  # type: ignore[attr-defined]


def _itself(source: "NodeSource", _: object) -> "NodeSource":
    return source
