import pytest
import torch
from torch import Tensor, nn

from tiers.checkpoint import digest
from tiers.ladder import LADDERS, tier
from tiers.seeds import SPREAD, run_once, seeded

# Convolutions that are not scaled: heads that only training runs, and a box filter.
LEFT = {
    ("rvm", "project_seg.conv"),
    ("rvm", "refiner.box_filter"),
    ("propagation", "auxiliary.conv.0"),
    ("propagation", "auxiliary.mask"),
}


@pytest.mark.parametrize("network", LADDERS)
def test_every_convolution_that_a_program_runs_gives_the_spread(network: str) -> None:
    spec = tier(network, "t01")
    made = seeded(spec)
    seen: dict[str, float] = {}
    names: dict[nn.Module, str] = {
        layer: name for name, layer in made.named_modules() if isinstance(layer, nn.Conv2d)
    }

    def noted(layer: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
        seen.setdefault(names[layer], float(output.std()))

    for layer in names:
        layer.register_forward_hook(noted)
    run_once(made, spec)
    left = {name for owner, name in LEFT if owner == network}
    assert seen.keys() | left == set(names.values())
    spreads = [spread for name, spread in seen.items() if name not in left]
    assert min(spreads) * 2**0.5 >= SPREAD * 0.999  # scales are powers of two
    assert max(spreads) <= SPREAD * 2**0.5 * 1.001


@pytest.mark.parametrize("network", LADDERS)
def test_the_deepest_row_gets_finite_weights(network: str) -> None:
    state = seeded(tier(network, "t12")).state_dict()
    assert [key for key, value in state.items() if not torch.isfinite(value).all()] == []


def test_a_box_filter_stays_a_box_filter() -> None:
    weight = seeded(tier("rvm", "t05")).get_parameter("refiner.box_filter.weight")
    assert torch.allclose(weight.sum(dim=(1, 2, 3)), torch.ones(len(weight)))
    assert not weight.std()


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
