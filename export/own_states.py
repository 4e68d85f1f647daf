"""Which programs can keep their states inside their file, and what then remains outside."""

from collections.abc import Sequence

from tiers.contract import ProgramContract, TensorSpec

STATE_SUFFIX = ".stateful.mlpackage"  # of packages that keep their states themselves
# The Neural Engine fails on a state whose last axis is no multiple of this:
# https://github.com/apple/coremltools/issues/2631
WIDTH_MULTIPLE = 32


def keeps_own_states(contract: ProgramContract, programs: Sequence[ProgramContract]) -> bool:
    """Say whether a program's states can live inside its file.

    They can if it has some, all begin at 0 and no other program takes or gives them: Core ML sets a
    state to 0 and shows it to the model that made it alone.

    Args:
        contract: Of the program.
        programs: Contracts of all of the network's programs.
    """
    own = {name for pair in contract.states for name in (pair.input, pair.output)}
    seen = {
        tensor.name
        for other in programs
        if other.name != contract.name
        for tensor in (*other.inputs, *other.outputs)
    }
    return bool(own) and not own & seen and all(pair.reset == 0 for pair in contract.states)


def explicit(contract: ProgramContract) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    """Return the inputs and outputs that remain where the states are the file's own."""
    inner = {name for pair in contract.states for name in (pair.input, pair.output)}
    return (
        tuple(tensor for tensor in contract.inputs if tensor.name not in inner),
        tuple(tensor for tensor in contract.outputs if tensor.name not in inner),
    )


def stored_shapes(contract: ProgramContract) -> dict[str, tuple[int, ...]]:
    """Return each state's shape inside the file: its width brought up to the engine's multiple."""
    inputs = {tensor.name: tensor.shape for tensor in contract.inputs}
    return {
        pair.input: (
            *inputs[pair.input][:-1],
            -(-inputs[pair.input][-1] // WIDTH_MULTIPLE) * WIDTH_MULTIPLE,
        )
        for pair in contract.states
    }
