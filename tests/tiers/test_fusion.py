import dataclasses

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tiers.blocks.difference_attention import DifferenceAttention
from tiers.blocks.elastic import slice_plan
from tiers.contract_table import contracts
from tiers.cost import cost
from tiers.ladder import ladder, tier
from tiers.networks import build, programs
from tiers.networks.fusion import MobileFusion
from tiers.networks.fusion_official import OfficialFusion
from tiers.rows.fusion import FusionShape, MobileFusionShape
from tiers.spec import TierSpec
from tiers.weights import network_of, untrained

NAMES = list(ladder("fusion"))
ELASTIC = [name for name, row in ladder("fusion").items() if row.weights_of == name]
HW = (48, 80)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def masks(batch: int = 1, hw: tuple[int, int] = HW) -> tuple[Tensor, ...]:
    """Return frame, previous mask, new mask, attention and distances."""
    return (
        drawn(batch, 3, *hw, seed=1),
        drawn(batch, 1, *hw, seed=2),
        drawn(batch, 1, *hw, seed=3),
        drawn(batch, 2, *hw, seed=4),
        drawn(batch, 2, 1, 1, seed=5),
    )


def changed(given: tuple[Tensor, ...], position: int) -> tuple[Tensor, ...]:
    return (*given[:position], 1 - given[position], *given[position + 1 :])


@pytest.fixture(scope="module", params=["t01", "t12"])
def network(request: pytest.FixtureRequest) -> nn.Module:
    spec = tier("fusion", request.param)
    return network_of(spec, untrained(spec))


def test_attention_is_the_softmax_over_the_interacted_frame() -> None:
    interacted, key = 3 * drawn(1, 8, 3, 5, seed=1), 3 * drawn(1, 8, 3, 5, seed=2)
    added, removed = drawn(1, 1, *HW, seed=3), drawn(1, 1, *HW, seed=4)
    expected = torch.empty(1, 2, 3, 5)
    for row in range(3):
        for column in range(5):
            scores = (interacted[0] * key[0, :, row, column].view(8, 1, 1)).sum(0) / 8**0.5
            share = scores.flatten().softmax(0).view(3, 5)
            for plane, difference in enumerate((added, removed)):
                means = difference.view(3, 16, 5, 16).mean((1, 3))
                expected[0, plane, row, column] = (share * means).sum()
    expected = functional.interpolate(expected, size=HW, mode="bilinear")
    torch.testing.assert_close(
        DifferenceAttention()(interacted, key, added, removed), expected, rtol=0, atol=1e-6
    )


def test_a_difference_follows_what_it_was_made_on() -> None:
    places = 9.0 * torch.eye(15).view(1, 15, 3, 5)  # every position has a key of its own
    moved = places.roll(2, dims=3)  # and is found two positions further to the right
    added = torch.zeros(1, 1, *HW)
    added[..., 16:32, 16:32] = 1  # position (1, 1)
    attention = DifferenceAttention()(places, moved, added, torch.zeros_like(added))
    assert attention[0, 0, 24, 56] > 0.9  # the centre of position (1, 3)
    assert attention[0, 0, 24, 24] < 0.1
    assert not attention[0, 1].any()


def test_attention_to_a_difference_everywhere_is_one_and_no_more() -> None:
    everywhere = torch.ones(1, 1, *HW)
    keys = drawn(1, 8, 3, 5, seed=1), drawn(1, 8, 3, 5, seed=2)
    attention = DifferenceAttention()(*keys, everywhere, torch.zeros_like(everywhere))
    torch.testing.assert_close(attention[:, :1], everywhere, rtol=0, atol=1e-6)
    assert attention.max() <= 1


def test_the_official_network_sees_distances_as_planes_that_end_at_the_border() -> None:
    torch.manual_seed(0)
    network = OfficialFusion().eval()
    frame, previous_mask, new_mask, attention, distances = masks()
    planes = distances.expand(1, 2, *HW)
    x = torch.cat([network.normalise(frame), previous_mask, new_mask, attention, planes], dim=1)
    x = network.conv1(x)
    for pair in (network.conv2, network.conv3):
        x = (x + pair(x)).relu()
    given = network(frame, previous_mask, new_mask, attention, distances)
    torch.testing.assert_close(given, network.final_conv(x), rtol=0, atol=1e-6)


def test_t12_is_the_official_network_and_the_largest() -> None:
    assert cost(tier("fusion", "t12")).params == 39_905
    assert max(NAMES, key=lambda name: cost(tier("fusion", name)).macs) == "t12"


def test_t01_fits_an_entry_level_phone() -> None:
    assert 0.08 <= cost(tier("fusion", "t01")).gmacs <= 0.12
    assert cost(tier("fusion", "t01")).params <= 50_000


