"""The networks by name: how each is built from a tier and which programs it exports."""

from collections.abc import Callable
from types import MappingProxyType

from torch import nn

from tiers.networks import rvm
from tiers.spec import TierSpec


def build(spec: TierSpec) -> nn.Module:
    """Return the network of ``spec`` with PyTorch's initial weights, in training mode."""
    return _BUILDERS[spec.network](spec)


def programs(network: nn.Module, spec: TierSpec) -> dict[str, nn.Module]:
    """Return the exportable programs of ``network``, by the names of ``tiers.contract``."""
    return _PROGRAMS[spec.network](network, spec)


def _build_rvm(spec: TierSpec) -> nn.Module:
    return rvm.Rvm(spec.shape)


def _rvm_programs(network: nn.Module, spec: TierSpec) -> dict[str, nn.Module]:
    if not isinstance(network, rvm.Rvm):
        msg = f"programs of rvm need an Rvm, not a {type(network).__name__}"
        raise TypeError(msg)
    return rvm.programs(network, spec)


_BUILDERS: MappingProxyType[str, Callable[[TierSpec], nn.Module]] = MappingProxyType(
    {"rvm": _build_rvm}
)
_PROGRAMS: MappingProxyType[str, Callable[[nn.Module, TierSpec], dict[str, nn.Module]]] = (
    MappingProxyType({"rvm": _rvm_programs})
)
