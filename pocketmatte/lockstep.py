"""Play a network with several sets of programs at once, call beside call."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence

from pocketmatte.matting.board import Run, Tensors
from pocketmatte.runtimes.protocol import FloatArray, Session


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One run of one program.

    Attributes:
        program: Its name.
        inputs: What it was given.
        outputs: What it gave.
    """

    program: str
    inputs: Mapping[str, FloatArray]
    outputs: Tensors


class Player:
    """A network on its way through a scene, and the calls it made for the latest frame.

    Args:
        run: Runs a program by name.
        play: Plays the network with programs that are run so, yielding once a frame.
    """

    def __init__(self, run: Run, play: Callable[[Run], Iterator[object]]) -> None:
        self._run = run
        self._frames = play(self._noted)
        self.calls: list[Call] = []

    def advance(self) -> bool:
        """Play one frame; ``False`` where the scene is over."""
        self.calls = []
        return next(self._frames, _END) is not _END

    def _noted(self, program: str, inputs: Mapping[str, FloatArray]) -> Tensors:
        outputs = self._run(program, inputs)
        self.calls.append(Call(program=program, inputs=dict(inputs), outputs=outputs))
        return outputs


def in_lockstep(players: Sequence[Player]) -> Iterator[list[tuple[Call, ...]]]:
    """Advance every player frame by frame; yield each frame's calls, equal ones side by side.

    Raises:
        ValueError: If two players call different programs, or one ends before another: control
            flow may not look at values.
    """
    while True:
        advanced = [player.advance() for player in players]  # all of them, before any is asked
        if not any(advanced):
            return
        if not all(advanced):
            msg = f"{advanced.count(False)} of {len(advanced)} players ended before the others"
            raise ValueError(msg)
        rows = list(zip(*(player.calls for player in players), strict=True))
        for row in rows:
            if len({call.program for call in row}) != 1:
                names = ", ".join(call.program for call in row)
                msg = f"one frame, different programs: {names}"
                raise ValueError(msg)
        yield rows


def run_of(sessions: Mapping[str, Session]) -> Run:
    """Return a way to run the programs of ``sessions`` by name."""

    def run(program: str, inputs: Mapping[str, FloatArray]) -> Tensors:
        return sessions[program].run(inputs)

    return run


_END = object()
