"""A function of an ML Program with what rules ask about it, by name."""

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator, Mapping

from torch import Tensor

from pocketmatte.mlprogram.program import Block, Constant, Function, Named, Operation, Reference
from pocketmatte.mlprogram.types import StateType, TensorType, Type

_FEW = 64  # numbers of a parameter; weights are never listed


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """A function, taken apart. Names that lead nowhere and odd values are passed over.

    Attributes:
        function: The function.
        images: Inputs and outputs that an app sees as images.
        operations: In order; constants are left out, and those of nested blocks follow the one
            that holds them.
        makers: By name of a value, the operation that gives it, constants included.
        users: By name of a value, the operations that take it, constants included.
        types: By name of a value.
        leaving: What is known to leave the engine, by ``id``; empty until that is known.
    """

    function: Function
    images: frozenset[str]
    operations: tuple[Operation, ...]
    makers: Mapping[str, Operation]
    users: Mapping[str, tuple[Operation, ...]]
    types: Mapping[str, Type]
    leaving: frozenset[int] = frozenset()

    @property
    def outputs(self) -> tuple[Named, ...]:
        """The function's outputs with their types."""
        names = (name for name in self.function.body.outputs if name in self.types)
        return tuple(Named(name=name, type=self.types[name]) for name in names)

    def tensor(self, operation: Operation, parameter: str, index: int = 0) -> TensorType | None:
        """Return the type of an argument, a state's being that of its tensor."""
        argument = operation.inputs.get(parameter, ())
        if index >= len(argument):
            return None
        each = argument[index]
        return tensor_type(each.type if isinstance(each, Constant) else self.types.get(each.name))

    def shape(self, operation: Operation, parameter: str, index: int = 0) -> tuple[int, ...] | None:
        """Return the shape of an argument where all of it is known."""
        return known(self.tensor(operation, parameter, index))

    def computed(self, operation: Operation) -> tuple[TensorType, ...]:
        """Return the types of the arguments that are no constants."""
        named = (
            self.types.get(each.name)
            for each in references(operation)
            if not self.is_constant(each.name)
        )
        return tuple(found for kind in named if (found := tensor_type(kind)) is not None)

    def is_constant(self, name: str) -> bool:
        """Tell whether a value is written into the program."""
        return name in self.makers and is_constant(self.makers[name])

    def numbers(self, operation: Operation, parameter: str) -> tuple[float, ...]:
        """Return a parameter's constant numbers; none where it has none, many or odd ones."""
        value = self._held(operation, parameter)
        if not isinstance(value, Tensor) or value.numel() > _FEW:
            return ()
        numbers = tuple(float(each) for each in value.flatten().tolist())
        return numbers if all(map(math.isfinite, numbers)) else ()

    def text(self, operation: Operation, parameter: str) -> str | None:
        """Return a parameter's constant text."""
        value = self._held(operation, parameter)
        return value if isinstance(value, str) else None

    def consumers(self, operations: Iterable[Operation]) -> tuple[Operation, ...]:
        """Return what takes the results of constants, be it through other constants."""
        reached = {id(each) for each in operations}
        frontier = list(operations)
        while frontier:
            for named in frontier.pop().outputs:
                for user in self.users.get(named.name, ()):
                    if id(user) not in reached:
                        reached.add(id(user))
                        if is_constant(user):
                            frontier.append(user)
        return self.those(lambda each: id(each) in reached)

    def those(self, concerned: Callable[[Operation], bool]) -> tuple[Operation, ...]:
        """Return the operations that a rule concerns."""
        return tuple(each for each in self.operations if concerned(each))

    def touching(self, names: Iterable[str]) -> tuple[Operation, ...]:
        """Return the operations that take or give one of the values."""
        wanted = set(names)
        return self.those(
            lambda each: (
                any(reference.name in wanted for reference in references(each))
                or any(named.name in wanted for named in each.outputs)
            )
        )

    def _held(self, operation: Operation, parameter: str) -> object:
        if parameter in operation.attributes:
            return operation.attributes[parameter].value
        argument = operation.inputs.get(parameter, ())
        if len(argument) != 1:
            return None
        (each,) = argument
        if isinstance(each, Constant):
            return each.value
        maker = self.makers.get(each.name)
        held = maker.attributes.get("val") if maker is not None and maker.kind == "const" else None
        return held.value if held is not None else None


def subject(function: Function, images: frozenset[str] = frozenset()) -> Subject:
    """Take a function apart.

    Args:
        function: The function.
        images: Names of its inputs and outputs that an app sees as images.
    """
    everything = tuple(_flat(function.body))
    users: dict[str, list[Operation]] = {}
    for operation in everything:
        for name in dict.fromkeys(each.name for each in references(operation)):
            users.setdefault(name, []).append(operation)
    named = [*function.inputs, *_block_inputs(function.body)]
    named += [each for operation in everything for each in operation.outputs]
    return Subject(
        function=function,
        images=images,
        operations=tuple(each for each in everything if not is_constant(each)),
        makers={each.name: operation for operation in everything for each in operation.outputs},
        users={name: tuple(operations) for name, operations in users.items()},
        types={each.name: each.type for each in named},
    )


def is_constant(operation: Operation) -> bool:
    """Tell whether an operation only holds a constant, compressed or not."""
    return operation.kind == "const" or operation.kind.startswith("constexpr_")


def tensor_type(kind: Type | None) -> TensorType | None:
    """Return the type of a tensor, or of the tensor of a state."""
    kind = kind.wrapped if isinstance(kind, StateType) else kind
    return kind if isinstance(kind, TensorType) else None


def known(kind: TensorType | None) -> tuple[int, ...] | None:
    """Return a shape of which nothing is left to a run."""
    if kind is None or kind.variadic or None in kind.shape:
        return None
    return tuple(size for size in kind.shape if size is not None)


def results(operation: Operation) -> tuple[TensorType, ...]:
    """Return the types of the tensors that an operation gives."""
    found = (tensor_type(named.type) for named in operation.outputs)
    return tuple(kind for kind in found if kind is not None)


def result_shape(operation: Operation) -> tuple[int, ...] | None:
    """Return the shape of the first result where all of it is known."""
    return known(next(iter(results(operation)), None))


def references(operation: Operation) -> Iterator[Reference]:
    """Yield the names that an operation itself takes."""
    for argument in operation.inputs.values():
        for each in argument:
            if isinstance(each, Reference):
                yield each


def _flat(block: Block) -> Iterator[Operation]:
    for operation in block.operations:
        yield operation
        for inner in operation.blocks:
            yield from _flat(inner)


def _block_inputs(block: Block) -> Iterator[Named]:
    for operation in block.operations:
        for inner in operation.blocks:
            yield from inner.inputs
            yield from _block_inputs(inner)
