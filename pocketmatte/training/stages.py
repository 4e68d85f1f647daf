"""Stages of training: stretches of steps with fixed sizes."""

import dataclasses
import math
import random
from collections.abc import Collection, Mapping, Sequence, Set

from tiers.errors import UsageError
from tiers.spec import TierSpec

SizeHW = tuple[int, int]

_WARM_UP = 200  # steps


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """One stretch of training.

    Attributes:
        name: For people, unique within a recipe.
        steps: Optimiser steps.
        size_hw: Frame size of the samples, in pixels.
        ratio: Working size over frame size, of all rows; ``None`` takes each row's own. Below 1
            what refines at full size is trained too.
        own_sizes: Every row works at its own size, by its long side, on frames of one size, as on
            a phone; ``ratio`` is not heeded.
        length: Frames of a sample.
        batch: Samples of a step, on all processes together.
        learning_rate: At the stage's start and end.
        distillation: Weight of a narrower row's distance to what the teacher predicts.
        random_rows: Rows that a step trains beside the widest and the narrowest one.
        widest: Name of the widest row that is trained, ``None`` for all of the run. The rows that a
            stage reaches first begin as the widest one that was trained before: see ``growth``.
        held: Name of a row that stays as it is, with the rows below it; ``None`` trains those too.
            What only wider rows have is trained alone.
        norms_alone: Train nothing but the rows' own BatchNorm: a row becomes better, and no other
            one worse. A run makes such a stage once for each row, at the row's own size. (Frankle,
            Schwab, Morcos, "Training BatchNorm and Only BatchNorm", ICLR 2021.)
    """

    name: str
    steps: int
    size_hw: SizeHW
    ratio: float | None = None
    length: int
    batch: int
    learning_rate: tuple[float, float]
    distillation: float
    random_rows: int = 1
    widest: str | None = None
    held: str | None = None
    norms_alone: bool = False
    own_sizes: bool = False

    def __post_init__(self) -> None:
        for what in ("steps", "length", "batch"):
            if getattr(self, what) < 1:
                msg = f"{what} of stage {self.name} is {getattr(self, what)}; it must be 1 or more"
                raise ValueError(msg)

    def rows_of(self, names: Sequence[str]) -> list[str]:
        """Return the rows that the stage trains of a run's, narrowest first."""
        reached = names.index(self.widest) + 1 if self.widest in names else len(names)
        held = names.index(self.held) + 1 if self.held in names else 0
        return list(names[held:reached])

    def rows_at(self, names: Sequence[str], step: int, seed: int) -> list[str]:
        """Return the rows that a step trains of a run's: the widest, the narrowest, some between.

        Those between by chance.
        """
        first, *between = self.rows_of(names)
        last = between.pop() if between else None
        draw = random.Random(seed * 1_000_003 + step)
        chosen = draw.sample(between, min(self.random_rows, len(between)))
        return [first] if last is None else [last, first, *chosen]

    def ratio_of(self, spec: TierSpec) -> float:
        """Return the ratio at which a row is run."""
        if self.own_sizes:
            return min(1.0, max(spec.working_hw) / max(self.size_hw))
        return spec.ratio if self.ratio is None else self.ratio


def require_rows(stages: Sequence[Stage], names: Sequence[str], known: Set[str]) -> None:
    """Refuse stages without a row to train, and ones that hold what nothing has trained.

    Args:
        stages: Of a run, in order.
        names: Of the rows that it has, narrowest first.
        known: Names of those that are trained already.

    Raises:
        UsageError: If it is so.
    """
    trained = set(known)
    for stage in stages:
        unknown = stage.held is not None and stage.held not in names
        if unknown or not stage.rows_of(names):
            msg = (
                f"stage {stage.name} trains what is wider than {stage.held}, and --widest is "
                f"{names[-1]}; give a wider one"
            )
            raise UsageError(msg)
        alone = [name for name in stage.rows_of(names) if stage.norms_alone and name not in trained]
        if alone:
            msg = (
                f"stage {stage.name} trains nothing but the BatchNorm of {alone[0]}, whose "
                f"convolutions nothing trained before; give a --start that has it"
            )
            raise UsageError(msg)
        if stage.held is not None and stage.held not in trained:
            msg = (
                f"stage {stage.name} holds {stage.held} as it is, which nothing trained "
                f"before; give a --start that has it"
            )
            raise UsageError(msg)
        trained.update(stage.rows_of(names))


