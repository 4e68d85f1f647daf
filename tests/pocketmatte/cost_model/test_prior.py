"""The roofline of a device: more is never slower, an end never crosses, results take its place."""

import dataclasses
import itertools
import math
import subprocess
import sys
from pathlib import Path

import pytest

from pocketmatte.cost_model.prior import HALF, RooflinePrior, together
from pocketmatte.cost_model.rates import Split, host_rates
from pocketmatte.cost_model.scaling import MEMORY, Speed, on_device_ms, speed_of
from pocketmatte.harness.choice import Measured
from pocketmatte.selection.choosing import group_of
from pocketmatte.selection.classes import CLASSES, DeviceClass
from pocketmatte.selection.latency_prior import DeviceGroup, checked
from pocketmatte.selection.rows import PLATFORMS, Platform
from pocketmatte.selection.runs import Run
from tiers.ladder import LADDERS

FORMATS = ("executorch", "onnx", "coreml", "coreml-stateful", "coreml-image")
RECIPES = ("fp32", "fp16", "w8", "w8a8")


def class_named(tier: str) -> DeviceClass:
    return next(each for each in CLASSES if each.tier == tier)


def group(tier: str, platform: Platform = "android") -> DeviceGroup:
    return group_of(platform, class_named(tier))


def run(
    p95_ms: float, *, tier: str = "t04", device: str = "one", of: str = "t09", status: str = "ok",
    physical: bool = True, network: str = "rvm",
) -> Run:  # fmt: skip
    return Run(
        run_id="r", started_at="2026-01-01T00:00:00Z", network=network, orientation="landscape",
        sha256=f"{p95_ms}{device}", platform="android" if physical else None, device=device,
        device_class=class_named(of), delegate_requested="x", delegate_actual="x", files={},
        p50_ms=p95_ms,
        measured=Measured(
            run_id="r", tier=tier, format="executorch", recipe="fp32", status=status,
            process="app_foreground", physical_device=physical, latency_valid=physical, flags={},
            p95_ms=p95_ms, peak_bytes=None,
        ),
    )  # fmt: skip


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_file_of_every_class_has_an_estimate_whose_ends_hold_it(platform: Platform) -> None:
    prior = RooflinePrior()
    found = 0
    for each, network, form in itertools.product(CLASSES, LADDERS, FORMATS):
        for recipe in RECIPES:
            estimate = prior.estimate(network, "t05", form, recipe, group_of(platform, each))
            found += checked(prior, estimate) is not None
    assert found > len(LADDERS) * len(CLASSES) * 10


@pytest.mark.parametrize(("form", "recipe"), [("executorch", "w8"), ("coreai", "fp32"), ("x", "y")])
def test_what_was_never_timed_has_no_estimate(form: str, recipe: str) -> None:
    assert RooflinePrior().estimate("rvm", "t01", form, recipe, group("t09")) is None
    assert RooflinePrior().on_host("rvm", "t01", form, recipe) is None


def test_a_class_of_which_nothing_is_known_has_no_estimate() -> None:
    nobody = DeviceGroup(platform="android", device_class=class_named("t01"), devices=())
    assert RooflinePrior().estimate("rvm", "t01", "executorch", "fp32", nobody) is None


@pytest.mark.parametrize("network", LADDERS)
def test_a_higher_tier_takes_no_less_time(network: str) -> None:
    prior = RooflinePrior()
    for recipe in ("fp32", "fp16"):
        found = [
            prior.estimate(network, tier, "executorch", recipe, group("t09"))
            for tier in LADDERS[network]
            if (network, tier) != ("rvm", "t12")  # another architecture, which does more at once
        ]
        middles = [each[0] for each in found if each is not None]
        assert len(middles) == len(LADDERS[network]) - (network == "rvm")
        assert all(after > 0.97 * before for before, after in itertools.pairwise(middles))


SPLIT = Split(arithmetic=5.0, memory=3.0, overhead=1.0)


@pytest.mark.parametrize("field", ["gflops", "gigabytes_per_second"])
def test_more_of_anything_is_faster(field: str) -> None:
    slow = Speed(gflops=50.0, gigabytes_per_second=14.0, instructions="fp16")
    fast = dataclasses.replace(slow, **{field: 2 * getattr(slow, field)})
    host = host_rates()
    assert on_device_ms(SPLIT, host, fast) < on_device_ms(SPLIT, host, slow)


