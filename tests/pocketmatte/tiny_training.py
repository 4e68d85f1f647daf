"""Trainings of seconds; as a script: ``python tiny_training.py PLAN WORDS...``.

WORDS are those of the command line. A PLAN of ``SIGINT:3`` lets that signal come while step 3,
counted from 0, is made, as a terminal sends it, to the whole group of processes; with ``SIGKILL:3``
it comes to the trainer alone. ``frozen`` takes BatchNorm's statistics as they are.
"""

import dataclasses
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from pocketmatte.cli import main
from pocketmatte.training import finishing, run
from pocketmatte.training.run import Run
from pocketmatte.training.stages import Stage
from pocketmatte.training.tasks.fusion import FusionTask

FIRST = Stage(
    name="first", steps=4, size_hw=(32, 48), length=5, batch=2, learning_rate=(1e-2, 1e-2),
    distillation=0.5,
)  # fmt: skip
SECOND = dataclasses.replace(FIRST, name="second", steps=2, size_hw=(48, 64))
STEPS = FIRST.steps + SECOND.steps

WORDS = (
    "--widest", "t04", "--workers", "0", "--threads", "1", "--save-every", "2", "--device", "cpu",
)  # fmt: skip

Setter = Callable[[object, str, Any], None]


def shrink(set_to: Setter = setattr) -> None:
    """Let ``fusion`` be trained in a few steps, and measured on a single clip."""
    set_to(FusionTask, "recipes", {"small": (FIRST, SECOND), "other": (FIRST,)})
    set_to(run, "_VALIDATION_BATCHES", 1)
    set_to(finishing, "_FRAMES", 1)
    set_to(finishing, "_FEWEST", 1)


def train(cli: Callable[..., Any], folder: Path, *words: object) -> Any:
    """Train ``fusion`` by the command line of a test."""
    return cli("train", "fusion", *WORDS, "--out", folder, *words)


def frozen(norm: _BatchNorm, x: Tensor) -> Tensor:
    """Normalise by running statistics: samples then do not look at their neighbours."""
    return functional.batch_norm(
        x, norm.running_mean, norm.running_var, norm.weight, norm.bias, False, 0.0, norm.eps
    )


def signalled(name: str, step: int) -> Callable[..., tuple[float, float]]:
    """Return a training step during which a signal comes."""
    train_step = Run._train_step

    def made(training: Run, *given: Any) -> tuple[float, float]:
        if training.step == step:
            os.kill(0 if name == "SIGINT" else os.getpid(), getattr(signal, name))
        return train_step(training, *given)

    return made


if __name__ == "__main__":
    # a process started in the background may inherit a SIGINT that is ignored
    signal.signal(signal.SIGINT, signal.default_int_handler)
    shrink()
    plan, *words = sys.argv[1:]
    if plan == "frozen":
        nn.BatchNorm2d.forward = frozen  # type: ignore[assignment, method-assign]
    else:
        name, step = plan.split(":")
        Run._train_step = signalled(name, int(step))  # type: ignore[method-assign]
    main(words)
