"""Hold a file to what PyTorch computes: every output and state, frame after frame."""

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from pocketmatte.pseudo_video import pseudo_video, standard_picture
from pocketmatte.runtimes.protocol import FloatArray, Session
from pocketmatte.stepping import as_nchw, first_states, frame_input, next_states
from pocketmatte.tolerances import (
    ALPHA_RANGE,
    DRIFT_FRAMES,
    DRIFT_WINDOW,
    STEP_EVERY,
    Limits,
    limits,
)
from tiers.contract import ProgramContract
from tiers.errors import BundleError, CheckpointError
from tiers.spec import TierSpec

_JUDGED = "alpha"  # drift and range are judged where people see them
_PICTURE = "astronaut"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Parity:
    """How far a candidate lies from the reference; plain values, ready for JSON.

    Attributes:
        recipe: The recipe whose limits were applied.
        frames: Recurrent frames compared.
        max_abs: Largest absolute difference of each output and state in one step from the
            reference's own states, over every ``STEP_EVERY``-th frame. This is what the file
            computes; the rest is what recurrence makes of it.
        free_max_abs: Largest absolute difference of each with its own states fed back.
        psnr_db: PSNR of each, peak 1, over all frames, its own states fed back; ``None`` where not
            one bit of value differs.
        drift: ``drift_ratio`` of alpha; ``None`` below ``DRIFT_FRAMES`` frames, or without alpha.
        reference_range: Smallest and largest value of each in the reference. An output that never
            changes there proves nothing; of alpha it is a failure, from two frames on.
        failures: One sentence for each limit passed, with value and limit.
    """

    recipe: str
    frames: int
    max_abs: Mapping[str, float]
    free_max_abs: Mapping[str, float]
    psnr_db: Mapping[str, float | None]
    drift: float | None
    reference_range: Mapping[str, tuple[float, float]]
    failures: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether every limit was kept."""
        return not self.failures


def compare(
    reference: Session,
    candidate: Session,
    contract: ProgramContract,
    recipe_name: str,
    frames: Iterable[FloatArray],
) -> Parity:
    """Compare one candidate; see ``compare_all``."""
    both = {"candidate": candidate}
    return compare_all(reference, both, contract, {"candidate": recipe_name}, frames)["candidate"]


def compare_all(
    reference: Session,
    candidates: Mapping[str, Session],
    contract: ProgramContract,
    recipe_names: Mapping[str, str],
    frames: Iterable[FloatArray],
) -> dict[str, Parity]:
    """Compare candidates with the reference, which runs once a frame for all of them.

    Every session feeds back its own states, so that errors may build up as they would on a phone.
    Every ``STEP_EVERY``-th frame is run once more from the reference's states, to tell what one
    step of the file differs by from what recurrence amplifies.
    Memory does not grow with the number of frames. A candidate is dropped at the first value that
    is not finite, and when its runtime gives up; either is a failure by itself.

    Args:
        reference: PyTorch eager fp32.
        candidates: Sessions of the same contract, by name.
        contract: What they compute.
        recipe_names: The recipe of each candidate, whose limits it is held to.
        frames: ``(H, W, 3)`` or ``(1, 3, H, W)`` RGB in 0..1; see ``standard_frames``.

    Returns:
        The parity of each candidate, by name.

    Raises:
        ValueError: If there are no frames, or the names of candidates and recipes differ.
        CheckpointError: If the reference itself gives a value that is not finite.
        UnknownRecipeError: If a recipe has no limits.
    """
    if set(recipe_names) != set(candidates):
        msg = f"recipes are of {sorted(recipe_names)}; expected those of {sorted(candidates)}"
        raise ValueError(msg)
    held_to = {name: limits(recipe_names[name]) for name in candidates}
    tallies = {name: _Tally(contract) for name in candidates}
    frame_name, states = frame_input(contract), first_states(contract)
    states_of = dict.fromkeys(candidates, states)
    count = 0
    for index, frame in enumerate(frames):
        count = index + 1
        given = as_nchw(frame)
        before = states
        expected = reference.run({frame_name: given, **before})
        if bad := _not_finite(expected):
            msg = f"PyTorch gives NaN or infinity in {bad} of frame {index}; take other weights"
            raise CheckpointError(msg)
        states = next_states(contract, expected)
        for name, tally in tallies.items():
            if tally.stopped is not None:
                continue
            try:
                if index % STEP_EVERY == 0:
                    stepped = candidates[name].run({frame_name: given, **before})
                    tally.step(index, expected, stepped)
                    if tally.stopped is not None:
                        continue
                outputs = candidates[name].run({frame_name: given, **states_of[name]})
            except BundleError as error:
                tally.stopped = f"{error}, in frame {index}"
                continue
            tally.add(index, expected, outputs)
            states_of[name] = next_states(contract, outputs)
    if not count:
        msg = "no frames to compare; give at least one"
        raise ValueError(msg)
    return {
        name: tally.parity(recipe_names[name], held_to[name]) for name, tally in tallies.items()
    }


def standard_frames(spec: TierSpec, count: int) -> Iterator[FloatArray]:
    """Yield the frames that parity is proven on: a closed pseudo-video of a photographed person.

    Args:
        spec: The tier, whose output size the frames have.
        count: Number of frames; the last one equals the first.

    Yields:
        ``(1, 3, H, W)`` RGB in 0..1, multiples of 1/255 as a camera's are.
    """
    for frame in pseudo_video(standard_picture(_PICTURE), spec.output_hw, count, closed=True):
        yield as_nchw(frame.astype(np.float32) / np.float32(255))


def drift_ratio(errors: Sequence[float], floor: float) -> float | None:
    """Return how much larger the error is at the end of a recurrent sequence than at its start.

    ``mean(last n) / max(mean(first n), floor)`` of the per-frame RMS errors of alpha, with ``n``
    = ``DRIFT_WINDOW``. The sequence should end on what it began with, so that the content, which
    moves the error by a factor of ten, is the same at either end.

    Args:
        errors: RMS error of each frame.
        floor: Error that counts as rounding noise; see ``tolerances.Limits``.

    Returns:
        The ratio, or ``None`` below ``DRIFT_FRAMES`` frames.
    """
    if len(errors) < DRIFT_FRAMES:
        return None
    start = math.fsum(errors[:DRIFT_WINDOW]) / DRIFT_WINDOW
    end = math.fsum(errors[-DRIFT_WINDOW:]) / DRIFT_WINDOW
    return end / max(start, floor)


class _Tally:
    """Running figures of one candidate: a few numbers an output, one number a frame."""

    def __init__(self, contract: ProgramContract) -> None:
        self.names = [tensor.name for tensor in contract.outputs]
        self.max_abs = dict.fromkeys(self.names, 0.0)
        self.free_max_abs = dict.fromkeys(self.names, 0.0)
        self.squares = dict.fromkeys(self.names, 0.0)
        self.sizes = {tensor.name: math.prod(tensor.shape) for tensor in contract.outputs}
        self.lowest = dict.fromkeys(self.names, math.inf)
        self.highest = dict.fromkeys(self.names, -math.inf)
        self.errors: list[float] = []
        self.frames = 0
        self.stopped: str | None = None

    def step(
        self, index: int, expected: Mapping[str, FloatArray], given: Mapping[str, FloatArray]
    ) -> None:
        """Take one step from the reference's states."""
        if bad := _not_finite(given):
            found = f"{bad} holds NaN or infinity in one step from the reference"
            self.stopped = f"{found}, in frame {index}"
            return
        for name in self.names:
            largest = float(np.abs(given[name] - expected[name]).max())
            self.max_abs[name] = max(self.max_abs[name], largest)

    def add(
        self, index: int, expected: Mapping[str, FloatArray], given: Mapping[str, FloatArray]
    ) -> None:
        """Take one frame."""
        self.frames += 1
        if bad := _not_finite(given):
            self.stopped = f"{bad} holds NaN or infinity in frame {index}"
            return
        for name in self.names:
            difference = given[name] - expected[name]
            squares = float(np.square(difference, dtype=np.float64).sum())
            self.squares[name] += squares
            largest = float(np.abs(difference).max())
            self.free_max_abs[name] = max(self.free_max_abs[name], largest)
            self.lowest[name] = min(self.lowest[name], float(expected[name].min()))
            self.highest[name] = max(self.highest[name], float(expected[name].max()))
            if name == _JUDGED:
                self.errors.append(math.sqrt(squares / self.sizes[name]))

    def parity(self, recipe_name: str, held_to: Limits) -> Parity:
        """Judge what was taken."""
        if self.stopped is not None:
            return Parity(
                recipe=recipe_name,
                frames=self.frames,
                max_abs={},
                free_max_abs={},
                psnr_db={},
                drift=None,
                reference_range={},
                failures=(self.stopped,),
            )
        psnr_db = {
            name: _psnr_db(self.squares[name] / (self.sizes[name] * self.frames))
            for name in self.names
        }
        drift = drift_ratio(self.errors, held_to.drift_floor)
        spans = {name: (self.lowest[name], self.highest[name]) for name in self.names}
        judged = spans.get(_JUDGED) if self.frames > 1 else None
        return Parity(
            recipe=recipe_name,
            frames=self.frames,
            max_abs=dict(self.max_abs),
            free_max_abs=dict(self.free_max_abs),
            psnr_db=psnr_db,
            drift=drift,
            reference_range=spans,
            failures=(
                *_constant(judged),
                *_failures(self.max_abs, psnr_db, drift, held_to),
            ),
        )


