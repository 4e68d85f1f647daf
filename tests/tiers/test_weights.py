import dataclasses
import re
from pathlib import Path

import pytest
import torch
from torch import Tensor

import tiers.weights
from tiers.checkpoint import digest, write_safetensors
from tiers.errors import CheckpointError
from tiers.ladder import ladder, tier
from tiers.weights import (
    ELASTIC_FORMAT,
    PLAIN_FORMAT,
    Weights,
    default,
    load,
    network_of,
    shipped,
    shipped_rows,
    untrained,
)


@pytest.fixture(scope="module")
def loaded(elastic: Weights, tmp_path_factory: pytest.TempPathFactory) -> Weights:
    """Return the elastic checkpoint after a round trip through a file."""
    path = tmp_path_factory.mktemp("weights") / "rvm.safetensors"
    write_safetensors(path, elastic.tensors, elastic.metadata)
    return load(path, "rvm")


def plain(tensors: dict[str, Tensor]) -> Weights:
    metadata = {"format": PLAIN_FORMAT, "network": "rvm"}
    return Weights(network="rvm", tensors=tensors, metadata=metadata, sha256=digest(tensors))


def changed(weights: Weights, **tensors: Tensor | None) -> Weights:
    """Replace tensors, or leave out those that are ``None``."""
    merged = {**weights.tensors, **tensors}
    kept = {key: value for key, value in merged.items() if value is not None}
    return dataclasses.replace(weights, tensors=kept)


def refused(name: str, weights: Weights) -> str:
    with pytest.raises(CheckpointError) as caught:
        network_of(tier("rvm", name), weights)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_checkpoint_comes_back_from_its_file(elastic: Weights, loaded: Weights) -> None:
    assert loaded.metadata == elastic.metadata
    assert loaded.sha256 == elastic.sha256
    assert loaded.origin == "made by hand"
    assert loaded.licence == "unknown"


def test_t01_is_cut_from_the_shared_weights_and_keeps_its_own_statistics(
    loaded: Weights,
) -> None:
    state = network_of(tier("rvm", "t01"), loaded).state_dict()
    shared = loaded.tensors["shared.decoder.decode3.conv.0.weight"]
    # below: half of 128 passed and half remembered, of which t01 has 20 each; then the skip's 40,
    # of which it has 16; then the frame's 3. Out: 20 of 80, in halves.
    columns = [*range(20), *range(64, 84), *range(128, 144), *range(168, 171)]
    rows = [*range(10), *range(40, 50)]
    assert torch.equal(state["decoder.decode3.conv.0.weight"], shared[rows][:, columns])
    bias = loaded.tensors["shared.decoder.decode4.gru.ih.0.bias"]
    assert torch.equal(state["decoder.decode4.gru.ih.0.bias"], bias[[*range(20), *range(64, 84)]])
    for leaf in ("weight", "bias", "running_mean", "running_var"):
        key = f"decoder.decode3.conv.1.{leaf}"
        assert torch.equal(state[key], loaded.tensors[f"t01.{key}"])


def test_t08_is_the_whole_network(loaded: Weights, full_state: dict[str, Tensor]) -> None:
    state = network_of(tier("rvm", "t08"), loaded).state_dict()
    assert list(state) == list(full_state)
    assert all(torch.equal(state[key], value) for key, value in full_state.items())


def test_t09_runs_the_weights_of_t08(loaded: Weights) -> None:
    t08, t09 = (network_of(tier("rvm", name), loaded) for name in ("t08", "t09"))
    assert digest(t08.state_dict()) == digest(t09.state_dict())


@pytest.mark.parametrize("name", ["t01", "t08"])
def test_a_network_is_ready_to_run(loaded: Weights, name: str) -> None:
    network = network_of(tier("rvm", name), loaded)
    assert not any(module.training for module in network.modules())
    assert not any(parameter.requires_grad for parameter in network.parameters())
    _, alpha, _ = network(torch.rand(1, 3, 32, 48, generator=torch.Generator().manual_seed(0)))
    assert torch.isfinite(alpha).all()


