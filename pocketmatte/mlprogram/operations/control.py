"""Branches and loops, states, and lists of tensors."""

from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor

from pocketmatte.mlprogram.binding import Compute, Ints, Values
from pocketmatte.mlprogram.context import Context
from pocketmatte.mlprogram.types import BOOL, FP16, FP32, INT32, State, Value, require_size

_HELD = MappingProxyType({each.name: each.held for each in (FP16, FP32, INT32, BOOL)})
SHAPELESS = "not written yet"  # in a list: a tensor whose shape the first one written decides


def cond(pred: bool, context: Context) -> Values:
    """Return what the first block gives, or the second where ``pred`` is false."""
    first, second = context.operation.blocks
    return context.run(first if pred else second, ())


def while_loop(loop_vars: Values, context: Context) -> Values:
    """Return values, run through the second block as long as the first says so of them."""
    goes_on, body = context.operation.blocks
    values = loop_vars
    while _true(context.run(goes_on, values)):
        values = context.run(body, values)
    return values


def read_state(input: State) -> Tensor:  # noqa: A002
    """Return a state's present value."""
    return input.value


def write_state(input: State, data: Tensor) -> Values:  # noqa: A002
    """Set a state; give nothing.

    Raises:
        ValueError: If the state is of another shape.
    """
    if data.shape != input.value.shape:
        msg = f"{tuple(data.shape)} does not fit a state of {tuple(input.value.shape)}"
        raise ValueError(msg)
    input.value = data
    return ()


def make_list(
    elem_shape: Values,
    init_length: int = 1,
    dynamic_length: bool = True,  # noqa: ARG001  writing beyond a fixed end is not defined
    dtype: str = "fp32",
) -> list[Value]:
    """Return a list of tensors of zeros, without shape as long as a size is but a name.

    Args:
        elem_shape: The sizes of every tensor.
        init_length: How many.
        dynamic_length: Whether it may grow.
        dtype: Of the tensors.

    Raises:
        ValueError: If there is no such type, or the list is too large.
    """
    if dtype not in _HELD:
        msg = f"dtype {dtype!r} is not known here"
        raise ValueError(msg)
    sizes = [int(size) for size in elem_shape if isinstance(size, Tensor)]
    require_size((init_length, *sizes), _HELD[dtype])
    if len(sizes) < len(elem_shape):
        return [SHAPELESS] * init_length
    return [torch.zeros(sizes, dtype=_HELD[dtype])] * init_length


def list_length(ls: list[Value]) -> Tensor:
    """Return how many tensors a list has."""
    return torch.tensor(len(ls), dtype=INT32.held)


def list_read(ls: list[Value], index: int) -> Tensor:
    """Return the tensor at ``index``."""
    return list_gather(ls, (index,))[0]


def list_gather(ls: list[Value], indices: Ints) -> Tensor:
    """Return the tensors at ``indices``, ``(len(indices), ...)``.

    Raises:
        IndexError: If there is no tensor at one of them.
        ValueError: If one was not written yet and has no shape.
    """
    for index in indices:
        _require_place(ls, index, len(ls))
    found = [each for each in (ls[index] for index in indices) if isinstance(each, Tensor)]
    if len(found) < len(indices):
        msg = f"of {indices} not all have been written"
        raise ValueError(msg)
    return torch.stack(found)


def list_write(ls: list[Value], index: int, value: Tensor) -> list[Value]:
    """Return a list with another tensor at ``index``, zeros before it where it grows."""
    return list_scatter(ls, (index,), value[None])


def list_scatter(ls: list[Value], indices: Ints, value: Tensor) -> list[Value]:
    """Return a list with others, ``(len(indices), ...)``, at ``indices``, grown where needed.

    Raises:
        IndexError: If an index is negative.
    """
    for index in indices:
        _require_place(ls, index, index + 1)
    length = max([len(ls), *(index + 1 for index in indices)])
    zeros = torch.zeros_like(value[0])
    require_size((length, *zeros.shape), zeros.dtype)
    written: list[Value] = [each if isinstance(each, Tensor) else zeros for each in ls]
    written += [zeros] * (length - len(ls))
    for index, each in zip(indices, value, strict=True):
        written[index] = each
    return written


def _require_place(ls: list[Value], index: int, length: int) -> None:
    if not 0 <= index < length:
        msg = f"{index} is no place in a list of {len(ls)}"
        raise IndexError(msg)


def _true(values: Values) -> bool:
    (value,) = values
    return bool(value)


OPERATIONS: Mapping[str, Compute] = MappingProxyType(
    {
        "cond": cond,
        "while_loop": while_loop,
        "read_state": read_state,
        "write_state": write_state,
        "make_list": make_list,
        "list_length": list_length,
        "list_read": list_read,
        "list_gather": list_gather,
        "list_write": list_write,
        "list_scatter": list_scatter,
    }
)
