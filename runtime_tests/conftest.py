"""The option that chooses how many tiers are executed."""

import pytest

from tiers.errors import UnknownTierError
from tiers.ladder import ladder, tier

_SAMPLE = "t01,t04"  # two sizes, two depths; all twelve take minutes


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let more tiers be executed."""
    parser.addoption(
        "--tiers",
        default=_SAMPLE,
        help=f"tiers to execute, or all (default: {_SAMPLE})",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes ``tier_name`` once for each chosen tier."""
    if "tier_name" not in metafunc.fixturenames:
        return
    chosen: str = metafunc.config.getoption("--tiers", default=_SAMPLE)
    names = list(ladder("rvm")) if chosen == "all" else chosen.split(",")
    try:
        metafunc.parametrize("tier_name", [tier("rvm", name).name for name in names])
    except UnknownTierError as error:
        raise pytest.UsageError(str(error)) from error