def test_changing_a_network_leaves_the_checkpoint_as_it_is(elastic: Weights) -> None:
    for name in ("t01", "t08"):
        network = network_of(tier("rvm", name), elastic)
        for tensor in network.state_dict().values():
            tensor.zero_()
    assert digest(elastic.tensors) == elastic.sha256


def test_half_precision_weights_become_single(elastic: Weights) -> None:
    halved = {key: value.half() for key, value in elastic.tensors.items()}
    network = network_of(tier("rvm", "t01"), dataclasses.replace(elastic, tensors=halved))
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}


@pytest.mark.parametrize("name", ["t12", "t02"])
def test_a_tier_that_the_elastic_checkpoint_does_not_reach_is_refused(
    loaded: Weights, name: str
) -> None:
    assert refused(name, loaded) == (
        f"the elastic checkpoint reaches t01, t08, not {name}; give weights of its own architecture"
    )


def test_an_elastic_checkpoint_with_a_hole_is_refused(elastic: Weights) -> None:
    weights = changed(elastic, **{"shared.project_mat.conv.bias": None})
    assert "are of no tier of rvm: 1 missing: project_mat.conv.bias" in refused("t01", weights)


@pytest.mark.parametrize("name", ["t01", "t08"])
def test_an_elastic_checkpoint_of_other_shapes_is_refused(elastic: Weights, name: str) -> None:
    key = "shared.decoder.decode3.conv.0.weight"
    assert refused(name, changed(elastic, **{key: torch.zeros(8, 8, 3, 3)})) == (
        f"{key} of the elastic checkpoint is (8, 8, 3, 3), not (80, 171, 3, 3); "
        "it was trained with another ladder: train it again"
    )


def test_weights_of_other_tiers_are_refused_with_those_they_fit(
    full_state: dict[str, Tensor],
) -> None:
    assert refused("t06", plain(full_state)) == (
        "these weights fit t08, t09, t10, t11, not t06; choose one of those tiers"
    )


def test_plain_weights_without_step_counters_load(full_state: dict[str, Tensor]) -> None:
    counters = [key for key in full_state if key.endswith("num_batches_tracked")]
    assert counters
    weights = plain({key: value for key, value in full_state.items() if key not in counters})
    state = network_of(tier("rvm", "t10"), weights).state_dict()
    assert torch.equal(state["project_mat.conv.bias"], full_state["project_mat.conv.bias"])


def test_weights_of_no_tier_are_refused_with_what_is_wrong(full_state: dict[str, Tensor]) -> None:
    tensors = dict(full_state)
    del tensors["project_mat.conv.bias"]
    tensors["extra"] = torch.zeros(1)
    tensors["project_seg.conv.bias"] = torch.zeros(2)
    assert refused("t08", plain(tensors)) == (
        "these weights are of no tier of rvm: 1 missing: project_mat.conv.bias; "
        "1 unexpected: extra; 1 of other shape: project_seg.conv.bias is (2,), not (1,)"
    )
    message = refused("t08", plain({"a": torch.zeros(1)}))
    assert message.endswith(" and 321 more; 1 unexpected: a")


def test_whole_numbers_where_weights_belong_are_refused(full_state: dict[str, Tensor]) -> None:
    tensors = {**full_state, "project_mat.conv.bias": torch.zeros(4, dtype=torch.int64)}
    assert refused("t08", plain(tensors)) == (
        "these weights are of no tier of rvm: 1 of other type: "
        "project_mat.conv.bias is int64, not floating point"
    )


