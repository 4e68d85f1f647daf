"""The twelve rows of every network, from an entry-level phone to a flagship."""

from collections.abc import Mapping
from types import MappingProxyType

from tiers.errors import UnknownNetworkError, UnknownTierError
from tiers.rows import foreground, fusion, matanyone, propagation, rvm, scribble, stfam, trimap
from tiers.spec import TierSpec

_NETWORKS = {
    "rvm": rvm.ROWS,
    "foreground": foreground.ROWS,
    "scribble": scribble.ROWS,
    "propagation": propagation.ROWS,
    "fusion": fusion.ROWS,
    "trimap": trimap.ROWS,
    "stfam": stfam.ROWS,
    "matanyone": matanyone.ROWS,
}

LADDERS: Mapping[str, Mapping[str, TierSpec]] = MappingProxyType(
    {
        network: MappingProxyType({row.name: row for row in rows})
        for network, rows in _NETWORKS.items()
    }
)


def ladder(network: str) -> Mapping[str, TierSpec]:
    """Return the twelve rows of ``network``, by tier name, from small to large.

    Raises:
        UnknownNetworkError: If there is no such network; the message lists those there are.
    """
    try:
        return LADDERS[network]
    except KeyError:
        msg = f"no network {network!r}; there are {', '.join(LADDERS)}"
        raise UnknownNetworkError(msg) from None


def tier(network: str, name: str) -> TierSpec:
    """Return one row.

    Raises:
        UnknownNetworkError: If there is no such network.
        UnknownTierError: If its ladder has no such row; the message lists those it has.
    """
    rows = ladder(network)
    try:
        return rows[name]
    except KeyError:
        msg = f"no tier {name!r}; the ladder of {network} has {', '.join(rows)}"
        raise UnknownTierError(msg) from None
