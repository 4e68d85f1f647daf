"""Seeded weights are made once for a bundle, and again when what makes them changes."""

from pathlib import Path

import pytest

from export.manifest import Weights
from pocketmatte.bundle import described
from pocketmatte.farm.seeds import Seeds
from tiers.ladder import tier
from tiers.spec import TierSpec
from tiers.weights import Weights as WeightsFile
from tiers.weights import untrained

SPEC = tier("fusion", "t09")


def remembered(root: Path) -> Weights:
    seeds = Seeds(root)
    found = seeds.entry(SPEC)
    seeds.save()
    return found


def test_they_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = remembered(tmp_path)
    assert first == described(untrained(SPEC))
    monkeypatch.setattr("pocketmatte.farm.seeds.untrained", lambda _: pytest.fail("made again"))
    assert remembered(tmp_path) == first


@pytest.mark.parametrize("text", ["", "[]", '{"a": {"path": "x"}}'])
def test_a_damaged_memory_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "seeds.json").write_text(text)
    assert remembered(tmp_path) == described(untrained(SPEC))


def test_another_source_makes_them_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remembered(tmp_path)
    made: list[TierSpec] = []

    def make(spec: TierSpec) -> WeightsFile:
        made.append(spec)
        return untrained(spec)

    monkeypatch.setattr("pocketmatte.farm.seeds.seeds_key", lambda _: "other")
    monkeypatch.setattr("pocketmatte.farm.seeds.untrained", make)
    remembered(tmp_path)
    assert made == [SPEC]
