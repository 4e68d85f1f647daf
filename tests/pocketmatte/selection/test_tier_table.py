"""The table of tiers: what select chooses of several bundles together, printed and drawn."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from pocketmatte.selection.held import read_held
from pocketmatte.selection.policy import Policy
from pocketmatte.selection.tier_picture import picture
from pocketmatte.selection.tier_table import Row, merged, rows_of
from tests.pocketmatte.selection.shipped import TIERS, device_result, write_bundle, write_results
from tiers.errors import BundleError

NO_DEVICE = {
    "physical_device": False, "latency_valid": False, "min_runs_met": True,
    "min_seconds_met": True, "thermal_ok": None, "not_debuggable": None,
}  # fmt: skip


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return two bundles that hold one network together."""
    folder = tmp_path_factory.mktemp("parts")
    return [
        write_bundle(folder / "small", networks=("rvm", "fusion"), tiers=TIERS[:6]),
        write_bundle(folder / "large", networks=("rvm", "fusion"), tiers=TIERS[6:]),
    ]


@pytest.fixture(scope="module")
def rows(parts: list[Path]) -> list[Row]:
    """Return the table of them, by class alone."""
    return rows_of(merged([read_held(root) for root in parts]), (), Policy(), None, (30.0, 60.0))


def test_bundles_are_one_and_a_faster_class_never_gets_a_lower_tier(rows: list[Row]) -> None:
    assert {row.taken["rvm"].tier for row in rows if row.taken["rvm"]} >= {"t03", "t09"}
    for budget in (30.0, 60.0):
        for platform in ("android", "ios", "ipados"):
            for network in ("rvm", "fusion"):
                found = [
                    row.taken[network] for row in rows
                    if (row.platform, row.frames_per_second) == (platform, budget)
                ]  # fmt: skip
                ranks = [TIERS.index(each.tier) if each else -1 for each in found]
                assert ranks == sorted(ranks)


def test_one_bundle_is_itself(parts: list[Path]) -> None:
    held = read_held(parts[0])
    assert merged([held]) is held


def test_two_files_of_one_path_are_refused(parts: list[Path]) -> None:
    held = read_held(parts[0])
    path, entry = next(iter(held.artifacts.items()))
    other = dataclasses.replace(
        held, artifacts={**held.artifacts, path: dataclasses.replace(entry, sha256="0" * 64)}
    )
    with pytest.raises(BundleError, match="two bundles hold different files"):
        merged([held, other])


def test_what_failed_in_one_bundle_failed(parts: list[Path]) -> None:
    held = read_held(parts[0])
    sha256, verdict = next(iter(held.verdicts.items()))
    failed = dataclasses.replace(verdict, status="failed")
    other = dataclasses.replace(held, verdicts={**held.verdicts, sha256: failed})
    for pair in ([held, other], [other, held]):
        assert merged(pair).verdicts[sha256].status == "failed"


def test_a_picture_is_sound_and_says_every_tier(rows: list[Row]) -> None:
    drawn = picture(rows, "a <basis> & more")
    words = [each.text for each in ET.fromstring(drawn).iter() if each.text]
    assert "a <basis> & more" in words
    for row in rows:
        taken = row.taken["rvm"]
        if taken is not None:
            assert f"{taken.tier} {taken.recipe}" in words
    assert picture(rows, "x") == picture(rows, "x")


def test_the_command_prints_and_draws(
    parts: list[Path], tmp_path: Path, cli: Callable[..., Any]
) -> None:
    out = tmp_path / "tiers.svg"
    said = cli("tier-table", *parts, "--platform", "android", "--picture", out, "--json")
    assert said.code == 0
    found = json.loads(said.out)["rows"]
    assert {row["frames_per_second"] for row in found} == {30.0, 60.0}
    for row in found:
        for taken in row["taken"].values():
            assert taken is None or taken["basis"] == "estimate"
    assert "which is no measurement; 0 results of devices" in said.err
    ET.fromstring(out.read_text())
    page = cli("tier-table", *parts, "--platform", "android", "--markdown", "--prior", "none")
    assert page.out.startswith("| fps | class | devices | rvm | fusion |")


@pytest.mark.parametrize("budget", ["0", "-1", "1e-310", "nan", "inf", "fast", "30,,60", "1e9"])
def test_a_budget_that_is_none_is_refused(
    parts: list[Path], cli: Callable[..., Any], budget: str
) -> None:
    said = cli("tier-table", *parts, "--budget-fps", budget)
    assert said.code == 2
    assert "give numbers from 0.001 to 1000" in said.err


