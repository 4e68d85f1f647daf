"""Results of devices beside a model of latencies: which correct it, and what it cannot undo."""

from pathlib import Path
from typing import Any

import pytest

from pocketmatte.selection.asked import asked_of
from pocketmatte.selection.choosing import select
from pocketmatte.selection.front import prior_of
from pocketmatte.selection.lock import Lock
from tests.pocketmatte.selection.shipped import (
    PHONES,
    device_result,
    numbers,
    policy,
    taken,
    write_bundle,
    write_results,
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bundle of three networks in all tiers."""
    folder = tmp_path_factory.mktemp("measured") / "bundle"
    return write_bundle(folder, networks=("rvm", "foreground", "trimap"))


def of_t11(root: Path, folder: Path, *results: dict[str, Any], **top: Any) -> Lock:
    """Choose rvm for class t11 of Android, with the model of latencies."""
    given = [write_results(folder, *results)] if results else []
    return select(
        root, asked_of(class_name="t11", platform="android"), networks=["rvm"],
        policy=policy(**{"frame_ms": 33.3, "optional": True, **top}), results=given,
        prior_of=prior_of("roofline"),
    )  # fmt: skip


def high_ms(lock: Lock) -> float:
    """Return the upper end that t11, which nobody measured, was ruled out by."""
    found = numbers(lock, "t11")["high_ms"]
    assert isinstance(found, float)
    return found


@pytest.mark.parametrize("network", ["rvm", "foreground"])
@pytest.mark.parametrize("why", ["process", "other_files"])
def test_a_result_that_does_not_count_tells_the_model_nothing(
    root: Path, tmp_path: Path, why: str, network: str
) -> None:
    slow = device_result(root, "t04", network=network, p95_ms=600.0)
    top = {"process": "adb_shell"} if why == "process" else {}
    if why == "other_files":
        slow["subject"]["files"][0]["sha256"] = "f" * 64
    lock = of_t11(root, tmp_path / "given", slow, **top)
    assert [use.reason for use in lock.results] == [why if network == "rvm" else "not_asked_for"]
    assert (taken(lock).tier, taken(lock).recipe) == ("t03", "fp16")
    assert lock.groups == of_t11(root, tmp_path, **top).groups


def test_a_result_of_what_the_bundle_has_not_tells_the_model_of_its_device(tmp_path: Path) -> None:
    whole = write_bundle(tmp_path / "whole", networks=("rvm", "foreground"))
    root = write_bundle(tmp_path / "bundle")
    slow = device_result(whole, "t04", network="foreground", p95_ms=600.0)
    lock = of_t11(root, tmp_path / "given", slow)
    assert [use.reason for use in lock.results] == ["not_asked_for"]
    assert high_ms(lock) > 2 * high_ms(of_t11(root, tmp_path))
    slow["subject"] |= {"network": "rvm", "orientation": "portrait"}
    upright = of_t11(root, tmp_path / "given", slow)
    assert [use.reason for use in upright.results] == ["not_asked_for"]
    assert high_ms(upright) > 2 * high_ms(of_t11(root, tmp_path))
    of_a_shell = of_t11(root, tmp_path / "given", slow, process="adb_shell")
    assert high_ms(of_a_shell) == high_ms(of_t11(root, tmp_path))


def test_a_result_of_a_network_that_nobody_knows_tells_the_model_nothing(
    root: Path, tmp_path: Path
) -> None:
    slow = device_result(root, "t04", p95_ms=600.0)
    slow["subject"]["network"] = "of_somebody_else"
    assert high_ms(of_t11(root, tmp_path / "given", slow)) == high_ms(of_t11(root, tmp_path))


@pytest.mark.parametrize("networks", [("rvm", "rvm"), ("rvm", "foreground")])
def test_shell_and_app_make_no_ratio_together(
    root: Path, tmp_path: Path, networks: tuple[str, str]
) -> None:
    app = device_result(root, "t03", network=networks[0], p95_ms=20.0)
    shell = device_result(root, "t04", network=networks[1], p95_ms=600.0, process="adb_shell")
    shell["device"] |= dict(zip(("manufacturer", "model"), PHONES["also t11"], strict=True))
    alone, both = (
        of_t11(root, tmp_path / f"{len(given)}", *given, beyond_measured=True)
        for given in ([app], [app, shell])
    )
    assert high_ms(both) == high_ms(alone)


def test_a_shell_stands_in_for_an_app_where_a_class_has_no_run_of_one(
    root: Path, tmp_path: Path
) -> None:
    shell = device_result(root, "t04", network="foreground", p95_ms=600.0, process="adb_shell")
    assert high_ms(of_t11(root, tmp_path / "given", shell)) > 2 * high_ms(of_t11(root, tmp_path))
    weaker = device_result(root, "t04", network="rvm", p95_ms=60.0, phone=PHONES["t09"])
    both = of_t11(root, tmp_path / "given", shell, weaker)
    assert high_ms(both) > 2 * high_ms(of_t11(root, tmp_path))


def test_each_network_has_a_model_of_the_process_that_it_asks_for(
    root: Path, tmp_path: Path
) -> None:
    app = device_result(root, "t03", network="rvm", p95_ms=20.0)
    shell = device_result(root, "t04", network="foreground", p95_ms=600.0, process="adb_shell")
    own = {"foreground": {"process": "adb_shell"}}
    given = write_results(tmp_path / "given", app, shell)

    def estimates(**top: Any) -> dict[str, float]:
        lock = select(
            root, asked_of(class_name="t11", platform="android"), networks=["rvm", "trimap"],
            policy=policy(frame_ms=0.1, optional=True, **top), results=[given],
            prior_of=prior_of("roofline"),
        )  # fmt: skip
        return {
            choice.network: max(
                float(each.numbers["high_ms"] or 0)
                for each in choice.ruled_out
                if each.reason == "estimated_too_slow"
            )
            for choice in lock.groups[0].choices
        }

    in_an_app = estimates(network=own)
    mixed = estimates(network={**own, "trimap": {"process": "adb_shell"}})
    assert mixed["rvm"] == in_an_app["rvm"]
    assert mixed["trimap"] > 2 * in_an_app["trimap"]


@pytest.mark.parametrize("phone", ["t11", "t09"])
def test_what_was_measured_within_the_budget_is_not_ruled_out_by_an_estimate(
    root: Path, tmp_path: Path, phone: str
) -> None:
    result = device_result(root, "t08", p95_ms=20.0, phone=PHONES[phone])
    lock = of_t11(root, tmp_path / "given", result, frame_ms=25, memory_mb=300)
    assert (taken(lock).tier, taken(lock).basis) == ("t08", "prior")
    assert taken(lock).memory_mb.state == "not judged: no measurement"
    slower = device_result(root, "t08", p95_ms=25.1, phone=PHONES[phone])
    assert taken(of_t11(root, tmp_path / "given", slower, frame_ms=25, memory_mb=300)).tier < "t08"
