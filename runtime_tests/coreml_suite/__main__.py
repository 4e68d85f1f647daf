"""``python -m runtime_tests.coreml_suite``: coremltools' own tests, run on the evaluator."""

import argparse
import dataclasses
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from pocketmatte.console import note, stderr, stdout, table
from runtime_tests.coreml_suite.judging import Judgement, counts, judge
from runtime_tests.coreml_suite.record import OUTCOMES, Case
from runtime_tests.coreml_suite.running import Request, run
from runtime_tests.coreml_suite.suites import files, package
from tiers.errors import PocketMatteError, UsageError

_HELP = """\
Run the tests that coremltools brings for Core ML's operations, its compression and its
conversion from PyTorch, with this repository's evaluator of ML Programs in place of
Core ML. What they expect was written by others.

  --only iOS17/test_conv   one file, in half a minute
  --per-test 2             a sample of everything
  --all --jobs 2           everything; hours
"""
_OUTCOMES = """\
outcomes
  passed       programs were run and gave what the test expects
  unevaluated  passed, and ran no program: it asks the converter alone
  refused      the evaluator refused an operation or a value, by name
  failed       anything else went wrong after a program was run
  stopped      ended before any program was run: the converter's affair
  skipped      by the test's own marks

ends with 0 if every refusal and failure is explained in known.py and every explanation
still holds, else 1; with 2 where it was used wrongly
"""
_JOBS = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.per_test < 1:
        parser.error(f"--per-test is {given.per_test}; it must be 1 or more")
    try:
        cases = run(_request(given), _progress)
    except UsageError as error:
        parser.error(str(error))
    except PocketMatteError as error:
        note(str(error))
        return 1
    judgement = judge(cases, whole=given.all and not given.only)
    if given.json is not None:
        given.json.write_text(json.dumps(_plain(cases, judgement), indent=1) + "\n")
    _print(cases, judgement)
    return 0 if judgement.passed else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m runtime_tests.coreml_suite",
        description=_HELP,
        epilog=_OUTCOMES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    number = parser.add_mutually_exclusive_group()
    number.add_argument(
        "--per-test",
        type=int,
        default=1,
        metavar="N",
        help="parameter sets of each test in each precision, always the same ones (default: 1)",
    )
    number.add_argument("--all", action="store_true", help="every parameter set of every test")
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="only tests whose file or name contains this"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every case to a file")
    parser.add_argument(
        "--jobs",
        type=int,
        default=1,
        choices=range(1, _JOBS + 1),
        help="processes that share the tests (default: 1)",
    )
    return parser


def _request(given: argparse.Namespace) -> Request:
    """Return what to run; where a file's name holds the text, no other file is opened."""
    text: str = given.only
    named = tuple(name for name in files(package()) if text and text in name)
    return Request(
        per_test=None if given.all else given.per_test,
        only="" if named else re.escape(text),
        files=named,
        jobs=given.jobs,
    )


def _progress(done: int, chosen: int) -> None:
    if stderr.is_terminal and chosen:
        stderr.print(f"{done} of {chosen} tests", end="\r")


def _plain(cases: Sequence[Case], judgement: Judgement) -> dict[str, object]:
    reasons = {case.test: known.reason for case, known in judgement.explained}
    return {
        "counts": counts(cases),
        "unexplained": [case.test for case in judgement.unexplained],
        "stale": [dataclasses.asdict(known) for known in judgement.stale],
        "cases": [
            {**dataclasses.asdict(case), "explanation": reasons.get(case.test)} for case in cases
        ],
    }


def _print(cases: Sequence[Case], judgement: Judgement) -> None:
    found = counts(cases)
    rows = [[suite, *(found[suite][name] for name in OUTCOMES)] for suite in found]
    rows.append(["all", *(sum(by[name] for by in found.values()) for name in OUTCOMES)])
    stdout.print(table("coremltools' own tests on the evaluator", ("suite", *OUTCOMES), rows))
    kinds = {kind for case in cases if case.outcome == "passed" for kind in case.kinds}
    half = [case for case in cases if case.outcome == "passed" and case.half]
    stdout.print(
        f"{len(kinds)} kinds of operations in programs that passed; of {len(half)} tests that "
        f"declare half precision {sum(case.widened for case in half)} need its tolerance, and the "
        f"largest departure is {max((case.departure for case in half), default=0.0):.1e}"
    )
    reasons: dict[str, list[Case]] = {}
    for case, known in judgement.explained:
        reasons.setdefault(f"{known.outcome}: {known.reason}", []).append(case)
    for reason, alike in reasons.items():
        stdout.print(f"\n{len(alike)} {reason}")
        for case in alike:
            stdout.print(f"  {case.test}", soft_wrap=True)
    for case in judgement.unexplained:
        stdout.print(f"\nUNEXPLAINED {case.outcome}: {case.test}\n  {case.reason}", soft_wrap=True)
    for known in judgement.stale:
        stdout.print(
            f"\nSTALE: {known.tests} no longer ends with {known.error!r}; take its explanation "
            "out of known.py, or mend it",
            soft_wrap=True,
        )


if __name__ == "__main__":
    sys.exit(main())
