"""The networks by name: how each is built from a tier and which programs it exports."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from torch import nn

from tiers.networks import foreground, fusion, matanyone, propagation, rvm, scribble, stfam, trimap
from tiers.spec import TierSpec

_BUILDERS: Mapping[str, Callable[[TierSpec], nn.Module]] = MappingProxyType(
    {
        "rvm": rvm.build,
        "foreground": foreground.build,
        "fusion": fusion.build,
        "scribble": scribble.build,
        "propagation": propagation.build,
        "trimap": trimap.build,
        "stfam": stfam.build,
        "matanyone": matanyone.build,
    }
)
_PROGRAMS: Mapping[str, Callable[[nn.Module, TierSpec], dict[str, nn.Module]]] = MappingProxyType(
    {
        "rvm": rvm.programs,
        "foreground": foreground.programs,
        "fusion": fusion.programs,
        "scribble": scribble.programs,
        "propagation": propagation.programs,
        "trimap": trimap.programs,
        "stfam": stfam.programs,
        "matanyone": matanyone.programs,
    }
)


def build(spec: TierSpec) -> nn.Module:
    """Return the network of ``spec`` with PyTorch's initial weights, in training mode."""
    return _BUILDERS[spec.network](spec)


def programs(network: nn.Module, spec: TierSpec) -> dict[str, nn.Module]:
    """Return the exportable programs of ``network``, by the names of its contracts.

    Raises:
        TypeError: If ``network`` is not of ``spec``'s kind.
    """
    return _PROGRAMS[spec.network](network, spec)
