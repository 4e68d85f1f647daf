"""What the trainer asks of a network."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
from torch import Tensor, nn

from pocketmatte.training.stages import Stage
from pocketmatte.training.video import Video, VideoSource
from tiers.spec import TierSpec

Tensors: TypeAlias = Mapping[str, Tensor]


class Task(Protocol):
    """How one network is trained.

    Attributes:
        network: Its name.
        recipes: Stages by the name of the recipe: ``small`` is what the shipped weights were
            trained with, ``more`` what trained ones go on with, ``paper`` what the sources publish,
            for real data on real GPUs.
    """

    network: str
    recipes: Mapping[str, tuple[Stage, ...]]

    def form(self, spec: TierSpec) -> nn.Module:
        """Return a row's network with what only training needs around it.

        Its attribute ``network`` is the network itself. Its ``forward`` takes a batch and the
        stage's ``ratio`` and returns predictions by name.

        Raises:
            TypeError, ValueError: If it is an official row, which does not predict the same.
        """

    def is_head(self, name: str) -> bool:
        """Say whether a convolution of the form gives logits or values that people see.

        Those begin small, so that no output begins saturated.
        """

    def source(self, stage: Stage, data: Path | None, seed: int) -> VideoSource:
        """Return the videos of a stage.

        Args:
            stage: Its sizes.
            data: The user's own folder, or ``None`` for self-made videos alone.
            seed: Of everything random.
        """

    def sample(self, video: Video, random: np.random.Generator, progress: float) -> Tensors:
        """Turn a video into one sample; the trainer stacks samples to ``(N, ...)``.

        Args:
            video: Of ``source``.
            random: For what is simulated: scribbles, perturbed masks, gaps.
            progress: Of the whole training, 0..1.
        """

    def losses(self, predicted: Tensors, batch: Tensors, progress: float) -> dict[str, Tensor]:
        """Return the terms of the loss by name; their sum is minimised."""

    def distance(self, predicted: Tensors, teacher: Tensors) -> Tensor:
        """Return how far a row's predictions lie from the teacher's."""

    def error(self, predicted: Tensors, batch: Tensors) -> Tensor:
        """Return one figure that people follow and that picks the best checkpoint; 0 is perfect."""
