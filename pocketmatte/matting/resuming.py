"""Stop a network between two frames and go on later as if nothing had happened."""

import contextlib
from collections.abc import Iterator, Mapping

import numpy as np

from pocketmatte.matting.board import Run, Tensors
from pocketmatte.runtimes.protocol import FloatArray
from tiers.contract_table import contracts
from tiers.errors import MediaError
from tiers.spec import TierSpec


class ResumableRun:
    """A ``Run`` whose latest outputs can be kept and brought back.

    What a network carries from frame to frame is what its programs gave last, plus how often it was
    stepped. To go on, a fresh instance of its class is stepped as often while stand-ins take the
    place of all outputs and nothing is computed; then ``restore`` says what they stand for. Whoever
    passes a stand-in on from then on passes on the tensor that was kept.

    Args:
        spec: The tier.
        run: Runs its programs by name.
    """

    def __init__(self, spec: TierSpec, run: Run) -> None:
        self._run = run
        self._stand_ins: dict[str, Tensors] = {
            contract.name: {
                tensor.name: np.zeros(tensor.shape, dtype=np.float32) for tensor in contract.outputs
            }
            for contract in contracts(spec)
        }
        # two programs may give a tensor of one name, the later the present one
        self._names = {
            id(array): name for given in self._stand_ins.values() for name, array in given.items()
        }
        self._shapes = {
            name: array.shape for given in self._stand_ins.values() for name, array in given.items()
        }
        self.stands_in = False  # whether nothing is computed at present
        self._restored: Tensors = {}
        self.latest: Tensors = {}

    def __call__(self, program: str, inputs: Mapping[str, FloatArray]) -> Tensors:
        """Run a program by name, or give what stands in for its outputs."""
        if self.stands_in:
            return dict(self._stand_ins[program])
        given = {name: self._meant(array) for name, array in inputs.items()}
        outputs = self._run(program, given)
        self.latest.update(outputs)
        return outputs

    @contextlib.contextmanager
    def standing_in(self) -> Iterator[None]:
        """Compute nothing inside the block."""
        self.stands_in = True
        try:
            yield
        finally:
            self.stands_in = False

    def restore(self, tensors: Mapping[str, FloatArray]) -> None:
        """Say what the stand-ins stand for: ``latest`` of the run that is gone on with.

        Raises:
            MediaError: If a tensor is none of this tier's outputs.
        """
        for name, array in tensors.items():
            if array.dtype != np.float32 or array.shape != self._shapes.get(name):
                msg = (
                    f"the kept state {name} is {array.dtype} {array.shape}; this tier has "
                    f"{self._shapes.get(name, 'none of that name')}: start the run again"
                )
                raise MediaError(msg)
        self._restored = dict(tensors)
        self.latest = dict(tensors)

    def _meant(self, array: FloatArray) -> FloatArray:
        name = self._names.get(id(array))
        return array if name is None else self._restored[name]
