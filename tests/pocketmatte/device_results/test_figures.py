"""Counts, sizes, memory and fidelity: each is a regression from where it is stated on."""

from typing import Any

import pytest

from tests.pocketmatte.device_results.changes import AFTER, BEFORE, compared, figure, figure_of
from tests.pocketmatte.device_results.made import Change, emulated, made


@pytest.mark.parametrize(
    ("scale", "verdict"), [(1.0011, "more"), (0.9989, "less"), (1.0009, "same"), (1.0, "same")]
)
def test_instructions_are_held_to_a_tenth_of_a_percent(scale: float, verdict: str) -> None:
    found = compared(emulated("one", 10**6), emulated("two", int(scale * 10**6)))
    assert figure(found, "instructions").verdict == verdict
    assert found.regressions == (verdict == "more")
    assert figure(found, "p50").reason == "emulated latencies are no latencies"


@pytest.mark.parametrize(
    ("peak_bytes", "verdict"), [(106e6, "larger"), (94e6, "smaller"), (104e6, "same")]
)
def test_more_memory_is_a_regression(peak_bytes: float, verdict: str) -> None:
    def took(result: dict[str, Any]) -> None:
        result["memory"]["peak_bytes"] = int(peak_bytes)

    found = compared(made("one", BEFORE), made("two", AFTER, took))
    assert figure(found, "memory").verdict == verdict
    assert figure(found, "memory").regression == (verdict == "larger")


def test_memory_that_was_read_otherwise_is_refused() -> None:
    other = made("two", AFTER, lambda r: r["memory"].update(method="PSS"))
    assert figure_of("memory", made("one"), other).reason == "other method: VmHWM, then PSS"
    none = made("two", AFTER, lambda r: r.update(memory=None))
    assert figure_of("memory", made("one"), none).reason == "measured on one side alone"
    zero = made("two", AFTER, lambda r: r["memory"].update(peak_bytes=0))
    assert "0 is no measurement" in str(figure_of("memory", made("one"), zero).reason)


def file(**facts: object) -> Change:
    return lambda r: r["subject"]["files"][0].update(facts)


@pytest.mark.parametrize(
    ("size", "verdict"), [(1006, "larger"), (994, "smaller"), (1004, "same"), (1000, "same")]
)
def test_larger_files_are_a_regression(size: int, verdict: str) -> None:
    before = made("one", BEFORE, file(size_bytes=1000))
    found = figure_of("size", before, made("two", AFTER, file(size_bytes=size)))
    assert (found.verdict, found.regression) == (verdict, verdict == "larger")


def test_sizes_of_other_programs_are_refused() -> None:
    assert figure_of("size", made(), made("two", AFTER, file(program="b"))).reason == (
        "other programs"
    )


def psnr(decibels: float | None) -> Change:
    return lambda r: r["parity"]["outputs"][0].update(psnr_db=decibels)


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        (60.0, 59.4, "worse"),
        (60.0, 60.6, "better"),
        (60.0, 59.6, "same"),
        (None, 120.0, "worse"),
        (120.0, None, "better"),
        (None, None, "same"),
    ],
)
def test_a_lower_fidelity_is_a_regression(
    before: float | None, after: float | None, verdict: str
) -> None:
    found = figure_of("fidelity", made("one", BEFORE, psnr(before)), made("two", None, psnr(after)))
    assert (found.verdict, found.regression) == (verdict, verdict == "worse")


def test_what_is_not_finite_any_more_is_worse_than_any_fidelity() -> None:
    def not_finite(result: dict[str, Any]) -> None:
        figures = dict.fromkeys(("psnr_db", "free_max_abs", "max_abs", "mad", "flipped"))
        result["parity"]["outputs"][0].update(finite=False, faults=["not_finite"], **figures)
        result["parity"]["passed"] = False
        result["status"] = "parity_failed"

    assert figure_of("fidelity", made(), made("two", None, not_finite)).verdict == "worse"


def test_fidelities_to_other_traces_are_refused() -> None:
    other = made("two", None, lambda r: r["subject"].update(trace_sha256="0" * 64))
    assert figure_of("fidelity", made(), other).reason == "held to another trace"
