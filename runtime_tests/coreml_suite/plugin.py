"""A pytest plugin that runs coremltools' own tests on the evaluator and writes what became of them.

Which tests a sample takes and what each of them draws at random depend on its name alone: neither
on the order nor on what else is run.
"""

import gc
import hashlib
import importlib.util
import random
import re
import sys
import time
import types
import zlib
from collections.abc import Generator
from pathlib import Path

import numpy as np
import pytest
import torch

from runtime_tests.coreml_suite import stand_in, tolerance
from runtime_tests.coreml_suite.record import Case, Outcome, line
from tiers.errors import BundleError

_REASON = 400  # characters of an error that are kept


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take what the command chose."""
    group = parser.getgroup("coreml suite")
    group.addoption("--suite-report", type=Path, help="file to write the cases to")
    group.addoption("--suite-per-test", type=int, help="parameter sets of a test; all unless given")
    group.addoption("--suite-only", default="", help="regular expression of tests' names")
    group.addoption("--suite-part", default="0/1", help="I/N: every N-th test, from the I-th on")


def pytest_configure(config: pytest.Config) -> None:
    """Replace Core ML before any test is imported."""
    torch.set_num_threads(1)
    watch = stand_in.Watch()
    stand_in.install(watch)
    tolerance.install(watch)
    _choose_frontends()
    if importlib.util.find_spec("torchvision") is None:
        # Some files import it for a few of their tests, which then stop at what it lacks.
        sys.modules["torchvision"] = types.ModuleType("torchvision")
    config.pluginmanager.register(_Suite(config, watch), "coreml_suite")


def _choose_frontends() -> None:
    """Let the tests convert from TorchScript and from ``torch.export``, whatever is installed.

    Our own packages come from the latter. coremltools would add ExecuTorch's dialect of it.
    """
    from coremltools.converters.mil.frontend.torch.test import testing_utils
    from coremltools.converters.mil.frontend.torch.utils import TorchFrontend

    testing_utils.frontends = [TorchFrontend.TORCHSCRIPT, TorchFrontend.TORCHEXPORT]


class _Suite:
    def __init__(self, config: pytest.Config, watch: stand_in.Watch) -> None:
        self._watch = watch
        self._begun = 0.0
        self._report: Path = config.getoption("suite_report")
        self._per_test: int | None = config.getoption("suite_per_test")
        self._only = re.compile(config.getoption("suite_only"))
        part, _, parts = config.getoption("suite_part").partition("/")
        self._part, self._parts = int(part), int(parts)

    @pytest.hookimpl(tryfirst=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> None:
        """Seed what a file draws while it is imported."""
        if isinstance(collector, pytest.Module):
            _seed(collector.nodeid)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep the tests that are asked for, and of each as many sets as are."""
        ranked = sorted(items, key=lambda item: _rank(item.nodeid))
        taken: dict[str, int] = {}
        kept = set()
        for item in ranked:
            if not self._only.search(item.nodeid):
                continue
            test = sampled_as(item.nodeid)
            taken[test] = taken.get(test, 0) + 1
            if self._per_test is None or taken[test] <= self._per_test:
                kept.add(item)
        chosen = [item for item in items if item in kept]
        items[:] = chosen[self._part :: self._parts]
        self._report.with_suffix(".chosen").write_text(str(len(items)), encoding="utf-8")
        self._report.touch()

    def pytest_collection_finish(self) -> None:
        """Keep what is there already out of every later search for garbage.

        coremltools searches at each conversion, which is nine tenths of the time otherwise.
        """
        gc.collect()
        gc.freeze()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Seed what a test draws, and watch it from the start."""
        self._watch.begin()
        self._begun = time.process_time()
        _seed(item.nodeid)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Write what became of a test once that is known."""
        report = yield
        if call.when == "call" or report.outcome != "passed":
            error = call.excinfo.value if call.excinfo is not None else None
            with self._report.open("a", encoding="utf-8") as file:
                file.write(line(self._case(item, report, error)))
        return report

    def _case(
        self, item: pytest.Item, report: pytest.TestReport, error: BaseException | None
    ) -> Case:
        watch = self._watch
        refusal = _refusal(error)
        ended = refusal or error
        reason = f"{type(ended).__name__}: {ended}" if ended is not None else ""
        return Case(
            test=plain(item.nodeid),
            outcome=_outcome(report.outcome, watch, refused=refusal is not None),
            reason=" ".join(reason.split())[:_REASON],
            unexpected=report.outcome == "passed" and hasattr(report, "wasxfail"),
            half=watch.half,
            widened=watch.widened,
            departure=watch.departure,
            kinds=tuple(sorted(watch.kinds)),
            seconds=round(time.process_time() - self._begun, 3),
        )


def _outcome(reported: str, watch: stand_in.Watch, *, refused: bool) -> Outcome:
    if reported == "skipped":
        return "skipped"
    if reported == "passed":
        return "passed" if watch.evaluations else "unevaluated"
    if refused:
        return "refused"
    return "failed" if watch.evaluations else "stopped"


def _refusal(error: BaseException | None) -> BundleError | None:
    """Return the evaluator's own error among those that led to ``error``."""
    while error is not None and not isinstance(error, BundleError):
        error = error.__cause__ or error.__context__
    return error


def plain(test: str) -> str:
    """Return a test's name without addresses of objects, which change from run to run."""
    return re.sub(r"0x[0-9a-f]{6,}", "0x", test)


def sampled_as(name: str) -> str:
    """Return what a sample takes sets of: a function in one precision, with one ``mode``.

    The mode is the operation where one function tests several.
    """
    function, _, parameters = name.partition("[")
    kinds = re.findall(r"\bmode=\w+|'fp(?:16|32)'", parameters)
    return " ".join([function, *kinds])


def _rank(test: str) -> bytes:
    return hashlib.sha256(plain(test).encode()).digest()


def _seed(name: str) -> None:
    seed = zlib.crc32(plain(name).encode())
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - that is what the tests draw from
    torch.manual_seed(seed)
