"""Official checkpoint layouts and what they become here.

Our modules carry the official names, so a layout is the state dict of the network itself and the
map is the identity, but for input channels that a release lacks. What differs between releases is
stated per layout.
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
        lacking: Weights of which a released file lacks the last input channels, and how many; the
            network computes the same where these are zeros.
    """

    name: str
    network: str
    tier: str
    source: str
    licence: str
    lacking: tuple[tuple[str, int], ...] = ()


_RVM = "Lin et al., Robust High-Resolution Video Matting with Temporal Guidance, WACV 2022"
_MIVOS_S2M = "Cheng et al., Modular Interactive Video Object Segmentation (S2M), CVPR 2021"
_MIVOS = "Cheng et al., Modular Interactive Video Object Segmentation, CVPR 2021"
_MATANYONE = (
    "Yang et al., MatAnyone: Stable Video Matting with Consistent Memory Propagation, CVPR 2025"
)
_S_LAB = "LicenseRef-S-Lab-1.0"
# A network for one object has no channel for the others' masks.
_ONE_OBJECT = (("mask_encoder.conv1.weight", 1), ("pixel_fuser.sensory_compress.weight", 1))
_U2NET = "Qin et al., U2-Net: Going Deeper with Nested U-Structure, Pattern Recognition 2020"

LAYOUTS: Mapping[str, tuple[Layout, ...]] = MappingProxyType(
    {
        "rvm": (
            Layout("mobilenetv3", "rvm", "t08", _RVM, "GPL-3.0"),
            Layout("resnet50", "rvm", "t12", _RVM, "GPL-3.0"),
        ),
        "foreground": (Layout("u2netp", "foreground", "t12", _U2NET, "Apache-2.0"),),
        "propagation": (Layout("mivos_propagation", "propagation", "t12", _MIVOS, "MIT"),),
        "fusion": (Layout("mivos_fusion", "fusion", "t12", _MIVOS, "MIT"),),
        "scribble": (Layout("mivos_s2m", "scribble", "t12", _MIVOS_S2M, "MIT"),),
        "matanyone": (
            Layout("matanyone", "matanyone", "t12", _MATANYONE, _S_LAB, _ONE_OBJECT),
            Layout("matanyone_multi_object", "matanyone", "t12", _MATANYONE, _S_LAB),
        ),
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
        CheckpointError: If no variant fits; the message says of which other network they are, or
            lists the missing, unexpected and wrongly shaped or typed keys of the nearest one.
    """
    complaints: dict[str, Differences] = {}
    for layout in LAYOUTS.get(network, ()):
        found, wrong = _fit(layout, tensors)
        if not wrong:
            return layout, found
        complaints[layout.name] = wrong
    if sibling := _sibling(network, tensors):
        msg = f"an official checkpoint of {sibling}, not of {network}; import it as {sibling}"
        raise CheckpointError(msg)
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


def official_shapes(layout: Layout) -> dict[str, tuple[int, ...]]:
    """Return the state dict of a released file of ``layout``: key -> shape."""
    with torch.device("meta"):
        shapes = expected_shapes(build(tier(layout.network, layout.tier)))
    for key, count in layout.lacking:
        out, channels, *kernel = shapes[key]
        shapes[key] = (out, channels - count, *kernel)
    return shapes


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


def _sibling(network: str, tensors: Mapping[str, Tensor]) -> str | None:
    """Return the other network that ``tensors`` are an official checkpoint of, if any is."""
    for name, layouts in LAYOUTS.items():
        if name != network and any(not _fit(layout, tensors)[1] for layout in layouts):
            return name
    return None


def _fit(layout: Layout, tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], Differences]:
    expected = official_shapes(layout)
    wrong = differences(expected, tensors)
    if wrong:
        return {}, wrong
    zero = torch.zeros((), dtype=torch.int64)
    found = {key: tensors.get(key, zero) for key in expected}
    for key, count in layout.lacking:
        found[key] = torch.cat([found[key], torch.zeros_like(found[key][:, :count])], dim=1)
    return {k: v.float() if v.is_floating_point() else v for k, v in found.items()}, {}
