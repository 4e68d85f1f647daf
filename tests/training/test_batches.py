"""What chance a sample is given."""

import numpy as np
import pytest

from pocketmatte.training.batches import Samples
from pocketmatte.training.mixtures import Mixture
from pocketmatte.training.object_videos import ObjectVideos
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
    samples = Samples(task, held, range(COUNT), SEED, [0.0] * COUNT)
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
