"""Weights made by hand: one seeded full-width network, and the BatchNorm of two tiers."""

import pytest
import torch
from torch import Tensor, nn

from tiers.checkpoint import digest
from tiers.ladder import tier
from tiers.networks import build
from tiers.weights import ELASTIC_FORMAT, Weights

ELASTIC_TIERS = ("t01", "t08")


def seeded_state(name: str, seed: int) -> dict[str, Tensor]:
    """Return a state dict of a tier of ``rvm`` in which no two BatchNorm layers are alike."""
    torch.manual_seed(seed)
    network = build(tier("rvm", name))
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.2, 0.2)
            nn.init.uniform_(module.running_mean, -0.2, 0.2)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return network.state_dict()


def is_norm(key: str, state: dict[str, Tensor]) -> bool:
    """Say whether ``key`` belongs to a BatchNorm layer: only these have a running mean."""
    return f"{key.rpartition('.')[0]}.running_mean" in state


@pytest.fixture(scope="session")
def full_state() -> dict[str, Tensor]:
    """Return the seeded state dict of the full-width network."""
    return seeded_state("t08", seed=8)


@pytest.fixture(scope="session")
def elastic(full_state: dict[str, Tensor]) -> Weights:
    """Return an elastic checkpoint of ``ELASTIC_TIERS``."""
    tensors = {
        f"shared.{key}": value for key, value in full_state.items() if not is_norm(key, full_state)
    }
    for name in ELASTIC_TIERS:
        state = full_state if name == "t08" else seeded_state(name, seed=int(name[1:]))
        tensors |= {
            f"{name}.{key}": value
            for key, value in state.items()
            if is_norm(key, state) and not key.endswith("num_batches_tracked")
        }
    metadata = {"format": ELASTIC_FORMAT, "network": "rvm", "origin": "made by hand"}
    return Weights(network="rvm", tensors=tensors, metadata=metadata, sha256=digest(tensors))
