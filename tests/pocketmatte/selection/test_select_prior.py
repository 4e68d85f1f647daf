"""A choice with a model of latencies: it rules out, is called an estimate, and stays monotone."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pocketmatte.cost_model.prior import RooflinePrior
from pocketmatte.results import plain
from pocketmatte.selection.__main__ import main
from pocketmatte.selection.asked import asked_of
from pocketmatte.selection.choosing import select
from pocketmatte.selection.classes import CLASSES
from pocketmatte.selection.explaining import explained
from pocketmatte.selection.facts import Facts
from pocketmatte.selection.front import Request, prior_of, run
from pocketmatte.selection.lock import Lock, lock_text
from pocketmatte.selection.lookup import find
from tests.pocketmatte.selection.shipped import (
    TIERS,
    device_result,
    policy,
    taken,
    write_bundle,
    write_results,
)
from tiers.errors import UsageError
from tiers.ladder import LADDERS


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bundle of every network and tier."""
    folder = tmp_path_factory.mktemp("estimated") / "bundle"
    return write_bundle(folder, networks=LADDERS, formats=("executorch", "coreml"))


def estimated(root: Path, *, results: tuple[Path, ...] = (), **top: Any) -> Lock:
    return select(
        root, asked_of(every=True), policy=policy(**top), results=results,
        prior_of=prior_of("roofline"),
    )  # fmt: skip


@pytest.mark.parametrize("frame_ms", [5.0, 16.6, 33.3, 100.0, 1000.0])
def test_a_higher_class_never_gets_a_lower_tier(root: Path, frame_ms: float) -> None:
    lock = estimated(root, frame_ms=frame_ms)
    got: dict[tuple[str, str], list[int]] = {}
    for group in lock.groups:
        for choice in group.choices:
            rank = TIERS.index(choice.taken.tier) + 1 if choice.taken else 0
            got.setdefault((group.platform, choice.network), []).append(rank)
    assert all(ranks == sorted(ranks) for ranks in got.values())


@settings(max_examples=25, deadline=None)
@given(
    ram=st.integers(1, 16), cores=st.none() | st.integers(1, 10),
    api=st.none() | st.integers(26, 40), fps=st.sampled_from([5.0, 15.0, 30.0, 60.0]),
    more=st.integers(0, 8),
)  # fmt: skip
def test_a_device_that_says_more_of_itself_gets_no_less(
    root: Path, ram: int, cores: int | None, api: int | None, fps: float, more: int
) -> None:
    ranks = []
    for gigabytes in (ram, ram + more):
        facts = Facts(platform="android", ram_bytes=gigabytes * 2**30, cores=cores, api_level=api)
        tier = find(facts).device_class.tier
        lock = select(
            root, asked_of(class_name=tier, platform="android"), networks=["fusion"],
            policy=policy(frames_per_second=fps, optional=True), prior_of=prior_of("roofline"),
        )  # fmt: skip
        found = lock.groups[0].choices[0].taken
        ranks.append(TIERS.index(found.tier) + 1 if found else 0)
    assert ranks == sorted(ranks)


def test_it_only_rules_out_and_nothing_is_called_measured(root: Path) -> None:
    with_it, without = estimated(root, frame_ms=33.3), select(
        root, asked_of(every=True), policy=policy(frame_ms=33.3)
    )  # fmt: skip
    fewer = 0
    for group, plainly in zip(with_it.groups, without.groups, strict=True):
        for choice, other in zip(group.choices, plainly.choices, strict=True):
            assert other.taken is not None
            assert other.taken.basis == "prior"
            fewer += choice.taken is None or choice.taken.tier < other.taken.tier
            if choice.taken is not None:
                assert choice.taken.tier <= other.taken.tier
                assert (choice.taken.basis, choice.taken.evidence) == ("estimate", ())
                assert choice.taken.frame_ms.state == "estimated"
                assert (choice.taken.frame_ms.value or math.inf) <= 33.3
    assert fewer > 0
    assert with_it.inputs.latency_prior == RooflinePrior().name
    assert '"measured"' not in lock_text(with_it)


def test_a_measurement_outranks_the_estimate(root: Path, tmp_path: Path) -> None:
    result = device_result(root, "t10", p95_ms=20.0)
    folder = write_results(tmp_path / "runs", result)
    lock = select(
        root, asked_of(class_name="t11", platform="android"), networks=["rvm"],
        policy=policy(frame_ms=33.3), results=[folder], prior_of=prior_of("roofline"),
    )  # fmt: skip
    assert (taken(lock).tier, taken(lock).basis) == ("t10", "measured")
    assert taken(lock).frame_ms.value == 20.0


def test_without_a_model_a_lock_says_nothing_of_one(root: Path) -> None:
    asked = asked_of(class_name="t09")
    bare = lock_text(select(root, asked, policy=policy()))
    said_none = lock_text(select(root, asked, policy=policy(prior="none")))
    assert bare == said_none
    assert json.loads(bare)["inputs"]["latency_prior"] is None
    assert "prior" not in json.loads(bare)["rules"]["rvm"]


def test_the_policy_asks_for_it_and_the_option_outranks_that(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "app.toml"
    path.write_text('schema_version = 1\nprior = "roofline"\nframes_per_second = 30\n')

    def named(**more: Any) -> str | None:
        found = run(Request(bundle=root, class_name="t09", policy=path, **more)).lock
        assert found is not None
        return found.inputs.latency_prior

    assert named() == RooflinePrior().name
    assert named(prior="none") is None


def test_no_other_model_is_known(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match="--prior is 'magic'; there are none, roofline"):
        prior_of("magic")
    assert main(["select", str(root), "--all", "--prior", "magic\x1b[2J"]) == 2
    said = capsys.readouterr().err
    assert "\x1b" not in said
    assert len(said.splitlines()) == 1


def test_a_check_takes_the_same_model_and_tells_where_it_is_missing(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = tmp_path / "tiers.lock.json"
    words = ["--budget-fps", "30", "--network", "fusion"]
    main(["select", str(root), "--class", "t09", *words, "--prior", "roofline", "--out", str(lock)])
    assert main(["select", str(root), "--check", str(lock), *words, "--prior", "roofline"]) == 0
    assert main(["select", str(root), "--check", str(lock), *words]) == 1
    assert "the model of latencies changed: roofline" in capsys.readouterr().err


def test_it_is_told_in_words(root: Path) -> None:
    lines = "\n".join(explained(estimated(root, frame_ms=33.3)))
    assert "by its class and an estimate, which is no measurement" in lines
    assert "an estimated" in lines
    assert f"where nobody measured, {RooflinePrior().name} estimated latencies" in lines
    assert "measured on devices" not in lines


def test_a_lock_is_written_as_json_writes_it(root: Path, tmp_path: Path) -> None:
    folder = write_results(tmp_path / "runs", device_result(root, "t05", p95_ms=28.0))
    for lock in (estimated(root, frame_ms=33.3, results=(folder,)), estimated(root)):
        told = json.dumps(plain(lock), indent=1, sort_keys=True, allow_nan=False) + "\n"
        assert lock_text(lock) == told


def test_both_ends_choose_the_same(root: Path, tmp_path: Path, cli: Callable[..., Any]) -> None:
    ours, bare = tmp_path / "ours.json", tmp_path / "bare.json"
    words = ["--class", CLASSES[8].tier, "--budget-fps", "30", "--prior", "roofline", "--out"]
    said = cli("select", root, *words, ours)
    assert main(["select", str(root), *words, str(bare)]) == said.code
    assert ours.read_bytes() == bare.read_bytes()
