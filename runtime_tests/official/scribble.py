"""Golden file of the scribble-to-mask network S2M of MiVOS."""

import torch

from runtime_tests.golden import Case, Outputs, drawn_input
from tiers.ladder import tier
from tiers.networks import build
from tiers.networks.scribble_official import OfficialScribble
from tiers.official import expected_shapes

_FRAME_HW = (96, 160)


def _shapes() -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        return expected_shapes(build(tier("scribble", "t12")))


def _outputs(network: OfficialScribble, seed: int) -> Outputs:
    """Correct one frame that is already normalised; the two scribbles were drawn as one."""
    planes = torch.cat(
        [
            drawn_input("im", (1, 3, *_FRAME_HW), seed, low=-2.0, high=2.0),
            drawn_input("mask", (1, 1, *_FRAME_HW), seed),
            drawn_input("scribbles", (1, 2, *_FRAME_HW), seed),
        ],
        dim=1,
    )
    with torch.inference_mode():
        return {"logits": network(planes)}


CASES = (
    Case(
        name="mivos_s2m",
        network="scribble",
        layout="mivos_s2m",
        shapes=_shapes,
        outputs=_outputs,
    ),
)
