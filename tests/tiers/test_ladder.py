import itertools
import math
from collections.abc import Callable

import pytest

from tiers.contract_table import PROGRAMS
from tiers.cost import Cost, cost
from tiers.errors import UnknownNetworkError, UnknownTierError
from tiers.ladder import LADDERS, ladder, tier
from tiers.official import LAYOUTS
from tiers.rows.rvm import RvmShape
from tiers.spec import TierSpec

NAMES = [f"t{number:02}" for number in range(1, 13)]


@pytest.mark.parametrize("network", LADDERS)
def test_every_network_has_the_twelve_rows_in_order(network: str) -> None:
    rows = ladder(network)
    assert list(rows) == NAMES
    assert [(row.network, row.name) for row in rows.values()] == [(network, n) for n in NAMES]


def test_every_network_names_its_programs() -> None:
    assert set(PROGRAMS) == set(LADDERS)


def test_an_unknown_network_is_refused_with_the_list() -> None:
    with pytest.raises(UnknownNetworkError, match=r"^no network 'rmv'; there are rvm"):
        ladder("rmv")
    with pytest.raises(UnknownNetworkError, match="no network 'rmv'"):
        tier("rmv", "t01")


@pytest.mark.parametrize("name", ["t13", "t1", "T01", ""])
def test_an_unknown_tier_is_refused_with_the_list(name: str) -> None:
    message = f"^no tier '{name}'; the ladder of rvm has {', '.join(NAMES)}$"
    with pytest.raises(UnknownTierError, match=message):
        tier("rvm", name)


def test_t08_is_the_official_mobilenet_as_published() -> None:
    spec = tier("rvm", "t08")
    assert spec.shape == RvmShape()
    assert spec.working_hw == (288, 512)
    assert cost(spec).params == 3_748_633
    # 4.57 GMACs at 512x288: Lin et al., WACV 2022. Ours counts the guided filter too.
    assert cost(spec).gmacs == pytest.approx(4.57, rel=0.02)


def test_t12_is_the_official_resnet() -> None:
    spec = tier("rvm", "t12")
    assert spec.shaped(RvmShape).backbone == "resnet50"
    assert cost(spec).params == 26_890_461


def test_t01_fits_an_entry_level_phone() -> None:
    assert cost(tier("rvm", "t01")).gmacs <= 0.12
    assert cost(tier("rvm", "t01")).params <= 500_000


@pytest.mark.parametrize("network", LADDERS)
def test_each_row_costs_evenly_more_than_the_one_below(network: str) -> None:
    macs = [cost(spec).macs for spec in ladder(network).values()]
    factors = [above / below for below, above in itertools.pairwise(macs)]
    assert [factor for factor in factors if not 1.2 <= factor <= 2.2] == []


def _params(_: TierSpec, price: Cost) -> int:
    return price.params


def _output_pixels(spec: TierSpec, _: Cost) -> int:
    return math.prod(spec.output_hw)


@pytest.mark.parametrize("network", LADDERS)
@pytest.mark.parametrize("size", [_params, _output_pixels])
def test_parameters_and_output_pixels_never_fall(
    network: str, size: Callable[[TierSpec, Cost], int]
) -> None:
    official = {(layout.network, layout.tier) for layout in LAYOUTS.get(network, ())}
    rows = list(ladder(network).values())
    falls = [
        above.name
        for below, above in itertools.pairwise(rows)
        if size(above, cost(above)) < size(below, cost(below))
        and not (size is _params and (network, above.name) in official)
    ]
    assert falls == []


@pytest.mark.parametrize("name", NAMES)
def test_a_row_held_upright_costs_the_same(name: str) -> None:
    spec = tier("rvm", name)
    upright = spec.oriented("portrait")
    assert (upright.working_hw, upright.output_hw) == (spec.working_hw[::-1], spec.output_hw[::-1])
    assert cost(upright).macs == cost(spec).macs


def test_rows_that_share_weights_share_their_shape() -> None:
    for row in ladder("rvm").values():
        assert row.weights_of is None or tier("rvm", row.weights_of).shape == row.shape
