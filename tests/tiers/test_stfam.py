import dataclasses
from collections.abc import Iterable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tiers.blocks.elastic import slice_plan
from tiers.blocks.temporal_alignment import TemporalAlignment
from tiers.contract_table import contracts
from tiers.ladder import ladder
from tiers.networks import build, programs
from tiers.networks.stfam import Stfam, keep_known
from tiers.rows.stfam import GROUP, LEVELS, StfamShape
from tiers.spec import TierSpec

ROWS = ladder("stfam")
HW = (64, 96)
SMALL = StfamShape(
    width=0.35, depth=(1, 1, 1, 1, 1, 1), features=(32, 16, 16), aligned=2, decoder=(16, 12, 8, 4)
)
States = list[Tensor]


def spec_of(aligned: int) -> TierSpec:
    shape = dataclasses.replace(SMALL, aligned=aligned)
    return dataclasses.replace(ROWS["t01"], working_hw=HW, output_hw=HW, shape=shape)


def seeded(spec: TierSpec) -> Stfam:
    """Return a network whose features are about 1, so that every part of it shows in alpha."""
    torch.manual_seed(4)
    network = Stfam(spec.shaped(StfamShape)).eval().requires_grad_(requires_grad=False)
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            gain = 1.0 if name.startswith("align") else 3.0
            nn.init.normal_(module.weight, std=(gain / module.weight[0].numel()) ** 0.5)
    return network


SPEC = spec_of(aligned=2)


@pytest.fixture(scope="module")
def network() -> Stfam:
    return seeded(SPEC)


def frame_of(seed: int) -> Tensor:
    coarse = torch.rand(1, 3, 8, 12, generator=torch.Generator().manual_seed(seed))
    return functional.interpolate(coarse, size=HW, mode="bilinear")


