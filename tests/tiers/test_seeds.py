import pytest
import torch
from torch import Tensor, nn

from tiers.checkpoint import digest
from tiers.ladder import LADDERS, tier
from tiers.seeds import DRAWS, SPREAD, run_once, seeded
from tiers.spec import TierSpec

# Convolutions that are not scaled: heads that only training runs, and a box filter.
LEFT = {
    ("rvm", "project_seg.conv"),
    ("rvm", "refiner.box_filter"),
    ("propagation", "auxiliary.conv.0"),
    ("propagation", "auxiliary.mask"),
}


def names(network: nn.Module) -> dict[str, nn.Conv2d]:
    return {name: layer for name, layer in network.named_modules() if isinstance(layer, nn.Conv2d)}


def spreads(network: nn.Module, spec: TierSpec, draw: int) -> dict[str, float]:
    """Return the standard deviation that each convolution gives the first time."""
    seen: dict[str, float] = {}
    hooks = []
    for name, layer in names(network).items():

        def noted(_: nn.Module, __: tuple[Tensor, ...], output: Tensor, name: str = name) -> None:
            if output.numel() > 1:
                seen.setdefault(name, float(output.std()))

        hooks.append(layer.register_forward_hook(noted))
    run_once(network, spec, draw)
    for hook in hooks:
        hook.remove()
    return seen


@pytest.mark.parametrize("network", LADDERS)
def test_every_convolution_that_a_program_runs_is_alive_and_within_the_spread(network: str) -> None:
    spec = tier(network, "t01")
    made = seeded(spec)
    left = {name for owner, name in LEFT if owner == network}
    most: dict[str, float] = {}
    for draw in range(DRAWS):
        for name, spread in spreads(made, spec, draw).items():
            most[name] = max(spread, most.get(name, 0.0))
    assert most.keys() | left == names(made).keys()
    scaled = [spread for name, spread in most.items() if name not in left]
    assert min(scaled) > SPREAD / 20
    assert max(scaled) <= SPREAD * 2**0.5 * 1.1  # what the last set scaled may turn an earlier one


@pytest.mark.parametrize("row", ["propagation/t03", "propagation/t07", "matanyone/t06"])
def test_no_row_runs_away_on_a_picture_that_it_was_not_measured_on(row: str) -> None:
    spec = tier(*row.split("/"))
    found = spreads(seeded(spec), spec, DRAWS + 20)
    assert max(found.values()) < 4 * SPREAD  # 14 to 60 times measured on one set of inputs


@pytest.mark.parametrize("row", ["matanyone/t12", "fusion/t12"])
def test_a_row_whose_input_is_a_single_flag_gets_finite_weights(row: str) -> None:
    state = seeded(tier(*row.split("/"))).state_dict()
    assert [key for key, value in state.items() if not torch.isfinite(value).all()] == []


def test_a_box_filter_stays_a_box_filter() -> None:
    weight = seeded(tier("rvm", "t05")).get_parameter("refiner.box_filter.weight")
    assert torch.allclose(weight.sum(dim=(1, 2, 3)), torch.ones(len(weight)))
    assert not weight.std()


@pytest.mark.parametrize(("row", "swish"), [("propagation/t01", True), ("scribble/t12", False)])
def test_filters_add_up_to_zero_behind_hard_swishes_and_only_there(row: str, swish: bool) -> None:
    network = seeded(tier(*row.split("/")))
    assert any(isinstance(module, nn.Hardswish) for module in network.modules()) == swish
    wide = [
        layer.weight.detach().double()
        for layer in names(network).values()
        if layer.groups == 1 and layer.in_channels > 8
    ]
    shares = [
        float((weight.sum(dim=(1, 2, 3)).abs() / weight.abs().sum(dim=(1, 2, 3))).max())
        for weight in wide
    ]
    assert (max(shares) < 1e-6) if swish else (min(shares) > 1e-3)


@pytest.mark.parametrize("network", LADDERS)
def test_both_orientations_have_the_same_weights(network: str) -> None:
    lying, standing = (
        seeded(tier(network, "t01").oriented(orientation)).state_dict()
        for orientation in ("landscape", "portrait")
    )
    assert digest(lying) == digest(standing)


def test_the_number_of_threads_changes_nothing_and_stays() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        two = digest(seeded(tier("propagation", "t01")).state_dict())
        assert torch.get_num_threads() == 2
        torch.set_num_threads(1)
        assert digest(seeded(tier("propagation", "t01")).state_dict()) == two
    finally:
        torch.set_num_threads(before)
