"""PyTorch as the reference of packages whose pictures are 8-bit images."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from pocketmatte.matting.board import Tensors
from pocketmatte.runtimes.protocol import FloatArray, Session
from pocketmatte.tolerances import Limits
from tiers.contract import ProgramContract, TensorSpec

LEVEL = 1 / 255
_ROUNDING = 1e-6  # of single precision, beside a whole level


class EightBit:
    """A session whose pictures pass through 8 bits on their way in and out, see ``Session``.

    An image package takes and gives its pictures so. Given the same 8-bit pictures, what is left
    between the two is what the file computes, and the levels to which its values round.

    Args:
        session: Of single precision.
        contract: Of its program.
    """

    def __init__(self, session: Session, contract: ProgramContract) -> None:
        self._session, self._contract = session, contract

    @property
    def facts(self) -> Mapping[str, str | int]:
        """What really runs."""
        return self._session.facts

    def run(self, inputs: Mapping[str, FloatArray]) -> Tensors:
        """Run the program once; see ``Session``."""
        outputs = self._session.run(_rounded(self._contract.inputs, inputs))
        return _rounded(self._contract.outputs, outputs)

    def close(self) -> None:
        """Free what the session holds."""
        self._session.close()


def in_eight_bits(held_to: Limits) -> Limits:
    """Return the limits of files of a recipe whose pictures are of 8 bits.

    Pictures may differ by one level, since values next to each other can lie on either side of the
    middle between two. How many do is held by the PSNR, as ever: an error of RMS ``e`` moves up to
    ``255 e`` of the values by a level, a mean square of ``e / 255``. That is 84 dB for 1e-6, usual
    in single precision, and 52 dB for 0.0016, where half precision ends up at worst.

    Args:
        held_to: Of the recipe.
    """
    return dataclasses.replace(
        held_to,
        pictures_max_abs=None if held_to.max_abs is None else LEVEL + _ROUNDING,
        # what storing alpha in 8 bits alone costs: uniform, of a level
        drift_floor=max(held_to.drift_floor, LEVEL / 12**0.5),
    )


def _rounded(tensors: tuple[TensorSpec, ...], values: Mapping[str, FloatArray]) -> Tensors:
    pictures = {tensor.name for tensor in tensors if tensor.picture}
    return {name: _levels(value) if name in pictures else value for name, value in values.items()}


def _levels(picture: FloatArray) -> FloatArray:
    rounded: FloatArray = (np.rint(picture.clip(0, 1) * 255) / 255).astype(np.float32)
    return rounded
