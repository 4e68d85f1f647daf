"""What tests of training runs train: `rvm` on clips of a few pixels, for a few steps."""

import dataclasses
from collections.abc import Mapping

import torch

from pocketmatte.training.batches import Share
from pocketmatte.training.run_options import Options
from pocketmatte.training.stages import Stage
from pocketmatte.training.tasks.rvm import RvmTask

FIRST = Stage(
    name="first", steps=3, size_hw=(32, 48), ratio=1.0, length=2, batch=2,
    learning_rate=(1e-3, 1e-3), distillation=0.5,
)  # fmt: skip
SECOND = dataclasses.replace(FIRST, name="second", steps=2, size_hw=(64, 96), ratio=0.5)


class Tiny(RvmTask):
    recipes: Mapping[str, tuple[Stage, ...]] = {"tiny": (FIRST, SECOND), "other": (FIRST,)}


OPTIONS = Options(
    recipe="tiny", data=None, seed=0, workers=0, device=torch.device("cpu"), bfloat16=False,
    compiled=False, share=Share(), save_every=2, judge_every=4, widest=None, minutes=None,
)  # fmt: skip
