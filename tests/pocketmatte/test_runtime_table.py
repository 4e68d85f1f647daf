"""Which runtime tells what a file computes, where its own may be missing."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from export.targets import Target
from pocketmatte.runtimes import table
from pocketmatte.runtimes.protocol import Runtime, Session
from pocketmatte.runtimes.table import prover
from tiers.contract import ProgramContract


class Somewhere:
    """A runtime that this machine has or lacks."""

    def __init__(self, name: str, reason: str | None = None) -> None:
        self.name, self._reason = name, reason

    def unavailable(self) -> str | None:
        return self._reason

    def load(self, path: Path, contract: ProgramContract, *, threads: int) -> Session:
        raise AssertionError((path, contract, threads))


def _export(*_: object) -> Mapping[str, object]:
    return {}


def _target(evaluator: str | None) -> Target:
    return Target(name="f", suffix=".f", runtime="own", export=_export, evaluator=evaluator)


def _have(monkeypatch: pytest.MonkeyPatch, own: Runtime) -> None:
    monkeypatch.setattr(table, "RUNTIMES", {"own": own, "other": Somewhere("other")})


def test_a_runtime_that_is_here_proves_its_own_files(monkeypatch: pytest.MonkeyPatch) -> None:
    own = Somewhere("own")
    _have(monkeypatch, own)
    assert prover(_target("other")) is own


def test_an_evaluator_stands_in_for_a_runtime_that_is_not_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _have(monkeypatch, Somewhere("own", "of another system"))
    assert prover(_target("other")).name == "other"


def test_a_runtime_without_an_evaluator_is_named_even_where_it_is_not_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = Somewhere("own", "of another system")
    _have(monkeypatch, own)
    assert prover(_target(None)) is own
