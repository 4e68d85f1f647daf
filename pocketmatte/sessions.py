"""Open a tier to run: PyTorch from weights, or one file of a bundle."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import torch

from export.manifest import Artifact, read_manifest
from pocketmatte.integrity import fault
from pocketmatte.runtimes.protocol import Session
from pocketmatte.runtimes.torch_eager import TorchSession
from pocketmatte.verify import open_session
from tiers.contract import contracts
from tiers.errors import BundleError, UsageError
from tiers.networks import programs
from tiers.networks.rvm import Rvm
from tiers.spec import TierSpec
from tiers.weights import default, load, network_of


def network_for(spec: TierSpec, weights: Path | None, threads: int) -> Rvm:
    """Return the tier's network with the weights of a file, or the shipped ones.

    Raises:
        CheckpointError: If the weights are corrupt or do not fit.
    """
    torch.set_num_threads(threads)
    chosen = default(spec) if weights is None else load(weights, spec.network)
    network = network_of(spec, chosen)
    if not isinstance(network, Rvm):
        msg = f"{spec.network} takes more than a frame; this command runs rvm"
        raise UsageError(msg)
    return network


def torch_session(spec: TierSpec, weights: Path | None, threads: int) -> TorchSession:
    """Return PyTorch eager as a session.

    Raises:
        CheckpointError: If the weights are corrupt or do not fit.
    """
    (contract,) = contracts(spec)
    network = network_for(spec, weights, threads)
    return TorchSession(programs(network, spec)[contract.name], contract, threads)


@contextlib.contextmanager
def file_session(
    bundle: Path, spec: TierSpec, form: str, recipe: str, threads: int
) -> Iterator[Session]:
    """Load the bundle's file of a tier, format and recipe.

    Raises:
        UsageError: If the bundle has no such file; the message lists what it has of the tier.
        BundleError: If the file is missing or changed, or the runtime refuses it.
        RuntimeUnavailableError: If this machine does not have the runtime.
    """
    entry = find(bundle, spec, form, recipe)
    if reason := fault(bundle, entry):
        msg = f"{entry.path}: {reason}"
        raise BundleError(msg)
    (contract,) = contracts(spec)
    session = open_session(bundle, entry, contract, threads)
    try:
        yield session
    finally:
        session.close()


def find(bundle: Path, spec: TierSpec, form: str, recipe: str) -> Artifact:
    """Return the manifest's entry of a tier, format and recipe, in the tier's orientation.

    Raises:
        UsageError: If there is none.
    """
    artifacts = read_manifest(bundle).artifacts
    of_tier = [a for a in artifacts if (a.network, a.tier) == (spec.network, spec.name)]
    for entry in of_tier:
        if (entry.format, entry.recipe) == (form, recipe) and (
            entry.frame.orientation == spec.orientation
        ):
            return entry
    has = ", ".join(f"{a.format} {a.recipe} {a.frame.orientation}" for a in of_tier) or "nothing"
    msg = (
        f"{bundle} holds no {form} {recipe} {spec.orientation} file of {spec.name}; of this tier "
        f"it holds {has}"
    )
    raise UsageError(msg)
