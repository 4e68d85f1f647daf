"""From videos by number to batches of a network's samples."""

import dataclasses
from collections.abc import Iterator, Sequence

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

    Args:
        task: The network's.
        source: Of videos.
        numbers: Of the samples, in order.
        seed: Of what is simulated.
        progress: Of the whole training, 0..1, by place in ``numbers``.
    """

    def __init__(
        self,
        task: Task,
        source: VideoSource,
        numbers: Sequence[int],
        seed: int,
        progress: Sequence[float],
    ) -> None:
        self._task, self._source, self._numbers = task, source, numbers
        self._seed, self._progress = seed, progress

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, place: int) -> dict[str, Tensor]:
        number = self._numbers[place]
        # apart from what the source draws: which kind of video it is must not tell what is asked
        random = np.random.default_rng((self._seed, number, _OWN_CHANCE))
        sample = self._task.sample(self._source.video(number), random, self._progress[place])
        return dict(sample)


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
    # numbers go on through stages of other batch sizes: every step has room for 4096
    numbers = [step * 4096 + share.rank * own + k for step in steps for k in range(own)]
    progress = [step / total for step in steps for _ in range(own)]
    samples = Samples(task, source, numbers, seed, progress)
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
    numbers = range(count * stage.batch)
    samples = Samples(task, source, numbers, seed + _VALIDATION, [1.0] * len(numbers))
    yield from DataLoader(samples, stage.batch)


def moved(batch: Tensors, device: torch.device) -> dict[str, Tensor]:
    """Return a batch on a device."""
    return {name: value.to(device, non_blocking=True) for name, value in batch.items()}
