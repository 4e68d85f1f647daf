"""U2NETP: fused mask and coarsest side output of a picture that is normalised already."""

import torch

from runtime_tests.golden import Case, Outputs, drawn_input
from tiers.ladder import tier
from tiers.networks import build
from tiers.networks.foreground_official import NestedU
from tiers.official import expected_shapes

_IMAGE = (1, 3, 96, 160)


def _shapes() -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        return expected_shapes(build(tier("foreground", "t12")))


def _outputs(network: NestedU, seed: int) -> Outputs:
    """Segment one image."""
    image = drawn_input("image", _IMAGE, seed, -2.0, 2.0)
    fused, *sides = network.logits(image)
    return {"mask": fused.sigmoid(), "side6": sides[5].sigmoid()}


CASES = (
    Case(
        name="u2netp",
        network="foreground",
        layout="u2netp",
        shapes=_shapes,
        outputs=_outputs,
        gain=0.8,
    ),
)
