"""Seeded weights are made once for a bundle, and again when what makes them changes."""

from collections.abc import Callable
from pathlib import Path

import pytest

import pocketmatte.seeded_weights
from export.manifest import Weights
from pocketmatte.bundle import bundle_weights, described
from pocketmatte.farm.seeds import Seeds
from pocketmatte.request import Request
from pocketmatte.seeded_weights import FOLDER, kept_seeds, seeded_weights
from tiers.ladder import tier
from tiers.spec import TierSpec
from tiers.weights import Weights as WeightsFile
from tiers.weights import untrained

SPEC = tier("fusion", "t09")


def remembered(root: Path) -> Weights:
    seeds = Seeds(root)
    found = seeds.entries([SPEC])
    seeds.save()
    return found["fusion", "t09"]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[TierSpec]:
    """Return the rows whose weights are made from here on."""
    rows: list[TierSpec] = []

    def make(spec: TierSpec) -> WeightsFile:
        rows.append(spec)
        return untrained(spec)

    monkeypatch.setattr(pocketmatte.seeded_weights, "untrained", make)
    return rows


def test_they_are_made_once(tmp_path: Path, made: list[TierSpec]) -> None:
    first = remembered(tmp_path)
    assert first == described(untrained(SPEC))
    assert remembered(tmp_path) == first
    assert made == [SPEC]


@pytest.mark.parametrize("text", ["", "[]", '{"a": {"path": "x"}}'])
def test_a_damaged_memory_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "seeds.json").write_text(text)
    assert remembered(tmp_path) == described(untrained(SPEC))


def test_another_source_makes_them_again(
    tmp_path: Path, made: list[TierSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    remembered(tmp_path)
    monkeypatch.setattr("pocketmatte.farm.seeds.seeds_key", lambda _: "other")
    remembered(tmp_path)
    assert made == [SPEC, SPEC]


def test_several_processes_come_to_the_same(tmp_path: Path) -> None:
    rows = [tier("fusion", f"t{number:02}") for number in range(1, 6)]
    with kept_seeds(tmp_path):
        apart = Seeds(tmp_path).entries(rows, 2)
        assert len(list((tmp_path / FOLDER).iterdir())) == len(rows)
    assert apart == Seeds(tmp_path).entries(rows)


def test_while_a_build_is_at_work_they_are_read(tmp_path: Path, made: list[TierSpec]) -> None:
    with kept_seeds(tmp_path):
        entry = remembered(tmp_path)
        read = bundle_weights(tmp_path, entry, SPEC)
    assert made == [SPEC]
    again = untrained(SPEC)
    assert (read.sha256, read.metadata) == (again.sha256, again.metadata)
    assert not (tmp_path / FOLDER).exists()
    assert bundle_weights(tmp_path, entry, SPEC).sha256 == read.sha256
    assert made == [SPEC, SPEC]
    assert not (tmp_path / FOLDER).exists()


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-4]),
        lambda path: path.write_bytes(path.read_bytes()[:-4] + b"\0\0\0\0"),
    ],
)
def test_a_damaged_file_is_made_again(
    tmp_path: Path, made: list[TierSpec], damage: Callable[[Path], object]
) -> None:
    with kept_seeds(tmp_path):
        entry = remembered(tmp_path)
        (path,) = (tmp_path / FOLDER).iterdir()
        damage(path)
        assert seeded_weights(tmp_path, SPEC, entry.digest).sha256 == entry.digest
        assert made == [SPEC, SPEC]
        assert seeded_weights(tmp_path, SPEC, entry.digest).sha256 == entry.digest
    assert made == [SPEC, SPEC]


def test_what_a_killed_build_left_goes(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "left.safetensors").write_bytes(b"some")
    with kept_seeds(tmp_path):
        assert list((tmp_path / FOLDER).iterdir()) == []


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine").write_bytes(b"some")
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (bundle / FOLDER).symlink_to(elsewhere)
    with kept_seeds(bundle):
        remembered(bundle)
    assert [path.name for path in elsewhere.iterdir()] == ["mine"]


def test_a_build_makes_them_once_for_all_its_files(tmp_path: Path, made: list[TierSpec]) -> None:
    from pocketmatte.build import build

    request = Request(
        network="fusion", tiers=("t09",), formats=("onnx",), recipes=("fp32", "fp16")
    )  # fmt: skip
    events = list(build(tmp_path / "bundle", request))
    assert {event.outcome for event in events} == {"built"}
    assert made == [SPEC]
    assert not (tmp_path / "bundle" / FOLDER).exists()