@pytest.mark.parametrize(
    "key", ["shared.decoder.extra.weight", "shared", "t13.aspp.aspp1.1.bias", "t01", "model.bias"]
)
@pytest.mark.parametrize("name", ["t01", "t12"])
def test_an_elastic_checkpoint_with_keys_of_nobody_is_refused(
    elastic: Weights, key: str, name: str
) -> None:
    assert refused(name, changed(elastic, **{key: torch.zeros(1)})) == (
        f"not an elastic checkpoint of rvm: 1 unexpected: {key}; "
        "it was trained with another network or ladder: train it again"
    )


@pytest.mark.parametrize("suffix", ["pth", "pt", "ckpt"])
def test_a_pytorch_file_is_refused_with_the_command_that_imports_it(suffix: str) -> None:
    path = Path(f"official.{suffix}")
    message = f"first run: pocketmatte import rvm {path} --out FILE.safetensors"
    with pytest.raises(CheckpointError, match=re.escape(message)):
        load(path, "rvm")


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    write_safetensors(path, {"a": torch.zeros(1)}, {"network": "fusion"})
    with pytest.raises(CheckpointError, match="holds weights of fusion, not of rvm"):
        load(path, "rvm")


def test_untrained_weights_are_the_same_every_time_and_draw_from_nobody() -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first = untrained(tier("rvm", "t01"))
    assert torch.equal(torch.rand(1), expected)
    again = untrained(tier("rvm", "t01"))
    assert first.sha256 == again.sha256 == digest(again.tensors)
    assert first.sha256 != untrained(tier("rvm", "t02")).sha256
    assert first.origin == "untrained: seeded initial weights, no matting quality"
    assert first.licence == "Apache-2.0"


def test_shipped_weights_are_taken_where_they_reach(
    elastic: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rvm.safetensors"
    monkeypatch.setattr(tiers.weights, "shipped_path", lambda _: path)
    monkeypatch.setattr(tiers.weights, "SHIPPED", {})
    assert default(tier("rvm", "t01")).origin.startswith("untrained")
    monkeypatch.setattr(tiers.weights, "SHIPPED", {"rvm": digest(elastic.tensors)})
    write_safetensors(path, elastic.tensors, elastic.metadata)
    assert default(tier("rvm", "t01")).origin == "made by hand"
    assert default(tier("rvm", "t12")).origin.startswith("untrained")


@pytest.mark.parametrize("name", ladder("rvm"))
def test_every_tier_has_weights_without_a_file_given(name: str) -> None:
    spec = tier("rvm", name)
    weights = default(spec)
    network = network_of(spec, weights)
    assert weights.network == "rvm"
    assert all(torch.isfinite(parameter).all() for parameter in network.parameters())


def test_a_checkpoint_that_was_trained_in_part_is_shipped_for_the_rows_it_reaches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("shared.a.weight", "t01.b.bias", "t02.b.bias")
    tensors = {name: torch.zeros(1) for name in names}
    path = tmp_path / "foreground.safetensors"
    write_safetensors(path, tensors, {"format": ELASTIC_FORMAT, "network": "foreground"})
    monkeypatch.setattr(tiers.weights, "shipped_path", lambda _: path)
    monkeypatch.setattr(tiers.weights, "SHIPPED", {"foreground": digest(tensors)})
    assert shipped_rows("foreground") == ("t01", "t02")
    assert shipped(tier("foreground", "t02")) is not None
    assert shipped(tier("foreground", "t03")) is None
    assert shipped(tier("foreground", "t12")) is None
    assert "untrained" in default(tier("foreground", "t03")).origin


def test_shipped_weights_that_were_exchanged_or_lost_are_refused(
    elastic: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rvm.safetensors"
    monkeypatch.setattr(tiers.weights, "shipped_path", lambda _: path)
    with pytest.raises(CheckpointError, match=r"rvm\.safetensors"):
        default(tier("rvm", "t01"))
    write_safetensors(path, elastic.tensors, elastic.metadata)
    with pytest.raises(CheckpointError, match="is not what this version ships"):
        default(tier("rvm", "t01"))
