"""How strong seeded initial weights are: signals must reach the output and fit half precision."""

from collections.abc import Mapping
from types import MappingProxyType

_GAIN = 1.5
# Of the networks that another one suits: with it half precision keeps its distance from the limit,
# and what people see still spans a good part of its range.
_GAINS: Mapping[str, float] = MappingProxyType(
    {
        "scribble": 1.1,
        "propagation": 1.2,
        "matanyone": 0.7,
    }
)


def gain_of(network: str) -> float:
    """Return the variance that a convolution's seeded weights keep of their input's."""
    return _GAINS.get(network, _GAIN)
