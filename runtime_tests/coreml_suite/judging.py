"""Set what became of the tests against the table of what is explained."""

import dataclasses
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from runtime_tests.coreml_suite.known import KNOWN, Known
from runtime_tests.coreml_suite.record import OUTCOMES, Case
from runtime_tests.coreml_suite.suites import SUITES, suite_of

_ASK = frozenset({"refused", "failed"})  # outcomes that ask for an explanation


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """What the table says of a run.

    Attributes:
        explained: What was refused or failed for a reason that is known, and why.
        unexplained: What was refused or failed for none.
        stale: What the table says should have happened and did not.
    """

    explained: tuple[tuple[Case, Known], ...]
    unexplained: tuple[Case, ...]
    stale: tuple[Known, ...]

    @property
    def passed(self) -> bool:
        """Whether everything is as the table says."""
        return not self.unexplained and not self.stale


def judge(cases: Sequence[Case], *, whole: bool, table: Sequence[Known] = KNOWN) -> Judgement:
    """Look up every refusal and failure.

    Args:
        cases: What became of the tests.
        whole: Whether these are all parameter sets of all tests. Of a sample an explanation that
            holds for some of a test's sets only, or for tests that were not run, is not stale.
        table: The explanations.
    """
    asking = [(case, _explanation(case, table)) for case in cases if case.outcome in _ASK]
    return Judgement(
        explained=tuple((case, known) for case, known in asking if known is not None),
        unexplained=tuple(case for case, known in asking if known is None),
        stale=tuple(known for known in table if _stale(known, cases, whole=whole)),
    )


def counts(cases: Sequence[Case]) -> Mapping[str, Mapping[str, int]]:
    """Return how many cases of each suite had each outcome."""
    found = Counter((suite_of(case.test), case.outcome) for case in cases)
    return {
        suite: {outcome: found[suite, outcome] for outcome in OUTCOMES} for suite in sorted(SUITES)
    }


def _explanation(case: Case, table: Sequence[Known]) -> Known | None:
    return next(
        (
            known
            for known in table
            if known.outcome == case.outcome
            and re.search(known.tests, case.test)
            and re.search(known.error, case.reason)
        ),
        None,
    )


def _stale(known: Known, cases: Sequence[Case], *, whole: bool) -> bool:
    ran = [
        case for case in cases if case.outcome != "skipped" and re.search(known.tests, case.test)
    ]
    happened = [
        case
        for case in ran
        if case.outcome == known.outcome and re.search(known.error, case.reason)
    ]
    if whole and not happened:
        return True
    return not known.some and len(happened) < len(ran)
