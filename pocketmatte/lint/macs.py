"""Multiply-accumulates of an ML Program's operations, from declared shapes alone.

Convolutions, products of matrices, attention and recurrent cells are counted; all else counts as
nothing. A body of a loop counts once.
"""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from pocketmatte.lint.subject import Subject, known, result_shape
from pocketmatte.mlprogram.program import Operation

_Count: TypeAlias = Callable[[Subject, Operation], int | None]


def macs(subject: Subject, operation: Operation) -> int | None:
    """Return an operation's multiply-accumulates, ``None`` where a run decides them."""
    count = _COUNTS.get(operation.kind)
    return 0 if count is None else count(subject, operation)


def _conv(subject: Subject, operation: Operation) -> int | None:
    weight, result = subject.shape(operation, "weight"), result_shape(operation)
    if weight is None or result is None:
        return None
    return math.prod(result) * math.prod(weight[1:])  # (C', C / groups, ...)


def _conv_transpose(subject: Subject, operation: Operation) -> int | None:
    weight, x = subject.shape(operation, "weight"), subject.shape(operation, "x")
    if weight is None or x is None:
        return None
    return math.prod(x) * math.prod(weight[1:])  # (C, C' / groups, ...)


def _linear(subject: Subject, operation: Operation) -> int | None:
    x, result = subject.shape(operation, "x"), result_shape(operation)
    return math.prod(result) * x[-1] if x and result is not None else None


def _matmul(subject: Subject, operation: Operation) -> int | None:
    x, result = subject.shape(operation, "x"), result_shape(operation)
    if not x or result is None:
        return None
    turned = any(subject.numbers(operation, "transpose_x")) and len(x) > 1
    return math.prod(result) * x[-2 if turned else -1]


def _einsum(subject: Subject, operation: Operation) -> int | None:
    equation = subject.text(operation, "equation")
    if equation is None or "->" not in equation:
        return None
    sizes: dict[str, int] = {}
    for index, letters in enumerate(equation.partition("->")[0].split(",")):
        shape = subject.shape(operation, "values", index)
        if shape is None or len(shape) != len(letters):
            return None
        for letter, size in zip(letters, shape, strict=True):
            sizes[letter] = max(size, sizes.get(letter, 1))
    return math.prod(sizes.values())


def _attention(subject: Subject, operation: Operation) -> int | None:
    query, key = subject.shape(operation, "query"), subject.shape(operation, "key")
    result = result_shape(operation)
    if not query or key is None or len(key) < 2 or not result:
        return None
    rows = math.prod(result[:-1])  # of queries, in all batches and heads
    return rows * key[-2] * (query[-1] + result[-1])


def _recurrent(subject: Subject, operation: Operation) -> int | None:
    x = subject.shape(operation, "x")
    weights = [
        known(subject.tensor(operation, name))
        for name in operation.inputs
        if name.startswith("weight")
    ]
    if x is None or len(x) != 3 or not weights:
        return None
    sizes = [math.prod(shape) for shape in weights if shape is not None]
    return x[0] * x[1] * sum(sizes) if len(sizes) == len(weights) else None


_COUNTS: Mapping[str, _Count] = MappingProxyType(
    {
        "conv": _conv,
        "conv_transpose": _conv_transpose,
        "linear": _linear,
        "matmul": _matmul,
        "einsum": _einsum,
        "scaled_dot_product_attention": _attention,
        "gru": _recurrent,
        "lstm": _recurrent,
        "rnn": _recurrent,
    }
)
COUNTED = frozenset(_COUNTS)
