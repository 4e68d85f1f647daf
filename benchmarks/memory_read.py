"""Let ``propagation`` read its memory in the other way: all of it, or the best places alone."""

import dataclasses

from pocketmatte.lockstep import run_of
from pocketmatte.protocols.protocol import OpenTier
from pocketmatte.runtimes.torch_eager import TorchSession
from pocketmatte.sessions import weights_for
from tiers.contract_table import contracts
from tiers.errors import UsageError
from tiers.networks import programs
from tiers.rows.propagation import PropagationShape
from tiers.weights import network_of

BEST = 20  # places, as Cheng et al. (MiVOS), CVPR 2021, and our rows from t07 on


def as_built(opened: OpenTier) -> OpenTier:
    """Return a network as it is."""
    return opened


def all_or_best(opened: OpenTier) -> OpenTier:
    """Return ``propagation`` with a bound where its row has none, and without where it has one.

    Weights and contract are the same with either: the bound has no parameters. Other networks are
    returned as they are.

    Raises:
        UsageError: If files run it, in which the bound is fixed.
    """
    if opened.spec.network != "propagation":
        return opened
    if opened.network is None:
        msg = "files read the memory as they were built to; leave --bundle out"
        raise UsageError(msg)
    shape = opened.spec.shaped(PropagationShape)
    spec = dataclasses.replace(
        opened.spec, shape=dataclasses.replace(shape, top_k=0 if shape.top_k else BEST)
    )
    network = network_of(spec, weights_for(spec, None))
    own = programs(network, spec)
    sessions = {each.name: TorchSession(own[each.name], each, 1) for each in contracts(spec)}
    return dataclasses.replace(opened, spec=spec, run=run_of(sessions), network=network)
