from collections.abc import Callable
from typing import Any

import pytest

from tests.pocketmatte.cut.made import Clip, Cutter, clip


@pytest.fixture(scope="session")
def nine() -> Clip:
    """Return nine frames of a person, with masks."""
    return clip(9)


@pytest.fixture
def cutter(cli: Callable[..., Any]) -> Cutter:
    return Cutter(cli)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> int:
    """Make chunks so short that a few frames fill several."""
    size = 3
    monkeypatch.setattr("pocketmatte.cut.store.CHUNK", size)
    monkeypatch.setattr("pocketmatte.cut.footage.CHUNK", size)
    return size
