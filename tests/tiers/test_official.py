import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tiers.checkpoint import write_safetensors
from tiers.errors import CheckpointError
from tiers.ladder import tier
from tiers.networks import build
from tiers.official import LAYOUTS, Layout, expected_shapes, recognise

ROWS = [layout for layouts in LAYOUTS.values() for layout in layouts]


def shapes_of(layout: Layout) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        return expected_shapes(build(tier(layout.network, layout.tier)))


def layout_only(layout: Layout) -> dict[str, Tensor]:
    """Return a state dict of the right keys and shapes; every tensor shows one zero."""
    return {key: torch.zeros(()).expand(shape) for key, shape in shapes_of(layout).items()}


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
    path = shared_dir / "reference" / f"{layout.network}_{layout.name}.json"
    if not path.is_file():
        pytest.skip(f"needs {path}")
    official = json.loads(path.read_text())
    assert shapes_of(layout) == {key: tuple(shape) for key, shape in official.items()}


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
        "resnet50: missing aspp.aspp2.1.weight; unexpected decoder.extra.weight; "
        "project_mat.conv.bias is (5,), not (4,)"
    )


def test_a_long_list_is_cut(mobilenet: dict[str, Tensor]) -> None:
    for key in [key for key in mobilenet if key.startswith("decoder.")][:20]:
        del mobilenet[key]
    assert refused("rvm", mobilenet).endswith("; and 10 more")


def test_the_nearest_resnet_is_named() -> None:
    tensors = layout_only(LAYOUTS["rvm"][1])
    del tensors["backbone.layer4.2.conv3.weight"]
    message = refused("rvm", tensors)
    assert message.endswith("against resnet50, the nearest of mobilenetv3, resnet50: "
                            "missing backbone.layer4.2.conv3.weight")  # fmt: skip


def test_a_network_without_official_checkpoints_is_refused() -> None:
    assert refused("none", {}) == "none has no official checkpoint"
