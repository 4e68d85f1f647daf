"""What the official implementations compute, from their own weights' layouts."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch

from pocketmatte.evaluate import evaluate, prepare
from pocketmatte.protocols.opening import torch_tier
from runtime_tests.golden import LIMIT, Case, GoldenOptions, differences, filled, golden_file
from runtime_tests.official import foreground, fusion, matanyone, propagation, rvm, scribble
from tiers.checkpoint import read_pytorch, write_safetensors
from tiers.official import recognise

CASES: dict[str, Case] = {
    case.name: case
    for network in (rvm, foreground, scribble, propagation, fusion, matanyone)
    for case in network.CASES
}


@pytest.mark.parametrize("name", CASES)
def test_a_network_computes_what_the_official_one_does(
    name: str,
    golden_options: GoldenOptions,
    root: Path,
    record_property: Callable[[str, object], None],
) -> None:
    case = CASES[name]
    golden, seed = golden_file(name, golden_options, root)
    with torch.inference_mode():
        found = differences(case.outputs(filled(case, seed), seed), golden)
    record_property("max abs", f"{max(found.values()):.1e}")
    assert {key: value for key, value in found.items() if not value <= case.limit} == {}


def test_one_changed_weight_is_seen(golden_options: GoldenOptions, root: Path) -> None:
    case = CASES["rvm_mobilenetv3"]
    golden, seed = golden_file(case.name, golden_options, root)
    network = filled(case, seed)
    network.get_parameter("decoder.decode1.gru.hh.0.bias").data[0] += 0.01
    with torch.inference_mode():
        found = differences(case.outputs(network, seed), golden)
    assert found["full_r1"] > LIMIT
    assert found["full_pha2"] > LIMIT


def test_a_golden_file_is_found_in_the_folder_and_by_the_seed_given(tmp_path: Path) -> None:
    path = tmp_path / "rvm_resnet50_seed7.npz"
    path.touch()
    assert golden_file("rvm_resnet50", (tmp_path, 7), tmp_path) == (path, 7)


def test_a_golden_file_that_is_missing_is_skipped_where_nobody_asked_for_it(tmp_path: Path) -> None:
    root = tmp_path / "repository"
    folder = tmp_path / "shared" / "reference" / "golden"
    with pytest.raises(pytest.skip.Exception, match=f"no folder {folder}"):
        golden_file("rvm_resnet50", (None, None), root)
    folder.mkdir(parents=True)
    with pytest.raises(pytest.skip.Exception, match=f"no golden file {folder}/rvm_resnet50_seed0"):
        golden_file("rvm_resnet50", (None, None), root)


@pytest.mark.parametrize("seed", [None, 0, 5])
def test_a_golden_file_that_was_asked_for_and_is_missing_fails(
    tmp_path: Path, seed: int | None
) -> None:
    name = f"rvm_resnet50_seed{seed or 0}.npz"
    with pytest.raises(pytest.fail.Exception, match=f"no golden file {tmp_path}/{name}"):
        golden_file("rvm_resnet50", (tmp_path, seed), tmp_path)
    with pytest.raises(pytest.fail.Exception, match=f"no folder {tmp_path}/none"):
        golden_file("rvm_resnet50", (tmp_path / "none", seed), tmp_path)


@pytest.mark.parametrize("seed", [0, 5])
def test_a_seed_that_was_asked_for_fails_without_the_default_folder(
    tmp_path: Path, seed: int
) -> None:
    with pytest.raises(pytest.fail.Exception, match=f"no folder {tmp_path}/shared/reference"):
        golden_file("rvm_resnet50", (None, seed), tmp_path / "repository")


def test_a_released_checkpoint_mattes(shared_dir: Path, tmp_path: Path) -> None:
    checkpoint = shared_dir / "weights" / "rvm_mobilenetv3_8bit.pth"
    folder = shared_dir / "data" / "clips" / "alpha_dancer_full_static"
    for path in (checkpoint, folder):
        if not path.exists():
            pytest.skip(f"needs {path}")
    layout, tensors = recognise("rvm", read_pytorch(checkpoint))
    assert (layout.name, layout.tier) == ("mobilenetv3", "t08")
    path = tmp_path / "imported.safetensors"
    write_safetensors(path, tensors, {"network": "rvm", "licence": layout.licence})
    clips = prepare("rvm", [folder], 10)
    result = evaluate("rvm", layout.tier, clips, partial(torch_tier, weights=path, threads=2))
    (measured,) = result.results
    assert measured.frames == 10
    values = measured.values
    assert values["mad"] < 4  # x1e-3; an alpha that is the same everywhere gives far more
    assert values["constant_mad"] > 10 * values["mad"]
