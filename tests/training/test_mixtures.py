import numpy as np
import pytest
import torch

from pocketmatte.training.mixtures import Mixture
from pocketmatte.training.object_videos import ObjectVideos
from pocketmatte.training.video import Video


class Grey:
    """Gives videos of one grey level, plus the index."""

    def __init__(self, level: float) -> None:
        self.level = level

    def video(self, index: int) -> Video:
        frames = torch.full((1, 3, 4, 4), self.level + index)
        return Video(frames=frames, alphas=torch.zeros(1, 1, 4, 4), foreground=0 * frames)


def test_videos_come_from_the_sources_by_their_shares() -> None:
    mixture = Mixture([Grey(0.0), Grey(0.0), Grey(0.0)], [3, 1, 0], seed=1)
    chosen = [mixture.chosen(index) for index in range(2000)]
    assert abs(chosen.count(0) / 2000 - 0.75) < 0.04
    assert chosen.count(2) == 0


def test_the_chosen_source_is_asked_for_the_same_index() -> None:
    mixture = Mixture([Grey(1000.0), Grey(2000.0)], [1, 1], seed=0)
    for index in range(20):
        level = float(mixture.video(index).frames[0, 0, 0, 0])
        assert level == 1000 * (mixture.chosen(index) + 1) + index


def test_the_draw_depends_on_seed_and_index_alone() -> None:
    first, second = (Mixture([Grey(0.0), Grey(1.0)], [1, 1], seed=5) for _ in "ab")
    backwards = [second.chosen(index) for index in reversed(range(50))]
    assert [first.chosen(index) for index in range(50)] == backwards[::-1]
    other = Mixture([Grey(0.0), Grey(1.0)], [1, 1], seed=6)
    assert [other.chosen(index) for index in range(50)] != backwards[::-1]


def test_real_sources_mix() -> None:
    sources = [ObjectVideos((32, 32), 2, 1, seed) for seed in (0, 1)]
    mixture = Mixture(sources, [0.5, 0.5], seed=2)
    expected = sources[mixture.chosen(3)].video(3)
    assert torch.equal(mixture.video(3).frames, expected.frames)


@pytest.mark.parametrize("shares", [[1.0], [1.0, -1.0], [0.0, 0.0]])
def test_shares_without_sense_are_refused(shares: list[float]) -> None:
    with pytest.raises(ValueError, match="give each a share of at least 0"):
        Mixture([Grey(0.0), Grey(1.0)], shares, seed=0)


def test_no_sources_are_refused() -> None:
    with pytest.raises(ValueError, match="0 sources"):
        Mixture([], [], seed=0)


def test_what_a_source_draws_does_not_tell_which_source_it_is() -> None:
    mixture = Mixture([Grey(0.0), Grey(0.0)], [1, 1], seed=0)
    draws = {0: list[float](), 1: list[float]()}
    for index in range(400):
        draws[mixture.chosen(index)].append(float(np.random.default_rng((0, index)).random()))
    assert all(abs(float(np.mean(each)) - 0.5) < 0.1 for each in draws.values())
