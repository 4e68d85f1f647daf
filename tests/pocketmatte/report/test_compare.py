from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pocketmatte.report.compare import Comparison
from pocketmatte.report.gather import gathered
from tests.pocketmatte.report.made import HOST, artifact, latency, verdict, written

ENTRY = artifact()
Judged = dict[str, Any]


def compared(
    tmp_path: Path,
    old: tuple[dict[str, Any], Judged | None, Judged | None],
    new: tuple[dict[str, Any], Judged | None, Judged | None],
) -> Comparison:
    roots = []
    for name, (entry, judged, timed) in (("old", old), ("new", new)):
        verdicts = None if judged is None else [judged]
        latencies = None if timed is None else [timed]
        roots.append(written(tmp_path / name, [entry], verdicts, latencies))
    comparison = gathered(roots[1], against=roots[0]).comparison
    assert comparison is not None
    return comparison


def told(comparison: Comparison) -> tuple[list[str], list[str]]:
    def words(found: Any) -> list[str]:
        return [f"{each.what} {each.before} -> {each.after}" for each in found]

    return words(comparison.regressions), words(comparison.improvements)


def test_equal_builds_have_nothing_to_tell(tmp_path: Path) -> None:
    same = (ENTRY, verdict(ENTRY), latency(ENTRY))
    comparison = compared(tmp_path, same, same)
    assert (told(comparison), comparison.alike, comparison.notes) == (([], []), 1, ())


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (verdict(ENTRY), verdict(ENTRY, "failed"), "verdict proven -> failed"),
        (verdict(ENTRY), verdict(ENTRY, "evaluated"), "verdict proven -> evaluated"),
        (
            verdict(ENTRY),
            verdict(ENTRY, psnr_db={"alpha": 89.0}),
            "fidelity 90.0 dB -> 89.0 dB",
        ),
        (
            verdict(ENTRY, psnr_db={"alpha": None}),
            verdict(ENTRY),
            "fidelity equal -> 90.0 dB",
        ),
    ],
)
def test_what_is_worse_one_way_is_better_the_other(
    tmp_path: Path, before: Judged, after: Judged, words: str
) -> None:
    worse = compared(tmp_path / "a", (ENTRY, before, None), (ENTRY, after, None))
    assert told(worse) == ([words], [])
    better = compared(tmp_path / "b", (ENTRY, after, None), (ENTRY, before, None))
    what, _, rest = words.partition(" ")
    assert told(better) == ([], [f"{what} {' -> '.join(reversed(rest.split(' -> ')))}"])


def test_a_larger_file_is_a_regression_and_a_kept_layer_too(tmp_path: Path) -> None:
    grown = artifact(size_bytes=1_010_000, notes={"kept": {"stem": "why"}})
    comparison = compared(tmp_path, (ENTRY, verdict(ENTRY), None), (grown, verdict(grown), None))
    assert told(comparison)[0] == ["size 1.00 MB -> 1.01 MB", "kept layers 0 -> 1"]
    assert [change.told for change in comparison.regressions] == ["+1.0 %", "+1"]


@pytest.mark.parametrize("size_bytes", [1_004_000, 996_000])
def test_what_is_too_little_is_not_told(tmp_path: Path, size_bytes: int) -> None:
    near = artifact(size_bytes=size_bytes)
    judged = verdict(near, psnr_db={"alpha": 89.6})
    comparison = compared(
        tmp_path, (ENTRY, verdict(ENTRY), latency(ENTRY)), (near, judged, latency(near, 10.9))
    )
    assert told(comparison) == ([], [])


def test_latencies_of_one_machine_are_compared(tmp_path: Path) -> None:
    before, after = (
        (ENTRY, verdict(ENTRY), latency(ENTRY, milliseconds)) for milliseconds in (10.0, 12.0)
    )
    assert told(compared(tmp_path, before, after))[0] == ["latency 10.0 ms -> 12.0 ms"]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"host": HOST | {"cpu": "Other"}}, "cpu Test CPU, now Other"),
        ({"host": HOST | {"torch": "2.13"}}, "torch unknown, now 2.13"),
        ({"threads_requested": 2}, "threads 1, now 2"),
    ],
)
def test_latencies_measured_otherwise_are_not_compared(
    tmp_path: Path, changed: dict[str, Any], words: str
) -> None:
    before = (ENTRY, verdict(ENTRY), latency(ENTRY))
    after = (ENTRY, verdict(ENTRY), latency(ENTRY, 99.0, **changed))
    comparison = compared(tmp_path, before, after)
    assert told(comparison) == ([], [])
    assert comparison.notes == (f"latencies were not compared, measured otherwise: {words}",)


def test_a_build_that_was_not_verified_yet_has_no_verdict_that_is_worse(tmp_path: Path) -> None:
    comparison = compared(tmp_path, (ENTRY, verdict(ENTRY), None), (ENTRY, None, None))
    assert told(comparison) == ([], [])
    assert comparison.notes[1] == "verdicts of 1 cell were not compared: not verified in both"


def test_a_lost_program_is_a_regression_and_no_smaller_file(tmp_path: Path) -> None:
    key, read = (artifact("propagation", program=name) for name in ("encode_key", "read"))
    old = written(tmp_path / "old", [key, read])
    new = written(tmp_path / "new", [key])
    comparison = gathered(new, against=old).comparison
    assert comparison is not None
    assert told(comparison) == (["programs encode_key, read -> encode_key"], [])


def test_cells_that_came_and_went_are_listed(tmp_path: Path) -> None:
    half = artifact(recipe="fp16")
    old = written(tmp_path / "old", [ENTRY])
    new = written(tmp_path / "new", [half])
    comparison = gathered(new, against=old).comparison
    assert comparison is not None
    place = ("rvm", "t01", "landscape")
    assert comparison.added == ((place, ("onnx", "fp16")),)
    assert comparison.removed == ((place, ("onnx", "fp32")),)


def test_regressions_change_the_exit_code_where_that_is_asked_for(
    cli: Callable[..., Any], tmp_path: Path
) -> None:
    old = written(tmp_path / "old", [ENTRY], [verdict(ENTRY)])
    new = written(tmp_path / "new", [ENTRY], [verdict(ENTRY, "failed", reasons=["why"])])
    words = ("--html", tmp_path / "out.html", "--no-thumbnails", "--json", "--against")
    assert cli("report", new, *words, old).code == 0
    said = cli("report", new, *words, old, "--fail-on-regression")
    assert said.code == 1
    (change,) = said.json()["comparison"]["regressions"]
    assert (change["what"], change["reason"]) == ("verdict", "matte: why")
    assert cli("report", old, *words, new, "--fail-on-regression").code == 0


@pytest.mark.parametrize(("status", "code"), [("proven", 1), ("evaluated", 1), ("failed", 0)])
def test_what_held_before_and_is_gone_changes_the_exit_code(
    cli: Callable[..., Any], tmp_path: Path, status: str, code: int
) -> None:
    half = artifact(recipe="fp16")
    old = written(tmp_path / "old", [ENTRY, half], [verdict(ENTRY), verdict(half, status)])
    new = written(tmp_path / "new", [ENTRY], [verdict(ENTRY)])
    words = ("--html", tmp_path / "out.html", "--no-thumbnails", "--json", "--against")
    said = cli("report", new, *words, old, "--fail-on-regression")
    assert said.code == code
    assert ("gone, though it held before: rvm t01 onnx fp16" in said.err) == bool(code)
    assert cli("report", new, *words, old).code == 0
    assert cli("report", old, *words, new, "--fail-on-regression").code == 0