def for_rows(
    stages: Sequence[Stage], specs: Mapping[str, TierSpec], rows: Collection[str] | None = None
) -> tuple[Stage, ...]:
    """Return the stages as a run makes them: those of norms alone once for each row that it has.

    Args:
        stages: Of a recipe.
        specs: The run's rows, narrowest first.
        rows: Names of those whose norms are trained; ``None`` for all.

    Raises:
        UsageError: If one is no row of the run, or rows are given and no stage is of norms alone.
    """
    names, made = list(specs), list[Stage]()
    if rows is not None:
        if not all(stage.norms_alone for stage in stages):
            msg = f"--rows {','.join(rows)} is for the recipe norms; other stages name their rows"
            raise UsageError(msg)
        if strange := [row for row in rows if row not in names]:
            msg = f"no row {strange[0]!r} to train; there are {', '.join(names)}"
            raise UsageError(msg)
    for stage in stages:
        if not stage.norms_alone:
            made.append(stage)
            continue
        for row in stage.rows_of(names):
            if rows is not None and row not in rows:
                continue
            below = names.index(row) - 1
            made.append(
                dataclasses.replace(
                    stage,
                    name=f"{stage.name} of {row}",
                    size_hw=specs[row].output_hw,
                    widest=row,
                    held=names[below] if below >= 0 else None,
                )
            )
    return tuple(made)


def going_on(stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
    """Return the stages that train every row: what trained weights are trained further by."""
    return tuple(stage for stage in stages if stage.widest is None)


def norms(like: Stage, *, batch: int | None = None, length: int | None = None) -> tuple[Stage, ...]:
    """Return the recipe that trains nothing but the BatchNorm of every row, at its own size.

    Args:
        like: A stage whose samples are of the kind.
        batch: Samples of a step; ``None`` for that of ``like``.
        length: Frames of a sample; ``None`` for that of ``like``.
    """
    stage = dataclasses.replace(
        like, name="norms", steps=300, ratio=None, learning_rate=(2e-3, 2e-5),
        batch=batch or like.batch, length=length or like.length,
        distillation=0.0, widest=None, held=None, norms_alone=True,
    )  # fmt: skip
    return (stage,)


def prolonged(stages: tuple[Stage, ...], times: int) -> tuple[Stage, ...]:
    """Return the stages with so many times their steps, at the same learning rates.

    Raises:
        ValueError: If ``times`` is below 1.
    """
    if times < 1:
        msg = f"stages are to be {times} times as long; it must be 1 or more"
        raise ValueError(msg)
    return tuple(dataclasses.replace(stage, steps=times * stage.steps) for stage in stages)


def total_steps(stages: tuple[Stage, ...]) -> int:
    """Return the steps of all stages together."""
    return sum(stage.steps for stage in stages)


def stage_at(stages: tuple[Stage, ...], step: int) -> tuple[Stage, int]:
    """Return the stage of a step and the stage's first step.

    Raises:
        ValueError: If the step lies beyond the last stage.
    """
    first = 0
    for stage in stages:
        if step < first + stage.steps:
            return stage, first
        first += stage.steps
    msg = f"step {step} of {first}; the last stage is over"
    raise ValueError(msg)


def learning_rate(stage: Stage, step: int, of_all: int) -> float:
    """Return the rate of a step: half a cosine over its stage, after a linear warm-up of the run.

    Args:
        stage: Gives the rates at its start and end.
        step: Within the stage.
        of_all: Of the whole training.
    """
    start, end = stage.learning_rate
    half = (1 + math.cos(math.pi * step / stage.steps)) / 2
    return (end + (start - end) * half) * min(1.0, (of_all + 1) / _WARM_UP)
