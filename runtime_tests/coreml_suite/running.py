"""Run coremltools' tests in processes of their own and gather what became of them."""

import contextlib
import dataclasses
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from runtime_tests.coreml_suite.record import Case, read
from runtime_tests.coreml_suite.suites import OPERATIONS, files, package
from tiers.errors import UsageError, WorkerError

ROOT = Path(__file__).parents[2]
_INI = Path(__file__).with_name("suite.ini")
_PLUGIN = "runtime_tests.coreml_suite.plugin"
_ENVIRONMENT = {
    "PYMIL_TEST_TARGETS": "mlprogram",  # no networks of before iOS 15
    "INCLUDE_MIL_FP32_UNIT_TESTS": "1",
    "RUN_BACKWARD_COMPATIBILITY": "1",  # every operation in every later opset as well
    "OMP_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "PYTHONPATH": str(ROOT),
}
_MODULES = tuple(
    f"converters/mil/frontend/torch/test/test_torch_ops.py::Test{name}"
    for name in (
        "GridSample",
        "InstanceNorm",
        "LogicalAnd",
        "LogicalNot",
        "LogicalOr",
        "LogicalXor",
    )
)
_PASSED, _FAILED, _NOTHING = 0, 1, 5  # pytest's exit codes of a run that came to its end
_LAST = 2000  # characters of a log that show why there was none


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What to run.

    Attributes:
        per_test: How many parameter sets of each test, precision and operation; ``None`` for all.
        only: A regular expression of the names of tests.
        files: Test files, or classes in them, relative to coremltools; all of the suites unless
            given.
        jobs: Processes that share the tests.
        plugins: More plugins of pytest, by module; the evaluator is theirs to change.
    """

    per_test: int | None = None
    only: str = ""
    files: tuple[str, ...] = ()
    jobs: int = 1
    plugins: tuple[str, ...] = ()


def sample() -> Request:
    """Return what runs with this repository's own tests: every operation, and a few modules."""
    operations = tuple(name for name in files(package()) if name.startswith(OPERATIONS))
    return Request(per_test=1, files=(*operations, *_MODULES))


def run(request: Request, tell: Callable[[int, int], None]) -> tuple[Case, ...]:
    """Run the tests.

    Args:
        request: Which ones, and in how many processes.
        tell: Called now and then with how many tests are done and how many were chosen.

    Returns:
        The cases, in the order of their names.

    Raises:
        UsageError: If no test is chosen.
        WorkerError: If a process ended before its tests did.
    """
    folder = package()
    chosen = request.files or tuple(files(folder))
    with tempfile.TemporaryDirectory() as place, contextlib.ExitStack() as stack:
        parts = [
            stack.enter_context(_Part(Path(place), folder, request, chosen, index))
            for index in range(request.jobs)
        ]
        while [part for part in parts if not part.ended()]:
            tell(sum(part.done() for part in parts), sum(part.chosen() for part in parts))
            time.sleep(0.5)
        cases = [case for part in parts for case in part.cases()]
    if not cases:
        msg = f"no test of coremltools matches {request.only!r}"
        raise UsageError(msg)
    return tuple(sorted(cases, key=lambda case: case.test))


class _Part:
    """One process; ended with its block."""

    def __init__(
        self, place: Path, folder: Path, request: Request, chosen: tuple[str, ...], index: int
    ) -> None:
        self._report = place / f"{index}.jsonl"
        self._log = place / f"{index}.log"
        more = [] if request.per_test is None else [f"--suite-per-test={request.per_test}"]
        plugins = [f"-p{name}" for name in (_PLUGIN, *request.plugins)]
        self._command = [
            *(sys.executable, "-m", "pytest", f"-c{_INI}", f"--rootdir={folder}"),
            *("-q", "--tb=no", "--no-header", "-pno:cacheprovider", "-Wignore", *plugins, *more),
            f"--suite-report={self._report}",
            f"--suite-only={request.only}",
            f"--suite-part={index}/{request.jobs}",
            *(str(folder / each) for each in chosen),
        ]
        self._place = place

    def __enter__(self) -> "_Part":
        with self._log.open("w", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._place,  # some tests write where they are
                env={**os.environ, **_ENVIRONMENT, "TMPDIR": str(self._place)},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def ended(self) -> bool:
        """Return whether the process came to its end.

        Raises:
            WorkerError: If it did so before its tests did.
        """
        code = self._process.poll()
        if code not in {None, _PASSED, _FAILED, _NOTHING}:
            last = self._log.read_text(encoding="utf-8", errors="replace")[-_LAST:].strip()
            msg = f"pytest ended with {code} before coremltools' tests did; it said:\n{last}"
            raise WorkerError(msg)
        return code is not None

    def chosen(self) -> int:
        """Return how many tests it was given, 0 as long as that is not known."""
        written = self._report.with_suffix(".chosen")
        return int(written.read_text() or "0") if written.exists() else 0

    def done(self) -> int:
        """Return how many it has run."""
        if not self._report.exists():
            return 0
        with self._report.open("rb") as report:
            return sum(1 for _ in report)

    def cases(self) -> Iterator[Case]:
        """Yield what became of its tests."""
        yield from read(self._report) if self._report.exists() else ()
