"""How a training run is made, and what each of its steps gives."""

import dataclasses
from pathlib import Path

import torch

from pocketmatte.training.batches import Share


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """How a run is made.

    What is learnt depends on ``recipe``, ``longer``, ``data``, ``seed``, ``widest``,
    ``rows``, ``kept_clips`` and ``bfloat16``; the rest only decides how it is gone about.

    Attributes:
        recipe: Name of one of the task's recipes.
        data: The user's own folder, or ``None``.
        seed: Of everything random.
        workers: Processes that make samples.
        device: ``cpu``, ``cuda`` or one of several.
        bfloat16: Whether networks compute in bfloat16 where autocast finds it safe.
        compiled: Whether ``torch.compile`` is used.
        share: Of every batch, where several processes train together.
        save_every: Steps between saves.
        judge_every: Steps between looks at samples of another seed, of the same files.
        widest: Name of the widest row that is trained; ``None`` trains the whole ladder.
        rows: Names of the rows whose norms are trained, where a recipe trains these alone; ``None``
            for all.
        kept_clips: How many clips of a stage are made, and then kept in the run's folder and drawn
            again and again; ``None`` makes new ones for every step.
        longer: How many times the steps of every stage are made.
        minutes: Time after which the run is saved and left; ``None`` goes to the end.
    """

    recipe: str
    data: Path | None
    seed: int
    workers: int
    device: torch.device
    bfloat16: bool
    compiled: bool
    share: Share
    save_every: int
    judge_every: int
    widest: str | None
    minutes: float | None
    rows: tuple[str, ...] | None = None
    kept_clips: int | None = None
    longer: int = 1


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """What a step gave.

    Attributes:
        step: How many are done.
        total: How many there are.
        stage: Name of its stage.
        loss: Of the widest row, without distillation.
        error: ``Task.error`` of the widest row on this step's batch.
        judged: Mean ``Task.error`` over rows and samples of another seed, where they were
            looked at after this step.
        frames_per_second: Of new frames, since the run was started or resumed; each is seen by
            several rows.
        seconds_left: To the end of the last stage, at the pace of this stage so far: a later one
            of larger frames takes longer.
    """

    step: int
    total: int
    stage: str
    loss: float
    error: float
    judged: float | None
    frames_per_second: float
    seconds_left: float
