"""Step a program through frames, feeding its states back."""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from pocketmatte.runtimes.protocol import FloatArray, Session
from tiers.contract import ProgramContract


def first_states(contract: ProgramContract) -> dict[str, FloatArray]:
    """Return every state input at its reset value, as before the first frame."""
    shapes = {name: tensor.shape for name, tensor in contract.state_inputs.items()}
    return {
        pair.input: np.full(shapes[pair.input], pair.reset, dtype=np.float32)
        for pair in contract.states
    }


def next_states(
    contract: ProgramContract, outputs: Mapping[str, FloatArray]
) -> dict[str, FloatArray]:
    """Return the state inputs of the next frame: the state outputs of this one."""
    return {pair.input: outputs[pair.output] for pair in contract.states}


def frame_input(contract: ProgramContract) -> str:
    """Return the name of the one input that is no state.

    Raises:
        ValueError: If the program takes none or several.
    """
    names = [tensor.name for tensor in contract.inputs if tensor.name not in contract.state_inputs]
    if len(names) != 1:
        msg = f"{contract.name} takes {', '.join(names) or 'nothing'} beside its states; expected 1"
        raise ValueError(msg)
    return names[0]


def as_nchw(frame: FloatArray) -> FloatArray:
    """Return an ``(H, W, 3)`` frame as ``(1, 3, H, W)``, C-contiguous; another as it is."""
    if frame.ndim != 3:
        return frame
    return np.ascontiguousarray(frame.transpose(2, 0, 1)[None])


def roll(
    session: Session, contract: ProgramContract, frames: Iterable[FloatArray]
) -> Iterator[dict[str, FloatArray]]:
    """Run a sequence from reset states and yield every frame's outputs, states included.

    Args:
        session: The program.
        contract: Its contract.
        frames: ``(H, W, 3)`` or ``(1, 3, H, W)`` RGB in 0..1, float32, of the contract's size.
    """
    name, states = frame_input(contract), first_states(contract)
    for frame in frames:
        outputs = session.run({name: as_nchw(frame), **states})
        states = next_states(contract, outputs)
        yield outputs
