"""How every network is measured on a user's data, and beside what."""

from collections.abc import Mapping
from types import MappingProxyType

from pocketmatte.protocols import (
    foreground,
    fusion,
    matanyone,
    propagation,
    rvm,
    scribble,
    stfam,
    trimap,
)
from pocketmatte.protocols.protocol import EvaluationProtocol

# The protocol of each network, by its name.
PROTOCOLS: Mapping[str, EvaluationProtocol] = MappingProxyType(
    {
        "rvm": rvm.PROTOCOL,
        "foreground": foreground.PROTOCOL,
        "fusion": fusion.PROTOCOL,
        "scribble": scribble.PROTOCOL,
        "propagation": propagation.PROTOCOL,
        "trimap": trimap.PROTOCOL,
        "stfam": stfam.PROTOCOL,
        "matanyone": matanyone.PROTOCOL,
    }
)
