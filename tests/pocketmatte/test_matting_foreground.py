import dataclasses
from collections.abc import Mapping

import numpy as np
import pytest
import torch

from pocketmatte.lockstep import run_of
from pocketmatte.matting import ROLLOUTS
from pocketmatte.matting.board import Moment, Run, Tensors
from pocketmatte.matting.foreground import Segmenter, rollout
from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.runtimes.torch_eager import TorchSession
from pocketmatte.scene import standard_scene
from tiers.contract_table import contracts
from tiers.errors import UsageError
from tiers.ladder import tier
from tiers.networks import programs
from tiers.weights import network_of, untrained

SPEC = dataclasses.replace(tier("foreground", "t01"), working_hw=(32, 32), output_hw=(64, 64))


def frame_of(seed: int, shape: tuple[int, ...] = (1, 3, 64, 64)) -> FloatArray:
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


@pytest.fixture(scope="module")
def torch_run() -> Run:
    (contract,) = contracts(SPEC)
    own = programs(network_of(SPEC, untrained(SPEC)), SPEC)
    return run_of({"segment": TorchSession(own["segment"], contract, 1)})


def test_a_picture_gets_the_mask_that_the_program_gives(torch_run: Run) -> None:
    mask = Segmenter(SPEC, torch_run).segment(frame_of(0))
    network = network_of(SPEC, untrained(SPEC))
    (expected,) = programs(network, SPEC)["segment"](torch.from_numpy(frame_of(0)))
    assert mask.shape == (1, 1, 64, 64)
    assert np.array_equal(mask, expected.numpy())


def test_every_picture_is_segmented_by_itself(torch_run: Run) -> None:
    segmenter = Segmenter(SPEC, torch_run)
    alone = segmenter.segment(frame_of(0))
    other = segmenter.segment(frame_of(1))
    assert not np.array_equal(other, alone)
    assert np.array_equal(segmenter.segment(frame_of(0)), alone)


def test_a_scene_is_one_call_a_frame_and_one_mask(torch_run: Run) -> None:
    calls: list[tuple[str, Mapping[str, FloatArray]]] = []

    def run(program: str, inputs: Mapping[str, FloatArray]) -> Tensors:
        calls.append((program, inputs))
        return torch_run(program, inputs)

    scene = list(standard_scene(SPEC, 3))
    shown = list(ROLLOUTS["foreground"](SPEC, run, scene))
    assert [program for program, _ in calls] == ["segment"] * 3
    for moment, (_, inputs), outputs in zip(scene, calls, shown, strict=True):
        assert list(inputs) == ["frame"]
        assert inputs["frame"] is moment.frame
        assert list(outputs) == ["mask"]
        assert np.array_equal(outputs["mask"], torch_run("segment", inputs)["mask"])


def test_the_true_masks_are_not_looked_at(torch_run: Run) -> None:
    seen, hidden = (
        Moment(frame=frame_of(0), mask=np.full((1, 1, 64, 64), value, np.float32))
        for value in (0, 1)
    )
    (first,), (second,) = (rollout(SPEC, torch_run, [moment]) for moment in (seen, hidden))
    assert np.array_equal(first["mask"], second["mask"])


@pytest.mark.parametrize("shape", [(1, 3, 32, 32), (1, 1, 64, 64), (2, 3, 64, 64), (3, 64, 64)])
def test_a_picture_of_another_size_is_refused(torch_run: Run, shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError) as caught:
        Segmenter(SPEC, torch_run).segment(frame_of(0, shape))
    assert str(caught.value) == (
        f"frame is {shape}; this tier takes (1, 3, 64, 64): resize it to that"
    )
