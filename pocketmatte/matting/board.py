"""The tensors of one network by name, and the programs that read and write them."""

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias

import numpy as np

from pocketmatte.runtimes.checks import require_finite
from pocketmatte.runtimes.protocol import FloatArray
from tiers.contract_table import contracts
from tiers.errors import UsageError
from tiers.spec import TierSpec

Tensors: TypeAlias = dict[str, FloatArray]
Run: TypeAlias = Callable[[str, Mapping[str, FloatArray]], Tensors]  # program, inputs -> outputs

_ROUNDING = 1e-3  # that a resized picture may leave its range by


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """One frame of a scene with what is known of it.

    Attributes:
        frame: ``(1, 3, H, W)`` RGB in 0..1, of the tier's output size.
        mask: ``(1, 1, H, W)`` in 0..1, the subject's true mask, soft at its border.
    """

    frame: FloatArray
    mask: FloatArray


def true_mask(moment: Moment) -> FloatArray:
    """Return the true mask of a moment."""
    return moment.mask


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
        self._inputs = {
            tensor.name: tensor
            for contract in self._contracts.values()
            for tensor in contract.inputs
        }
        self._run = run
        self._tensors: Tensors = {}
        self._frames = 0  # laid down since the last reset
        self.reset()

    def reset(self) -> None:
        """Forget everything: states are at their reset values, as before the first frame."""
        self._tensors = {}
        self._frames = 0
        for contract in self._contracts.values():
            shapes = {name: tensor.shape for name, tensor in contract.state_inputs.items()}
            for pair in contract.states:
                shape = shapes[pair.input]
                self._tensors[pair.input] = np.full(shape, pair.reset, dtype=np.float32)

    def put(self, **tensors: FloatArray) -> None:
        """Lay down what the caller gives: a frame, masks, the slot to write.

        Raises:
            UsageError: If a tensor has another shape than its contract says, leaves its range, or
                holds a value that is not finite.
        """
        for name, array in tensors.items():
            self.check(name, array)
        self._tensors.update(tensors)
        self._frames += "frame" in tensors

    def check(self, name: str, array: FloatArray) -> None:
        """Refuse what ``put`` would refuse, and lay nothing down."""
        tensor = self._inputs.get(name)
        if tensor is None:
            return
        if array.shape != tensor.shape:
            msg = f"{name} is {array.shape}; the tier takes {tensor.shape}"
            raise UsageError(msg)
        lowest, highest = float(array.min()), float(array.max())
        if not (math.isfinite(lowest) and math.isfinite(highest)):
            msg = f"{name} holds NaN or infinity; give finite values"
            raise UsageError(msg)
        low = -math.inf if tensor.low is None else tensor.low
        high = math.inf if tensor.high is None else tensor.high
        if lowest < low - _ROUNDING or highest > high + _ROUNDING:
            msg = f"{name} ranges over {lowest:g}..{highest:g}; it lies in {low:g}..{high:g}"
            raise UsageError(msg)

    def __getitem__(self, name: str) -> FloatArray:
        return self._tensors[name]

    def call(self, program: str) -> Tensors:
        """Run a program on what lies here, lay down what it gives, and return it.

        Raises:
            PocketMatteError: If it gives a value that is not finite; nothing is laid down then.
            ValueError: If one of its inputs was neither given nor computed before.
        """
        contract = self._contracts[program]
        names = [tensor.name for tensor in contract.inputs]
        if missing := [name for name in names if name not in self._tensors]:
            msg = f"{program} needs {', '.join(missing)}, which nothing gave yet"
            raise ValueError(msg)
        outputs = self._run(program, {name: self._tensors[name] for name in names})
        require_finite(program, outputs, max(self._frames - 1, 0))
        self._tensors.update(outputs)
        for pair in contract.states:
            self._tensors[pair.input] = outputs[pair.output]
        return outputs
