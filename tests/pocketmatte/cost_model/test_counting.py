"""The work of a program is counted from its operators, and the table of it is current."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from pocketmatte.cost_model.counting import works_of, works_of_module
from pocketmatte.cost_model.scaling import MEMORY
from pocketmatte.cost_model.work import KINDS, LARGE, Work, Works
from pocketmatte.cost_model.work_table import name_of, work_table
from tiers.contract_table import PROGRAMS
from tiers.cost import cost
from tiers.errors import PocketMatteError
from tiers.ladder import LADDERS, tier


def counted(module: nn.Module, *shapes: tuple[int, ...]) -> Works:
    with torch.device("meta"):
        return works_of_module(module.to("meta"), list(shapes))


def test_a_convolution_is_counted_with_its_tiles_its_tensors_and_its_weights() -> None:
    ((kind, work),) = counted(nn.Conv2d(3, 20, 3, padding=1), (1, 3, 8, 8)).items()
    assert kind == "dense"
    macs = 8 * 8 * 20 * 3 * 9
    assert work == Work(
        nodes=1, macs=macs, tiled=macs * 32 // 20, shallow=macs * 32 // 20, read=3 * 64,
        written=20 * 64, weights=20 * 3 * 9,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("module", "kind"),
    [
        (nn.Conv2d(8, 8, 1), "pointwise"),
        (nn.Conv2d(8, 8, 3, groups=8), "depthwise"),
        (nn.AvgPool2d(2), "pool"),
        (nn.Softmax(dim=1), "softmax"),
        (nn.Hardswish(), "activation"),
        (nn.Upsample(scale_factor=2, mode="bilinear"), "resize"),
    ],
)
def test_an_operator_has_its_kind(module: nn.Module, kind: str) -> None:
    assert list(counted(module, (1, 8, 8, 8))) == [kind]
    assert kind in KINDS


def test_a_relu_behind_a_convolution_costs_nothing_and_one_alone_does() -> None:
    fused = counted(nn.Sequential(nn.Conv2d(3, 8, 1), nn.ReLU()), (1, 3, 8, 8))
    assert fused == counted(nn.Conv2d(3, 8, 1), (1, 3, 8, 8))
    assert counted(nn.ReLU(), (1, 3, 8, 8))["activation"].nodes == 1


class OfNoInput(nn.Module):
    """Adds what does not depend on its input."""

    def forward(self, x: Tensor) -> Tensor:
        return x + (torch.arange(8.0, device=x.device) * 2 + 1)


def test_what_no_input_reaches_is_folded_and_costs_nothing() -> None:
    assert counted(OfNoInput(), (1, 3, 8, 8))["elementwise"].nodes == 1


def test_only_tensors_that_do_not_stay_in_a_cache_are_large() -> None:
    assert counted(nn.Hardswish(), (LARGE,))["activation"].large == 0
    assert counted(nn.Hardswish(), (LARGE + 1,))["activation"].large == 2 * (LARGE + 1)


class Folded(nn.Module):
    """Has an operator that no network of ours has."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.pixel_shuffle(x, 2).cumsum(0)


def test_an_operator_without_a_kind_is_refused_by_name() -> None:
    with pytest.raises(PocketMatteError, match=r"has no kind in counting\.KIND_OF; give it one"):
        counted(Folded(), (1, 4, 8, 8))


@pytest.mark.parametrize(
    ("network", "name"),
    [("rvm", "t01"), ("foreground", "t02"), ("fusion", "t12"), ("stfam", "t01"),
     ("matanyone", "t01"), ("propagation", "t02"), ("scribble", "t01"), ("trimap", "t01")],
)  # fmt: skip
def test_the_table_holds_the_work_of_the_networks_as_they_are(network: str, name: str) -> None:
    spec = tier(network, name)
    works = works_of(spec)
    told = "run python -m pocketmatte.cost_model.table_file"
    for program, found in works.items():
        assert work_table()[name_of(network, name, program)] == found, told
    macs = sum(work.macs for kinds in works.values() for work in kinds.values())
    assert macs == cost(spec).macs


def test_the_table_holds_every_program_of_every_tier_and_grows_with_the_tier() -> None:
    names = {
        name_of(network, name, program)
        for network, rows in LADDERS.items()
        for name in rows
        for program in PROGRAMS[network]
    }
    assert work_table().keys() == names
    for network, rows in LADDERS.items():
        macs = [
            sum(
                work.macs
                for program in PROGRAMS[network]
                for work in work_table()[name_of(network, name, program)].values()
            )
            for name in rows
        ]
        assert macs == sorted(macs)
    assert MEMORY.keys() == LADDERS["rvm"].keys()
