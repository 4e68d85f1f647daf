"""The tensors of one network by name, and the programs that read and write them."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias

import numpy as np

from pocketmatte.runtimes.protocol import FloatArray
from tiers.contract_table import contracts
from tiers.spec import TierSpec

Tensors: TypeAlias = dict[str, FloatArray]
Run: TypeAlias = Callable[[str, Mapping[str, FloatArray]], Tensors]  # program, inputs -> outputs


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """One frame of a scene with what is known of it.

    Attributes:
        frame: ``(1, 3, H, W)`` RGB in 0..1, of the tier's output size.
        mask: ``(1, 1, H, W)`` in 0..1, the subject's true mask, soft at its border.
    """

    frame: FloatArray
    mask: FloatArray


Scene: TypeAlias = Iterable[Moment]
Rollout: TypeAlias = Callable[[TierSpec, Run, Scene], Iterator[Tensors]]


class Board:
    """What the programs of a network pass to each other and carry from frame to frame.

    A name means one tensor in all programs: a program finds its inputs here, leaves its outputs
    here, and every state output ``x_next`` becomes ``x``.

    Args:
        spec: The tier, whose contracts say names, shapes and reset values.
        run: Runs a program by name.
    """

    def __init__(self, spec: TierSpec, run: Run) -> None:
        self._contracts = {contract.name: contract for contract in contracts(spec)}
        self._run = run
        self._tensors: Tensors = {}
        self.reset()

    def reset(self) -> None:
        """Forget everything: states are at their reset values, as before the first frame."""
        self._tensors = {}
        for contract in self._contracts.values():
            shapes = {name: tensor.shape for name, tensor in contract.state_inputs.items()}
            for pair in contract.states:
                shape = shapes[pair.input]
                self._tensors[pair.input] = np.full(shape, pair.reset, dtype=np.float32)

    def put(self, **tensors: FloatArray) -> None:
        """Lay down what the caller gives: a frame, masks, the slot to write."""
        self._tensors.update(tensors)

    def __getitem__(self, name: str) -> FloatArray:
        return self._tensors[name]

    def call(self, program: str) -> Tensors:
        """Run a program on what lies here, lay down what it gives, and return it.

        Raises:
            ValueError: If one of its inputs was neither given nor computed before.
        """
        contract = self._contracts[program]
        names = [tensor.name for tensor in contract.inputs]
        if missing := [name for name in names if name not in self._tensors]:
            msg = f"{program} needs {', '.join(missing)}, which nothing gave yet"
            raise ValueError(msg)
        outputs = self._run(program, {name: self._tensors[name] for name in names})
        self._tensors.update(outputs)
        for pair in contract.states:
            self._tensors[pair.input] = outputs[pair.output]
        return outputs
