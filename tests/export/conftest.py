"""One small network, its captures and its files, made once for all tests of the exporters."""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage import data, transform
from torch import Tensor, nn

from export.program import Captured, capture
from export.recipe import FLOATING, recipe
from export.targets import TARGETS, Notes
from tiers.ladder import tier
from tiers.networks.rvm import Rvm
from tiers.rows.rvm import RvmShape
from tiers.spec import TierSpec

METADATA = {"tier": "t01", "licence": "Apache-2.0"}


@pytest.fixture(scope="session")
def spec() -> TierSpec:
    return tier("rvm", "t01")


@pytest.fixture(scope="session")
def frames(spec: TierSpec) -> list[Tensor]:
    """Return three frames of a camera that pans over a portrait."""
    height, width = spec.output_hw
    picture = data.astronaut()  # type: ignore[no-untyped-call]
    portrait = transform.resize(picture, (height, width + 32), anti_aliasing=True)  # type: ignore[no-untyped-call]
    pixels = torch.from_numpy(portrait.astype(np.float32)).permute(2, 0, 1)[None]
    return [pixels[..., shift : shift + width].contiguous() for shift in (0, 16, 32)]


@pytest.fixture(scope="session")
def network(spec: TierSpec, frames: list[Tensor]) -> Rvm:
    """Return a seeded network whose BatchNorm statistics are those of the frames."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = Rvm(spec.shaped(RvmShape))
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.5
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.2, 0.2)
    network.train()
    with torch.no_grad():
        for _ in range(3):
            for frame in frames:
                network(frame, None, spec.ratio)
        nn.init.normal_(network.project_mat.conv.weight, std=0.5)
        nn.init.constant_(network.project_mat.conv.bias, 0.3)  # type: ignore[arg-type]
    return network.eval()


@pytest.fixture(scope="session")
def captured(network: Rvm, spec: TierSpec) -> Mapping[str, Captured]:
    """Return a capture by name of a floating-point recipe."""
    return {name: capture(network, spec, "matte", recipe(name)) for name in FLOATING}


@pytest.fixture(scope="session")
def metadata() -> dict[str, str]:
    return dict(METADATA)


@pytest.fixture(scope="session")
def files(
    captured: Mapping[str, Captured],
    metadata: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str, str], tuple[Path, Notes]]:
    """Return file and notes of a format and recipe, exported when first asked for."""
    folder = tmp_path_factory.mktemp("files")

    @functools.cache
    def exported(name: str, recipe: str) -> tuple[Path, Notes]:
        path = folder / f"matte-{recipe}{TARGETS[name].suffix}"
        return path, TARGETS[name].export(captured[recipe], path, metadata)

    return exported


@pytest.fixture(scope="session")
def expected(network: Rvm, spec: TierSpec, frames: list[Tensor]) -> list[tuple[Tensor, ...]]:
    """Return what PyTorch computes for the frames: foreground, alpha, states."""
    states = None
    outputs = []
    with torch.no_grad():
        for frame in frames:
            foreground, alpha, states = network(frame, states, spec.ratio)
            outputs.append((foreground, alpha, *states))
    return outputs
