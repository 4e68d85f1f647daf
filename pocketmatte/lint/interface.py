"""Rules on inputs, outputs and states: whole rows, ranges of images."""

import math
from collections.abc import Sequence

from pocketmatte.lint.finding import Found, Rule, found
from pocketmatte.lint.sources import (
    ENGINE_RULES,
    IMAGE_SCALE,
    IMAGES,
    ROW_STRIDES,
    STATE_TRANSPOSE,
    STATE_VIEW,
    STATE_WIDTH,
    TRANSFORMERS,
)
from pocketmatte.lint.subject import Subject, known, tensor_type
from pocketmatte.lint.words import listed, some
from pocketmatte.mlprogram.program import Named, Operation, Reference
from pocketmatte.mlprogram.types import StateType, shape_text

_STATE_ROW = 32  # elements; the report's state of 270 failed, one of 256 worked
_ROW_BYTES = 64
_NEXT = "_next"  # what a state's name has more where it is an output
_PADDING_BYTES = 64 << 10  # a part in 32 of the 2 MiB that are said to stay on the chip
_ONE = frozenset({"sigmoid", "sigmoid_hard", "softmax"})  # give at most 1


def state_width(subject: Subject) -> Found | None:
    """Find Core ML's states whose rows are no multiple of 32 elements."""
    states = [each for each in subject.function.inputs if isinstance(each.type, StateType)]
    uneven = [each for each in states if (_shape(each)[-1:] or (0,))[0] % _STATE_ROW]
    names = tuple(each.name for each in uneven)
    message = (
        f"{some(len(uneven), 'state')} with rows of no multiple of {_STATE_ROW} elements: "
        f"{_shown(uneven)}; the whole program was seen to fail on the engine"
    )
    return found(subject.touching(names), message, names)


def plain_state_width(subject: Subject) -> Found | None:
    """Find states carried from output to input whose rows do not fill 64 bytes."""
    carried = _carried(subject)
    return _padded(subject, [each for each in _interface(subject) if each.name in carried])


def row_alignment(subject: Subject) -> Found | None:
    """Find other inputs and outputs whose rows do not fill 64 bytes."""
    carried = _carried(subject)
    return _padded(subject, [each for each in _interface(subject) if each.name not in carried])


def singleton_rows(subject: Subject) -> Found | None:
    """Find inputs and outputs that padding makes many times as large."""
    wasteful = [
        each
        for each in _interface(subject)
        if _shape(each)[-1:] == (1,) and _padding_bytes(each) >= _PADDING_BYTES
    ]
    names = tuple(each.name for each in wasteful)
    padding = sum(map(_padding_bytes, wasteful)) >> 10
    message = (
        f"{some(len(names), 'tensor')} with a last dimension of 1: {_shown(wasteful)}; padding "
        f"adds {padding} KiB"
    )
    return found(subject.touching(names), message, names)


def image_range(subject: Subject) -> Found | None:
    """Find image outputs that are at most 1, where white is 255."""
    dark = tuple(
        name
        for name in subject.function.body.outputs
        if name in subject.images and _at_most_one(subject, name)
    )
    message = f"{some(len(dark), 'image')} of at most 1, where white is 255: {listed(dark)}"
    return found(subject.touching(dark), message, dark)


def rearranged_states(subject: Subject) -> Found | None:
    """Find states that are reshaped or transposed where they are read."""
    read = {
        named.name
        for operation in subject.operations
        if operation.kind == "read_state"
        for named in operation.outputs
    }
    users = {id(user) for name in read for user in subject.users.get(name, ())}
    operations = subject.those(
        lambda each: id(each) in users and each.kind in {"reshape", "transpose"}
    )
    return found(operations, f"{some(len(operations), 'state')} rearranged where it is read")


def _interface(subject: Subject) -> list[Named]:
    """Return the inputs and outputs that an app sees as arrays."""
    named = (*subject.function.inputs, *subject.outputs)
    return [
        each
        for each in named
        if each.name not in subject.images and not isinstance(each.type, StateType)
    ]