def _constant(span: tuple[float, float] | None) -> Iterator[str]:
    if span is not None and span[1] - span[0] < ALPHA_RANGE:
        found = f"alpha spans {span[1] - span[0]:.2g} in PyTorch"
        yield f"{found}; at least {ALPHA_RANGE:.2g} is needed to prove anything"


def _failures(
    max_abs: Mapping[str, float],
    psnr_db: Mapping[str, float | None],
    drift: float | None,
    held_to: Limits,
) -> Iterator[str]:
    for name, largest in max_abs.items():
        if held_to.max_abs is not None and largest > held_to.max_abs:
            yield f"max abs of {name} is {largest:.1e}; the limit is {held_to.max_abs:.1e}"
        psnr = psnr_db[name]
        judged = held_to.psnr_of is None or name in held_to.psnr_of
        if judged and psnr is not None and psnr < held_to.psnr_db:
            yield f"PSNR of {name} is {psnr:.1f} dB; the limit is {held_to.psnr_db:.1f} dB"
    if drift is not None and drift > held_to.drift_ratio:
        yield f"alpha drifts by a factor of {drift:.1f}; the limit is {held_to.drift_ratio:.1f}"


def _psnr_db(mse: float) -> float | None:
    return -10 * math.log10(mse) if mse else None


def _not_finite(outputs: Mapping[str, FloatArray]) -> str | None:
    return next((name for name, array in outputs.items() if not np.isfinite(array).all()), None)
