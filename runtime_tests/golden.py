"""Golden files: what official implementations computed, and how their weights and inputs are drawn.

Every tensor is drawn by its own name, so the weights and inputs of a golden file are drawn here
again without a file that holds them.
"""

import dataclasses
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from tiers.ladder import tier
from tiers.networks import build
from tiers.official import recognise

Float64Array: TypeAlias = npt.NDArray[np.float64]
Outputs: TypeAlias = dict[str, Tensor]
GoldenOptions: TypeAlias = tuple[Path | None, int | None]  # as given: folder, seed

LIMIT = 1e-4  # twice the largest difference seen, 5.5e-5 of mivos_propagation


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One golden file and how its outputs are computed here.

    Attributes:
        name: Of the file, before ``_seedN.npz``.
        network: Name of the network.
        layout: Name of the official layout whose weights are drawn.
        shapes: Returns that layout's state dict as key -> shape.
        outputs: Runs the network, given the seed; gives every tensor of the golden file by name.
        gain: Variance that a drawn layer keeps.
        limit: Largest absolute difference of a match.
    """

    name: str
    network: str
    layout: str
    shapes: Callable[[], dict[str, tuple[int, ...]]]
    outputs: Callable[[Any, int], Outputs]
    gain: float = 1.5
    limit: float = LIMIT


def filled(case: Case, seed: int) -> torch.nn.Module:
    """Build the case's network with drawn weights, taken through the import of that layout."""
    drawn = {key: drawn_weight(key, shape, seed, case.gain) for key, shape in case.shapes().items()}
    layout, tensors = recognise(case.network, drawn)
    assert layout.name == case.layout
    network = build(tier(case.network, layout.tier)).eval().requires_grad_(requires_grad=False)
    network.load_state_dict(tensors)
    return network


def drawn_weight(name: str, shape: tuple[int, ...], seed: int, gain: float) -> Tensor:
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
        value = noise * np.sqrt(gain / noise[0].size)
    elif leaf == "bias":
        value = 0.02 * noise
    else:
        value = 1 + 0.05 * noise
    return torch.from_numpy(value.astype(np.float32))


def drawn_input(
    name: str, shape: tuple[int, ...], seed: int, low: float = 0.0, high: float = 1.0
) -> Tensor:
    """Draw one input, uniform in ``low..high``."""
    return torch.from_numpy(_generator(name, seed).uniform(low, high, shape).astype(np.float32))


def differences(outputs: Outputs, golden: Path) -> dict[str, float]:
    """Return the largest absolute difference of every tensor of the golden file."""
    with np.load(golden) as expected:
        assert set(expected.files) == set(outputs)
        assert {key: expected[key].shape for key in outputs} == {
            key: tuple(value.shape) for key, value in outputs.items()
        }
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


def _generator(name: str, seed: int) -> np.random.Generator:
    return np.random.default_rng([seed, zlib.crc32(name.encode())])
