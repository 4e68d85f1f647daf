"""Open a tier to run: PyTorch from weights, or one file of a bundle."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import torch

from export.artifact import inside
from export.manifest import Artifact, read_manifest
from export.manifest import Weights as WeightsEntry
from pocketmatte.bundle import weights_entry
from pocketmatte.groups import runtime_of
from pocketmatte.integrity import fault
from pocketmatte.runtimes.protocol import Session
from pocketmatte.runtimes.torch_eager import TorchSession
from tiers.contract_table import contracts
from tiers.errors import BundleError, CheckpointError, UsageError
from tiers.networks import programs
from tiers.networks.rvm import Rvm
from tiers.spec import TierSpec
from tiers.weights import Weights, load, network_of, shipped, shipped_rows


def weights_for(spec: TierSpec, file: Path | None) -> Weights:
    """Return the weights of a file, or the shipped ones: a matte needs trained weights.

    Raises:
        CheckpointError: If the file is corrupt, or none is given and none are shipped for the tier.
    """
    if file is not None:
        return load(file, spec.network)
    weights = shipped(spec)
    if weights is None:
        msg = f"no trained weights of {spec.name} are shipped; give --weights FILE{_or_take(spec)}"
        raise CheckpointError(msg)
    return weights


def network_for(spec: TierSpec, weights: Weights, threads: int) -> Rvm:
    """Return the tier's network with its weights.

    Raises:
        CheckpointError: If the weights do not fit.
    """
    torch.set_num_threads(threads)
    network = network_of(spec, weights)
    if not isinstance(network, Rvm):
        msg = f"{spec.network} takes more than a frame; this command runs rvm"
        raise UsageError(msg)
    return network


def torch_session(spec: TierSpec, weights: Weights, threads: int) -> TorchSession:
    """Return PyTorch eager as a session.

    Raises:
        CheckpointError: If the weights do not fit.
    """
    (contract,) = contracts(spec)
    network = network_for(spec, weights, threads)
    return TorchSession(programs(network, spec)[contract.name], contract, threads)


@contextlib.contextmanager
def file_session(
    bundle: Path, spec: TierSpec, form: str, recipe: str, threads: int
) -> Iterator[tuple[Session, WeightsEntry]]:
    """Load the bundle's file of a tier, format and recipe, and say which weights it holds.

    Raises:
        CheckpointError: If the file was built from untrained weights, which do not matte.
        UsageError: If the bundle has no such file; the message lists what it has of the tier.
        BundleError: If the file is missing or changed, or the runtime refuses it.
        RuntimeUnavailableError: If this machine does not have the runtime.
    """
    entry = find(bundle, spec, form, recipe)
    if reason := fault(bundle, entry):
        msg = f"{entry.path}: {reason}"
        raise BundleError(msg)
    weights = weights_entry(bundle, read_manifest(bundle), entry)
    if weights.path is None:
        raise CheckpointError(untrained_file(entry.path, spec))
    (contract,) = contracts(spec)
    session = runtime_of(entry).load(inside(bundle, entry.path), contract, threads=threads)
    try:
        yield session, weights
    finally:
        session.close()


def untrained_file(path: str, spec: TierSpec) -> str:
    """Return what to say of a file that was built from seeded weights."""
    return f"{path} was built from untrained weights; build it with --weights FILE{_or_take(spec)}"


def _or_take(spec: TierSpec) -> str:
    rows = shipped_rows(spec.network)
    return f", or take {rows[0]} to {rows[-1]}" if rows else ""


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