def _carried(subject: Subject) -> set[str]:
    """Return the names of states that are plain inputs and outputs: ``x`` and ``x_next``."""
    inputs = {each.name for each in subject.function.inputs}
    outputs = set(subject.function.body.outputs)
    names = {name for name in inputs if name + _NEXT in outputs}
    return names | {name + _NEXT for name in names}


def _padded(subject: Subject, tensors: Sequence[Named]) -> Found | None:
    uneven = [each for each in tensors if _padding_bytes(each)]
    names = tuple(each.name for each in uneven)
    message = (
        f"{len(names)} of {some(len(tensors), 'tensor')} with rows of no multiple of "
        f"{_ROW_BYTES} bytes: {_shown(uneven)}; an app has to read them by their strides"
    )
    return found(subject.touching(names), message, names)


def _padding_bytes(named: Named) -> int:
    """Return what rows of whole 64 bytes take beyond the tensor's own bytes."""
    kind, shape = tensor_type(named.type), _shape(named)
    if kind is None or not shape:
        return 0
    row = shape[-1] * kind.element.bits // 8
    return -row % _ROW_BYTES * math.prod(shape[:-1])


def _shape(named: Named) -> tuple[int, ...]:
    return known(tensor_type(named.type)) or ()


def _shown(tensors: Sequence[Named]) -> str:
    return listed([f"{each.name} {shape_text(_shape(each))}" for each in tensors])


def _at_most_one(subject: Subject, name: str) -> bool:
    maker = subject.makers.get(name)
    if maker is not None and maker.kind == "cast":
        given = [each.name for each in maker.inputs.get("x", ()) if isinstance(each, Reference)]
        return any(_made_at_most_one(subject.makers.get(each), subject) for each in given)
    return _made_at_most_one(maker, subject)


def _made_at_most_one(maker: Operation | None, subject: Subject) -> bool:
    if maker is not None and maker.kind == "clip":
        return any(largest <= 1 for largest in subject.numbers(maker, "beta"))
    return maker is not None and maker.kind in _ONE


RULES: tuple[Rule, ...] = (
    Rule(
        name="state-width",
        severity="error",
        meaning=f"the last dimension of a Core ML state is no multiple of {_STATE_ROW}",
        mend=f"pad the state to a multiple of {_STATE_ROW}, or carry it as input and output",
        sources=(STATE_WIDTH,),
        check=state_width,
    ),
    Rule(
        name="plain-state-width",
        severity="warning",
        meaning=(
            "the rows of a state that is carried as input `x` and output `x_next` are no multiple "
            f"of {_ROW_BYTES} bytes"
        ),
        mend="give the state a width of a multiple of 32; read it by its strides in any case",
        sources=(TRANSFORMERS, ENGINE_RULES, ROW_STRIDES),
        check=plain_state_width,
    ),
    Rule(
        name="row-alignment",
        severity="warning",
        meaning=f"the rows of another input or output are no multiple of {_ROW_BYTES} bytes",
        mend="a width of a multiple of 32 in fp16; read outputs by their strides in any case",
        sources=(TRANSFORMERS, ENGINE_RULES, ROW_STRIDES),
        check=row_alignment,
    ),
    Rule(
        name="singleton-rows",
        severity="warning",
        meaning=(
            "an input or output has a last dimension of 1, and padding costs "
            f"{_PADDING_BYTES >> 10} KiB or more"
        ),
        mend="move another dimension to the last place",
        sources=(TRANSFORMERS, ENGINE_RULES),
        check=singleton_rows,
    ),
    Rule(
        name="image-range",
        severity="warning",
        meaning="an image output is at most 1",
        mend="multiply by 255 inside the program",
        sources=(IMAGES, IMAGE_SCALE),
        check=image_range,
    ),
    Rule(
        name="rearranged-states",
        severity="warning",
        meaning="a Core ML state is reshaped or transposed where it is read",
        mend="keep the state in the form in which it is used",
        sources=(STATE_VIEW, STATE_TRANSPOSE),
        check=rearranged_states,
    ),
)
