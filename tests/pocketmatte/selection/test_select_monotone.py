"""A device of a higher class never gets a lower tier, whatever was measured and asked for."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pocketmatte.harness.choice import Measured
from pocketmatte.selection import deciding
from pocketmatte.selection.asked import asked_of, members, targets_of
from pocketmatte.selection.candidates import Candidate, Key, candidates_of
from pocketmatte.selection.choosing import select
from pocketmatte.selection.classes import CLASSES, DeviceClass
from pocketmatte.selection.deciding import Decision, decide
from pocketmatte.selection.devices import device_table
from pocketmatte.selection.held import Held, read_held
from pocketmatte.selection.judging import Question
from pocketmatte.selection.latency_prior import DeviceGroup, Estimate
from pocketmatte.selection.policy import USUAL, Rules
from pocketmatte.selection.rows import PLATFORMS, Platform
from pocketmatte.selection.runs import Run
from tests.pocketmatte.selection.shipped import SIZES, TIERS, policy, write_bundle
from tiers.ladder import LADDERS

FORMATS = ("executorch", "coreml")
BUDGETS: tuple[dict[str, Any], ...] = (
    {},
    {"frame_ms": 16.6},
    {"frame_ms": 33.3, "memory_mb": 200, "download_mb": 0.003},
    {"minimum_tier": "t06", "optional": True},
    {"least_psnr_db": 61.0, "optional": True},
    {"require_measurement": True, "optional": True},
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bundle of every network, tier and recipe."""
    return write_bundle(
        tmp_path_factory.mktemp("whole") / "bundle",
        networks=LADDERS,
        formats=FORMATS,
        recipes=tuple(SIZES),
        sizes={recipe: 10 * size for recipe, size in SIZES.items()},
    )


@pytest.fixture(scope="module")
def held(root: Path) -> Held:
    """Return what it holds."""
    return read_held(root)


def tier_number(decision: Decision) -> int:
    """Return 1 to 12, and 0 for nothing."""
    return TIERS.index(decision.taken.candidate.tier) + 1 if decision.taken else 0


def require_monotone(decisions: Mapping[str, Decision]) -> None:
    got = [tier_number(decisions[each.tier]) for each in CLASSES]
    assert got == sorted(got), got


@pytest.mark.parametrize("budget", BUDGETS, ids=str)
def test_over_all_devices_networks_and_budgets(root: Path, budget: dict[str, Any]) -> None:
    lock = select(root, asked_of(every=True), policy=policy(**budget))
    got: dict[tuple[str, str, str], int] = {}
    for group in lock.groups:
        assert {name for name, _ in members(group.platform, group.device_class)} == set(
            group.devices
        )
        for choice in group.choices:
            tier = TIERS.index(choice.taken.tier) + 1 if choice.taken else 0
            got[group.platform, choice.network, group.device_class] = tier
    for platform, network in itertools.product(PLATFORMS, LADDERS):
        tiers = [got[platform, network, t] for t in TIERS if (platform, network, t) in got]
        assert tiers == sorted(tiers)
        assert len(tiers) >= 5


def test_every_device_of_the_table_is_in_a_group() -> None:
    grouped = {name for target in targets_of(asked_of(every=True)) for name in target.devices}
    bare = {name.rsplit(", ", 1)[0] if name.endswith(" MiB") else name for name in grouped}
    assert bare == {device.name for device in device_table().devices}


KEYS = st.tuples(st.sampled_from(TIERS), st.sampled_from(FORMATS), st.sampled_from(tuple(SIZES)))
RULES = st.builds(
    dataclasses.replace,
    st.just(USUAL),
    recipes=st.lists(st.sampled_from(tuple(SIZES)), min_size=1, unique=True).map(tuple),
    frame_ms=st.none() | st.sampled_from([10.0, 20.0, 30.0]),
    memory_mb=st.none() | st.sampled_from([100.0, 200.0]),
    download_mb=st.none() | st.sampled_from([0.0015, 0.003]),
    minimum_tier=st.sampled_from(["t01", "t04"]),
    prefer=st.sampled_from(["speed", "size", "listed"]),
    require_measurement=st.booleans(),
    beyond_measured=st.booleans(),
)


