"""Rules on compressed weights and quantised activations."""

import math

from pocketmatte.lint.finding import Found, Rule, found
from pocketmatte.lint.sources import (
    BLOCK_SCALES,
    COMPRESSION,
    COMPRESSION_NEWS,
    SCALED_PALETTES,
    STATE_PALETTES,
    UNPALETTISED,
)
from pocketmatte.lint.subject import Subject, known, tensor_type
from pocketmatte.lint.words import kinds, some
from pocketmatte.mlprogram.program import Operation
from pocketmatte.mlprogram.types import StateType

_SMALL_BITS = 4
_QUANTISED = frozenset({"quantize", "dequantize"})


def scaled_palettes(subject: Subject) -> Found | None:
    """Find scales of what is no integer: a palette's, by channel."""
    weights = [each for each in _scaled(subject) if _data_kind(subject, each) == "float"]
    message = f"{some(len(weights), 'palette')} scaled by channel; was seen to fail to load"
    return found(subject.consumers(weights), message)


def block_scales(subject: Subject) -> Found | None:
    """Find integer weights with several scales for a channel."""
    weights = [
        each
        for each in _scaled(subject)
        if _data_kind(subject, each) == "int"
        and sum(size > 1 for size in _shape(subject, each, "scale")) > 1
    ]
    message = f"{some(len(weights), 'weight')} with several scales a channel"
    return found(subject.consumers(weights), message)


def small_palettes_with_state(subject: Subject) -> Found | None:
    """Find palettes of few entries in a program with Core ML states."""
    if not any(isinstance(each.type, StateType) for each in subject.function.inputs):
        return None

    def small(operation: Operation) -> bool:
        table = _shape(subject, operation, "lut")
        entries = table[-2] if len(table) > 1 else math.prod(table)  # iOS 18: (..., entries, size)
        return operation.kind == "constexpr_lut_to_dense" and entries <= 1 << _SMALL_BITS

    weights = [each for each in _constants(subject) if small(each)]
    message = f"{some(len(weights), 'palette')} of {_SMALL_BITS} bits or less beside states"
    return found(subject.consumers(weights), message)


def quantised_activations(subject: Subject) -> Found | None:
    """Find activations that are quantised."""
    operations = subject.those(lambda operation: operation.kind in _QUANTISED)
    return found(operations, f"{kinds(operations)} of activations")


def _constants(subject: Subject) -> list[Operation]:
    unique = {id(operation): operation for operation in subject.makers.values()}
    return [each for each in unique.values() if each.kind.startswith("constexpr_")]


def _scaled(subject: Subject) -> list[Operation]:
    kind = "constexpr_blockwise_shift_scale"
    return [each for each in _constants(subject) if each.kind == kind]


def _data_kind(subject: Subject, operation: Operation) -> str | None:
    data = subject.tensor(operation, "data")
    return data.element.kind if data is not None else None


def _shape(subject: Subject, operation: Operation, name: str) -> tuple[int, ...]:
    """Return an argument's shape; before iOS 18 arguments of weights were attributes."""
    constant = operation.attributes.get(name)
    kind = tensor_type(constant.type) if constant else subject.tensor(operation, name)
    return known(kind) or ()


RULES: tuple[Rule, ...] = (
    Rule(
        name="scaled-palettes",
        severity="error",
        meaning="scales of weights that are no integers, as of palettes scaled by channel",
        mend="palettise without enable_per_channel_scale",
        sources=(SCALED_PALETTES, UNPALETTISED),
        check=scaled_palettes,
    ),
    Rule(
        name="block-scales",
        severity="warning",
        meaning="integer weights with several scales a channel; seen to be computed wrongly",
        mend="a scale for each channel, or a palette",
        sources=(COMPRESSION, BLOCK_SCALES),
        check=block_scales,
    ),
    Rule(
        name="small-palettes-with-state",
        severity="warning",
        meaning=f"palettes of {_SMALL_BITS} bits or less in a program with Core ML states",
        mend="6 or 8 bits, or states as inputs and outputs; crashed after 100 to 200 runs",
        sources=(STATE_PALETTES,),
        check=small_palettes_with_state,
    ),
    Rule(
        name="quantised-activations",
        severity="hint",
        meaning="activations are quantised: faster on A17 Pro, M4 and later, slower elsewhere",
        mend="another build for older devices",
        sources=(COMPRESSION, COMPRESSION_NEWS),
        check=quantised_activations,
    ),
)
