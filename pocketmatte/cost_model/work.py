"""The work of a program, by kind of operation: bare Python, no library.

Counts are of elements and multiply-accumulates, so that one count serves every precision.
"""

import dataclasses
import operator
from collections.abc import Mapping
from typing import TypeAlias

# Kinds of operations. A ReLU or clamp behind a convolution, sum or product costs nothing of its
# own: every runtime computes it on the way out.
KINDS = (
    "dense", "pointwise", "depthwise", "matmul", "softmax", "resize", "pool", "elementwise",
    "activation", "move", "gather", "topk",
)  # fmt: skip
MULTIPLYING = ("dense", "pointwise", "depthwise", "matmul")

# A tensor of more elements than this does not stay in the second cache of a core: 1 MiB in single
# precision.
LARGE = 2**18
# Output channels are computed by the vector: 16 floats of 512 bits, two of Arm's pairs of four.
TILE = 16


@dataclasses.dataclass(frozen=True, slots=True)
class Work:
    """What the operations of one kind do, all together.

    Attributes:
        nodes: How many there are.
        macs: Multiply-accumulates.
        tiled: The same with output channels rounded up to a multiple of ``TILE``.
        shallow: Of ``tiled``, those of sums over fewer than 64 products, which keep a vector unit
            waiting for memory.
        read: Elements of tensors that are read.
        written: Elements that are written.
        large: Elements read or written of tensors above ``LARGE``.
        weights: Elements of weights.
    """

    nodes: int = 0
    macs: int = 0
    tiled: int = 0
    shallow: int = 0
    read: int = 0
    written: int = 0
    large: int = 0
    weights: int = 0

    def plus(self, other: "Work") -> "Work":
        """Return both together."""
        return Work(*map(operator.add, self.row(), other.row()))

    def row(self) -> tuple[int, ...]:
        """Return the counts in the order of ``FIELDS``."""
        return dataclasses.astuple(self)


FIELDS = tuple(each.name for each in dataclasses.fields(Work))
NOTHING = Work()
Works: TypeAlias = Mapping[str, Work]  # by kind; one without work may be left out
