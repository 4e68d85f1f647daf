"""A network that gives NaN is told in one line, which blames no picture, by every command."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pocketmatte.protocols import PROTOCOLS
from tests.pocketmatte.matted import Matter, frames, write
from tests.pocketmatte.test_evaluate import make_clip, quarter
from tests.pocketmatte.test_evaluate_networks import make_data
from tiers.checkpoint import write_safetensors
from tiers.ladder import tier
from tiers.weights import PLAIN_FORMAT, untrained

BEYOND = 1e12  # times BatchNorm's weights: every value is finite, and what comes of them is not
ADVICE = "; take other weights, or files of another recipe"


def overflowing(network: str, folder: Path) -> Path:
    """Weights that load, and overflow when they run."""
    tensors = {
        name: tensor * BEYOND if name.endswith("weight") and tensor.dim() == 1 else tensor
        for name, tensor in untrained(tier(network, "t01")).tensors.items()
    }
    path = folder / f"{network}.safetensors"
    metadata = {"format": PLAIN_FORMAT, "network": network, "origin": "a test"}
    write_safetensors(path, tensors, metadata)
    return path


@pytest.mark.parametrize("network", PROTOCOLS)
def test_evaluate_names_program_tensor_and_frame(
    cli: Callable[..., Any], tmp_path: Path, network: str
) -> None:
    if network == "rvm":
        clip = make_clip(tmp_path / "clip", [quarter()] * 3)
    else:
        clip = make_data(tmp_path / "clip", network)
    weights = overflowing(network, tmp_path)
    said = cli("evaluate", network, "--tier", "t01", "--clips", clip, "--weights", weights)
    message = said.refusal(1)
    assert " gives NaN or infinity in " in message
    assert message.endswith(f" at frame 0{ADVICE}")


def test_matte_names_program_tensor_and_frame(cli: Callable[..., Any], tmp_path: Path) -> None:
    source = write(tmp_path / "clip.mp4", frames())
    said = Matter(cli, overflowing("rvm", tmp_path), tmp_path / "out").said(source)
    tensors = ("foreground", "alpha", *(f"r{k}_next" for k in range(1, 5)))
    assert said.refusal(1) in {
        f"matte gives NaN or infinity in {name} at frame 0{ADVICE}" for name in tensors
    }
    assert not any((tmp_path / "out").glob("*.mp4"))
