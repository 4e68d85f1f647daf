"""Stages: rates, whose step it is, how batches are shared, at which size a row works."""

import dataclasses

import pytest

from pocketmatte.training.batches import Share
from pocketmatte.training.stages import learning_rate, stage_at
from tests.training.tiny_runs import FIRST, SECOND
from tiers.ladder import tier


def test_the_rate_warms_up_and_falls_by_half_a_cosine() -> None:
    stage = dataclasses.replace(FIRST, steps=1000, learning_rate=(1e-3, 1e-4))
    assert learning_rate(stage, 0, 0) == pytest.approx(1e-3 / 200)
    assert learning_rate(stage, 500, 500) == pytest.approx(5.5e-4)
    assert learning_rate(stage, 1000, 5000) == pytest.approx(1e-4)


def test_a_step_belongs_to_one_stage() -> None:
    stages = (FIRST, SECOND)
    assert [stage_at(stages, step) for step in (0, 2, 3, 4)] == [
        (FIRST, 0), (FIRST, 0), (SECOND, 3), (SECOND, 3),
    ]  # fmt: skip
    with pytest.raises(ValueError, match="step 5 of 5"):
        stage_at(stages, 5)


def test_a_batch_is_shared_evenly_or_refused() -> None:
    assert Share(rank=1, processes=4).of(8) == 2
    with pytest.raises(ValueError, match="a batch of 6 cannot be shared by 4 processes"):
        Share(rank=0, processes=4).of(6)


def test_rows_work_at_their_own_size_on_frames_of_one_size() -> None:
    stage = dataclasses.replace(FIRST, size_hw=(288, 512), ratio=None, own_sizes=True)
    for name in ("t01", "t04", "t08", "t11"):
        spec = tier("rvm", name)
        worked = min(max(spec.working_hw), 512)
        assert stage.ratio_of(spec) * 512 == worked
        # the same on a phone's frames, whose sizes differ
        assert dataclasses.replace(stage, own_sizes=False).ratio_of(spec) == spec.ratio
