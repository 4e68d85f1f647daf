"""The programs of every network and their contracts."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from tiers.contract import ProgramContract
from tiers.rows import foreground, fusion, matanyone, propagation, rvm, scribble, stfam, trimap
from tiers.spec import TierSpec

_CONTRACTS: Mapping[str, Callable[[TierSpec], tuple[ProgramContract, ...]]] = MappingProxyType(
    {
        "rvm": rvm.contracts,
        "foreground": foreground.contracts,
        "fusion": fusion.contracts,
        "scribble": scribble.contracts,
        "propagation": propagation.contracts,
        "trimap": trimap.contracts,
        "stfam": stfam.contracts,
        "matanyone": matanyone.contracts,
    }
)

PROGRAMS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "rvm": rvm.PROGRAMS,
        "foreground": foreground.PROGRAMS,
        "fusion": fusion.PROGRAMS,
        "scribble": scribble.PROGRAMS,
        "propagation": propagation.PROGRAMS,
        "trimap": trimap.PROGRAMS,
        "stfam": stfam.PROGRAMS,
        "matanyone": matanyone.PROGRAMS,
    }
)


def contracts(spec: TierSpec) -> tuple[ProgramContract, ...]:
    """Return the contracts of every program of ``spec``'s network, in the order of their calls."""
    return _CONTRACTS[spec.network](spec)


def judged_of(spec: TierSpec) -> str:
    """Return the name of the alpha, mask or class map that a tier's network is judged by."""
    return next(each.judged for each in contracts(spec) if each.judged is not None)
