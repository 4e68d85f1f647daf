"""Options and fixtures of every test, in `tests/` and in `runtime_tests/`."""

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
