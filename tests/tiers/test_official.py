import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tiers.checkpoint import write_safetensors
from tiers.errors import CheckpointError
from tiers.ladder import tier
from tiers.networks import build
from tiers.official import LAYOUTS, Layout, expected_shapes, official_shapes, recognise

ROWS = [layout for layouts in LAYOUTS.values() for layout in layouts]

LICENCES = {
    "rvm": "GPL-3.0",
    "foreground": "Apache-2.0",
    "scribble": "MIT",
    "propagation": "MIT",
    "fusion": "MIT",
    "matanyone": "LicenseRef-S-Lab-1.0",
}


def shapes_of(layout: Layout) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        return expected_shapes(build(tier(layout.network, layout.tier)))


def layout_only(layout: Layout) -> dict[str, Tensor]:
    """Return a state dict of the right keys and shapes; every tensor shows one zero."""
    shapes = official_shapes(layout)
    return {key: torch.zeros(()).expand(shape) for key, shape in shapes.items()}


def expected_names(tensors: dict[str, Tensor]) -> list[str]:
    """Return the names that may not be missing."""
    return [key for key in tensors if not key.endswith("num_batches_tracked")]


@pytest.fixture
def mobilenet() -> dict[str, Tensor]:
    return layout_only(LAYOUTS["rvm"][0])


def refused(network: str, tensors: dict[str, Tensor]) -> str:
    with pytest.raises(CheckpointError) as caught:
        recognise(network, tensors)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("layout", ROWS, ids=lambda layout: f"{layout.network}-{layout.name}")
def test_a_variant_is_recognised_by_its_layout(layout: Layout) -> None:
    found, tensors = recognise(layout.network, layout_only(layout))
    assert found == layout
    assert {key: tuple(value.shape) for key, value in tensors.items()} == shapes_of(layout)


@pytest.mark.parametrize("layout", ROWS, ids=lambda layout: f"{layout.network}-{layout.name}")
def test_a_layout_is_that_of_the_official_file(layout: Layout, shared_dir: Path) -> None:
    folder = shared_dir / "reference"
    paths = [folder / f"{name}.json" for name in (f"{layout.network}_{layout.name}", layout.name)]
    path = next((each for each in paths if each.is_file()), None)
    if path is None:
        pytest.skip(f"needs {paths[-1]}")
    official = json.loads(path.read_text())
    assert official_shapes(layout) == {key: tuple(shape) for key, shape in official.items()}


def test_step_counters_may_be_missing_and_the_result_can_be_written(
    mobilenet: dict[str, Tensor], tmp_path: Path
) -> None:
    released = {k: v for k, v in mobilenet.items() if not k.endswith("num_batches_tracked")}
    assert len(released) == 326
    _, tensors = recognise("rvm", released)
    assert list(tensors) == list(mobilenet)
    counters = {k: v for k, v in tensors.items() if k not in released}
    assert all(value == 0 and value.dtype == torch.int64 for value in counters.values())
    write_safetensors(tmp_path / "rvm.safetensors", tensors, {})


def test_half_precision_becomes_single(mobilenet: dict[str, Tensor]) -> None:
    _, tensors = recognise("rvm", {key: value.half() for key, value in mobilenet.items()})
    assert {value.dtype for value in tensors.values()} == {torch.float32}


def test_what_differs_from_the_nearest_variant_is_listed(mobilenet: dict[str, Tensor]) -> None:
    del mobilenet["aspp.aspp2.1.weight"]
    mobilenet["decoder.extra.weight"] = torch.zeros(1)
    mobilenet["project_mat.conv.bias"] = torch.zeros(5)
    assert refused("rvm", mobilenet) == (
        "not an official rvm checkpoint; against mobilenetv3, the nearest of mobilenetv3, "
        "resnet50: 1 missing: aspp.aspp2.1.weight; 1 unexpected: decoder.extra.weight; "
        "1 of other shape: project_mat.conv.bias is (5,), not (4,)"
    )


def test_long_lists_are_cut_and_hide_none_of_the_others(mobilenet: dict[str, Tensor]) -> None:
    missing = [key for key in expected_names(mobilenet) if key.startswith("decoder.")][:7]
    for key in missing:
        del mobilenet[key]
    mobilenet |= {f"extra{number}": torch.zeros(1) for number in range(310)}
    mobilenet["project_mat.conv.bias"] = torch.zeros(5)
    assert refused("rvm", mobilenet).endswith(
        f": 7 missing: {', '.join(missing[:5])} and 2 more; "
        "310 unexpected: extra0, extra1, extra2, extra3, extra4 and 305 more; "
        "1 of other shape: project_mat.conv.bias is (5,), not (4,)"
    )


def test_whole_numbers_where_weights_belong_are_named(mobilenet: dict[str, Tensor]) -> None:
    for key in ("project_mat.conv.bias", "project_mat.conv.weight"):
        mobilenet[key] = mobilenet[key].long()
    message = refused("rvm", mobilenet)
    assert "2 of other type: project_mat.conv." in message
    assert "project_mat.conv.bias is int64, not floating point" in message


@pytest.mark.parametrize("layout", ROWS, ids=lambda layout: f"{layout.network}-{layout.name}")
def test_a_layout_states_the_licence_of_the_released_weights(layout: Layout) -> None:
    assert layout.licence == LICENCES[layout.network]
    assert layout.source


def test_the_nearest_resnet_is_named() -> None:
    tensors = layout_only(LAYOUTS["rvm"][1])
    del tensors["backbone.layer4.2.conv3.weight"]
    message = refused("rvm", tensors)
    assert message.endswith("against resnet50, the nearest of mobilenetv3, resnet50: "
                            "1 missing: backbone.layer4.2.conv3.weight")  # fmt: skip


def test_a_network_without_official_checkpoints_is_refused() -> None:
    assert refused("none", {}) == "none has no official checkpoint"


def test_a_checkpoint_of_a_sibling_network_is_named() -> None:
    fusion = layout_only(LAYOUTS["fusion"][0])
    message = "an official checkpoint of fusion, not of {0}; import it as fusion"
    assert refused("scribble", fusion) == message.format("scribble")
    assert refused("trimap", fusion) == message.format("trimap")
