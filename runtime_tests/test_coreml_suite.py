"""A sample of coremltools' own tests, run on the evaluator of ML Programs."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from pocketmatte.mlprogram.operations import OPERATIONS
from runtime_tests.coreml_suite.__main__ import main
from runtime_tests.coreml_suite.broken import WRONG
from runtime_tests.coreml_suite.judging import counts, judge
from runtime_tests.coreml_suite.known import Known
from runtime_tests.coreml_suite.record import Case, Outcome, line, read
from runtime_tests.coreml_suite.running import Request, run, sample
from runtime_tests.coreml_suite.suites import SUITES, files, package, suite_of
from runtime_tests.coreml_suite.tolerance import HALF, departure, own

# The first they leave out; the second they compare with TensorFlow's.
_UNTESTED = {"ceil", "non_maximum_suppression"}
_FILE = "converters/mil/mil/ops/tests/iOS14/test_activation.py"


def case(test: str, outcome: Outcome = "passed", reason: str = "") -> Case:
    return Case(
        test=f"{_FILE}::{test}",
        outcome=outcome,
        reason=reason,
        unexpected=False,
        half=False,
        widened=False,
        departure=0.0,
        kinds=("relu",),
        seconds=0.5,
    )


def known(tests: str, *, some: bool = False) -> Known:
    return Known(tests=tests, error="too large", outcome="failed", reason="because", some=some)


@pytest.fixture(scope="module")
def cases() -> Sequence[Case]:
    return run(sample(), lambda *_: None)


def test_every_refusal_and_failure_of_coremltools_own_tests_is_explained(
    cases: Sequence[Case],
) -> None:
    judgement = judge(cases, whole=False)
    assert [(each.test, each.reason) for each in judgement.unexplained] == []
    assert judgement.stale == ()


@pytest.mark.parametrize(
    ("suite", "least"), [("operations", 500), ("compression", 60), ("frontend", 10)]
)
def test_enough_of_them_run_programs_and_pass(
    suite: str, least: int, cases: Sequence[Case]
) -> None:
    assert counts(cases)[suite]["passed"] >= least


def test_they_run_every_operation_that_coremltools_tests_in_a_program(
    cases: Sequence[Case],
) -> None:
    ran = {kind for each in cases if each.outcome == "passed" for kind in each.kinds}
    assert OPERATIONS.keys() - ran == _UNTESTED


def test_a_wrong_operation_fails_their_tests() -> None:
    request = Request(
        per_test=1,
        files=(_FILE, "converters/mil/mil/ops/tests/iOS14/test_linear.py"),
        only=r"::Test(ReLU|Softmax|MatMul)::test_\w+_to_backend_smoke",
        plugins=("runtime_tests.coreml_suite.broken",),
    )
    judgement = judge(run(request, lambda *_: None), whole=False)
    assert {each.outcome for each in judgement.unexplained} == {"failed"}
    assert {kind for each in judgement.unexplained for kind in each.kinds} >= WRONG.keys()
    assert not judgement.passed


def test_every_test_file_belongs_to_a_suite() -> None:
    found = list(files(package()))
    assert len(found) == len(set(found)) > 40
    assert {suite_of(f"{name}::test") for name in found} == set(SUITES)


def test_a_case_survives_the_way_through_the_report(tmp_path: Path) -> None:
    cases = [case("a"), case("b", "failed", 'it said "no"')]
    report = tmp_path / "report.jsonl"
    report.write_text("".join(line(each) for each in cases) + '{"test": "half wri')
    assert list(read(report)) == cases


def test_what_has_no_explanation_is_named() -> None:
    cases = [case("a[1]", "failed", "E: too large"), case("b", "failed", "E: too small")]
    judgement = judge(cases, whole=False, table=[known(r"::a\[")])
    assert [each.test for each, _ in judgement.explained] == [cases[0].test]
    assert judgement.unexplained == (cases[1],)
    assert not judgement.passed


@pytest.mark.parametrize("outcome", ["refused", "failed"])
def test_an_explanation_of_another_outcome_is_none(outcome: Outcome) -> None:
    cases = [case("a[1]", outcome, "E: too large")]
    judgement = judge(cases, whole=False, table=[known(r"::a\[")])
    assert (judgement.unexplained == ()) == (outcome == "failed")


@pytest.mark.parametrize(
    ("outcomes", "some", "whole", "stale"),
    [
        (["failed", "failed"], False, False, False),
        (["failed", "passed"], False, False, True),
        (["failed", "passed"], True, False, False),
        (["passed"], True, False, False),
        (["passed"], True, True, True),
        ([], False, False, False),
        ([], False, True, True),
        (["skipped"], False, False, False),
    ],
)
def test_an_explanation_of_what_no_longer_happens_is_stale(
    outcomes: Sequence[Outcome], some: bool, whole: bool, stale: bool
) -> None:
    cases = [case(f"a[{n}]", outcome, "E: too large") for n, outcome in enumerate(outcomes)]
    entry = known(r"::a\[", some=some)
    assert judge(cases, whole=whole, table=[entry]).stale == ((entry,) if stale else ())


@pytest.mark.parametrize(
    ("loosened", "expected"),
    [((5e-2, 0.5), (0, 0)), ((0.2, 1.0), (2e-3, 1e-2)), ((1e-5, 1e-4), None), ((1e-3, 1), None)],
)
def test_what_coremltools_adds_for_half_precision_is_taken_back(
    loosened: tuple[float, float], expected: tuple[float, float] | None
) -> None:
    assert own(*loosened) == (pytest.approx(expected) if expected else None)


def test_a_comparison_passes_within_its_departure_and_no_less() -> None:
    found, expected = np.array([1.0, -3.0, np.inf]), np.array([1.1, -3.0, np.inf])
    needed = departure(found, expected)
    np.testing.assert_allclose(found, expected, rtol=needed * 1.001, atol=needed * 1.001)
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(found, expected, rtol=needed * 0.999, atol=needed * 0.999)


def test_half_precision_is_held_far_closer_than_coremltools_does() -> None:
    assert HALF <= 0.01


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--per-test", "0"], "--per-test is 0; it must be 1 or more"),
        (["--jobs", "3"], "invalid choice: 3"),
        (["--all", "--per-test", "2"], "not allowed with argument"),
    ],
)
def test_wrong_use_ends_with_2_and_says_why(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_the_command_prints_counts_and_writes_every_case(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.json"
    assert main(["--only", "iOS16/test_conv", "--json", str(report)]) == 0
    written = json.loads(report.read_text())
    assert written["counts"]["operations"]["unevaluated"] == len(written["cases"]) > 0
    assert written["unexplained"] == written["stale"] == []
    fields = dataclasses.asdict(case("x")).keys() | {"explanation"}
    assert {frozenset(found) for found in written["cases"]} == {frozenset(fields)}
    assert "passed" in capsys.readouterr().out
