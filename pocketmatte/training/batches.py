"""From videos by number to batches of a network's samples."""

import dataclasses
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from pocketmatte.training.stages import Stage
from pocketmatte.training.task import Task, Tensors
from pocketmatte.training.video import VideoSource
from tiers.errors import PocketMatteError

_OWN_CHANCE = 2
_VALIDATION = 1  # what sets the seed of what the network is judged on apart from the rest
_ROOM = 4096  # samples of a step at most: numbers go on through stages of other batch sizes


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """Which part of every batch a process takes, where several train together.

    Attributes:
        rank: Of this process.
        processes: How many there are.
    """

    rank: int = 0
    processes: int = 1

    def of(self, batch: int) -> int:
        """Return how many samples of a batch this process takes.

        Raises:
            ValueError: If they cannot be shared out evenly.
        """
        if batch % self.processes:
            msg = (
                f"a batch of {batch} cannot be shared by {self.processes} processes; "
                "take a number of processes that divides it"
            )
            raise ValueError(msg)
        return batch // self.processes


class Samples(Dataset[dict[str, Tensor]]):
    """A network's samples by number: the same number and seed, the same sample.

    A number is worked out when it is asked for: a long training has millions of samples.

    Args:
        task: The network's.
        source: Of videos.
        steps: Whose samples they are, of the whole training, in order.
        each: Samples of a step.
        seed: Of what is simulated.
        first: Number of the first sample of a step, within the step.
        total: Steps of the whole training; ``None`` where it is over.
    """

    def __init__(
        self,
        task: Task,
        source: VideoSource,
        steps: range,
        each: int,
        *,
        seed: int,
        first: int = 0,
        total: int | None = None,
    ) -> None:
        self._task, self._source = task, source
        self._steps, self._each, self._first = steps, each, first
        self._seed, self._total = seed, total

    def __len__(self) -> int:
        return len(self._steps) * self._each

    def __getitem__(self, place: int) -> dict[str, Tensor]:
        step = self._steps[place // self._each]
        number = step * _ROOM + self._first + place % self._each
        progress = 1.0 if self._total is None else step / self._total
        # apart from what the source draws: which kind of video it is must not tell what is asked
        random = np.random.default_rng((self._seed, number, _OWN_CHANCE))
        return dict(self._task.sample(self._source.video(number), random, progress))


def training_batches(
    task: Task,
    source: VideoSource,
    stage: Stage,
    steps: range,
    total: int,
    *,
    seed: int,
    share: Share,
    workers: int,
) -> Iterator[Tensors]:
    """Yield the batches of some steps; no sample is ever drawn twice.

    Args:
        task: The network's.
        source: Of videos of the stage's size.
        stage: Its sizes.
        steps: Of the whole training, all in the stage.
        total: Steps of the whole training.
        seed: Of everything random.
        share: Of this process.
        workers: Processes that make samples; 0 makes them here.

    Raises:
        PocketMatteError: If a sample cannot be made, as one in this process would say it.
    """
    own = share.of(stage.batch)
    samples = Samples(task, source, steps, own, seed=seed, first=share.rank * own, total=total)
    ahead = 4 if workers else None
    try:
        yield from DataLoader(samples, own, num_workers=workers, prefetch_factor=ahead)
    except PocketMatteError as error:
        if not workers:
            raise
        # PyTorch puts a worker's traceback, which ends in the message, before the message
        own_words = str(error).rstrip().splitlines()[-1].partition(": ")[2]
        raise type(error)(own_words) from error


def fixed_batches(
    task: Task, source: VideoSource, stage: Stage, count: int, *, seed: int
) -> Iterator[Tensors]:
    """Yield batches on which no step trains: for judging, and for BatchNorm's statistics."""
    samples = Samples(task, source, range(1), count * stage.batch, seed=seed + _VALIDATION)
    yield from DataLoader(samples, stage.batch)


def moved(batch: Tensors, device: torch.device) -> dict[str, Tensor]:
    """Return a batch on a device."""
    return {name: value.to(device, non_blocking=True) for name, value in batch.items()}
