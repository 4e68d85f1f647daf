"""The option that chooses how many tiers are executed."""

import pytest

from tiers.errors import UsageError
from tiers.ladder import LADDERS, ladder, tier

# Of rvm two sizes and depths, of every other network its smallest row; all 96 take hours.
_SAMPLE = "rvm/t01,rvm/t04," + ",".join(f"{name}/t01" for name in LADDERS if name != "rvm")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let more tiers be executed."""
    parser.addoption(
        "--tiers",
        default=_SAMPLE,
        help=f"rows to execute, NETWORK/TIER or NETWORK/all, or all (default: {_SAMPLE})",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes ``network_name`` and ``tier_name`` once for each chosen row."""
    if "tier_name" not in metafunc.fixturenames:
        return
    chosen: str = metafunc.config.getoption("--tiers", default=_SAMPLE)
    words = [f"{name}/all" for name in LADDERS] if chosen == "all" else chosen.split(",")
    try:
        rows = [row for word in words for row in _rows(word)]
    except UsageError as error:
        raise pytest.UsageError(str(error)) from error
    metafunc.parametrize(("network_name", "tier_name"), rows, ids=["/".join(row) for row in rows])


def _rows(word: str) -> list[tuple[str, str]]:
    network, _, name = word.partition("/")
    names = list(ladder(network)) if name == "all" else [tier(network, name).name]
    return [(network, each) for each in names]
