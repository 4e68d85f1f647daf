"""Record a reference trace: a network's way through the standard scene, as PyTorch computes it."""

from pathlib import Path
from typing import Literal

import numpy as np

from export.manifest import State
from export.trace import TRACE_NAME, Limits, Output, Program, Shape, Step, Trace, trace_text
from export.trace_data import DataWriter
from pocketmatte.groups import Group
from pocketmatte.lockstep import Call, Player, run_of
from pocketmatte.matting.board import Tensors
from pocketmatte.stepping import first_states, next_states
from pocketmatte.tally import not_finite
from pocketmatte.tolerances import FEATURE_RANGE, LIMITS, is_matte
from tiers.contract import ProgramContract, TensorSpec
from tiers.errors import CheckpointError

LEAST_FRAMES = 8  # of a trace: the memory of every row has wrapped round by then


def record(folder: Path, group: Group, frames: int) -> Trace:
    """Play a tier over the standard scene in PyTorch and write what it was given and gave.

    Memory does not grow with the number of frames.

    Args:
        folder: An empty one.
        group: The tier; its artifacts are not looked at but for their weights.
        frames: Their number, at least ``LEAST_FRAMES``; a network without states takes no more
            than those.

    Raises:
        CheckpointError: If PyTorch gives a value that is not finite.
    """
    contracts = {contract.name: contract for contract in group.contracts}
    board: Tensors = {}  # before the first frame: states at their reset values
    for contract in group.contracts:
        board |= first_states(contract)
    run = run_of(group.reference)
    player = Player(run, lambda noted: group.play(noted, group.scene(frames)))
    steps: list[Step] = []
    called: dict[str, None] = {}
    played = 0
    with DataWriter(folder) as data:
        while player.advance():
            for call in player.calls:
                steps.append(_step(played, call, contracts[call.program], board, data))
                called[call.program] = None
            played += 1
        written = data.close()
    trace = Trace(
        schema_version=1,
        network=group.spec.network,
        tier=group.spec.name,
        orientation=group.spec.orientation,
        weights_digest=group.artifacts[0].weights_digest,
        frames=played,
        feature_range=FEATURE_RANGE,
        programs=[_program(contracts[name]) for name in called],
        limits={name: _limits(name) for name in sorted(LIMITS)},
        steps=steps,
        data=written,
    )
    (folder / TRACE_NAME).write_text(trace_text(trace), encoding="utf-8", newline="\n")
    return trace


def _step(
    frame: int, call: Call, contract: ProgramContract, board: Tensors, data: DataWriter
) -> Step:
    """Write one call; what lies on the board already is not given again."""
    if bad := not_finite(call.outputs):
        msg = f"PyTorch gives NaN or infinity in {bad} of {call.program}; take other weights"
        raise CheckpointError(msg)
    given = [
        data.add(name, array)
        for name, array in call.inputs.items()
        if name not in board or not np.array_equal(board[name], array)
    ]
    expected = [data.add(tensor.name, call.outputs[tensor.name]) for tensor in contract.outputs]
    board |= call.inputs
    board |= call.outputs
    board |= next_states(contract, call.outputs)
    return Step(frame=frame, program=call.program, given=given, expected=expected)


def _program(contract: ProgramContract) -> Program:
    matte = contract.judged if is_matte(contract.judged) else None
    return Program(
        name=contract.name,
        inputs=[Shape(name=tensor.name, shape=list(tensor.shape)) for tensor in contract.inputs],
        outputs=[_output(tensor, contract.judged, matte) for tensor in contract.outputs],
        states=[State(input=p.input, output=p.output, reset=p.reset) for p in contract.states],
    )


def _output(tensor: TensorSpec, judged: str | None, matte: str | None) -> Output:
    kind: Literal["matte", "mask"] | None = None
    if tensor.name == judged:
        kind = "matte" if matte else "mask"
    return Output(
        name=tensor.name,
        shape=list(tensor.shape),
        relative=tensor.low is None or tensor.high is None,
        seen=tensor.picture or kind is not None,
        shown_by=matte if tensor.picture and tensor.name != matte else None,
        judged=kind,
    )


def _limits(recipe: str) -> Limits:
    held_to = LIMITS[recipe]
    return Limits(
        psnr_db=held_to.psnr_db,
        others_psnr_db=held_to.others_psnr_db,
        max_abs=held_to.max_abs,
        matte_mad=held_to.matte_mad,
        mask_flipped=held_to.mask_flipped,
    )