def test_an_estimate_is_printed_as_one(cli: Callable[..., Any]) -> None:
    said = cli("estimate", "rvm", "--device", "Galaxy S24 Ultra", "--tier", "t04", "--json")
    assert said.code == 0
    for row in json.loads(said.out)["estimates"]:
        assert row["basis"] == "estimate"
        assert 0 < row["low_ms"] <= row["ms"] <= row["high_ms"]
    assert said.err.startswith("of android t11, by roofline ")
    assert "estimates, of measured files too" in said.err
    host = cli("estimate", "rvm", "--host", "--format", "onnx", "--recipe", "w8a8")
    assert host.code == 0


@pytest.mark.parametrize(
    ("words", "form"),
    [
        (["--device", "Galaxy S24 Ultra"], "executorch"),
        (["--class", "t09", "--platform", "ios"], "coreml"),
        (["--class", "t09", "--platform", "ipados"], "coreml"),
        (["--class", "t09", "--platform", "ios", "--format", "onnx"], "onnx"),
        (["--host"], "executorch"),
    ],
)
def test_an_estimate_is_of_the_format_that_the_device_runs(
    cli: Callable[..., Any], words: list[str], form: str
) -> None:
    said = cli("estimate", "rvm", *words, "--tier", "t04", "--json")
    assert {row["format"] for row in json.loads(said.out)["estimates"]} == {form}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["rvm"], "give one of --device, --class and --host"),
        (["rvm", "--host", "--class", "t01"], "give one of --device, --class and --host"),
        (["nothing", "--host"], "nothing"),
        (["rvm", "--host", "--tier", "t13"], "t13"),
        (
            ["rvm", "--host", "--format", "coreai"],
            "the model has nothing of rvm as 'coreai'; give another --format: executorch, onnx",
        ),
        (
            ["rvm", "--class", "t05", "--format", "nonsense"],
            "give another --format: executorch, coreml, onnx, coreml-stateful, coreml-image",
        ),
        (
            ["rvm", "--class", "t05", "--recipe", "w8"],
            "nothing of rvm as executorch w8; give another --recipe: fp32, fp16, w8a8",
        ),
        (["rvm", "--device", "no such phone"], "no device 'no such phone' in the table"),
    ],
)
def test_an_estimate_of_what_there_is_not_is_refused(
    cli: Callable[..., Any], words: list[str], told: str
) -> None:
    said = cli("estimate", *words)
    assert said.code == 2
    assert told in said.err
    assert said.out == ""


def test_an_estimate_makes_no_ratio_of_shell_and_app(
    parts: list[Path], tmp_path: Path, cli: Callable[..., Any]
) -> None:
    app = write_results(tmp_path / "app", device_result(parts[0], "t04", p95_ms=9.0))
    shell = write_results(
        tmp_path / "shell", device_result(parts[0], "t05", p95_ms=900.0, process="adb_shell")
    )

    def estimates(*results: Path) -> Any:
        given = [word for each in results for word in ("--results", each)]
        return cli("estimate", "fusion", "--class", "t11", "--json", *given).json()["estimates"]

    assert estimates(app, shell) == estimates(app) != estimates(shell) != estimates()


def test_a_result_that_does_not_count_moves_nothing_in_the_table(
    parts: list[Path], tmp_path: Path, cli: Callable[..., Any]
) -> None:
    def rows(name: str, **changed: Any) -> Any:
        result = device_result(parts[0], "t04", p95_ms=900.0, **changed)
        given = write_results(tmp_path / name, result)
        words = ("--platform", "android", "--budget-fps", "30", "--results", given)
        return cli("tier-table", *parts, *words, "--json").json()["rows"]

    assert rows("valid") != rows("emulated", process="host", validity=NO_DEVICE)
    subject = device_result(parts[0], "t04")["subject"]
    of_other_files = subject | {"files": [subject["files"][0] | {"sha256": "f" * 64}]}
    assert rows("other", subject=of_other_files) == rows("none", process="host", validity=NO_DEVICE)


def ranks_of(page: str) -> dict[tuple[str, str, int], list[int]]:
    """Return what a page gives to classes from low to high, by section, platform and column."""
    found: dict[tuple[str, str, int], list[int]] = {}
    section = ""
    for line in page.splitlines():
        if line.startswith("## "):
            section = line
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if cells and cells[0].startswith(("android ", "ios ", "ipados ")):
            platform = cells[0].split()[0]
            for column, cell in enumerate(cells[2:]):
                rank = -1 if cell == "-" else TIERS.index(cell.split()[0])
                found.setdefault((section, platform, column), []).append(rank)
    return found


def test_no_class_of_the_page_gets_more_than_a_faster_one(root: Path) -> None:
    found = ranks_of((root / "docs" / "tier-table.md").read_text())
    assert len(found) == 2 * 3 * 8
    assert all(ranks == sorted(ranks) for ranks in found.values())


def test_a_page_on_which_a_faster_class_gets_less_is_found() -> None:
    lines = "## 30\n| ios t04 | 1 | t03 fp16 |\n| ios t05 | 1 | t02 fp16 |\n"
    (ranks,) = ranks_of(lines).values()
    assert ranks != sorted(ranks)
