"""What chance a sample is given."""

import itertools
import tracemalloc

import numpy as np
import pytest

from pocketmatte.training.batches import Samples, Share, fixed_batches, training_batches
from pocketmatte.training.mixtures import Mixture
from pocketmatte.training.object_videos import ObjectVideos
from pocketmatte.training.stages import Stage
from pocketmatte.training.task import Tensors
from pocketmatte.training.tasks.scribble import ScribbleTask
from pocketmatte.training.video import Video, VideoSource

SEED, COUNT = 4, 300
SOURCES = [ObjectVideos((32, 32), 1, 1, SEED), ObjectVideos((32, 32), 1, 1, SEED)]
MIXTURE = Mixture(SOURCES, [1, 1], SEED)


class Kept(ScribbleTask):
    """Keeps the first number of every sample's chance."""

    def __init__(self) -> None:
        self.numbers: list[float] = []

    def sample(self, video: Video, random: np.random.Generator, progress: float) -> Tensors:  # noqa: ARG002
        self.numbers.append(float(random.random()))
        return {"frame": video.frames[0]}


class Still:
    """Asks its mixture and draws nothing."""

    def video(self, index: int) -> Video:
        MIXTURE.chosen(index)
        return ONE


ONE = SOURCES[0].video(0)


@pytest.fixture
def numbers() -> list[float]:
    task, source = Kept(), Still()
    held: VideoSource = source
    samples = Samples(task, held, range(1), COUNT, seed=SEED)
    for place in range(COUNT):
        samples[place]
    return task.numbers


def test_every_sample_has_chance_of_its_own(numbers: list[float]) -> None:
    assert len(set(numbers)) == COUNT
    assert abs(float(np.mean(numbers)) - 0.5) < 0.06


def test_chance_does_not_tell_the_source_nor_repeats_what_it_draws(numbers: list[float]) -> None:
    chosen = np.array([MIXTURE.chosen(index) for index in range(COUNT)])
    drawn = [np.random.default_rng((SEED, index)).random() for index in range(COUNT)]
    assert abs(np.corrcoef(numbers, chosen)[0, 1]) < 0.2
    assert abs(np.corrcoef(numbers, drawn)[0, 1]) < 0.2


STAGE = Stage(
    name="all", steps=10, size_hw=(32, 32), length=1, batch=4, learning_rate=(1.0, 1.0),
    distillation=0.0,
)  # fmt: skip


class Told(ScribbleTask):
    """Keeps how far the training is at every sample."""

    def __init__(self) -> None:
        self.progress: list[float] = []

    def sample(self, video: Video, random: np.random.Generator, progress: float) -> Tensors:  # noqa: ARG002
        self.progress.append(progress)
        return {"frame": video.frames[0]}


class Asked:
    """Keeps the numbers of the videos it is asked for."""

    def __init__(self) -> None:
        self.numbers: list[int] = []

    def video(self, index: int) -> Video:
        self.numbers.append(index)
        return ONE


def test_every_step_and_process_has_numbers_of_its_own() -> None:
    task, source = Told(), Asked()
    share = Share(rank=1, processes=2)
    steps = range(3, 6)
    batches = list(training_batches(task, source, STAGE, steps, 8, seed=0, share=share, workers=0))
    assert [len(batch["frame"]) for batch in batches] == [2, 2, 2]
    assert source.numbers == [4096 * step + 2 + k for step in steps for k in range(2)]
    assert task.progress == [step / 8 for step in steps for _ in range(2)]


def test_what_is_judged_has_numbers_in_a_row_and_is_of_the_end() -> None:
    task, source = Told(), Asked()
    assert len(list(fixed_batches(task, source, STAGE, 3, seed=0))) == 3
    assert source.numbers == list(range(12))
    assert task.progress == [1.0] * 12


def test_the_first_batch_of_a_long_training_needs_no_list_of_all_samples() -> None:
    steps = range(500_000)
    batches = training_batches(
        Told(), Asked(), STAGE, steps, len(steps), seed=0, share=Share(), workers=0
    )
    tracemalloc.start()
    try:
        list(itertools.islice(batches, 1))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 4 * 2**20
