"""Open all programs of a tier to run: PyTorch from weights, or the files of a bundle."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from export.artifact import inside
from export.manifest import Artifact, Weights, read_manifest
from pocketmatte.bundle import described, weights_entry
from pocketmatte.groups import runtime_of
from pocketmatte.integrity import fault
from pocketmatte.lockstep import run_of
from pocketmatte.protocols.protocol import OpenTier
from pocketmatte.runtimes.protocol import Session
from pocketmatte.runtimes.torch_eager import TorchSession
from pocketmatte.sessions import find, untrained_file, weights_for
from tiers.contract_table import contracts
from tiers.errors import BundleError, CheckpointError, UsageError
from tiers.networks import programs
from tiers.spec import TierSpec
from tiers.weights import network_of


@contextlib.contextmanager
def torch_tier(spec: TierSpec, *, weights: Path | None, threads: int) -> Iterator[OpenTier]:
    """Open a tier in PyTorch.

    Args:
        spec: The tier, oriented.
        weights: A weight file, or ``None`` for the shipped ones.
        threads: Of PyTorch.

    Raises:
        CheckpointError: If the weights are corrupt or do not fit, or there are none.
    """
    held = weights_for(spec, weights)
    network = network_of(spec, held)
    own = programs(network, spec)
    sessions: dict[str, Session] = {
        each.name: TorchSession(own[each.name], each, threads) for each in contracts(spec)
    }
    yield OpenTier(spec=spec, run=run_of(sessions), weights=described(held), network=network)


@contextlib.contextmanager
def bundle_tier(
    spec: TierSpec, *, bundle: Path, form: str, recipe: str, threads: int
) -> Iterator[OpenTier]:
    """Open a tier's files of one format and recipe.

    Args:
        spec: The tier, oriented.
        bundle: Where the files are.
        form: Their format.
        recipe: Their recipe.
        threads: Of the runtime.

    Raises:
        UsageError: If the bundle lacks one of them.
        CheckpointError: If they were built from untrained weights, whose results say nothing.
        BundleError: If a file is missing or changed, the runtime refuses it, or the programs hold
            different weights.
        RuntimeUnavailableError: If this machine does not have the runtime.
    """
    files = _files(bundle, spec, form, recipe)
    weights = _weights(bundle, files, spec)
    with contextlib.ExitStack() as stack:
        sessions: dict[str, Session] = {}
        for contract in contracts(spec):
            entry = files[contract.name]
            if reason := fault(bundle, entry):
                msg = f"{entry.path}: {reason}"
                raise BundleError(msg)
            path = inside(bundle, entry.path)
            session = runtime_of(entry).load(path, contract, threads=threads)
            stack.callback(session.close)
            sessions[contract.name] = session
        yield OpenTier(spec=spec, run=run_of(sessions), weights=weights, network=None)


def _files(bundle: Path, spec: TierSpec, form: str, recipe: str) -> dict[str, Artifact]:
    """Return the entries of all programs of a tier, by program."""
    first = find(bundle, spec, form, recipe)
    alike = (first.network, first.tier, first.format, first.recipe, first.frame)
    files = {
        entry.program: entry
        for entry in read_manifest(bundle).artifacts
        if (entry.network, entry.tier, entry.format, entry.recipe, entry.frame) == alike
    }
    missing = [each.name for each in contracts(spec) if each.name not in files]
    if missing:
        msg = (
            f"{bundle} holds no {', '.join(missing)} of {spec.network} {spec.name} as {form} "
            f"{recipe}; the whole network is needed: build it again"
        )
        raise UsageError(msg)
    return files


def _weights(bundle: Path, files: dict[str, Artifact], spec: TierSpec) -> Weights:
    """Return the one entry of the weights that all files were made from."""
    manifest = read_manifest(bundle)
    entries = [weights_entry(bundle, manifest, entry) for entry in files.values()]
    weights = entries[0]
    if len({entry.digest for entry in entries}) > 1:
        msg = f"{bundle}: {', '.join(files)} were made from different weights; build them again"
        raise BundleError(msg)
    if weights.path is None:
        path = next(iter(files.values())).path
        raise CheckpointError(untrained_file(path, spec))
    return weights