def trimap_of(seed: int) -> Tensor:
    """Return a trimap of blocks of 16 pixels."""
    generator = torch.Generator().manual_seed(seed)
    blocks = torch.randint(0, 3, (1, 1, HW[0] // 16, HW[1] // 16), generator=generator) / 2
    return blocks.repeat_interleave(16, dim=2).repeat_interleave(16, dim=3)


def reset(spec: TierSpec) -> States:
    """Return the states before the first frame."""
    (contract,) = contracts(spec)
    shapes = {name: tensor.shape for name, tensor in contract.state_inputs.items()}
    return [torch.full(shapes[pair.input], pair.reset) for pair in contract.states]


def matte(network: Stfam, spec: TierSpec, seed: int, states: States) -> tuple[Tensor, States]:
    program = programs(network, spec)["matte"]
    alpha, *states_next = program(frame_of(seed), trimap_of(seed), *states)
    return alpha, states_next


def played(network: Stfam, seeds: Iterable[int]) -> tuple[Tensor, States]:
    """Matte frames one after the other; return alpha and states of the last one."""
    states, alpha = reset(SPEC), torch.empty(0)
    for seed in seeds:
        alpha, states = matte(network, SPEC, seed, states)
    return alpha, states


@pytest.mark.parametrize("aligned", [1, 2, 3])
def test_alpha_has_the_frame_size_and_lies_in_0_1(aligned: int) -> None:
    spec = spec_of(aligned)
    network = seeded(spec)
    alpha, states = matte(network, spec, 1, reset(spec))
    alpha, _ = matte(network, spec, 2, states)
    assert alpha.shape == (1, 1, *HW)
    assert alpha.min() >= 0
    assert alpha.max() <= 1
    assert alpha[trimap_of(2) == 0.5].std() > 0.01, "an alpha that is the same everywhere"


def test_what_the_trimap_knows_is_kept_exactly(network: Stfam) -> None:
    alpha, _ = played(network, (1, 2))
    trimap = trimap_of(2)
    assert set(trimap.flatten().tolist()) == {0, 0.5, 1}
    for known in (0, 1):
        assert (alpha[trimap == known] == known).all()
    unknown = alpha[trimap == 0.5]
    assert ((unknown > 0) & (unknown < 1)).float().mean() > 0.9


@pytest.mark.parametrize("level", [127, 128])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_an_8_bit_unknown_is_unknown_entirely(level: int, dtype: torch.dtype) -> None:
    alpha = torch.tensor([0.1, 0.6, 0.9], dtype=dtype)
    levels = torch.tensor([level, 0, 255], dtype=dtype)[:, None] / 255
    expected = torch.stack([alpha, torch.zeros_like(alpha), torch.ones_like(alpha)])
    assert torch.equal(keep_known(alpha, levels), expected)


def test_without_a_past_the_states_do_not_matter(network: Stfam) -> None:
    alpha, states = matte(network, SPEC, 1, reset(SPEC))
    garbage = [reset(SPEC)[0], *(100 * torch.randn_like(state) for state in reset(SPEC)[1:])]
    again, states_again = matte(network, SPEC, 1, garbage)
    assert torch.equal(again, alpha)
    assert all(torch.equal(a, b) for a, b in zip(states_again, states, strict=True))


def test_without_a_past_the_present_frame_stands_in_for_it(network: Stfam) -> None:
    alpha, (_, *features) = matte(network, SPEC, 1, reset(SPEC))
    twice = [feature[:1].repeat(2, 1, 1, 1) for feature in features]
    standing_in, _ = matte(network, SPEC, 1, [torch.ones(2, 1, 1, 1), *twice])
    torch.testing.assert_close(standing_in, alpha, rtol=0, atol=1e-5)


def test_two_frames_are_remembered_the_newer_first(network: Stfam) -> None:
    states = reset(SPEC)
    own = {}
    for seed, valid in ((1, [1, 0]), (2, [1, 1]), (3, [1, 1])):
        _, (_, *own[seed]) = matte(network, SPEC, seed, reset(SPEC))
        _, states = matte(network, SPEC, seed, states)
        assert states[0].flatten().tolist() == valid
    for index, state in enumerate(states[1:]):
        assert torch.equal(state[:1], own[3][index][:1])
        assert torch.equal(state[1:], own[2][index][:1])


def test_alpha_depends_on_two_past_frames_and_no_more(network: Stfam) -> None:
    alpha, _ = played(network, (1, 2, 3, 4))
    assert torch.equal(played(network, (9, 2, 3, 4))[0], alpha)
    for other in ((1, 9, 3, 4), (1, 2, 9, 4), (1, 3, 2, 4)):
        assert (played(network, other)[0] - alpha).abs().max() > 1e-3


def test_every_aligned_level_is_looked_at(network: Stfam) -> None:
    _, states = played(network, (1, 2))
    alpha, _ = matte(network, SPEC, 3, states)
    for index in (1, 2):
        others = [s.flip(3) if at == index else s for at, s in enumerate(states)]
        assert (matte(network, SPEC, 3, others)[0] - alpha).abs().max() > 1e-3


def aligner(channels: int = 2 * GROUP) -> TemporalAlignment:
    torch.manual_seed(5)
    return TemporalAlignment(channels, GROUP).requires_grad_(requires_grad=False)


def features(count: int, seed: int) -> Tensor:
    return torch.randn(count, 2 * GROUP, 6, 9, generator=torch.Generator().manual_seed(seed))


def test_alignment_begins_as_a_plain_convolution_of_equal_taps() -> None:
    align, past = aligner(), features(2, 1)
    weight = align.deform.conv.weight.reshape(2 * GROUP, 2 * GROUP, 3, 3)
    plain = functional.conv2d(past, weight / 2, align.deform.conv.bias, padding=1)
    torch.testing.assert_close(align(past, features(1, 2)), plain, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("axis", "outputs"), [(2, slice(0, 18)), (3, slice(18, 36))])
def test_offsets_point_down_then_right(axis: int, outputs: slice) -> None:
    align, past, present = aligner(), features(2, 1), features(1, 2)
    plain = align(past, present)
    assert align.taps.bias is not None
    align.taps.bias[outputs] = 2.0
    moved = align(past, present)
    inside = (slice(None), slice(None), slice(1, 2), slice(1, 6))  # where no tap leaves the map
    expected = plain.roll(-2, axis)[inside]
    torch.testing.assert_close(moved[inside], expected, rtol=0, atol=1e-5)


def test_offsets_come_from_both_frames_joined() -> None:
    align, past, present = aligner(), features(2, 1), features(1, 2)
    nn.init.normal_(align.taps.weight, std=0.1)
    joined = torch.cat([past, present.repeat(2, 1, 1, 1)], dim=1)
    weight = torch.cat([align.past.weight, align.present.weight], dim=1)
    x = functional.leaky_relu(functional.conv2d(joined, weight, align.past.bias, padding=1), 0.1)
    taps = align.taps(functional.leaky_relu(align.motion(x), 0.1))
    rows, columns, modulation = taps[:, :18], taps[:, 18:36], taps[:, 36:].sigmoid()
    expected = align.deform(past, rows, columns, modulation)
    torch.testing.assert_close(align(past, present), expected, rtol=0, atol=1e-5)


def test_past_frames_are_aligned_each_by_itself() -> None:
    align, past, present = aligner(), features(2, 1), features(1, 2)
    nn.init.normal_(align.taps.weight, std=0.1)
    for index in range(2):
        alone = align(past[index : index + 1], present)
        torch.testing.assert_close(align(past, present)[index : index + 1], alone)


@pytest.mark.parametrize("name", ROWS)
def test_every_row_is_a_slice_of_the_largest(name: str) -> None:
    with torch.device("meta"):
        whole, part = build(ROWS["t12"]), build(ROWS[name])
    convolutions = [key for key, m in part.named_modules() if isinstance(m, nn.Conv2d)]
    planned = {key.rpartition(".")[0] for key in slice_plan(whole, part)}
    assert planned == set(convolutions)


@pytest.mark.parametrize("name", ROWS)
def test_the_states_are_those_of_the_aligned_levels(name: str) -> None:
    spec = ROWS[name]
    shape = spec.shaped(StfamShape)
    height, width = spec.working_hw
    (contract,) = contracts(spec)
    assert {key: tensor.shape for key, tensor in contract.state_inputs.items()} == {
        "valid": (2, 1, 1, 1),
        **{
            f"past_f{level}": (2, channels, height // int(level), width // int(level))
            for level, channels in list(zip(LEVELS, shape.features, strict=True))[: shape.aligned]
        },
    }


def test_more_levels_look_back_as_the_rows_rise() -> None:
    levels = [row.shaped(StfamShape).aligned for row in ROWS.values()]
    assert levels == sorted(levels)
    assert set(levels) == {1, 2, 3}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"aligned": 0}, "aligned is 0; it must lie between 1 and 3"),
        ({"aligned": 4}, "aligned is 4; it must lie between 1 and 3"),
        ({"features": (32, 24, 16)}, r"features are \(32, 24, 16\); the first 2 must be multiples"),
        ({"features": (32, 16, 0)}, r"features \(32, 16, 0\), .*channels are at least 1"),
        ({"decoder": (8, 8, 8, 0)}, r"decoder \(8, 8, 8, 0\), .*channels are at least 1"),
        ({"residuals": (0, 0, 0, -1)}, r"residuals \(0, 0, 0, -1\): .*blocks at least 0"),
        ({"width": 2.5}, r"width is 2.5; it must lie in \(0, 2\]"),
        ({"depth": (1, 2)}, r"depth is \(1, 2\)"),
    ],
)
def test_a_shape_that_no_network_has_is_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(SMALL, **wrong)  # type: ignore[arg-type]


def test_another_network_has_no_programs_here() -> None:
    with pytest.raises(TypeError, match="programs of stfam need a Stfam, not a Linear"):
        programs(nn.Linear(1, 1), SPEC)
