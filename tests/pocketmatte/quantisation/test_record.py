"""What a tier is quantised with: measured on the tier itself, kept in its bundle."""

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import torch
from torch import fx, nn

from export.artifact import write_text
from export.quantisation import Quantisation
from export.quantise import quantise
from pocketmatte.matting.board import Moment
from pocketmatte.quantisation import record as module
from pocketmatte.quantisation.record import (
    QuantisationRecord,
    made_records,
    read_record,
    record_of,
    record_path,
)
from pocketmatte.quantisation.simulation import Simulation
from pocketmatte.scene import pictured_scene
from pocketmatte.signing.listing import listing
from tiers.errors import BundleError, ExportError
from tiers.ladder import tier
from tiers.spec import TierSpec
from tiers.weights import default, network_of

SPEC = tier("scribble", "t01")
KEY = "a" * 64
NETWORK = network_of(SPEC, default(SPEC))


def small(spec: TierSpec) -> dict[str, Sequence[Moment]]:
    """Two scenes of two frames."""
    return {name: list(pictured_scene(name, spec, 2)) for name in ("coffee", "chelsea")}


@pytest.fixture(scope="module")
def made() -> QuantisationRecord:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "calibration_scenes", small)
        ((_, found),) = made_records(SPEC, NETWORK, {"w8a8": KEY})
        return found


def test_it_holds_what_the_search_found(made: QuantisationRecord) -> None:
    assert (made.network, made.tier, made.recipe) == ("scribble", "t01", "w8a8")
    assert made.calibration["sources"] == ["coffee", "chelsea"]
    assert 0 < made.damage.flipped <= made.all_rounded.flipped + 1e-9
    assert made.stability.mad > 0
    quantisation = made.programs["correct"]
    assert len(quantisation.spans) > 20
    assert all(low <= high for low, high in quantisation.spans.values())
    assert made.mixed == bool(quantisation.kept) == bool(made.ranking)


def test_it_is_made_once_and_again_where_it_no_longer_holds(
    made: QuantisationRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def counted(
        _: TierSpec, __: object, keys: Mapping[str, str]
    ) -> list[tuple[str, QuantisationRecord]]:
        calls.append(keys)
        return [(name, made.model_copy(update={"key": key})) for name, key in keys.items()]

    monkeypatch.setattr(module, "made_records", counted)
    path = tmp_path / record_path(SPEC, "w8a8")
    for key, expected in ((KEY, 1), (KEY, 1), ("b" * 64, 2), ("b" * 64, 2)):
        assert record_of(tmp_path, SPEC, "w8a8", NETWORK, key).key == key
        assert len(calls) == expected
    assert read_record(tmp_path, SPEC, "w8a8").programs == made.programs
    path.write_text(path.read_text()[:-100])
    with pytest.raises(BundleError, match=r"quantisation-w8a8.json cannot be read .*build"):
        read_record(tmp_path, SPEC, "w8a8")
    record_of(tmp_path, SPEC, "w8a8", NETWORK, KEY)
    assert len(calls) == 3


def test_a_tier_that_eight_bits_do_not_hold_is_not_offered(
    made: QuantisationRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beyond = made.model_copy(update={"excess": 1.7})
    calls: list[object] = []

    def found(*given: object) -> list[tuple[str, QuantisationRecord]]:
        calls.append(given)
        return [("w8a8", beyond)]

    monkeypatch.setattr(module, "made_records", found)
    write_text(tmp_path / record_path(SPEC, "w8a8"), "of other weights, which it did hold")
    for _ in range(2):
        with pytest.raises(ExportError, match=r"scribble t01 cannot be held in w8a8: .* 1.7 times"):
            record_of(tmp_path, SPEC, "w8a8", NETWORK, KEY)
    assert len(calls) == 1  # what was found is kept, among results, where no signature minds it
    assert not (tmp_path / record_path(SPEC, "w8a8")).exists()
    assert listing(tmp_path).files == {}


@pytest.mark.parametrize("linked", ["lock", "folder"])
def test_a_link_out_of_the_bundle_is_refused_and_what_it_leads_to_stays(
    made: QuantisationRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, linked: str
) -> None:
    monkeypatch.setattr(module, "made_records", lambda *_: [("w8a8", made)])
    root, elsewhere = tmp_path / "bundle", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").write_text("kept")
    folder = (root / record_path(SPEC, "w8a8")).parent
    folder.parent.mkdir(parents=True)
    if linked == "folder":
        folder.symlink_to(elsewhere)
    else:
        folder.mkdir()
        (folder / ".quantisation-w8a8.json.lock").symlink_to(elsewhere / "file")
    with pytest.raises(BundleError, match=r"cannot be opened|leads outside"):
        record_of(root, SPEC, "w8a8", NETWORK, KEY)
    assert [path.read_text() for path in elsewhere.iterdir()] == ["kept"]


class Means(nn.Module):
    """Runs a graph and adds up the means of what one of its layers gives, by channel."""

    def __init__(self, graph: fx.GraphModule, layer: str) -> None:
        super().__init__()
        self.total, means = torch.zeros(1), self

        class Watching(fx.Interpreter):
            def run_node(self, n: fx.Node) -> object:
                result = super().run_node(n)
                if n.name == layer and isinstance(result, torch.Tensor):
                    means.total = means.total + result.mean((0, 2, 3))
                return result

        self._watching = Watching(graph)

    def forward(self, *inputs: torch.Tensor) -> object:
        return self._watching.run(*inputs)


def test_shifts_bring_the_mean_of_every_channel_back() -> None:
    """Biases are moved by what rounding took, so that a layer's own output keeps its mean."""
    scenes = list(small(SPEC).values())
    simulation = Simulation(SPEC, NETWORK, 1)
    (quantisation,) = simulation.observed(scenes).quantisations(activations=False).values()
    first = next(iter(quantisation.shifts))  # what it takes is not rounded
    plain = dataclasses.replace(quantisation, shifts={})

    def means(given: Quantisation | None) -> torch.Tensor:
        graph = copy.deepcopy(simulation.programs["correct"].graph)
        watched = Means(graph if given is None else quantise(graph, given), first)
        for scene in scenes:
            assert len(list(simulation._judged(scene, {"correct": watched}))) == 2
        return watched.total / 4

    expected = means(None)
    assert not torch.allclose(means(plain), expected, atol=1e-4)
    torch.testing.assert_close(means(quantisation), expected, atol=1e-5, rtol=1e-4)
    assert not quantisation.spans
