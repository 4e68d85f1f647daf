import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from tiers.blocks.elastic import ElasticConv2d, slice_plan, take
from tiers.ladder import ladder, tier
from tiers.networks import build
from tiers.networks.rvm import Rvm
from tiers.rows.rvm import RvmShape

ELASTIC = [name for name, row in ladder("rvm").items() if row.weights_of == name]
NARROW = tier("rvm", "t01").shaped(RvmShape)


def alone(conv: ElasticConv2d) -> nn.Module:
    return nn.ModuleDict({"conv": conv})


def prefixes(full: tuple[int, ...], small: tuple[int, ...]) -> list[int]:
    """Return the channels that are in ``small``, counted one by one."""
    kept: list[int] = []
    start = 0
    for whole, part in zip(full, small, strict=True):
        kept += range(start, start + part)
        start += whole
    return kept


@pytest.fixture(scope="module")
def full() -> Rvm:
    torch.manual_seed(0)
    return Rvm(RvmShape())


def test_a_slice_is_the_prefix_of_every_segment() -> None:
    plan = slice_plan(
        alone(ElasticConv2d((4, 6, 3), (5, 2), 3, bias=True)),
        alone(ElasticConv2d((2, 5, 3), (3, 1), 3, bias=True)),
    )
    assert set(plan) == {"conv.weight", "conv.bias"}
    weight = torch.arange(7 * 13 * 9).view(7, 13, 3, 3)
    rows, columns = [0, 1, 2, 5], [0, 1, 4, 5, 6, 7, 8, 10, 11, 12]
    assert torch.equal(take(weight, plan["conv.weight"]), weight[rows][:, columns])
    assert torch.equal(take(torch.arange(7), plan["conv.bias"]), torch.tensor(rows))


def test_a_depthwise_slice_keeps_its_one_column() -> None:
    plan = slice_plan(
        alone(ElasticConv2d((8,), (8,), 3, groups=8)), alone(ElasticConv2d((5,), (5,), 3, groups=5))
    )
    weight = torch.arange(8 * 9).view(8, 1, 3, 3)
    assert torch.equal(take(weight, plan["conv.weight"]), weight[:5])


def test_a_slice_computes_what_the_whole_does_on_empty_other_channels() -> None:
    torch.manual_seed(0)
    whole = ElasticConv2d((4, 6), (5, 2), 3, bias=True)
    part = ElasticConv2d((2, 3), (3, 1), 3, bias=True)
    plan = slice_plan(alone(whole), alone(part))
    sliced = {
        name: take(parameter, plan[f"conv.{name}"]) for name, parameter in whole.named_parameters()
    }
    x = torch.rand(1, 5, 8, 8)
    padded = torch.zeros(1, 10, 8, 8)
    padded[:, prefixes((4, 6), (2, 3))] = x
    expected = whole(padded)[:, prefixes((5, 2), (3, 1))]
    torch.testing.assert_close(functional_call(part, sliced, (x,)), expected, rtol=0, atol=1e-6)


def test_gradients_reach_the_slice_and_nothing_else() -> None:
    torch.manual_seed(0)
    whole = ElasticConv2d((4, 6), (5, 2), 1)
    part = ElasticConv2d((2, 3), (3, 1), 1)
    index = slice_plan(alone(whole), alone(part))["conv.weight"]
    sliced = {"weight": take(whole.weight, index)}
    functional_call(part, sliced, (torch.ones(1, 5, 2, 2),)).sum().backward()
    assert whole.weight.grad is not None
    inside = torch.zeros(7, 10, dtype=torch.bool)
    for row in prefixes((5, 2), (3, 1)):
        inside[row, prefixes((4, 6), (2, 3))] = True
    assert torch.equal(whole.weight.grad[..., 0, 0] != 0, inside)


@pytest.mark.parametrize("name", ELASTIC)
def test_every_convolution_of_a_tier_is_a_slice_of_the_full_network(full: Rvm, name: str) -> None:
    with torch.device("meta"):
        small = build(tier("rvm", name))
    plan = slice_plan(full, small)
    whole = dict(full.named_modules())
    convolutions = {k: m for k, m in small.named_modules() if isinstance(m, nn.Conv2d)}
    assert set(plan) == {
        f"{key}.{leaf}"
        for key, module in convolutions.items()
        for leaf, _ in module.named_parameters()
    }
    for key, module in convolutions.items():
        source = whole[key]
        assert isinstance(module, ElasticConv2d)
        assert isinstance(source, ElasticConv2d)
        rows = prefixes(source.out_segments, module.out_segments)
        columns = [0] if module.groups > 1 else prefixes(source.in_segments, module.in_segments)
        taken = take(source.weight, plan[f"{key}.weight"])
        assert taken.shape == module.weight.shape, key
        assert torch.equal(taken, source.weight[rows][:, columns]), key


def test_a_small_network_runs_the_same_on_slices_as_on_its_own_copy(full: Rvm) -> None:
    torch.manual_seed(1)
    small = Rvm(NARROW).eval()
    parameters = dict(full.named_parameters())
    slices = {key: take(parameters[key], index) for key, index in slice_plan(full, small).items()}
    given = (torch.rand(1, 3, 64, 96), None, 0.5)
    before: Tensor = small(*given)[1]
    on_slices: Tensor = functional_call(small, slices, given)[1]
    assert not torch.equal(on_slices, before)
    copies = {key: value.detach().clone() for key, value in slices.items()}
    small.load_state_dict(copies, strict=False)
    assert torch.equal(small(*given)[1], on_slices)


@pytest.mark.parametrize(
    ("small", "message"),
    [
        (ElasticConv2d((5,), (4,), 1), r"segments \(5,\) are no prefixes of \(4,\)"),
        (ElasticConv2d((2, 2), (4,), 1), r"segments \(2, 2\) are no prefixes of \(4,\)"),
        (ElasticConv2d((4,), (6,), 1), r"segments \(6,\) are no prefixes of \(4,\)"),
        (ElasticConv2d((4,), (4,), 1, groups=4), "the full network has no convolution conv"),
    ],
    ids=["wider-in", "other-parts", "wider-out", "depthwise"],
)
def test_a_convolution_that_is_no_slice_is_refused(small: ElasticConv2d, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        slice_plan(alone(ElasticConv2d((4,), (4,), 1)), alone(small))


def test_a_deeper_network_is_no_slice(full: Rvm) -> None:
    with pytest.raises(ValueError, match=r"has no convolution backbone\.features\.3\."):
        slice_plan(Rvm(RvmShape(depth=NARROW.depth)), full)


def test_another_backbone_is_no_slice(full: Rvm) -> None:
    with torch.device("meta"):
        resnet = build(tier("rvm", "t12"))
    with pytest.raises(ValueError, match=r"has no convolution backbone\.conv1$"):
        slice_plan(full, resnet)
