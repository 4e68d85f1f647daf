"""Golden outputs of MiVOS's mask propagation."""

import torch
from torch import Tensor
from torch.nn import functional

from runtime_tests.golden import Case, Outputs, drawn_input
from tiers.blocks.memory_attention import MemoryAttention
from tiers.ladder import tier
from tiers.networks import build
from tiers.networks.propagation_official import StmPropagation
from tiers.official import expected_shapes

_HW = (96, 160)
_COARSE_HW = (6, 10)
_KEY = 128


def _outputs(network: StmPropagation, seed: int) -> Outputs:
    """Memorise two frames, segment a third one; then the same for two objects in one frame.

    One object is read as the papers say it, two in the form that is exported.
    """
    frames = [drawn_input(f"frame{number}", (1, 3, *_HW), seed, -2.0, 2.0) for number in range(3)]
    masks = [
        (drawn_input(f"mask{number}", (1, 1, *_HW), seed) > 0.5).float() for number in range(2)
    ]
    nothing = torch.zeros_like(masks[0])
    memorised = [network.memorise(frames[number], masks[number], nothing) for number in range(2)]
    keys, values = (torch.cat(maps) for maps in zip(*memorised, strict=True))
    key, value, f8, f4 = network.query(frames[2])
    readout = _attention(objects=1, top_k=20).exactly(key, keys, values, torch.ones(2, 1, 1, 1))

    pair = torch.cat([masks[0], 1 - masks[0]])
    both = torch.cat([frames[0], frames[0]])
    keys_of_two, values_of_two = network.memorise(both, pair, pair.flip(0))
    readout_of_two = network.attention(
        key, _slot(keys_of_two), _slot(values_of_two), torch.ones(1, 1, 1, 1)
    )
    return {
        "mem_key": _through_time(keys),
        "mem_value": _through_time(values),
        "query_key": key,
        "query_value": value,
        "mask2": network.segment(readout, value, f8, f4).sigmoid(),
        "attn": _carried(key, keys[:1], seed),
        "two_objects": network.segment(readout_of_two, torch.cat([value, value]), f8, f4).sigmoid(),
    }


def _carried(key: Tensor, first: Tensor, seed: int) -> Tensor:
    """Carry two difference maps from the first frame to the one that asks."""
    names = ("pos", "neg")
    changed = torch.cat([drawn_input(name, (1, 1, *_HW), seed) for name in names], dim=1)
    coarse = functional.interpolate(changed, _COARSE_HW, mode="area")
    there = _attention(objects=1, top_k=0)(key, first, coarse, torch.ones(1, 1, 1, 1))
    return functional.interpolate(there, _HW, mode="bilinear", align_corners=False)


def _attention(objects: int, top_k: int) -> MemoryAttention:
    return MemoryAttention(_KEY, objects=objects, groups=1, similarity="product", top_k=top_k)


def _slot(maps: Tensor) -> Tensor:
    """Bring what one frame gives for two objects, ``(2, C, h, w)``, to ``(1, 2 * C, h, w)``."""
    return maps.flatten(0, 1)[None]


def _through_time(maps: Tensor) -> Tensor:
    """Bring ``(T, C, h, w)`` to ``(1, C, T, h, w)``."""
    return maps.transpose(0, 1)[None]


def _shapes() -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        return expected_shapes(build(tier("propagation", "t12")))


CASES = (
    Case(
        name="mivos_propagation",
        network="propagation",
        layout="mivos_propagation",
        shapes=_shapes,
        outputs=_outputs,
    ),
)
