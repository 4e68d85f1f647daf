"""What surrounds an operation, for those that need to know."""

import dataclasses
from collections.abc import Callable

from pocketmatte.mlprogram.binding import Values
from pocketmatte.mlprogram.program import Block, Operation


@dataclasses.dataclass(frozen=True, kw_only=True)
class Context:
    """What an operation may ask for beside its arguments.

    Attributes:
        opset: 5 for iOS 15, 6 for iOS 16, ...
        operation: The operation itself, with the declared types of its outputs.
        run: Runs one of its blocks on values of the block's inputs; returns its outputs.
    """

    opset: int
    operation: Operation
    run: Callable[[Block, Values], Values]
