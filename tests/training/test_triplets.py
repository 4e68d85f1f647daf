import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pocketmatte.training.triplets import FRAMES, frame_numbers, gap_at, triplet


def test_gaps_grow_and_shrink_as_published() -> None:
    assert [gap_at(tenth / 10) for tenth in range(11)] == [5, 10, 15, 20, 25, 25, 25, 25, 25, 5, 5]
    assert gap_at(0.0999) == 5
    assert gap_at(0.8999) == 25


@pytest.mark.parametrize("progress", [-0.1, 1.1])
def test_a_progress_outside_the_training_is_refused(progress: float) -> None:
    with pytest.raises(ValueError, match=f"progress is {progress}"):
        gap_at(progress)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    length=st.integers(2, 60),
    gap=st.integers(1, 30),
    count=st.integers(2, 5),
    seed=st.integers(0, 999),
)
def test_frames_lie_in_the_video_one_after_the_other_within_the_gap(
    length: int, gap: int, count: int, seed: int
) -> None:
    if length < count:
        return
    numbers = frame_numbers(length, gap, np.random.default_rng(seed), count=count)
    assert len(numbers) == count
    assert 0 <= min(numbers) <= max(numbers) < length
    steps = {after - before for before, after in itertools.pairwise(numbers)}
    assert all(1 <= step <= gap for step in steps) or all(-gap <= step <= -1 for step in steps)


def test_every_gap_and_both_directions_are_drawn_and_the_video_is_covered() -> None:
    random = np.random.default_rng(3)
    samples = [frame_numbers(12, 3, random) for _ in range(2000)]
    assert {len(sample) for sample in samples} == {FRAMES}
    gaps = Counter(abs(b - a) for sample in samples for a, b in itertools.pairwise(sample))
    assert sorted(gaps) == [1, 2, 3]
    assert min(gaps.values()) > 0.3 * sum(gaps.values())
    assert {number for sample in samples for number in sample} == set(range(12))
    rising = sum(sample[0] < sample[-1] for sample in samples)
    assert 900 < rising < 1100


def test_a_short_video_gives_what_fits() -> None:
    random = np.random.default_rng(0)
    assert {frame_numbers(3, 25, random) for _ in range(20)} == {(0, 1, 2), (2, 1, 0)}


def test_the_same_seed_gives_the_same_frames() -> None:
    first, second = (np.random.default_rng(5) for _ in range(2))
    drawn = [frame_numbers(30, 8, first) for _ in range(5)]
    assert drawn == [frame_numbers(30, 8, second) for _ in range(5)]


def test_what_cannot_be_drawn_is_refused() -> None:
    random = np.random.default_rng(0)
    with pytest.raises(ValueError, match="the video has 2 frames, a sample 3"):
        frame_numbers(2, 5, random)
    with pytest.raises(ValueError, match="gap is 0 and count 3"):
        frame_numbers(9, 0, random)
    with pytest.raises(ValueError, match="gap is 5 and count 1"):
        frame_numbers(9, 5, random, count=1)


def test_triplets_of_a_made_up_video_spread_over_it_as_the_training_goes_on() -> None:
    def spans(progress: float) -> list[int]:
        random = np.random.default_rng(0)
        drawn = [triplet(25, progress, random) for _ in range(300)]
        assert all(len(set(each)) == FRAMES for each in drawn)
        return [max(each) - min(each) for each in drawn]

    assert max(spans(0.0)) == 6  # two gaps of 12 * 5 / 25, rounded up
    assert max(spans(0.5)) == 24
    assert max(spans(1.0)) == 6


def test_a_triplet_of_the_shortest_video_is_all_of_it() -> None:
    assert sorted(triplet(FRAMES, 0.5, np.random.default_rng(0))) == [0, 1, 2]
