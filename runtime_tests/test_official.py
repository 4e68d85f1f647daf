"""What the official implementations compute, from their own weights' layouts.

A golden file holds the outputs of an official implementation on drawn weights and frames. Every
tensor is drawn by its own name, so the same weights and frames are drawn here again.
"""

import zlib
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from pocketmatte.clips import open_clip
from pocketmatte.evaluate import evaluate_torch
from tiers.checkpoint import read_pytorch, write_safetensors
from tiers.ladder import tier
from tiers.networks import build
from tiers.networks.rvm import Rvm
from tiers.official import LAYOUTS, expected_shapes, recognise
from tiers.weights import load, network_of

Float64Array: TypeAlias = npt.NDArray[np.float64]
Outputs: TypeAlias = dict[str, Tensor]
GoldenOptions: TypeAlias = tuple[Path | None, int | None]  # as given: folder, seed

LIMIT = 1e-4  # ten times the largest difference seen, 9.4e-6 of rvm_resnet50
GAIN = 1.5  # of the golden weights: variance that a layer keeps
FRAME_HW = (96, 160)
HD_HW = (192, 320)
RVM = {f"rvm_{layout.name}": layout for layout in LAYOUTS["rvm"]}


def _generator(name: str, seed: int) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def drawn_weight(name: str, shape: tuple[int, ...], seed: int) -> Tensor:
    """Draw one tensor of a state dict: unit noise, scaled by what the tensor is."""
    leaf = name.rpartition(".")[2]
    if leaf == "num_batches_tracked":
        return torch.tensor(0)
    noise: Float64Array = _generator(name, seed).standard_normal(shape)
    if leaf == "running_var":
        value = 1 + 0.1 * np.abs(noise)
    elif leaf == "running_mean":
        value = 0.05 * noise
    elif noise.ndim > 1:
        value = noise * np.sqrt(GAIN / noise[0].size)
    elif leaf == "bias":
        value = 0.02 * noise
    else:
        value = 1 + 0.05 * noise
    return torch.from_numpy(value.astype(np.float32))


def drawn_frame(name: str, hw: tuple[int, int], seed: int) -> Tensor:
    """Draw ``(1, 3, H, W)``, uniform in 0..1."""
    return torch.from_numpy(_generator(name, seed).random((1, 3, *hw)).astype(np.float32))


def rvm_outputs(network: Rvm, seed: int) -> Outputs:
    """Run three frames whole, three through the guided filter, and one segmentation."""
    outputs: Outputs = {}
    with torch.inference_mode():
        for kind, frame_name, hw, ratio in (
            ("full", "frame", FRAME_HW, 1.0),
            ("down", "hd", HD_HW, 0.5),
        ):
            states = None
            for index in range(3):
                frame = drawn_frame(f"{frame_name}{index}", hw, seed)
                foreground, alpha, states = network(frame, states, ratio)
                outputs |= {f"{kind}_fgr{index}": foreground, f"{kind}_pha{index}": alpha}
            if kind == "full" and states is not None:
                outputs |= {f"full_r{number}": state for number, state in enumerate(states, 1)}
        outputs["seg"], _ = network.segment(drawn_frame("frame0", FRAME_HW, seed))
    return outputs


def differences(outputs: Outputs, golden: Path) -> dict[str, float]:
    """Return the largest absolute difference of every tensor of the golden file."""
    with np.load(golden) as expected:
        assert set(expected.files) == set(outputs)
        assert all(expected[key].shape == value.shape for key, value in outputs.items())
        return {
            key: float(np.abs(value.numpy() - expected[key]).max())
            for key, value in outputs.items()
        }


def golden_file(name: str, options: GoldenOptions, root: Path) -> tuple[Path, int]:
    """Return a golden file and its seed.

    One that is not there is skipped where nobody asked for it, and a failure where an option did.
    """
    folder, seed = options
    given = folder is not None or seed is not None
    folder = folder or root.parent / "shared" / "reference" / "golden"
    seed = seed or 0
    path = folder / f"{name}_seed{seed}.npz"
    if not path.is_file():
        missing = f"there is no golden file {path}" if folder.is_dir() else f"no folder {folder}"
        if given:
            pytest.fail(f"{missing}; --golden-dir and --golden-seed name it")
        pytest.skip(f"{missing}; --golden-dir names another folder")
    return path, seed


def filled_rvm(tier_name: str, seed: int) -> Rvm:
    network = build(tier("rvm", tier_name)).eval()
    assert isinstance(network, Rvm)
    network.load_state_dict(
        {key: drawn_weight(key, shape, seed) for key, shape in expected_shapes(network).items()}
    )
    return network


@pytest.mark.parametrize("name", RVM)
def test_a_network_computes_what_the_official_one_does(
    name: str, golden_options: GoldenOptions, root: Path
) -> None:
    golden, seed = golden_file(name, golden_options, root)
    network = filled_rvm(RVM[name].tier, seed)
    found = differences(rvm_outputs(network, seed), golden)
    assert {key: value for key, value in found.items() if not value <= LIMIT} == {}


def test_one_changed_weight_is_seen(golden_options: GoldenOptions, root: Path) -> None:
    golden, seed = golden_file("rvm_mobilenetv3", golden_options, root)
    network = filled_rvm("t08", seed)
    with torch.no_grad():
        network.get_parameter("decoder.decode1.gru.hh.0.bias")[0] += 0.01
    found = differences(rvm_outputs(network, seed), golden)
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
    spec = tier("rvm", layout.tier)
    network = network_of(spec, load(path, "rvm"))
    assert isinstance(network, Rvm)
    result = evaluate_torch(network, spec, open_clip(folder, 10))
    assert result.frames == 10
    assert result.metrics.mad < 4  # x1e-3; an alpha that is the same everywhere gives far more
    assert result.constant_mad > 10 * result.metrics.mad
