"""Give an operation's arguments to the function that computes it, in the form that it asks for.

A function's parameters are named as Core ML names them, its defaults are Core ML's, and its
annotations say in what form it takes each argument. What it does not take is refused by name.
"""

import functools
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from torch import Tensor

from pocketmatte.mlprogram.types import State, Value
from tiers.errors import BundleError

Ints: TypeAlias = tuple[int, ...]
Bools: TypeAlias = tuple[bool, ...]
Tensors: TypeAlias = tuple[Tensor, ...]
Values: TypeAlias = tuple[Value, ...]
Result: TypeAlias = Value | tuple[Value, ...]
Compute: TypeAlias = Callable[..., Result]

# What a computation raises on values that it cannot take; of a file's values, the file's fault.
FAULTS: tuple[type[Exception], ...] = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
)


def reason(error: Exception) -> str:
    """Return what an error says, in one line, with its type where that alone tells what it is."""
    said = next(iter(str(error).strip().splitlines()), "")
    telling = isinstance(error, LookupError | MemoryError) or not said
    return f"{type(error).__name__} {said}".strip() if telling else said


def bound(
    compute: Compute, arguments: Mapping[str, Values], extra: Mapping[type, object], where: str
) -> dict[str, Any]:
    """Return keyword arguments for ``compute``.

    Args:
        compute: The function.
        arguments: By parameter; several values where it is variadic.
        extra: What a parameter annotated with one of these types gets, whatever its name.
        where: The operation, for errors.

    Raises:
        BundleError: If an argument is unknown, missing or of another form.
    """
    wanted = _parameters(compute)
    given: dict[str, Any] = {}
    for name, values in arguments.items():
        if name not in wanted or wanted[name].form in extra:
            msg = f"{where} has the argument {name!r}, which is not known here"
            raise BundleError(msg)
        try:
            given[name] = _formed(values, wanted[name].form)
        except FAULTS as error:
            msg = f"{where}: {name} is not what it should be: {reason(error)}"
            raise BundleError(msg) from error
    for name, parameter in wanted.items():
        if parameter.form in extra:
            given[name] = extra[parameter.form]
        elif name not in given and parameter.required:
            msg = f"{where} lacks the argument {name!r}"
            raise BundleError(msg)
    return given


class _Parameter(typing.NamedTuple):
    form: Any
    required: bool


@functools.cache
def _parameters(compute: Compute) -> Mapping[str, _Parameter]:
    hints = typing.get_type_hints(compute)
    return {
        name: _Parameter(_without_none(hints[name]), parameter.default is inspect.Parameter.empty)
        for name, parameter in inspect.signature(compute).parameters.items()
    }


def _without_none(hint: Any) -> Any:
    if isinstance(hint, types.UnionType):
        left = [each for each in typing.get_args(hint) if each is not type(None)]
        return left[0] if len(left) == 1 else hint
    return hint


def _formed(values: Values, form: Any) -> Any:
    if form == Tensors:
        return tuple(_tensor(value) for value in values)
    if form == Values:
        return values
    (value,) = values
    if form is Tensor:
        return _tensor(value)
    if form in (str, list, State):
        if not isinstance(value, form):
            msg = f"a {type(value).__name__}"
            raise TypeError(msg)
        return value
    if form in (int, float, bool):
        return form(_tensor(value).item())
    if form == Ints:
        return tuple(int(each) for each in _tensor(value).flatten().tolist())
    if form == Bools:
        return tuple(bool(each) for each in _tensor(value).flatten().tolist())
    return value


def _tensor(value: Value) -> Tensor:
    if isinstance(value, Tensor):
        return value
    msg = f"a {type(value).__name__}, not a tensor"
    raise TypeError(msg)
