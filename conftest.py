"""Options and fixtures of every test, in `tests/` and in `runtime_tests/`."""

import collections
import fcntl
import platform
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parent
SHARED = ROOT.parent / "shared"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let another set of golden files be checked."""
    group = parser.getgroup("golden files")
    group.addoption(
        "--golden-dir",
        type=Path,
        help="folder of <network>_seed<N>.npz files (default: ../shared/reference/golden)",
    )
    group.addoption("--golden-seed", type=int, help="the N in their names (default: 0)")


@pytest.fixture(autouse=True, scope="session")
def _one_torch_thread() -> None:
    """Keep results and run times independent of the number of cores."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the repository's top folder."""
    return ROOT


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Return the folder of data beside the repository, or skip."""
    if not SHARED.is_dir():
        pytest.skip("needs the data folder ../shared beside the repository, which is missing")
    return SHARED


@pytest.fixture(scope="session")
def golden_options(request: pytest.FixtureRequest) -> tuple[Path | None, int | None]:
    """Return `--golden-dir` and `--golden-seed`, each `None` where it was not given."""
    return request.config.getoption("--golden-dir"), request.config.getoption("--golden-seed")


def _built_runner(name: str, reason: str | None) -> Path:
    """Return a folder with the native runner of the present sources, or skip."""
    if reason is not None:
        pytest.skip(f"not run: {reason}")
    from pocketmatte.native.building import build_runner, read_runner
    from pocketmatte.native.tools import target
    from tiers.errors import RuntimeUnavailableError

    out = ROOT / "build" / "native"
    out.mkdir(parents=True, exist_ok=True)
    with (out / f".{name}.lock").open("w") as lock:  # several processes test at once
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            read_runner(out / name)
        except RuntimeUnavailableError:
            build_runner(target(name), out)
    return out / name


@pytest.fixture(scope="session")
def host_runner() -> Path:
    """Return a folder with the native runner for this machine, or skip."""
    from pocketmatte.native.tools import TARGETS, unbuildable

    name = f"linux-{platform.machine()}"
    if name not in TARGETS:
        pytest.skip(f"not run: the native runner is not built for {name}")
    return _built_runner(name, unbuildable(TARGETS[name]))


@pytest.fixture(scope="session")
def arm_runner() -> Path:
    """Return a folder with the native runner for 64-bit Arm, where it can be emulated, or skip."""
    from pocketmatte.native.tools import TARGETS, unbuildable, unemulatable

    name = "linux-aarch64"
    return _built_runner(name, unemulatable() or unbuildable(TARGETS[name]))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in a line each which tools were missing, and how many tests that left out."""
    left_out = collections.Counter(
        report.longrepr[2].removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple)
    )
    for reason, count in sorted(left_out.items()):
        if reason.startswith("not run: "):
            terminalreporter.write_line(f"{reason} ({count} test{'s' if count > 1 else ''})")