@st.composite
def runs_of(draw: st.DrawFn) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = draw(
        st.lists(
            st.fixed_dictionaries(
                {
                    "key": KEYS,
                    "rank": st.integers(0, 11),
                    "device": st.sampled_from(["one", "other"]),
                    "process": st.sampled_from(["app_foreground", "adb_shell", "emulated"]),
                    "status": st.sampled_from(["ok", "ok", "ok", "run_failed", "parity_failed"]),
                    "p95_ms": st.sampled_from([5.0, 15.0, 25.0, 35.0]),
                    "peak_bytes": st.sampled_from([None, 50_000_000, 150_000_000]),
                    "physical": st.booleans(),
                }
            ),
            max_size=10,
        )
    )
    return made


def run_of(drawn: dict[str, Any], number: int, candidate: Candidate, platform: Platform) -> Run:
    tier, form, recipe = drawn["key"]
    physical = drawn["physical"]
    ok = drawn["status"] == "ok"
    return Run(
        run_id=f"run-{number}",
        started_at=f"2026-01-01T00:00:{number:02}Z",
        network=candidate.network,
        orientation="landscape",
        sha256=f"{number:064x}",
        platform=platform if physical else None,
        device=drawn["device"],
        device_class=CLASSES[drawn["rank"]] if physical else None,
        delegate_requested="xnnpack",
        delegate_actual="xnnpack",
        files={name: entry.sha256 for name, entry in candidate.files.items()},
        p50_ms=drawn["p95_ms"] if ok else None,
        measured=Measured(
            run_id=f"{number:064x}", tier=tier, format=form, recipe=recipe,
            status=drawn["status"], process=drawn["process"], physical_device=physical,
            latency_valid=physical and ok, flags={}, p95_ms=drawn["p95_ms"] if ok else None,
            peak_bytes=drawn["peak_bytes"],
        ),
    )  # fmt: skip


def question(
    held: Held, network: str, platform: Platform, rules: Rules, drawn: Sequence[dict[str, Any]],
    estimates: Mapping[str, float] | None = None,
) -> Question:  # fmt: skip
    candidates: dict[Key, Candidate] = {
        each.key: each for each in candidates_of(held, network, "landscape")
    }

    def estimate(_: Candidate, device_class: DeviceClass) -> Estimate | None:
        ms = (estimates or {}).get(device_class.tier)
        return None if ms is None else (ms, ms / 2, ms * 2)

    runs = [
        run_of(each, number, candidates[each["key"]], platform)
        for number, each in enumerate(drawn)
        if each["key"] in candidates
    ]
    return Question(
        platform=platform, rules=rules, candidates=candidates, runs=runs, estimate=estimate
    )


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(tuple(LADDERS)),
    st.sampled_from(PLATFORMS),
    RULES,
    runs_of(),
    st.dictionaries(st.sampled_from(TIERS), st.floats(1, 100)),
)
def test_over_anything_that_may_be_measured_and_estimated(
    held: Held, network: str, platform: Platform, rules: Rules, drawn: list[dict[str, Any]],
    estimates: dict[str, float],
) -> None:  # fmt: skip
    asked = question(held, network, platform, rules, drawn, estimates)
    decisions = decide(asked)
    require_monotone(decisions)
    for decision in decisions.values():  # every alternative is taken or out, never both
        taken = {decision.taken.candidate.key} if decision.taken else set()
        assert taken | set(decision.out) == set(asked.candidates)
        assert not taken & set(decision.out)


