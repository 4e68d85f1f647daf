"""A bench that protocols are tried on."""

from pathlib import Path

import pytest

from tests.pocketmatte.protocols.rules import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Return a bench that writes to an empty folder."""
    return Bench(tmp_path / "data")
