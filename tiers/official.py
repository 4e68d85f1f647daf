"""Official checkpoint layouts and what they become here.

Our modules carry the official names, so a layout is the state dict of the network itself and the
map is the identity. What differs between releases is stated per layout.
"""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias

import torch
from torch import Tensor, nn

from tiers.errors import CheckpointError
from tiers.ladder import tier
from tiers.networks import build

Differences: TypeAlias = dict[str, list[str]]  # what is wrong -> keys; empty when nothing is

_COUNTER = "num_batches_tracked"  # BatchNorm's step counter; releases may leave it out


@dataclasses.dataclass(frozen=True, slots=True)
class Layout:
    """One official architecture.

    Attributes:
        name: Of the variant, as its authors call it.
        network: The network it is.
        tier: The row of the ladder that is exactly this architecture.
        source: Where the architecture is described.
        licence: Of the released weights, an SPDX identifier.
    """

    name: str
    network: str
    tier: str
    source: str
    licence: str


_RVM = "Lin et al., Robust High-Resolution Video Matting with Temporal Guidance, WACV 2022"

LAYOUTS: Mapping[str, tuple[Layout, ...]] = MappingProxyType(
    {
        "rvm": (
            Layout("mobilenetv3", "rvm", "t08", _RVM, "GPL-3.0"),
            Layout("resnet50", "rvm", "t12", _RVM, "GPL-3.0"),
        )
    }
)


def recognise(network: str, tensors: Mapping[str, Tensor]) -> tuple[Layout, dict[str, Tensor]]:
    """Say which official variant ``tensors`` are and return them in our layout, as fp32.

    Args:
        network: Name of the network.
        tensors: An official state dict; step counters may be missing.

    Returns:
        The layout and the complete state dict of its network.

    Raises:
        CheckpointError: If no variant fits; the message lists the missing, unexpected and
            wrongly shaped or typed keys of the nearest one.
    """
    complaints: dict[str, Differences] = {}
    for layout in LAYOUTS.get(network, ()):
        found, wrong = _fit(layout, tensors)
        if not wrong:
            return layout, found
        complaints[layout.name] = wrong
    if not complaints:
        msg = f"{network} has no official checkpoint"
        raise CheckpointError(msg)
    name, wrong = min(complaints.items(), key=lambda item: sum(map(len, item[1].values())))
    msg = (
        f"not an official {network} checkpoint; against {name}, the nearest of "
        f"{', '.join(complaints)}: {summary(wrong)}"
    )
    raise CheckpointError(msg)


def expected_shapes(network: nn.Module) -> dict[str, tuple[int, ...]]:
    """Return the state dict layout of ``network``: key -> shape."""
    return {key: tuple(value.shape) for key, value in network.state_dict().items()}


def differences(
    expected: Mapping[str, tuple[int, ...]], tensors: Mapping[str, Tensor]
) -> Differences:
    """Say what keeps ``tensors`` from being a state dict of layout ``expected``.

    Returns:
        The keys that are missing, unexpected, of other shape and of other type.
    """
    both = [(key, tensors[key], shape) for key, shape in expected.items() if key in tensors]
    wrong = {
        "missing": [key for key in expected if key not in tensors and not key.endswith(_COUNTER)],
        "unexpected": [key for key in tensors if key not in expected],
        "of other shape": [
            f"{key} is {tuple(value.shape)}, not {shape}"
            for key, value, shape in both
            if tuple(value.shape) != shape
        ],
        "of other type": [
            f"{key} is {str(value.dtype).removeprefix('torch.')}, not floating point"
            for key, value, _ in both
            if not value.is_floating_point() and not key.endswith(_COUNTER)
        ],
    }
    return {what: keys for what, keys in wrong.items() if keys}


def summary(wrong: Differences, shown: int = 5) -> str:
    """Return differences as one phrase: how many of every kind, and the first of them."""
    return "; ".join(
        f"{len(keys)} {what}: {', '.join(keys[:shown])}"
        + (f" and {len(keys) - shown} more" if len(keys) > shown else "")
        for what, keys in wrong.items()
    )


def _fit(layout: Layout, tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], Differences]:
    with torch.device("meta"):
        expected = expected_shapes(build(tier(layout.network, layout.tier)))
    wrong = differences(expected, tensors)
    if wrong:
        return {}, wrong
    zero = torch.zeros((), dtype=torch.int64)
    found = {key: tensors.get(key, zero) for key in expected}
    return {k: v.float() if v.is_floating_point() else v for k, v in found.items()}, {}
