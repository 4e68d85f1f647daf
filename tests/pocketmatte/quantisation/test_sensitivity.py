"""Damage, what is allowed of it, and the search for what has to be kept."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import fx, nn

from export.quantisation import Quantisation
from pocketmatte.matting.board import Moment
from pocketmatte.quantisation.damage import Damage, damage, excess, least_of, of_clips
from pocketmatte.quantisation.sensitivity import Block, _fewest, search
from pocketmatte.quantisation.simulation import Simulation
from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.scene import pictured_scene
from tiers.ladder import tier
from tiers.networks import build

RVM, SCRIBBLE = tier("rvm", "t01"), tier("scribble", "t01")


def test_damage_is_of_all_frames_and_every_clip_counts_the_same() -> None:
    one, two = (np.full(4, value, dtype=np.float32) for value in (0.4, 0.6))
    found = damage([[one, one], [one]], [[one, two], [one]])
    assert found.mad == pytest.approx(0.2 / 4)
    assert found.flipped == pytest.approx(1 / 4)
    assert found.psnr_db == pytest.approx(-10 * math.log10(0.04 / 4))
    assert damage([[one]], [[one]]).psnr_db is None


def test_the_worst_of_many_clips_does_not_rule_them_all() -> None:
    one, two = (np.full(4, value, dtype=np.float32) for value in (0.4, 0.5))
    wild = np.full(4, 1.0, dtype=np.float32)
    assert damage([[one]] * 4, [[wild], [two], [two], [one]]).mad == pytest.approx(0.2 / 3)
    assert damage([[one]] * 3, [[wild], [two], [one]]).mad == pytest.approx(0.7 / 3)


def test_what_some_clips_come_to_is_never_above_what_all_do() -> None:
    """A trial ends once the clips that were played are too much whatever the others are."""
    random = np.random.default_rng(0)
    for count in (1, 3, 4, 6):
        clips = [tuple(each) for each in random.uniform(0, 1e-3, (count, 5)).tolist()]
        whole = of_clips(clips)
        for known in range(1, count + 1):
            least = least_of(clips[:known], count)
            for name in ("mad", "flipped", "rise", "flicker"):
                assert getattr(least, name) <= getattr(whole, name) + 1e-12
            assert least.psnr_db is None or least.psnr_db >= (whole.psnr_db or 0) - 1e-9
    assert least_of([(4e-3, 0.0, 1e-5, 0.0, 0.0)] * 2, 6).mad == pytest.approx(4e-3 / 5)


def test_mattes_are_held_to_their_mad_and_masks_to_what_changes_sides() -> None:
    found = Damage(mad=1e-3, flipped=2e-3, psnr_db=60)
    assert excess(found, RVM, "w8a8") == pytest.approx(1e-3 / (0.4 * 4e-3))
    assert excess(found, SCRIBBLE, "w8a8") == pytest.approx(2e-3 / (0.4 * 1e-2))
    assert excess(found, SCRIBBLE, "w8a8", spare=False) == pytest.approx(2e-3 / 1e-2)
    nothing = Damage(mad=0.0, flipped=0.0, psnr_db=None)
    assert excess(nothing, RVM, "w8a8") == 0


def test_mattes_are_held_to_the_truth_too() -> None:
    risen = Damage(mad=1e-4, flipped=0.0, psnr_db=60, rise=1e-3)
    assert excess(risen, RVM, "w8a8") == pytest.approx(1e-3 / (0.4 * 1e-3))
    assert excess(risen, RVM, "w8a8", spare=False) == pytest.approx(1)
    restless = Damage(mad=1e-4, flipped=0.0, psnr_db=60, flicker=0.2)
    assert excess(restless, RVM, "w8a8", spare=False) == pytest.approx(2)
    assert excess(restless, SCRIBBLE, "w8a8") < 1


def test_a_matte_that_fits_one_clip_better_makes_good_for_no_other() -> None:
    truth = np.zeros((1, 1, 2, 2), dtype=np.float32)
    near, far = (np.full_like(truth, value) for value in (0.25, 0.5))
    found = damage([[near, near], [far, far]], [[far, far], [near, near]], [[truth] * 2] * 2)
    assert found.rise == pytest.approx(0.25 / 2)
    assert found.flicker == 0
    restless = damage([[near, far]], [[near, 3 * near]], [[truth] * 2])
    assert restless.flicker == pytest.approx(1)


def test_psnr_holds_whatever_the_rest_is() -> None:
    found = Damage(mad=0.0, flipped=0.0, psnr_db=24)
    assert excess(found, RVM, "w8a8") == pytest.approx(10 ** (10 / 20))
    assert excess(found, RVM, "w8") == pytest.approx(10 ** (20 / 20))


class _Blocks(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.ModuleDict(
            {
                name: nn.Sequential(nn.Sequential(nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 1)))
                for name in "abcd"
            }
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Run."""
        for part in self.parts.values():
            x = part(x)
        return x


