"""Small programs, written down in one line.

    x: fp16[1, 8, 4, 32]; y: fp16[1, 8, 4, 32] = relu(x=x); return y

Names without a value are inputs, `state[...]` is the type of a state, `None` a size that a run
decides; numbers, texts and lists of numbers are constants, lists of names several values.
"""

import ast
from collections.abc import Callable
from typing import Any

import pytest
import torch

from pocketmatte.mlprogram.program import (
    Argument,
    Block,
    Constant,
    Function,
    Named,
    Operation,
    Reference,
)
from pocketmatte.mlprogram.types import ELEMENTS, FP32, INT32, StateType, TensorType, Type

BY_NAME = {element.name: element for element in ELEMENTS.values()}


def type_of(annotation: ast.expr) -> Type:
    assert isinstance(annotation, ast.Subscript)
    assert isinstance(annotation.value, ast.Name)
    if annotation.value.id == "state":
        wrapped = type_of(annotation.slice)
        assert isinstance(wrapped, TensorType)
        return StateType(wrapped=wrapped)
    sizes = ast.literal_eval(annotation.slice)
    shape = sizes if isinstance(sizes, tuple) else (sizes,)
    return TensorType(element=BY_NAME[annotation.value.id], shape=shape)


def constant(value: Any) -> Constant:
    if isinstance(value, str):
        return Constant(value=value, type=TensorType(element=BY_NAME["string"], shape=()))
    held = torch.tensor(value)
    element = FP32 if held.is_floating_point() else INT32
    return Constant(value=held, type=TensorType(element=element, shape=tuple(held.shape)))


def argument(value: ast.expr) -> Argument:
    if isinstance(value, ast.Name):
        return (Reference(name=value.id),)
    if isinstance(value, ast.List) and any(isinstance(each, ast.Name) for each in value.elts):
        return tuple(each for inner in value.elts for each in argument(inner))
    return (constant(ast.literal_eval(value)),)


def operation(line: ast.AnnAssign) -> Operation:
    assert isinstance(line.target, ast.Name)
    call = line.value
    assert isinstance(call, ast.Call)
    assert isinstance(call.func, ast.Name)
    inputs = {str(each.arg): argument(each.value) for each in call.keywords}
    outputs = (Named(name=line.target.id, type=type_of(line.annotation)),)
    return Operation(kind=call.func.id, inputs=inputs, attributes={}, outputs=outputs, blocks=())


@pytest.fixture(scope="session")
def program() -> Callable[[str], Function]:
    """Return a reader of programs that are written down as above."""

    def read(text: str) -> Function:
        *lines, last = ast.parse(" ".join(text.split())).body
        assert isinstance(last, ast.Return)
        inputs, operations = [], []
        for line in lines:
            assert isinstance(line, ast.AnnAssign)
            if line.value is None:
                assert isinstance(line.target, ast.Name)
                inputs.append(Named(name=line.target.id, type=type_of(line.annotation)))
            else:
                operations.append(operation(line))
        given = last.value.elts if isinstance(last.value, ast.Tuple) else [last.value]
        names = tuple(each.id for each in given if isinstance(each, ast.Name))
        body = Block(inputs=(), operations=tuple(operations), outputs=names)
        return Function(name="main", inputs=tuple(inputs), opset="CoreML6", body=body)

    return read
