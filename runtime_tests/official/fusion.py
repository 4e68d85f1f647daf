"""Golden outputs of MiVOS's difference-aware fusion."""

from typing import Any

import torch

from runtime_tests.golden import Case, Outputs, drawn_input
from tiers.ladder import tier
from tiers.networks import build
from tiers.official import expected_shapes

_HW = (96, 160)


def _outputs(network: Any, seed: int) -> Outputs:
    """Fuse once. The golden image is normalised already, so that is undone first."""
    image = drawn_input("im", (1, 3, *_HW), seed, low=-2, high=2)
    logits = network(
        image * network.normalise.std + network.normalise.mean,
        drawn_input("seg1", (1, 1, *_HW), seed),
        drawn_input("seg2", (1, 1, *_HW), seed),
        drawn_input("attn", (1, 2, *_HW), seed),
        drawn_input("time", (1, 2), seed).view(1, 2, 1, 1),
    )
    return {"logits": logits}


def _shapes() -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        return expected_shapes(build(tier("fusion", "t12")))


CASES = (
    Case(
        name="mivos_fusion",
        network="fusion",
        layout="mivos_fusion",
        shapes=_shapes,
        outputs=_outputs,
    ),
)
