"""A fit finds the rates that times were made of, and an interval holds what it says."""

import math

import numpy as np
import pytest

from pocketmatte.cost_model.fitting import (
    LeftOut,
    Timed,
    fitted,
    frames_of,
    interval,
    leave_out,
    rates_of,
)
from pocketmatte.cost_model.work import FIELDS, Work, Works
from tiers.errors import PocketMatteError

TRUE = {
    "dense": {"tiled": 0.02, "written": 0.8},
    "elementwise": {"read": 0.3},
    "resize": {"nodes": 40_000.0, "written": 0.5},
}


def works(random: np.random.Generator) -> Works:
    made = {}
    for kind, rates in TRUE.items():
        counts = dict.fromkeys(FIELDS, 0)
        for field in rates:
            counts[field] = int(
                random.integers(1, 9) if field == "nodes" else random.integers(10**6)
            )
        counts["macs"] = counts["tiled"]
        made[kind] = Work(**counts)
    return made


def true_ms(found: Works) -> dict[str, float]:
    return {
        kind: sum(rate * getattr(found[kind], field) for field, rate in rates.items()) / 1e6
        for kind, rates in TRUE.items()
    }


def made(count: int = 60, noise: float = 0.0, shares: bool = True) -> list[Timed]:
    random = np.random.default_rng(0)
    timed = []
    for number in range(count):
        found = works(random)
        parts = true_ms(found)
        ms = sum(parts.values())
        timed.append(
            Timed(
                network=f"n{number % 6}", tier=f"t{number // 6:02}", program="p", works=found,
                ms=ms * math.exp(noise * random.standard_normal()),
                shares={kind: part / ms for kind, part in parts.items()} if shares else {},
            )
        )  # fmt: skip
    return timed


@pytest.mark.parametrize("shares", [True, False])
def test_a_fit_recovers_the_rates_that_times_were_made_of(shares: bool) -> None:
    timed = made(200, shares=shares)
    for left_out in leave_out(timed, lambda each: each.network):
        assert left_out.error < 0.03
    found = rates_of(timed)
    assert found["elementwise"]["read"] == pytest.approx(0.3, rel=0.05)
    assert found["resize"]["nodes"] == pytest.approx(40_000, rel=0.05)
    dense = found["dense"]  # macs and tiled are one here, and share the rate
    assert dense.get("macs", 0) + dense.get("tiled", 0) == pytest.approx(0.02, rel=0.1)


def test_no_rate_is_negative_however_noisy_the_times_are() -> None:
    found = rates_of(made(noise=0.8))
    assert all(rate > 0 for rates in found.values() for rate in rates.values())


def test_a_fit_is_the_same_twice() -> None:
    assert rates_of(made(noise=0.1)) == rates_of(made(noise=0.1))


def test_what_is_left_out_is_not_seen() -> None:
    timed = made()
    lied = [
        each if each.network != "n0" else Timed(
            network="n0", tier=each.tier, program="p", works=each.works, ms=each.ms * 100
        )
        for each in timed
    ]  # fmt: skip
    honest = [e for e in leave_out(timed, lambda each: each.network) if e.timed.network == "n0"]
    fooled = [e for e in leave_out(lied, lambda each: each.network) if e.timed.network == "n0"]
    assert [e.estimated_ms for e in honest] == [e.estimated_ms for e in fooled]
    assert min(e.ratio for e in fooled) > 50


def test_an_interval_holds_the_share_that_it_says() -> None:
    timed = made(300, noise=0.2)
    low, high = interval(frames_of(leave_out(timed, lambda each: each.network)), inside=0.9)
    assert low < 1 < high
    fit = fitted("onnx", "fp32", timed)
    fresh = made(600, noise=0.2)[300:]
    ratios = [each.ms / fit.split(each.works).total for each in fresh]
    inside = sum(low <= ratio <= high for ratio in ratios) / len(ratios)
    assert 0.84 <= inside <= 0.96
    assert sum(0.99 <= ratio <= 1.01 for ratio in ratios) / len(ratios) < 0.2  # it could fail


def test_an_interval_never_crosses_the_estimate() -> None:
    slow = {("n", f"t{number}"): 2.0 + number for number in range(5)}
    assert interval(slow)[0] == 1.0
    assert interval({name: 1 / ratio for name, ratio in slow.items()})[1] == 1.0


def test_a_frame_is_all_programs_of_a_tier_together() -> None:
    parts = [
        LeftOut(timed=Timed(network="n", tier="t", program=p, works={}, ms=ms), estimated_ms=1.0)
        for p, ms in (("a", 1.0), ("b", 3.0))
    ]
    assert frames_of(parts) == {("n", "t"): 2.0}


@pytest.mark.parametrize("ms", [0.0, -1.0, math.nan, math.inf])
def test_a_time_that_is_none_is_refused(ms: float) -> None:
    timed = [*made(6), Timed(network="n", tier="t01", program="p", works={}, ms=ms)]
    with pytest.raises(PocketMatteError, match=r"n t01 p took .* ms; time it again"):
        rates_of(timed)


def test_a_fit_to_nothing_is_refused() -> None:
    with pytest.raises(PocketMatteError, match="no program was timed"):
        rates_of([])
