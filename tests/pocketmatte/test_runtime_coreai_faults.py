"""A Core AI that fails while it loads leaves nothing behind; no Core AI is needed to see it."""

import contextlib
import sys
import types
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pocketmatte.runtimes.coreai import CoreAiSession
from tiers.contract import ProgramContract
from tiers.errors import BundleError


class Asset:
    """An asset of a Core AI that fails when the program is taken from it.

    Args:
        error: What it fails with.
        log: Where it writes down what becomes of what was compiled.
    """

    function_names = ("main",)

    def __init__(self, error: BaseException, log: list[str]) -> None:
        self._error, self._log = error, log

    @contextlib.asynccontextmanager
    async def executable(self) -> "AsyncIterator[Asset]":
        self._log.append("compiled")
        try:
            yield self
        finally:
            self._log.append("removed")

    def load_function(self, name: str) -> None:
        assert name == "main"
        raise self._error


@pytest.mark.parametrize(
    ("error", "raised", "message"),
    [
        (RuntimeError("no engine\nat 0x0"), BundleError, "refuses m.aimodel: no engine; build it"),
        (KeyError("main"), KeyError, "main"),
        (KeyboardInterrupt(), KeyboardInterrupt, "^$"),
    ],
)
def test_whatever_ends_a_loading_removes_what_was_compiled(
    running_contract: ProgramContract,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    raised: type[BaseException],
    message: str,
) -> None:
    log: list[str] = []
    asset = Asset(error, log)
    authoring = types.ModuleType("coreai.authoring")
    monkeypatch.setattr(
        authoring, "AIModelAsset", types.SimpleNamespace(load=lambda _: asset), raising=False
    )
    monkeypatch.setitem(sys.modules, "coreai", types.ModuleType("coreai"))
    monkeypatch.setitem(sys.modules, "coreai.authoring", authoring)
    with pytest.raises(raised, match=message):
        CoreAiSession(Path("m.aimodel"), running_contract, 1)
    assert log == ["compiled", "removed"]