class _Simulation:
    """Every rounded block adds a damage of its own to the matte."""

    spec = RVM

    def __init__(self, damages: Mapping[str, float]) -> None:
        self.damages = damages
        self.scenes_played: list[int] = []  # of each trial
        exported = torch.export.export(_Blocks(), (torch.zeros(1, 8, 2, 2),)).module()
        graph = fx.GraphModule(exported, exported.graph)
        self.programs = {"matte": SimpleNamespace(graph=graph)}

    def played(
        self, scenes: Sequence[object], given: Mapping[str, Quantisation] | None = None
    ) -> Iterator[list[FloatArray]]:
        total = 0.0
        if given is not None:
            kept = set(given["matte"].kept)
            total = sum(
                value
                for name, value in self.damages.items()
                if not {f"parts.{name}.0.0", f"parts.{name}.0.1"} <= kept
            )
        self.scenes_played.append(0)
        for _ in scenes:
            self.scenes_played[-1] += 1
            yield [np.full((1, 1, 2, 2), 0.6 + total, dtype=np.float32)]


def found_with(damages: Sequence[float]) -> tuple[Damage, float, list[str], set[str]]:
    simulation = _Simulation(dict(zip("abcd", damages, strict=True)))
    plain = {"matte": Quantisation(spans={}, shifts={})}
    nothing, everything = np.zeros((1, 3, 2, 2), np.float32), np.ones((1, 1, 2, 2), np.float32)
    scene = [Moment(frame=nothing, mask=everything)]  # what is brighter fits better
    (reference,) = simulation.played([scene])
    found = search(cast("Simulation", simulation), "w8a8", plain, [scene], [reference])
    kept = set(found.quantisations["matte"].kept)
    assert found.mixed == bool(kept)
    return found.damage, found.excess, [block.name for block in found.ranking], kept


def test_nothing_is_kept_where_all_may_be_rounded() -> None:
    found, over, ranking, kept = found_with([2e-4, 4e-4, 2e-4, 4e-4])
    assert found.mad == pytest.approx(12e-4, rel=1e-3)
    assert found.rise == 0
    assert over == pytest.approx(12e-4 / 16e-4, rel=1e-3)
    assert (ranking, kept) == ([], set())


def test_the_worst_blocks_are_kept_and_no_more_than_needed() -> None:
    found, over, ranking, kept = found_with([2e-4, 12e-4, 5e-4, 8e-4])
    assert ranking == [f"parts.{name}" for name in "bdca"]
    assert kept == {"parts.b.0.0", "parts.b.0.1"}
    assert found.mad == pytest.approx(15e-4, rel=1e-3)
    assert over <= 1


