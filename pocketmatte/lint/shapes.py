"""Rules on rank, extent and size of tensors."""

import math

from pocketmatte.lint.finding import Found, Rule, found
from pocketmatte.lint.sources import DESIGN, ENGINE_RULES, OPERATIONS
from pocketmatte.lint.subject import Subject, known, results
from pocketmatte.lint.words import kinds, some
from pocketmatte.mlprogram.program import Operation
from pocketmatte.mlprogram.types import TensorType, shape_text

_RANK = 5
_SIDE, _ANY_AXIS = 16384, 65536  # rows and columns; channels and batch
_ON_CHIP_BYTES = 2 << 20


def rank(subject: Subject) -> Found | None:
    """Find tensors of more dimensions than the engine has."""

    def dimensions(operation: Operation) -> int:
        return max((len(kind.shape) for kind in _types(subject, operation)), default=0)

    operations = subject.those(lambda operation: dimensions(operation) > _RANK)
    most = max((dimensions(operation) for operation in operations), default=0)
    return found(
        operations, f"{kinds(operations)} with up to {most} dimensions; the engine has {_RANK}"
    )


def extent(subject: Subject) -> Found | None:
    """Find tensors that are longer in a dimension than the engine addresses."""
    operations = subject.those(lambda operation: any(map(_too_long, results(operation))))
    longest = [kind for each in operations for kind in results(each) if _too_long(kind)]
    shown = shape_text(longest[0].shape) if longest else ""
    return found(
        operations,
        f"{kinds(operations)} with results such as {shown}; rows and columns may be {_SIDE}, "
        f"other dimensions {_ANY_AXIS}",
    )


def large_operands(subject: Subject) -> Found | None:
    """Find operations on tensors larger than what stays on the chip."""

    def largest(operation: Operation) -> int:
        return max(map(_bytes, _types(subject, operation)), default=0)

    operations = subject.those(lambda operation: largest(operation) > _ON_CHIP_BYTES)
    most = max((largest(operation) for operation in operations), default=0) / 2**20
    return found(
        operations,
        f"{some(len(operations), 'operation')} on tensors of up to {most:.1f} MiB; "
        f"{_ON_CHIP_BYTES >> 20} MiB stay on the chip",
    )


def _types(subject: Subject, operation: Operation) -> tuple[TensorType, ...]:
    return (*results(operation), *subject.computed(operation))


def _too_long(kind: TensorType) -> bool:
    sides = kind.shape[-2:] if len(kind.shape) > 2 else ()  # (N, C) has neither rows nor columns
    rest = kind.shape[: len(kind.shape) - len(sides)]
    return any((size or 0) > _SIDE for size in sides) or any(
        (size or 0) > _ANY_AXIS for size in rest
    )


def _bytes(kind: TensorType) -> int:
    shape = known(kind)
    return 0 if shape is None else math.prod(shape) * kind.element.bits // 8


RULES: tuple[Rule, ...] = (
    Rule(
        name="rank",
        severity="error",
        meaning=f"a tensor of more than {_RANK} dimensions",
        mend="merge dimensions of size 1, or give the program less at once",
        sources=(ENGINE_RULES, DESIGN),
        check=rank,
        cuts=True,
    ),
    Rule(
        name="extent",
        severity="error",
        meaning=f"rows or columns of more than {_SIDE}, another dimension of more than {_ANY_AXIS}",
        mend="split the tensor; the engines of M4 and later are said to take 65536",
        sources=(OPERATIONS, DESIGN),
        check=extent,
        cuts=True,
    ),
    Rule(
        name="large-operands",
        severity="hint",
        meaning=f"a tensor of more than {_ON_CHIP_BYTES >> 20} MiB, as any large picture is",
        mend="fewer channels at full size",
        sources=(DESIGN,),
        check=large_operands,
    ),
)