def test_no_class_has_less_memory_speed_than_the_one_below() -> None:
    assert list(MEMORY.values()) == sorted(MEMORY.values())
    assert list(MEMORY) == [each.tier for each in CLASSES]


def test_a_group_is_as_fast_as_its_slowest_device_and_no_slower_than_its_class_asks() -> None:
    for platform, each in itertools.product(PLATFORMS, CLASSES):
        devices = group_of(platform, each).devices
        speed = speed_of(each, devices)
        alone = [speed_of(each, (device,)) for device in devices]
        known = [found.gflops for found in alone if found is not None]
        if known:
            assert speed is not None
            assert min(known) == speed.gflops >= each.gflops


def test_half_precision_gains_nothing_on_cores_without_it_and_may_gain_half_on_others() -> None:
    prior = RooflinePrior()
    weak, strong = group("t03"), group("t09")
    ends = {
        (name, recipe): prior.estimate("rvm", "t04", "executorch", recipe, each)
        for name, each in (("weak", weak), ("strong", strong))
        for recipe in ("fp32", "fp16")
    }
    single, half = ends["strong", "fp32"], ends["strong", "fp16"]
    assert single is not None
    assert half is not None
    assert HALF * single[0] < half[0] < single[0]
    assert half[2] == pytest.approx(single[2])  # it may gain nothing
    assert ends["weak", "fp16"][0] == pytest.approx(ends["weak", "fp32"][0])  # type: ignore[index]


def test_results_of_a_class_and_format_take_the_place_of_the_roofline() -> None:
    asked = ("rvm", "t06", "executorch", "fp32", group("t09"))
    guessed = RooflinePrior().estimate(*asked)
    here = RooflinePrior().estimate("rvm", "t04", "executorch", "fp32", group("t09"))
    assert guessed is not None
    assert here is not None
    slower = RooflinePrior([run(3 * here[0])]).estimate(*asked)
    assert slower is not None
    assert slower[0] == pytest.approx(3 * guessed[0])
    assert slower[2] / slower[0] < guessed[2] / guessed[0]  # it says more than the roofline
    more = [run(3 * here[0]), run(3.1 * here[0]), run(2.9 * here[0])]
    surer = RooflinePrior(more).estimate(*asked)
    assert surer is not None
    assert surer[2] < slower[2]


def test_the_slowest_device_of_a_class_speaks_for_it() -> None:
    asked = ("rvm", "t04", "executorch", "fp32", group("t09"))
    both = RooflinePrior([run(10.0, device="fast"), run(40.0, device="slow")]).estimate(*asked)
    assert both is not None
    assert both[0] == pytest.approx(40.0)


@pytest.mark.parametrize(
    "other",
    [run(500.0, of="t08"), run(500.0, status="invalid"), run(500.0, physical=False),
     run(500.0, status="parity_failed"), run(500.0, network="unknown"), run(5e-324), run(1e308),
     run(math.inf), run(math.nan)],
    ids=["class", "invalid", "host", "parity", "network", "no time", "no frame", "infinite",
         "no number"],
)  # fmt: skip
def test_what_is_no_valid_result_of_the_class_tells_nothing(other: Run) -> None:
    asked = ("rvm", "t04", "executorch", "fp32", group("t09"))
    assert RooflinePrior([other]).estimate(*asked) == RooflinePrior().estimate(*asked)


def test_two_errors_are_less_than_their_product_and_more_than_either() -> None:
    assert max(2.0, 1.5) < together(1.5, 2.0) < 3.0
    assert 1 / 3 < together(1 / 1.5, 1 / 2) < 1 / 2
    assert together(1.0, 2.0) == pytest.approx(2.0)


PROGRAM = """
import sys
sys.path.insert(0, {root!r})
from pocketmatte.cost_model.prior import RooflinePrior
from pocketmatte.selection.choosing import group_of
from pocketmatte.selection.classes import CLASSES
prior = RooflinePrior()
print(prior.name)
print(prior.estimate("rvm", "t04", "executorch", "fp16", group_of("android", CLASSES[8])))
print(sorted({{"numpy", "scipy", "torch", "pydantic", "typer", "rich"}} & set(sys.modules)))
"""


def test_a_bare_python_estimates_the_same(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", PROGRAM.format(root=str(root))],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    prior = RooflinePrior()
    here = prior.estimate("rvm", "t04", "executorch", "fp16", group_of("android", CLASSES[8]))
    assert done.stderr == ""
    assert done.stdout == f"{prior.name}\n{here}\n[]\n"
