"""Types of an ML Program, and how the evaluator holds values of them.

Integers are held as ``int32``, or ``int64`` where 32 bits are too few, floats as ``float32``
(rounded to half precision where that is declared) or ``float64``, strings as ``str``. What type a
value has is what the program declares.
"""

import dataclasses
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor

LARGEST_BYTES = 4 << 30  # of a tensor as it is held; a file may declare more than any machine has


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Element:
    """An element type.

    Attributes:
        name: As Core ML's documentation spells it: ``fp16``, ``int32``, ``uint4``.
        kind: What sort of value it is.
        bits: Of storage.
        held: The type of PyTorch that values are held in.
        low: Smallest value of an integer.
        high: Largest value of an integer.
    """

    name: str
    kind: Literal["float", "int", "bool", "string"]
    bits: int
    held: torch.dtype
    low: int = 0
    high: int = 0


def _integer(bits: int, *, signed: bool) -> Element:
    low = -(1 << bits - 1) if signed else 0
    high = (1 << bits - signed) - 1
    wide = high >= 1 << 31
    return Element(
        name=f"{'' if signed else 'u'}int{bits}",
        kind="int",
        bits=bits,
        held=torch.int64 if wide else torch.int32,
        low=low,
        high=min(high, (1 << 63) - 1),
    )


FP16 = Element(name="fp16", kind="float", bits=16, held=torch.float32)
FP32 = Element(name="fp32", kind="float", bits=32, held=torch.float32)
FP64 = Element(name="fp64", kind="float", bits=64, held=torch.float64)
BOOL = Element(name="bool", kind="bool", bits=8, held=torch.bool)
STRING = Element(name="string", kind="string", bits=0, held=torch.uint8)
INT32 = _integer(32, signed=True)
# By the numbers of ``DataType`` in Core ML's MIL.proto.
ELEMENTS: Mapping[int, Element] = MappingProxyType(
    {
        1: BOOL,
        2: STRING,
        10: FP16,
        11: FP32,
        12: FP64,
        21: _integer(8, signed=True),
        22: _integer(16, signed=True),
        23: INT32,
        24: _integer(64, signed=True),
        25: _integer(4, signed=True),
        31: _integer(8, signed=False),
        32: _integer(16, signed=False),
        33: _integer(32, signed=False),
        34: _integer(64, signed=False),
        35: _integer(4, signed=False),
        36: _integer(2, signed=False),
        37: _integer(1, signed=False),
        38: _integer(6, signed=False),
        39: _integer(3, signed=False),
    }
)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class TensorType:
    """A tensor, or a scalar of no dimensions.

    Attributes:
        element: Its element type.
        shape: ``None`` for a dimension that is known in a run only.
        variadic: Whether not even the rank is known.
    """

    element: Element
    shape: tuple[int | None, ...]
    variadic: bool = False

    def __str__(self) -> str:
        if self.variadic:
            return f"{self.element.name} of any shape"
        return f"{self.element.name} {shape_text(self.shape)}"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ListType:
    """A list of values of one type."""

    element: "Type"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class StateType:
    """A tensor that lasts from one run to the next."""

    wrapped: TensorType


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class OtherType:
    """A type that no value of ours has: a tuple or a dictionary."""

    name: str


@dataclasses.dataclass(slots=True)
class State:
    """A state's present value."""

    value: Tensor


Type: TypeAlias = TensorType | ListType | StateType | OtherType
Value: TypeAlias = Tensor | str | State | list[Any]  # a list of values


def require_size(shape: tuple[int, ...], held: torch.dtype) -> None:
    """Refuse a tensor that is too large to be made.

    Raises:
        ValueError: With its shape and the limit.
    """
    if math.prod(shape) * held.itemsize > LARGEST_BYTES:
        msg = (
            f"{shape_text(shape)} takes more than {LARGEST_BYTES >> 30} GiB, the limit of a tensor"
        )
        raise ValueError(msg)


def shape_text(shape: tuple[int | None, ...]) -> str:
    """Return a shape as ``(1, ?, 3)``."""
    inner = ", ".join("?" if size is None else str(size) for size in shape)
    return f"({inner},)" if len(shape) == 1 else f"({inner})"
