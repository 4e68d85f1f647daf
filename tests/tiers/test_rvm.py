import pytest
import torch
from torch import Tensor, nn

from tiers.ladder import tier
from tiers.networks import programs
from tiers.networks.rvm import Rvm
from tiers.rows.rvm import RvmShape

SMALL = tier("rvm", "t01").shaped(RvmShape)
RESNET = RvmShape(backbone="resnet50", aspp=32, decoder=(24, 16, 12, 8))


def seeded(shape: RvmShape) -> Rvm:
    torch.manual_seed(3)
    network = Rvm(shape).eval().requires_grad_(requires_grad=False)
    nn.init.normal_(network.project_mat.conv.weight, std=0.5)
    nn.init.constant_(network.project_mat.conv.bias, 0.5)  # type: ignore[arg-type]
    return network


@pytest.fixture(scope="module")
def network() -> Rvm:
    return seeded(SMALL)


def frame_of(height: int, width: int, batch: int = 1, seed: int = 0) -> Tensor:
    return torch.rand((batch, 3, height, width), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [SMALL, RESNET], ids=["mobilenet", "resnet"])
@pytest.mark.parametrize(
    ("hw", "ratio"), [((32, 48), 1.0), ((96, 64), 0.5), ((128, 192), 0.25), ((90, 64), 0.8)]
)
def test_outputs_have_the_frame_size_and_lie_in_0_1(
    shape: RvmShape, hw: tuple[int, int], ratio: float
) -> None:
    foreground, alpha, _ = seeded(shape)(frame_of(*hw), None, ratio)
    assert foreground.shape == (1, 3, *hw)
    assert alpha.shape == (1, 1, *hw)
    for picture in (foreground, alpha):
        assert picture.min() >= 0
        assert picture.max() <= 1
        assert picture.std() > 0.01, "a picture that is the same everywhere proves nothing"


def test_what_leaves_0_1_is_cut_off() -> None:
    network = seeded(SMALL)
    network.project_mat.conv.weight.mul_(50)
    frame = frame_of(64, 96)
    residual, alpha, _, _ = network.matte(frame)
    assert alpha.min() < 0
    assert alpha.max() > 1
    foreground, cut, _ = network(frame)
    assert torch.equal(cut, alpha.clamp(0, 1))
    assert torch.equal(foreground, (frame + residual).clamp(0, 1))


@pytest.mark.parametrize("hw", [(37, 51), (33, 64), (48, 50), (17, 18)])
@pytest.mark.parametrize("ratio", [1.0, 0.5])
def test_odd_sizes_work_and_carry_state(network: Rvm, hw: tuple[int, int], ratio: float) -> None:
    first = network(frame_of(*hw), None, ratio)
    foreground, alpha, states = network(frame_of(*hw, seed=1), first[2], ratio)
    assert foreground.shape == (1, 3, *hw)
    assert alpha.shape == (1, 1, *hw)
    assert [state.shape for state in states] == [state.shape for state in first[2]]


@pytest.mark.parametrize("hw", [(32, 48), (37, 51), (16, 16)])
def test_states_have_the_shapes_of_the_initial_ones(network: Rvm, hw: tuple[int, int]) -> None:
    frame = frame_of(*hw, batch=2)
    initial = network.initial_states(frame)
    assert all(not state.any() for state in initial)
    _, _, states = network(frame)
    assert [tuple(state.shape) for state in states] == [tuple(state.shape) for state in initial]
    assert [state.shape[1] for state in states] == list(network.state_channels) == [4, 6, 10, 20]
    assert all(state.abs().max() <= 1 for state in states)


@pytest.mark.parametrize(("hw", "ratio"), [((37, 51), 1.0), ((64, 96), 0.5)])
def test_no_state_is_a_state_of_zeros(network: Rvm, hw: tuple[int, int], ratio: float) -> None:
    frame = frame_of(*hw)
    zeros = network.initial_states(frame_of(int(hw[0] * ratio), int(hw[1] * ratio)))
    without, given = network(frame, None, ratio), network(frame, zeros, ratio)
    assert torch.equal(without[0], given[0])
    assert torch.equal(without[1], given[1])
    assert all(torch.equal(a, b) for a, b in zip(without[2], given[2], strict=True))


def test_the_past_is_remembered(network: Rvm) -> None:
    frame = frame_of(32, 48)
    _, alone, _ = network(frame)
    _, _, states = network(frame_of(32, 48, seed=1))
    _, after, _ = network(frame, states)
    assert (after - alone).abs().max() > 1e-3


def test_frames_of_a_batch_do_not_see_each_other(network: Rvm) -> None:
    both = frame_of(32, 48, batch=2)
    _, alpha, states = network(both)
    _, alone, own_states = network(both[1:])
    torch.testing.assert_close(alpha[1:], alone, rtol=0, atol=1e-5)
    for state, own in zip(states, own_states, strict=True):
        torch.testing.assert_close(state[1:], own, rtol=0, atol=1e-5)


def test_the_program_is_the_network_with_flat_states(network: Rvm) -> None:
    spec = tier("rvm", "t01")
    frame, working = frame_of(64, 96), frame_of(32, 48)
    states = tuple(torch.rand_like(state) for state in network.initial_states(working))
    flat = programs(network, spec)["matte"](frame, *states)
    foreground, alpha, states_next = network(frame, states, 0.5)
    for given, expected in zip(flat, (foreground, alpha, *states_next), strict=True):
        assert torch.equal(given, expected)


def test_segmentation_gives_one_logit_a_pixel(network: Rvm) -> None:
    logits, states = network.segment(frame_of(37, 51))
    assert logits.shape == (1, 1, 37, 51)
    _, _, matting_states = network(frame_of(37, 51))
    assert all(torch.equal(a, b) for a, b in zip(states, matting_states, strict=True))


def test_only_the_mobilenet_takes_normalised_frames() -> None:
    assert seeded(SMALL).normalised
    assert not seeded(RESNET).normalised
