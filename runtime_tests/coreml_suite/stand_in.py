"""Put the evaluator where coremltools' tests expect Core ML, and a Mac that never was."""

import dataclasses
import platform
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pocketmatte.mlprogram.evaluate import Evaluator
from pocketmatte.mlprogram.program import Block, Function, Model, Operation
from pocketmatte.mlprogram.read import read_package
from pocketmatte.mlprogram.types import FP16, State, StateType, TensorType, Value
from runtime_tests.coreml_suite.description import admitted
from runtime_tests.coreml_suite.features import Array, Given, given_back, held
from tiers.errors import BundleError

MACOS = (26, 0)  # newer than every version that the tests of coremltools 9.0 ask for
PROCESSOR = "arm64"  # the tests leave out much of what Macs with x86-64 compute wrongly


@dataclasses.dataclass(slots=True)
class Watch:
    """What the present test did; see ``record.Case``.

    Attributes:
        evaluations: How many times it asked for a program to be run.
        half: Whether one of its programs declares half precision.
        widened: Whether a comparison needed half precision's tolerance.
        departure: The largest departure in a program that declares half precision.
        kinds: The operations of its programs.
    """

    evaluations: int = 0
    half: bool = False
    widened: bool = False
    departure: float = 0.0
    kinds: set[str] = dataclasses.field(default_factory=set)

    def begin(self) -> None:
        """Forget the test before."""
        self.evaluations, self.half, self.widened, self.departure = 0, False, False, 0.0
        self.kinds = set()


class States:
    """What ``make_state`` gives: the states of one function, at zero.

    Args:
        function: The function.
    """

    def __init__(self, function: Function) -> None:
        self.held = {
            named.name: State(_zeros(named.type.wrapped))
            for named in function.inputs
            if isinstance(named.type, StateType)
        }

    def read_state(self, name: str) -> Array:
        """Return a state's present value."""
        return np.array(self._state(name).value.numpy())

    def write_state(self, name: str, value: Array) -> None:
        """Give a state another value."""
        state = self._state(name)
        given = torch.from_numpy(np.asarray(value)).to(state.value.dtype)
        if given.shape != state.value.shape:
            msg = f"state {name!r} is {tuple(state.value.shape)}, not {tuple(given.shape)}"
            raise RuntimeError(msg)
        state.value = given

    def _state(self, name: str) -> State:
        if name not in self.held:
            msg = f"no state {name!r}; there are {', '.join(self.held)}"
            raise RuntimeError(msg)  # what coremltools' own raises
        return self.held[name]


def install(watch: Watch) -> None:
    """Let coremltools believe that it runs on a new Mac, and predict with the evaluator.

    Args:
        watch: Is told of every program that is run.
    """
    from coremltools import _deps
    from coremltools.converters.mil import testing_utils
    from coremltools.models import MLModel, utils

    _deps._IS_MACOS = True
    testing_utils._IS_MACOS = True
    utils._is_macos = lambda: True
    utils._macos_version = lambda: MACOS
    vars(platform)["machine"] = lambda: PROCESSOR

    def predict(model: Any, data: Any, state: States | None = None) -> Any:
        watch.evaluations += 1
        model._check_predict_data(data)
        given = [dict(each) for each in data] if isinstance(data, list) else [dict(data)]
        for each in given:
            model._verify_input_dict(each)
            model._convert_tensor_to_numpy(each)
        try:
            read = _read(model)
            function = _function(model, read)
            _tell(watch, function)
            described = _described(model, function)
            whole = [admitted(described, each) for each in given]
            outputs = [_predicted(read, function, each, state) for each in whole]
        except BundleError as error:
            msg = f"Unable to compute the prediction using ML Program: {error}"  # Core ML's words
            raise RuntimeError(msg) from error
        return outputs if isinstance(data, list) else outputs[0]

    def make_state(model: Any) -> States:
        return States(_function(model, _read(model)))

    MLModel.predict = predict
    MLModel.make_state = make_state


def _predicted(
    read: Model, function: Function, given: Mapping[str, Given], state: States | None
) -> dict[str, Any]:
    images = {feature.name: feature.image for feature in (*read.inputs, *read.outputs)}
    inputs: dict[str, Value] = dict(state.held) if state is not None else {}
    for named in function.inputs:
        if named.name in given:
            inputs[named.name] = held(given[named.name], named.type, images.get(named.name))
    outputs = Evaluator(function).run(inputs)
    return {name: given_back(value, images.get(name)) for name, value in outputs.items()}


def _read(model: Any) -> Model:
    kind = model.get_spec().WhichOneof("Type")
    if kind != "mlProgram":
        msg = f"a {kind} is no ML Program"
        raise BundleError(msg)
    return read_package(Path(model.package_path))


def _function(model: Any, read: Model) -> Function:
    return read.functions[model.function_name or read.default]


def _described(model: Any, function: Function) -> Any:
    description = model.get_spec().description
    own = (each for each in description.functions if each.name == function.name)
    return next(own, description)


def _zeros(kind: TensorType) -> Tensor:
    return torch.zeros([size or 0 for size in kind.shape], dtype=kind.element.held)


def _tell(watch: Watch, function: Function) -> None:
    """Note what a function consists of."""
    types = [named.type for named in function.inputs]
    for operation in _operations(function.body):
        watch.kinds.add(operation.kind)
        types += [named.type for named in operation.outputs]
    inner = [kind.wrapped if isinstance(kind, StateType) else kind for kind in types]
    watch.half |= any(isinstance(kind, TensorType) and kind.element == FP16 for kind in inner)


def _operations(block: Block) -> Iterator[Operation]:
    for operation in block.operations:
        yield operation
        for inner in operation.blocks:
            yield from _operations(inner)
