"""A training run: steps over the stages of a recipe, saved so that nothing is lost."""

import functools
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from pocketmatte.training.batches import fixed_batches, moved, training_batches
from pocketmatte.training.devices import anywhere
from pocketmatte.training.distillation import Teacher
from pocketmatte.training.elastic import Elastic
from pocketmatte.training.growth import begin_as, grow
from pocketmatte.training.holding import Held
from pocketmatte.training.interruption import interrupt_noted
from pocketmatte.training.kept_videos import KeptVideos
from pocketmatte.training.run_file import read_run, write_run
from pocketmatte.training.run_options import Options, Progress
from pocketmatte.training.stages import (
    Stage,
    for_rows,
    learning_rate,
    prolonged,
    require_rows,
    stage_at,
    total_steps,
)
from pocketmatte.training.start import Start
from pocketmatte.training.task import Task, Tensors
from tiers.errors import CheckpointError

_CLIP_NORM = 1.0
_VALIDATION_BATCHES = 4


class Run:
    """The state of a training and the folder it is kept in.

    Args:
        task: The network's.
        folder: Where ``last.pt`` and ``best.pt`` lie; a run that is there goes on.
        options: How it is made.
        teacher: Predicts what every row is drawn to, instead of the widest one's predictions.
        start: What the network begins as, instead of random weights.

    Raises:
        CheckpointError: If what lies in the folder is damaged, or of another network or recipe.
        UsageError: If the network cannot begin as ``start`` is, or a stage has no row to train or
            holds one that was not trained.
    """

    def __init__(
        self,
        task: Task,
        folder: Path,
        options: Options,
        teacher: Teacher | None = None,
        start: Start | None = None,
    ) -> None:
        self.task, self.folder, self.options = task, folder, options
        torch.manual_seed(options.seed)
        self.elastic = Elastic(task, options.widest)
        stages = prolonged(task.recipes[options.recipe], options.longer)
        self.stages = for_rows(stages, self.elastic.specs, options.rows)
        self.total = total_steps(self.stages)
        self.step, self.best = 0, float("inf")
        self._known: set[str] = set()  # rows that are no longer as they were made
        if start is not None:
            begin_as(self.elastic, start.elastic)
            if start.elastic.network == task.network:
                self._known |= start.elastic.specs.keys()
        require_rows(self.stages, list(self.elastic.specs), self._known)
        self._held: Held | None = None
        self._made_of = {
            "network": task.network,
            "recipe": options.recipe,
            "longer": options.longer,
            "seed": options.seed,
            "widest": self.elastic.widest,
            "rows": None if options.rows is None else list(options.rows),
            "teacher": None if teacher is None else teacher.sha256,
            "data": "self-made" if options.data is None else "the user's own",
            "start": None if start is None else start.made_of,
            "kept_clips": options.kept_clips,
        }
        saved = read_run(folder / "last.pt", self._made_of)
        if saved is not None:
            try:
                self.elastic.load_state_dict(saved["elastic"])
                self.step, self.best, moments = (
                    saved[key] for key in ("step", "best", "optimiser")
                )
            except (KeyError, RuntimeError) as error:
                msg = f"{folder / 'last.pt'} was made with another ladder; begin anew elsewhere"
                raise CheckpointError(msg) from error
        # depthwise convolutions go backward twice as fast so on a processor
        self.elastic.to(options.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._teacher = teacher
        if teacher is not None:
            teacher.to(options.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        named = [parameter for _, parameter in self.elastic.trainable()]
        self._optimiser = torch.optim.AdamW(named, lr=1e-3, weight_decay=1e-4)
        if saved is not None:
            self._optimiser.load_state_dict(moments)
        self._model: Callable[..., dict[str, Tensor]] = self._wrapped()

    @property
    def rows(self) -> list[str]:
        """Names of the rows that some stage trains, narrowest first."""
        trained = {name for stage in self.stages for name in self._rows_of(stage)}
        return [name for name in self.elastic.specs if name in trained]

    @property
    def done(self) -> bool:
        """Whether every step was made."""
        return self.step >= self.total

    def train(self, on_step: Callable[[Progress], None]) -> None:
        """Make the steps that are left, or as many as the time allows.

        Saves every ``save_every`` steps, when the time is over, and when it is interrupted, for
        which the step that is being made is ended first. What a killed process had made since the
        last save is made again, and comes out the same. Of several processes, what stops one stops
        all of them after the same step.

        Raises:
            KeyboardInterrupt: If it was interrupted; after saving.
            PocketMatteError: If a file of the user's own is damaged, or the disk refuses.
        """
        started, begun, frames = time.monotonic(), self.step, 0
        within: Stage | None = None
        with interrupt_noted() as interrupted:
            for stage, first, batch in self._batches():
                if self.step == first:
                    self.best = float("inf")  # errors at another size are no measure
                    self._reach(stage)
                if stage is not within:
                    within = stage
                    kept = None if stage.norms_alone else stage.held
                    self._held = None if kept is None else Held(self.elastic, kept)
                    self.elastic.train_shared(not stage.norms_alone)
                loss, error = self._train_step(stage, first, moved(batch, self.options.device))
                self.step += 1
                frames += stage.batch * stage.length
                due = self.step % self.options.judge_every == 0 or self.step == first + stage.steps
                judged = self._judged_and_kept(stage) if due else None
                elapsed = time.monotonic() - started
                on_step(
                    Progress(
                        step=self.step, total=self.total, stage=stage.name, loss=loss,
                        error=error, judged=judged, frames_per_second=frames / elapsed,
                        seconds_left=(self.total - self.step) * elapsed / (self.step - begun),
                    )
                )  # fmt: skip
                over = self.options.minutes is not None and elapsed > 60 * self.options.minutes
                stopped = bool(interrupted)
                leaving = anywhere(over or stopped, self.options.share, self.options.device)
                if leaving or self.done or self.step % self.options.save_every == 0:
                    self.save("last.pt")
                if stopped:
                    raise KeyboardInterrupt
                if leaving:
                    return

    def _batches(self) -> Iterator[tuple[Stage, int, Tensors]]:
        """Yield what is left, stage by stage: the stage, its first step, and a batch."""
        while not self.done:
            stage, first = stage_at(self.stages, self.step)
            source = self.task.source(stage, self.options.data, self.options.seed)
            if self.options.kept_clips is not None:
                size = "x".join(map(str, (stage.length, *stage.size_hw)))
                folder = self.folder / "clips" / size
                source = KeptVideos(source, folder, self.options.kept_clips, self.options.seed)
            steps = range(self.step, first + stage.steps)
            for batch in training_batches(
                self.task, source, stage, steps, self.total,
                seed=self.options.seed, share=self.options.share, workers=self.options.workers,
            ):  # fmt: skip
                yield stage, first, batch

    def _reach(self, stage: Stage) -> None:
        """Let the rows that a stage is the first to train begin as the widest one before them."""
        for earlier in self.stages:
            if earlier is stage:
                break
            self._known.update(self._rows_of(earlier))
        new = [name for name in self._rows_of(stage) if name not in self._known]
        known = [name for name in self.elastic.specs if name in self._known]
        if new and known:
            grow(self.elastic, known[-1], new)

    def save(self, name: str) -> None:
        """Write the run whole or not at all."""
        if self.options.share.rank:
            return
        state = {
            "step": self.step,
            "best": self.best,
            "elastic": self.elastic.state_dict(),
            "optimiser": self._optimiser.state_dict(),
        }
        write_run(self.folder / name, self._made_of, state)

    def judge(self, batches: Sequence[Tensors], stage: Stage) -> dict[str, float]:
        """Return every row's mean ``Task.error`` over batches."""
        self.elastic.eval()
        errors: dict[str, float] = {}
        with torch.no_grad():
            for name in self._rows_of(stage):
                each = []
                for batch in batches:
                    given = moved(batch, self.options.device)
                    each.append(float(self.task.error(self._roll(name, given, stage), given)))
                errors[name] = sum(each) / len(each)
        self.elastic.train()
        return errors

    def _train_step(self, stage: Stage, first: int, batch: Tensors) -> tuple[float, float]:
        """Train the rows of a step on one batch, narrower ones by the widest.

        (The sandwich rule: Yu and Huang, "Universally Slimmable Networks", ICCV 2019.)
        """
        rate = learning_rate(stage, self.step - first, self.step)
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        self._optimiser.zero_grad(set_to_none=True)
        progress = self.step / self.total
        target: Tensors | None = None
        if self._teacher is not None:
            ratio = stage.ratio_of(self.elastic.specs[self.elastic.widest])
            with torch.no_grad():
                target = self._asked(self._teacher, batch, ratio)
        shown = (0.0, 0.0)
        rows = stage.rows_at(list(self.elastic.specs), self.step, self.options.seed)
        for name in rows:
            predicted = self._roll(name, batch, stage)
            loss = torch.stack(list(self.task.losses(predicted, batch, progress).values())).sum()
            if name == rows[0]:
                shown = float(loss.detach()), float(self.task.error(predicted, batch).detach())
            if target is not None and stage.distillation:
                loss = loss + stage.distillation * self.task.distance(predicted, target)
            loss.backward()  # type: ignore[no-untyped-call]
            if target is None:
                target = {key: value.detach() for key, value in predicted.items()}
        if self._held is not None:
            self._held.shield()
        parameters = [p for group in self._optimiser.param_groups for p in group["params"]]
        norm = torch.nn.utils.clip_grad_norm_(parameters, _CLIP_NORM)
        if torch.isfinite(norm):  # a step of NaN would never be undone
            self._optimiser.step()
        if self._held is not None:
            self._held.restore()
        return shown

    def _rows_of(self, stage: Stage) -> list[str]:
        return stage.rows_of(list(self.elastic.specs))

    def _roll(self, name: str, batch: Tensors, stage: Stage) -> dict[str, Tensor]:
        ratio = stage.ratio_of(self.elastic.specs[name])
        return self._asked(functools.partial(self._model, name), batch, ratio)

    def _asked(
        self, form: Callable[..., dict[str, Tensor]], batch: Tensors, ratio: float
    ) -> dict[str, Tensor]:
        with torch.autocast(
            self.options.device.type, torch.bfloat16, enabled=self.options.bfloat16
        ):
            predicted = form(batch, ratio)
        return {key: value.float() for key, value in predicted.items()}

    def _wrapped(self) -> Callable[..., dict[str, Tensor]]:
        model: nn.Module = self.elastic
        if self.options.share.processes > 1:
            model = nn.parallel.DistributedDataParallel(model, find_unused_parameters=True)
        if self.options.compiled:
            compiled: Callable[..., dict[str, Tensor]] = torch.compile(model)
            return compiled
        return model

    def _judged_and_kept(self, stage: Stage) -> float:
        """Look at samples of another seed; keep the best run there was."""
        source = self.task.source(stage, self.options.data, self.options.seed + 1)
        count, seed = _VALIDATION_BATCHES, self.options.seed
        batches = list(fixed_batches(self.task, source, stage, count, seed=seed))
        errors = self.judge(batches, stage)
        mean = sum(errors.values()) / len(errors)
        if mean < self.best:
            self.best = mean
            self.save("best.pt")
        return mean