@pytest.mark.parametrize("name", ELASTIC)
def test_every_convolution_of_a_tier_is_a_slice_of_t11(name: str) -> None:
    with torch.device("meta"):
        full, small = build(tier("fusion", "t11")), build(tier("fusion", name))
    plan = slice_plan(full, small)
    convolutions = {key: m for key, m in small.named_modules() if isinstance(m, nn.Conv2d)}
    assert set(plan) == {
        f"{key}.{leaf}" for key, m in convolutions.items() for leaf, _ in m.named_parameters()
    }


def test_t01_to_t11_are_elastic_and_t12_is_not() -> None:
    assert list(ELASTIC) == NAMES[:-1]
    assert tier("fusion", "t12").weights_of is None


@pytest.mark.parametrize("name", NAMES)
def test_a_row_takes_the_keys_of_propagation(name: str) -> None:
    spec, other = tier("fusion", name), tier("propagation", name)
    assert spec.output_hw == other.output_hw
    attend, _ = contracts(spec)
    keys = {tensor.name: tensor.shape for tensor in attend.inputs}
    theirs = {
        tensor.name: tensor.shape for program in contracts(other) for tensor in program.outputs
    }
    assert keys["key"] == keys["interacted_key"] == theirs["key"]


@pytest.mark.parametrize("position", range(5))
def test_every_input_moves_the_mask(network: nn.Module, position: int) -> None:
    given = masks()
    assert (network(*given) - network(*changed(given, position))).abs().max() > 0.05


def test_objects_of_a_batch_do_not_see_each_other(network: nn.Module) -> None:
    both = masks(batch=2)
    alone = network(*(tensor[1:] for tensor in both))
    torch.testing.assert_close(network(*both)[1:], alone, rtol=0, atol=1e-5)


def test_a_change_of_one_pixel_shows_at_full_size() -> None:
    spec = tier("fusion", "t01")
    network = network_of(spec, untrained(spec))
    given = masks()
    given[2][...] = 0
    before = network(*given)
    given[2][0, 0, 20, 30] = 1
    moved = (network(*given) - before).abs()[0, 0]
    assert moved[20, 30] > 1e-3
    neighbours = torch.stack([moved[20, 31], moved[21, 30]])
    # finer than half size resolves; neighbours differ by 0.04 and 0.6 of it
    assert (neighbours - moved[20, 30]).abs().min() > 0.02 * moved[20, 30]


@pytest.mark.parametrize("name", ["t01", "t12"])
def test_the_programs_are_the_attention_and_the_networks_sigmoid(name: str) -> None:
    spec = tier("fusion", name)
    network = network_of(spec, untrained(spec))
    made = programs(network, spec)
    assert list(made) == ["attend", "fuse"]
    given = masks(hw=spec.output_hw)
    (mask,) = made["fuse"](*given)
    assert torch.equal(mask, network(*given).sigmoid())
    assert mask.max() - mask.min() > 0.05
    keys = (
        drawn(*contracts(spec)[0].inputs[0].shape, seed=6),
        drawn(*contracts(spec)[0].inputs[1].shape, seed=7),
    )
    (attention,) = made["attend"](*keys, given[1], given[2])
    assert torch.equal(attention, DifferenceAttention()(*keys, given[1], given[2]))


def test_programs_of_another_network_are_refused() -> None:
    message = "programs of fusion need a fusion network, not a Identity"
    with pytest.raises(TypeError, match=message):
        programs(nn.Identity(), tier("fusion", "t01"))


@pytest.mark.parametrize("field", ["full", "half", "quarter", "depth"])
def test_a_mobile_form_without_channels_or_depth_is_refused(field: str) -> None:
    shape = MobileFusionShape(full=8, half=8, quarter=8, depth=1)
    with pytest.raises(ValueError, match=rf"^{field} is 0; it must be at least 1$"):
        dataclasses.replace(shape, **{field: 0})


def test_keys_without_channels_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^key is 0; it must be at least 1$"):
        FusionShape(key=0, mobile=None)


def test_a_deeper_mobile_form_only_adds_blocks() -> None:
    shape = MobileFusionShape(full=8, half=8, quarter=8, depth=1)
    shallow, deep = MobileFusion(shape), MobileFusion(dataclasses.replace(shape, depth=2))
    added = set(deep.state_dict()) - set(shallow.state_dict())
    assert set(shallow.state_dict()) < set(deep.state_dict())
    assert {key.rpartition(".")[0].rpartition(".")[0] for key in added} == {"blocks.1"}


@pytest.mark.parametrize("orientation", ["landscape", "portrait"])
def test_both_orientations_work(orientation: str) -> None:
    row = tier("fusion", "t01")
    spec: TierSpec = row if orientation == "landscape" else row.oriented("portrait")
    network = network_of(spec, untrained(spec))
    given = masks(hw=spec.output_hw)
    assert network(*given).shape == (1, 1, *spec.output_hw)
