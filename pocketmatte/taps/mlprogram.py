"""The values inside a Core ML package, evaluated operation by operation."""

from collections.abc import Collection, Mapping
from pathlib import Path

import torch

from pocketmatte.mlprogram.binding import Values
from pocketmatte.mlprogram.evaluate import Evaluator
from pocketmatte.mlprogram.program import Operation
from pocketmatte.mlprogram.read import read_package
from pocketmatte.runtimes.checks import check_file, checked_inputs
from pocketmatte.runtimes.protocol import FloatArray
from tiers.contract import ProgramContract

_CAST = "_cast_fp16"  # what the converter appends to the name of a value that it made half


class MlProgramTaps:
    """See ``protocol.Taps``. Of packages that take and give tensors.

    Args:
        path: The ``.mlpackage`` folder.
        contract: Of its program.
    """

    def __init__(self, path: Path, contract: ProgramContract) -> None:
        check_file(path)
        self._contract = contract
        model = read_package(path)
        function = model.functions[model.default]
        self._kinds: dict[str, str] = {}
        for operation in function.body.operations:
            for named in operation.outputs:
                self._kinds.setdefault(named.name.removesuffix(_CAST), operation.kind)
        self._wanted: frozenset[str] = frozenset()
        self._heard: dict[str, FloatArray] = {}
        self._evaluator = Evaluator(function, observer=self._note)

    @property
    def kinds(self) -> Mapping[str, str]:
        """See ``protocol.Taps``."""
        return self._kinds

    def run(
        self, inputs: Mapping[str, FloatArray], wanted: Collection[str]
    ) -> dict[str, FloatArray]:
        """See ``protocol.Taps``."""
        self._wanted, self._heard = frozenset(wanted), {}
        given = checked_inputs(self._contract, inputs)
        self._evaluator.run({name: torch.from_numpy(array) for name, array in given.items()})
        return self._heard

    def _note(self, operation: Operation, values: Values) -> None:
        for named, value in zip(operation.outputs, values, strict=True):
            name = named.name.removesuffix(_CAST)
            if name not in self._wanted or name in self._heard:
                continue
            if isinstance(value, torch.Tensor) and value.is_floating_point():
                self._heard[name] = value.float().numpy().copy()
