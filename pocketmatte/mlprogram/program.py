"""What an ML Program consists of, whatever it was read from."""

import dataclasses
from collections.abc import Mapping
from typing import TypeAlias

from pocketmatte.mlprogram.types import Type, Value


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    """A value that is an input of a block or an output of an operation."""

    name: str
    type: Type


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Constant:
    """A value written into the program."""

    value: Value
    type: Type


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """The name of a value computed before."""

    name: str


Argument: TypeAlias = tuple[Reference | Constant, ...]  # several, where an input is variadic


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """One step.

    Attributes:
        kind: Core ML's name of the operation.
        inputs: By parameter.
        attributes: By parameter; constants by nature.
        outputs: What it gives, with declared types.
        blocks: Of an operation that runs others: its branches, its condition and body.
    """

    kind: str
    inputs: Mapping[str, Argument]
    attributes: Mapping[str, Constant]
    outputs: tuple[Named, ...]
    blocks: tuple["Block", ...]

    @property
    def name(self) -> str:
        """Its first output's name, or its kind where it gives nothing."""
        return self.outputs[0].name if self.outputs else self.kind


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """Operations in order; ``outputs`` names what they give."""

    inputs: tuple[Named, ...]
    operations: tuple[Operation, ...]
    outputs: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Function:
    """A function of a program.

    Attributes:
        name: Its name; ``main`` in a program of one.
        inputs: Of the function; the block's own inputs are none.
        opset: ``CoreML5`` for iOS 15 and so on.
        body: What it does.
    """

    name: str
    inputs: tuple[Named, ...]
    opset: str
    body: Block

    @property
    def opset_number(self) -> int:
        """5 for iOS 15, 6 for iOS 16, ..."""
        return int(self.opset.removeprefix("CoreML"))


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Feature:
    """An input, output or state of the model as an app sees it.

    Attributes:
        name: Its name.
        image: ``RGB``, ``BGR``, ``GRAYSCALE`` or ``GRAYSCALE_FLOAT16`` for an image, else ``None``.
    """

    name: str
    image: str | None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """A model of one or several functions.

    Attributes:
        functions: By name.
        default: The name of the function that runs when none is chosen.
        inputs: What an app gives to the default function.
        outputs: What it gets.
        metadata: The model's user-defined strings.
    """

    functions: Mapping[str, Function]
    default: str
    inputs: tuple[Feature, ...]
    outputs: tuple[Feature, ...]
    metadata: Mapping[str, str]