@settings(max_examples=100, deadline=None)
@given(RULES, runs_of(), st.floats(1, 60), st.floats(1, 60))
def test_what_is_taken_by_a_measurement_of_its_class_keeps_the_budget(
    held: Held, rules: Rules, drawn: list[dict[str, Any]], one: float, other: float
) -> None:
    rules = dataclasses.replace(rules, frame_ms=min(one, other))
    for decision in decide(question(held, "rvm", "android", rules, drawn)).values():
        if decision.taken and decision.taken.standing:
            assert decision.taken.standing.p95_ms <= min(one, other)
            for run in decision.taken.standing.runs:
                assert run.measured.physical_device
                assert run.measured.status in ("ok", "fallback")
                assert run.measured.process in ("app_foreground", "adb_shell")


@settings(max_examples=100, deadline=None)
@given(RULES, runs_of(), st.sampled_from(TIERS))
def test_what_a_class_gets_does_not_depend_on_which_others_are_asked_for(
    held: Held, rules: Rules, drawn: list[dict[str, Any]], lowest: str
) -> None:
    asked = question(held, "rvm", "android", rules, drawn)
    every = decide(asked)
    assert decide(asked, lowest) == {tier: every[tier] for tier in every if tier >= lowest}


SLOW_ABOVE = [
    {"key": ("t03", "executorch", "fp16"), "rank": 10, "device": "one", "p95_ms": 35.0,
     "process": "app_foreground", "status": "ok", "peak_bytes": None, "physical": True},
]  # fmt: skip


def test_without_the_cap_a_higher_class_would_get_less(
    held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = dataclasses.replace(USUAL, frame_ms=33.3)
    asked = question(held, "rvm", "android", rules, SLOW_ABOVE)
    require_monotone(decide(asked))
    monkeypatch.setattr(deciding, "_capped", lambda allowed, _above: (allowed, {}))
    with pytest.raises(AssertionError):
        require_monotone(decide(asked))


class Slow:
    """A model that calls everything from a tier on too slow."""

    name = "a model of a test, version 1"

    def estimate(
        self, network: str, tier: str, form: str, recipe: str, device: DeviceGroup
    ) -> Estimate | None:
        """Estimate; see ``LatencyPrior``."""
        assert (network, form) == ("rvm", "executorch")
        assert recipe in SIZES
        assert device.platform == "android"
        if device.device_class.tier == "t11":
            assert "Galaxy S24 Ultra" in [each.name for each in device.devices]
        return (40.0, 20.0, 60.0) if tier >= "t07" else (10.0, 5.0, 33.3)


def test_an_estimate_rules_out_and_is_called_one(root: Path) -> None:
    asked = asked_of(class_name="t11", platform="android")
    rules = policy(networks=["rvm"], frame_ms=33.3)
    lock = select(root, asked, policy=rules, latency_prior=Slow())
    (choice,) = lock.groups[0].choices
    assert choice.taken is not None
    assert (choice.taken.tier, choice.taken.basis) == ("t06", "estimate")
    assert (choice.taken.frame_ms.value, choice.taken.frame_ms.state) == (33.3, "estimated")
    assert choice.taken.evidence == ()
    assert lock.inputs.latency_prior == Slow.name
    out = next(each for each in choice.ruled_out if each.reason == "estimated_too_slow")
    assert out.tier == "t11"
    assert out.numbers == {
        "estimated_ms": 40.0, "low_ms": 20.0, "high_ms": 60.0, "limit_ms": 33.3,
    }  # fmt: skip


class Wrong:
    """A model whose estimates are none."""

    name = "wrong"

    def __init__(self, found: Estimate) -> None:
        self.found = found

    def estimate(
        self, _network: str, _tier: str, _form: str, _recipe: str, _device: DeviceGroup
    ) -> Estimate | None:
        """Estimate; see ``LatencyPrior``."""
        return self.found


@pytest.mark.parametrize(
    "found", [(float("nan"), 1.0, 2.0), (1.0, 2.0, 3.0), (3.0, 1.0, 2.0), (1.0, -1.0, 2.0)]
)
def test_an_estimate_that_is_none_is_refused(root: Path, found: Estimate) -> None:
    asked = asked_of(class_name="t05", platform="android")
    with pytest.raises(ValueError, match="low <= ms <= high"):
        select(root, asked, policy=policy(frame_ms=30), latency_prior=Wrong(found))
