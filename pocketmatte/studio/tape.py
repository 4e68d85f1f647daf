"""What the programs of a network were given, frame after frame: enough to run them again."""

import dataclasses
from collections.abc import Iterator, Mapping

import numpy as np

from pocketmatte.harness.recording import LEAST_FRAMES
from pocketmatte.matting.board import Run, Scene, Tensors
from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.stepping import first_states, next_states
from tiers.contract_table import contracts
from tiers.spec import TierSpec

MOST_FRAMES = LEAST_FRAMES  # that are kept of a network; states are not among what is kept


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class _Call:
    program: str
    given: Mapping[str, FloatArray]  # what did not lie on the board


class Tape:
    """The first frames of a run of one network, or the last ones of a network without states.

    A frame begins where a program that begins one is called again: the network's first program, or
    one that takes ``frame`` and nothing that another program makes of it.

    Attributes:
        recurrent: Whether the network carries states.

    Args:
        spec: The tier.
    """

    def __init__(self, spec: TierSpec) -> None:
        self._spec = spec
        described = contracts(spec)
        self._contracts = {contract.name: contract for contract in described}
        self.recurrent = any(contract.states for contract in described)
        computed = {tensor.name for contract in described for tensor in contract.outputs}
        taken = {each.name: {tensor.name for tensor in each.inputs} for each in described}
        self._begins = {described[0].name} | {
            name for name, names in taken.items() if "frame" in names and not names & computed
        }
        self._board = self._first()
        self._frames: list[list[_Call]] = []
        self._called: set[str] = set()  # in the present frame
        self._present: list[tuple[str, Mapping[str, FloatArray], Tensors]] = []
        self.count = 0  # frames that were seen

    @property
    def frames(self) -> int:
        """Frames that were kept."""
        return len(self._frames)

    def begins(self, program: str) -> bool:
        """Say whether a call of a program would begin a frame."""
        return not self.count or (program in self._called and program in self._begins)

    def cut_before(self) -> "Tape":
        """Begin another tape with the present frame, which this one loses."""
        behind = Tape(self._spec)
        for program, inputs, outputs in self._present:
            behind.note(program, inputs, outputs)
        if self._present and self.count <= MOST_FRAMES:
            self._frames.pop()
        return behind

    def goes_on(self, program: str, inputs: Mapping[str, FloatArray]) -> bool:
        """Say whether a call has the states that the call before it left."""
        return all(self._lies(name, inputs[name]) for name in self._contracts[program].state_inputs)

    def note(self, program: str, inputs: Mapping[str, FloatArray], outputs: Tensors) -> None:
        """Take down a call."""
        if self.begins(program):
            self.count += 1
            self._called, self._present = set(), []
            self._turn()
        self._called.add(program)
        self._present.append((program, inputs, outputs))
        if self.count <= MOST_FRAMES or not self.recurrent:
            given = {
                name: array
                for name, array in inputs.items()
                if not self.recurrent or not self._lies(name, array)
            }
            self._frames[-1].append(_Call(program=program, given=given))
        if self.recurrent:
            self._board |= {**inputs, **outputs}
            self._board |= next_states(self._contracts[program], outputs)

    def play(self, run: Run, _: Scene) -> Iterator[Tensors]:
        """Call the programs again on what they were given; yield once a frame."""
        board = self._first()
        for calls in self._frames:
            for call in calls:
                contract = self._contracts[call.program]
                board |= call.given
                outputs = run(
                    call.program, {each.name: board[each.name] for each in contract.inputs}
                )
                board |= outputs
                board |= next_states(contract, outputs)
            yield {}

    def _turn(self) -> None:
        if self.count <= MOST_FRAMES:
            self._frames.append([])
        elif not self.recurrent:
            self._frames = [*self._frames[1:], []]

    def _lies(self, name: str, array: FloatArray) -> bool:
        held = self._board.get(name)
        return held is array or (held is not None and np.array_equal(held, array))

    def _first(self) -> Tensors:
        board: Tensors = {}
        for contract in self._contracts.values():
            board |= first_states(contract)
        return board
