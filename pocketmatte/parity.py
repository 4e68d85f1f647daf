"""Hold a file to what PyTorch computes: every output and state, frame after frame."""

import collections
import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from pocketmatte.eight_bit import in_eight_bits
from pocketmatte.lockstep import Player, in_lockstep, run_of
from pocketmatte.matting.board import Run, Tensors
from pocketmatte.parity_figures import Parity
from pocketmatte.runtimes.protocol import FloatArray, Session
from pocketmatte.stepping import as_nchw, first_states, frame_input, next_states
from pocketmatte.tally import Tally, not_finite
from pocketmatte.tolerances import STEP_EVERY, Limits, limits
from tiers.contract import ProgramContract
from tiers.errors import CheckpointError

Seen = TypeVar("Seen")  # what a scene consists of


def compare(
    reference: Session,
    candidate: Session,
    contract: ProgramContract,
    recipe_name: str,
    frames: Iterable[FloatArray],
) -> Parity:
    """Compare one program that takes a frame and its own states; see ``compare_all``.

    Args:
        reference: PyTorch eager fp32.
        candidate: Of the same contract.
        contract: What both compute.
        recipe_name: The candidate's recipe, whose limits it is held to.
        frames: ``(H, W, 3)`` or ``(1, 3, H, W)`` RGB in 0..1.
    """
    one = Candidate(recipe=recipe_name, sessions={contract.name: candidate})
    sessions = {contract.name: reference}
    play = frame_by_frame(contract)
    return compare_all(sessions, {"": one}, (contract,), play, frames)[""][contract.name]


def frame_by_frame(
    contract: ProgramContract,
) -> Callable[[Run, Iterable[FloatArray]], Iterator[object]]:
    """Return how a network of one program, which takes a frame and its states, plays a scene."""

    def play(run: Run, scene: Iterable[FloatArray]) -> Iterator[object]:
        name, states = frame_input(contract), first_states(contract)
        for frame in scene:
            outputs = run(contract.name, {name: as_nchw(frame), **states})
            states = next_states(contract, outputs)
            yield outputs

    return play


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """The files of one format and recipe.

    Attributes:
        recipe: Name of the recipe.
        sessions: By program; PyTorch stands in for a program that is missing.
        eight_bit: Whether their pictures are of 8 bits, and so must be the reference's.
    """

    recipe: str
    sessions: Mapping[str, Session]
    eight_bit: bool = False

    @property
    def limits(self) -> Limits:
        """What the files are held to."""
        return in_eight_bits(limits(self.recipe)) if self.eight_bit else limits(self.recipe)


def compare_all(
    reference: Mapping[str, Session],
    candidates: Mapping[str, Candidate],
    contracts: Sequence[ProgramContract],
    play: Callable[[Run, Iterable[Seen]], Iterator[object]],
    scene: Iterable[Seen],
    truth_of: Callable[[Seen], FloatArray] | None = None,
) -> dict[str, dict[str, Parity]]:
    """Compare candidates with the reference, which runs once for all of them.

    Every candidate plays the scene with its own files, feeding back its own states and passing its
    own tensors from program to program, so that errors may build up as they would on a phone. Every
    ``STEP_EVERY``-th call of a program, and every call in each ``STEP_EVERY``-th frame, is made
    once more with the reference's inputs, to tell what the file itself differs by from what the
    network makes of it. Memory does not grow with the number of frames. From the first value that
    is not finite on, and where its runtime gives up, PyTorch stands in for a file; either is a
    failure by itself.

    Args:
        reference: PyTorch eager fp32, by program.
        candidates: By name.
        contracts: Of all programs.
        play: Plays the network over a scene with programs run as it is told; yields once a frame.
        scene: What it plays over, gone through once.
        truth_of: Gives the true mask of a frame of the scene; mattes are held to it as well.

    Returns:
        The parity of each file, by candidate and program; of programs that were called.

    Raises:
        ValueError: If the scene has no frames.
        CheckpointError: If the reference itself gives a value that is not finite.
        UnknownRecipeError: If a recipe has no limits.
    """
    held_to = {name: each.limits for name, each in candidates.items()}
    by_name = {contract.name: contract for contract in contracts}
    tallies = {
        name: {
            program: Tally(by_name[program], each.sessions[program]) for program in each.sessions
        }
        for name, each in candidates.items()
    }
    sound = _finite(run_of(reference))
    runs = [sound, *(_standing_in(sound, tallies[name]) for name in candidates)]
    seen, *scenes = itertools.tee(scene, len(runs) + 1)
    players = [
        Player(run, lambda noted, own=own: play(noted, own))  # type: ignore[misc]
        for run, own in zip(runs, scenes, strict=True)
    ]
    truths = (None if truth_of is None else truth_of(each) for each in seen)
    frames, calls = _play(players, list(tallies.values()), truths)
    if not frames:
        msg = "no frames to compare; give at least one"
        raise ValueError(msg)
    recurrent = any(contract.states for contract in contracts)
    return {
        name: {
            program: tally.parity(each.recipe, held_to[name], recurrent=recurrent)
            for program, tally in tallies[name].items()
            if program in calls
        }
        for name, each in candidates.items()
    }


def _play(
    players: Sequence[Player],
    tallies: Sequence[Mapping[str, Tally]],
    truths: Iterable[FloatArray | None],
) -> tuple[int, set[str]]:
    """Play the scene to its end; the first player is the reference, the others have the tallies.

    Returns:
        The number of frames, and the programs that were called.
    """
    frames = 0
    calls: collections.Counter[str] = collections.Counter()
    played = zip(in_lockstep(players), truths, strict=True)
    for frames, (rows, truth) in enumerate(played, start=1):
        for expected, *given in rows:
            step = 0 in (calls[expected.program] % STEP_EVERY, (frames - 1) % STEP_EVERY)
            calls[expected.program] += 1
            for files, call in zip(tallies, given, strict=True):
                tally = files.get(expected.program)
                if tally is not None and tally.stopped is None:
                    tally.take(expected, call, step=step, truth=truth)
    return frames, set(calls)


def _finite(reference: Run) -> Run:
    """Return a way to run the reference's programs that passes nothing on that is not finite."""

    def run(program: str, inputs: Mapping[str, FloatArray]) -> Tensors:
        outputs = reference(program, inputs)
        if bad := not_finite(outputs):
            msg = f"PyTorch gives NaN or infinity in {bad} of {program}; take other weights"
            raise CheckpointError(msg)
        return outputs

    return run


def _standing_in(reference: Run, tallies: Mapping[str, "Tally"]) -> Run:
    """Return a way to run a candidate's programs; PyTorch takes over where a file failed."""

    def run(program: str, inputs: Mapping[str, FloatArray]) -> Tensors:
        tally = tallies.get(program)
        outputs = tally.run(inputs) if tally is not None else None
        return reference(program, inputs) if outputs is None else outputs

    return run
