"""Rounds of a scripted user and what follows the objects: ask, follow, measure, ask again.

The interactive track of Caelles et al., "The 2018 DAVIS Challenge on Video Object Segmentation",
2018: the first round is given in one frame, every other in the frame that is the worst by then,
eight rounds at most. J&F is the mean over the objects and over all frames of the video.
"""

import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np

from pocketmatte.boundary_metrics import boundary_f
from pocketmatte.interactive.choices import Drawing, Metric
from pocketmatte.interactive.robot import (
    STROKES,
    Hint,
    corrections,
    first_strokes,
    true_masks,
    worst_first,
)
from pocketmatte.protocols.data import BoolArray
from pocketmatte.segmentation_metrics import iou
from tiers.errors import UsageError

ROUNDS = 8  # at most, in the challenge
_MOST = 1000  # rounds, and strokes in one of them: far more than any user draws


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """How the user behaves.

    Attributes:
        rounds: At most.
        first_frame: Where the first round is.
        start: What the user gives in the first round.
        correct: What the user gives in every other round.
        metric: By which the worst frame is found.
        new_frames: Whether no frame is asked for twice; the challenge asks for any.
        strokes: Of either kind, an object and a round, at most.
        seconds_a_frame: That following an object through a frame is said to take.
        seed: Of where strokes begin and end.
    """

    rounds: int = ROUNDS
    first_frame: int = 0
    start: Drawing = "strokes"
    correct: Drawing = "strokes"
    metric: Metric = "jf"
    new_frames: bool = False
    strokes: int = STROKES
    seconds_a_frame: float = 0.04
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what no user does.

        Raises:
            UsageError: With the value and its limits.
        """
        counts = {
            "rounds": (self.rounds, 1),
            "first frame": (self.first_frame, 0),
            "strokes": (self.strokes, 1),
            "seed": (self.seed, 0),
        }
        for name, (value, least) in counts.items():
            if value < least:
                msg = f"{name} is {value}; it must be {least} or more"
                raise UsageError(msg)
        for name, value in (("rounds", self.rounds), ("strokes", self.strokes)):
            if value > _MOST:
                msg = f"{name} is {value}; it must be {_MOST} or fewer"
                raise UsageError(msg)
        if not 0 < self.seconds_a_frame < float("inf"):
            msg = f"seconds a frame is {self.seconds_a_frame:g}; give a number above 0"
            raise UsageError(msg)


class Follower(Protocol):
    """What answers a user: follows every object through a video."""

    def answer(self, frame: int, hints: Sequence[Hint | None]) -> int:
        """Take a round in a frame, an object each; return frames that objects were followed to."""
        ...

    def masks(self) -> Iterator[BoolArray]:
        """Yield the masks of all frames after the latest round, ``(K, H, W)``."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class FrameScores:
    """Means over the objects of one frame, 0..1."""

    j: float
    f: float

    def value(self, metric: Metric) -> float:
        """Return one of them, or their mean."""
        return self.j if metric == "j" else (self.j + self.f) / 2


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class RoundPlayed:
    """One round.

    Attributes:
        frame: That the user drew in.
        positive: Strokes that say yes; of masks, their number.
        negative: Strokes that say no.
        followed: Frames that objects were followed to, counted for each object.
        seconds: That this took, as measured.
        j: Mean over frames and objects, after the round.
        f: Likewise.
    """

    frame: int
    positive: int
    negative: int
    followed: int
    seconds: float
    j: float
    f: float

    @property
    def jf(self) -> float:
        """J&F."""
        return (self.j + self.f) / 2


def play(
    truths: Callable[[], Iterator[BoolArray]], follower: Follower, rules: Rules
) -> tuple[RoundPlayed, ...]:
    """Play round after round; end early where the user finds nothing more to draw.

    Args:
        truths: Yields the true masks of all frames, ``(K, H, W)``.
        follower: What answers.
        rules: How the user behaves.

    Raises:
        UsageError: If no object is in the first round's frame.
        PocketMatteError: If the follower fails.
    """
    true = _nth(truths(), rules.first_frame)
    if not any(plane.any() for plane in true):
        msg = f"frame {rules.first_frame} shows no object; give another first frame"
        raise UsageError(msg)
    randoms = [np.random.default_rng((rules.seed, 0, k)) for k in range(len(true))]
    hints = (
        true_masks(None, true)
        if rules.start == "mask"
        else first_strokes(true, randoms, strokes=rules.strokes)
    )
    frame = rules.first_frame
    played: list[RoundPlayed] = []
    asked = {frame}
    while any(hint is not None for hint in hints):
        begun = time.perf_counter()
        followed = follower.answer(frame, hints)
        seconds = time.perf_counter() - begun
        scores = [frame_scores(*pair) for pair in zip(follower.masks(), truths(), strict=True)]
        given = [hint for hint in hints if hint is not None]
        strokes = [stroke.positive for hint in given for stroke in hint.strokes]
        played.append(
            RoundPlayed(
                frame=frame,
                positive=sum(strokes) + sum(hint.mask is not None for hint in given),
                negative=len(strokes) - sum(strokes),
                followed=followed,
                seconds=seconds,
                j=float(np.mean([each.j for each in scores])),
                f=float(np.mean([each.f for each in scores])),
            )
        )
        if len(played) == rules.rounds:
            break
        values = [each.value(rules.metric) for each in scores]
        left_out = asked if rules.new_frames else ()
        frame, hints = _next(truths, follower, rules, len(played), worst_first(values, left_out))
        asked.add(frame)
    if not played:
        msg = (
            f"frame {rules.first_frame}: every object is too small to be drawn on; give another "
            "first frame, or begin with masks"
        )
        raise UsageError(msg)
    return tuple(played)


def frame_scores(predicted: BoolArray, true: BoolArray) -> FrameScores:
    """Measure the masks of a frame, ``(K, H, W)`` each.

    Raises:
        ValueError: If they differ in number or size.
    """
    planes = list(zip(predicted, true, strict=True))
    return FrameScores(
        j=float(np.mean([iou(*pair) for pair in planes])),
        f=float(np.mean([boundary_f(*pair) for pair in planes])),
    )


def _next(
    truths: Callable[[], Iterator[BoolArray]],
    follower: Follower,
    rules: Rules,
    number: int,
    frames: Sequence[int],
) -> tuple[int, tuple[Hint | None, ...]]:
    """Return the worst of some frames in which there is something to draw, and what is drawn.

    A frame that shows no object is passed over: ``cut`` cannot be told that a subject is not there.
    """
    for frame in frames:
        predicted, true = _nth(follower.masks(), frame), _nth(truths(), frame)
        if not true.any():
            continue
        randoms = [np.random.default_rng((rules.seed, number, k)) for k in range(len(true))]
        hints = (
            true_masks(predicted, true)
            if rules.correct == "mask"
            else corrections(predicted, true, randoms, strokes=rules.strokes)
        )
        if any(hint is not None for hint in hints):
            return frame, hints
    return rules.first_frame, ()


def _nth(planes: Iterator[BoolArray], number: int) -> BoolArray:
    count = 0
    for count, each in enumerate(planes, start=1):
        if count == number + 1:
            return each
    msg = f"frame {number} is no frame of the clip, which has 0 to {count - 1}"
    raise UsageError(msg)
