"""Every operation that the evaluator knows, by Core ML's name of it."""

from collections.abc import Mapping
from types import MappingProxyType

from pocketmatte.mlprogram.binding import Compute
from pocketmatte.mlprogram.operations import (
    activation,
    attention,
    compression,
    control,
    convolution,
    elementwise,
    filling,
    gathering,
    normalisation,
    rearranging,
    recurrent,
    reduction,
    resizing,
    sampling,
    selection,
    shaping,
    slicing,
    transposed,
    unary,
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
        **unary.OPERATIONS,
        **activation.OPERATIONS,
        **transposed.OPERATIONS,
        **normalisation.OPERATIONS,
        **attention.OPERATIONS,
        **resizing.OPERATIONS,
        **sampling.OPERATIONS,
        **compression.OPERATIONS,
        **control.OPERATIONS,
        **recurrent.OPERATIONS,
    }
)
