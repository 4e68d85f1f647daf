"""Every operation that the evaluator knows, by Core ML's name of it."""

from collections.abc import Mapping
from types import MappingProxyType

from pocketmatte.mlprogram.binding import Compute
from pocketmatte.mlprogram.operations import (
    convolution,
    elementwise,
    filling,
    gathering,
    rearranging,
    reduction,
    selection,
    shaping,
    slicing,
)

OPERATIONS: Mapping[str, Compute] = MappingProxyType(
    {
        **elementwise.OPERATIONS,
        **convolution.OPERATIONS,
        **reduction.OPERATIONS,
        **shaping.OPERATIONS,
        **slicing.OPERATIONS,
        **rearranging.OPERATIONS,
        **filling.OPERATIONS,
        **gathering.OPERATIONS,
        **selection.OPERATIONS,
    }
)
