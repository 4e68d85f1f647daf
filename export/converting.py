"""What every capture and conversion runs in: silence, and none of the work that nobody looks at.

Exporters rewrite a graph in dozens of passes, and for every node of every pass they copy the
history of where it came from. After each pass they make Python code of the graph.
"""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from export.deferred_code import code_deferred
from export.quiet import quiet

if TYPE_CHECKING:
    from torch.fx.traceback import NodeSource


@contextlib.contextmanager
def converting() -> Iterator[None]:
    """Keep converters quiet, histories of nodes shared and code unmade, inside the block.

    What a converter gives is the same to the bit.
    """
    with quiet(), _histories_shared(), code_deferred():
        yield


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