def trials_of(damages: Mapping[str, float]) -> tuple[float, list[int]]:
    """The excess that a search over six scenes comes to, and the scenes that its trials played."""
    simulation = _Simulation(damages)
    plain = {"matte": Quantisation(spans={}, shifts={})}
    nothing, everything = np.zeros((1, 3, 2, 2), np.float32), np.ones((1, 1, 2, 2), np.float32)
    scenes = [[Moment(frame=nothing, mask=everything)]] * 6
    reference = list(simulation.played(scenes))
    simulation.scenes_played.clear()
    found = search(cast("Simulation", simulation), "w8a8", plain, scenes, reference)
    return found.excess, simulation.scenes_played


def test_a_trial_ends_with_the_scenes_that_are_too_much() -> None:
    over, (everything, *ranked, three, two) = trials_of({"a": 3e-3, "b": 3e-3, "c": 3e-3, "d": 0.0})
    assert over == 0
    assert (everything, ranked) == (6, [2] * 4)
    # three blocks are expected to be kept, and two will not do: 30e-4 of 16e-4 in the mean of the
    # five best scenes is too much after the fourth of them
    assert (three, two) == (6, 4)


def test_trials_go_on_until_one_block_less_will_not_do() -> None:
    """Errors are expected to add up in squares, by which three blocks had to be kept."""
    over, (*_, three, two, one) = trials_of({"a": 12e-4, "b": 12e-4, "c": 9e-4, "d": 6e-4})
    assert (three, two, one) == (6, 6, 4)
    assert over == pytest.approx(15e-4 / 16e-4, rel=1e-3)


@pytest.mark.parametrize("blocks", [1, 2, 5, 26])
def test_the_least_number_that_will_do_is_found_whatever_was_expected(blocks: int) -> None:
    most = max(int(0.75 * blocks), 1)
    plain = {"matte": Quantisation(spans={}, shifts={})}
    for needed, expected in itertools.product(range(1, most + 2), range(blocks + 1)):
        ranking = [_block(number, float(number < expected)) for number in range(blocks)]
        tried = _Counted(needed)
        held, damaged, over = _fewest(cast("Any", tried), plain, ranking, 10.0)
        assert len(held["matte"].kept) == min(needed, most)
        assert damaged.mad == over == (0.5 if needed <= most else 2.0)
        counts = [count for count, _ in tried.trials]
        assert len(set(counts)) == len(counts) <= 2 + 2 * blocks.bit_length()
        assert [whole for _, whole in tried.trials] == [count == most for count in counts]


class _Counted:
    """A trial that will do once so many blocks are kept."""

    def __init__(self, needed: int) -> None:
        self._needed = needed
        self.trials: list[tuple[int, bool]] = []

    def __call__(
        self, given: Mapping[str, Quantisation], _: str, *, whole: bool
    ) -> tuple[Damage, float]:
        self.trials.append((len(given["matte"].kept), whole))
        over = 0.5 if self.trials[-1][0] >= self._needed else 2.0
        return Damage(mad=over, flipped=0.0, psnr_db=None), over


def _block(number: int, excess_alone: float) -> Block:
    unharmed = Damage(mad=0.0, flipped=0.0, psnr_db=None)
    return Block(
        program="matte", name=f"b{number}", weights=(f"b{number}",), damage=unharmed,
        excess=excess_alone,
    )  # fmt: skip


def test_a_search_that_would_keep_more_than_three_quarters_says_so() -> None:
    found, over, _, kept = found_with([5e-3, 5e-3, 5e-3, 5e-3])
    assert over == pytest.approx(5e-3 / 16e-4, rel=1e-3)
    assert len(kept) == 6  # three blocks of two layers
    assert found.mad == pytest.approx(5e-3, rel=1e-3)


def test_only_the_alpha_of_a_matter_is_judged() -> None:
    """Its foreground counts where it is looked at: in its own PSNR."""
    torch.manual_seed(0)
    network = build(RVM).eval()
    (scene,) = (list(pictured_scene("coffee", RVM, 1)),)
    ((found,),) = Simulation(RVM, network, 1).outputs([scene])
    assert found.shape == (1, 1, *RVM.output_hw)
