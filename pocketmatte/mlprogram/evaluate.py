"""Run an ML Program operation by operation, each result held to its declared type.

Every operation is computed in single precision and its result rounded to the declared element type:
what hardware with half-precision storage and a wide accumulator does. Declared types are the least
precision that Core ML keeps to; a CPU may keep more.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import TypeAlias

import torch
from torch import Tensor

from pocketmatte.mlprogram.binding import FAULTS, Result, Values, bound, reason
from pocketmatte.mlprogram.context import Context
from pocketmatte.mlprogram.operations import OPERATIONS
from pocketmatte.mlprogram.operations.control import SHAPELESS
from pocketmatte.mlprogram.program import Argument, Block, Constant, Function, Operation
from pocketmatte.mlprogram.types import (
    FP16,
    ListType,
    State,
    StateType,
    TensorType,
    Type,
    Value,
    shape_text,
)
from tiers.errors import BundleError

Environment: TypeAlias = dict[str, Value]
Observer: TypeAlias = Callable[[Operation, Values], None]


class Evaluator:
    """A function of an ML Program, ready to run.

    Args:
        function: The function.
        rounding: Whether results are rounded to half precision where that is declared.
        observer: Called with every operation that is run and what it gave.

    Attributes:
        function: The function.
        peaks: In all runs so far, by operation: the largest magnitude of its results that are
            declared in half precision, before they are rounded; infinite where one is no number.
            Of constants there is none.

    Raises:
        BundleError: If it has an operation that is not known here, or a constant that is not what
            it should be.
    """

    def __init__(
        self, function: Function, *, rounding: bool = True, observer: Observer | None = None
    ) -> None:
        self.function = function
        self.peaks: dict[str, float] = {}
        self._rounding = rounding
        self._observer = observer
        _require_known(function.body, function.name)
        self._constants: Environment = {}
        body = []
        for operation in function.body.operations:
            if _is_constant(operation):
                self._step(operation, self._constants)
            else:
                body.append(operation)
        self._body = dataclasses.replace(function.body, operations=tuple(body))
        self._last = _last_uses(self._body)

    def run(self, inputs: Mapping[str, Value]) -> dict[str, Value]:
        """Run the function once.

        Args:
            inputs: By name; states as ``State``, which are written to.

        Returns:
            The outputs by name.

        Raises:
            BundleError: If an operation cannot be computed or gives what it does not declare.
        """
        environment = dict(self._constants)
        for named in self.function.inputs:
            if named.name not in inputs:
                msg = f"{self.function.name} lacks the input {named.name!r}"
                raise BundleError(msg)
            environment[named.name] = self._held(inputs[named.name], named.type, named.name)
        with torch.inference_mode():
            for index, operation in enumerate(self._body.operations):
                self._step(operation, environment)
                for name in self._last.get(index, ()):
                    environment.pop(name, None)
        names = self._body.outputs
        return dict(zip(names, _given(names, environment, self.function.name), strict=True))

    def _run_block(self, block: Block, given: Values, outer: Environment) -> Values:
        environment = dict(outer)
        for named, value in zip(block.inputs, given, strict=True):
            environment[named.name] = self._held(value, named.type, named.name)
        for operation in block.operations:
            self._step(operation, environment)
        return _given(block.outputs, environment, "a block")

    def _step(self, operation: Operation, environment: Environment) -> None:
        where = f"{operation.kind} {operation.name!r}"
        context = Context(
            opset=self.function.opset_number,
            operation=operation,
            run=lambda block, given: self._run_block(block, given, environment),
        )
        arguments = {
            **{name: (each.value,) for name, each in operation.attributes.items()},
            **{name: _values(each, environment, where) for name, each in operation.inputs.items()},
        }
        compute = OPERATIONS[operation.kind]
        given = bound(compute, arguments, {Context: context}, where)
        try:
            result: Result = compute(**given)
        except FAULTS as error:
            msg = f"{where} cannot be computed: {reason(error)}"
            raise BundleError(msg) from error
        results = result if isinstance(result, tuple) else (result,)
        if len(results) != len(operation.outputs):
            msg = f"{where} gives {len(results)} values, and declares {len(operation.outputs)}"
            raise BundleError(msg)
        if self._rounding and not _is_constant(operation):
            self._note_peak(where, results, operation)
        held = tuple(
            self._held(value, named.type, where)
            for value, named in zip(results, operation.outputs, strict=True)
        )
        for value, named in zip(held, operation.outputs, strict=True):
            environment[named.name] = value
        if self._observer is not None:
            self._observer(operation, held)

    def _note_peak(self, where: str, results: Values, operation: Operation) -> None:
        for value, named in zip(results, operation.outputs, strict=True):
            half = isinstance(named.type, TensorType) and named.type.element == FP16
            if half and isinstance(value, Tensor) and value.is_floating_point() and value.numel():
                low, high = (float(each) for each in value.aminmax())
                peak = math.inf if math.isnan(low) else max(-low, high)
                self.peaks[where] = max(peak, self.peaks.get(where, 0.0))

    def _held(self, value: Value, declared: Type, where: str) -> Value:
        """Return ``value`` rounded to its declared type, to which it must fit."""
        if isinstance(declared, ListType) and isinstance(value, list):
            return [
                each if each is SHAPELESS else self._held(each, declared.element, where)
                for each in value
            ]
        if isinstance(declared, StateType) and isinstance(value, State):
            value.value = self._tensor(value.value, declared.wrapped, where)
            return value
        if isinstance(declared, TensorType) and isinstance(value, Tensor):
            return self._tensor(value, declared, where)
        if isinstance(declared, TensorType) and declared.element.kind == "string":
            fits = _fits_strings(value, declared)
            if fits and isinstance(value, str | list):
                return value
        msg = f"{where} gives a {type(value).__name__}, and declares {declared}"
        raise BundleError(msg)

    def _tensor(self, value: Tensor, declared: TensorType, where: str) -> Tensor:
        element = declared.element
        kind = "float" if value.is_floating_point() else "int"
        kind = "bool" if value.dtype == torch.bool else kind
        if kind != element.kind or not _fits(tuple(value.shape), declared):
            found = f"{kind} {shape_text(tuple(value.shape))}"
            msg = f"{where} gives {found}, and declares {declared}"
            raise BundleError(msg)
        if element.kind == "int" and value.numel():
            low, high = (int(each) for each in value.aminmax())
            if low < element.low or high > element.high:
                msg = f"{where} gives {low} to {high}, which {element.name} does not hold"
                raise BundleError(msg)
        if element == FP16 and self._rounding:
            return value.half().to(element.held)
        return value.to(element.held)


def _fits(shape: tuple[int, ...], declared: TensorType) -> bool:
    if declared.variadic:
        return True
    return len(shape) == len(declared.shape) and all(
        size is None or size == found for size, found in zip(declared.shape, shape, strict=True)
    )


def _fits_strings(value: Value, declared: TensorType) -> bool:
    if isinstance(value, str):
        return declared.variadic or not declared.shape
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        return False
    sizes = [size for size in declared.shape if size is not None]
    whole = bool(sizes) and len(sizes) == len(declared.shape) and not declared.variadic
    return math.prod(sizes) == len(value) if whole else declared.variadic or bool(declared.shape)


def _given(names: tuple[str, ...], environment: Environment, where: str) -> Values:
    missing = [name for name in names if name not in environment]
    if missing:
        msg = f"{where} promises {missing[0]!r}, which nothing in it gives"
        raise BundleError(msg)
    return tuple(environment[name] for name in names)


def _values(argument: Argument, environment: Environment, where: str) -> Values:
    values = []
    for each in argument:
        if isinstance(each, Constant):
            values.append(each.value)
        elif each.name in environment:
            values.append(environment[each.name])
        else:
            msg = f"{where} asks for {each.name!r}, which nothing before it gives"
            raise BundleError(msg)
    return tuple(values)


def _is_constant(operation: Operation) -> bool:
    return operation.kind == "const" or operation.kind.startswith("constexpr_")


def _require_known(block: Block, name: str) -> None:
    unknown = sorted(_kinds(block) - OPERATIONS.keys())
    if unknown:
        msg = f"{name} has operations that are not known here: {', '.join(unknown)}"
        raise BundleError(msg)


def _kinds(block: Block) -> set[str]:
    kinds = set()
    for operation in block.operations:
        kinds.add(operation.kind)
        for inner in operation.blocks:
            kinds |= _kinds(inner)
    return kinds


def _names(operation: Operation) -> set[str]:
    """Return the names that an operation and the blocks inside it ask for."""
    names = {
        each.name
        for argument in operation.inputs.values()
        for each in argument
        if not isinstance(each, Constant)
    }
    for block in operation.blocks:
        names.update(block.outputs)
        for inner in block.operations:
            names |= _names(inner)
    return names


def _last_uses(body: Block) -> dict[int, list[str]]:
    """Return, by index of operation, the names that nothing after it asks for."""
    last: dict[str, int] = {}
    for index, operation in enumerate(body.operations):
        for name in (*_names(operation), *(named.name for named in operation.outputs)):
            last[name] = index
    by_index: dict[int, list[str]] = {}
    for name, index in last.items():
        if name not in body.outputs:
            by_index.setdefault(index, []).append(name)
    return by_index
