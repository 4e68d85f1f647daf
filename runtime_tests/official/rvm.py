"""Golden outputs of robust video matting, both backbones."""

from typing import Any

import torch

from runtime_tests.golden import Case, Outputs, drawn_input
from tiers.ladder import tier
from tiers.networks import build
from tiers.official import LAYOUTS, Layout, expected_shapes

_FRAME_HW = (96, 160)
_HD_HW = (192, 320)


def _outputs(network: Any, seed: int) -> Outputs:
    """Run three frames whole, three through the guided filter, and one segmentation."""
    outputs: Outputs = {}
    for kind, frame_name, hw, ratio in (
        ("full", "frame", _FRAME_HW, 1.0),
        ("down", "hd", _HD_HW, 0.5),
    ):
        states = None
        for index in range(3):
            frame = drawn_input(f"{frame_name}{index}", (1, 3, *hw), seed)
            foreground, alpha, states = network(frame, states, ratio)
            outputs |= {f"{kind}_fgr{index}": foreground, f"{kind}_pha{index}": alpha}
        if kind == "full" and states is not None:
            outputs |= {f"full_r{number}": state for number, state in enumerate(states, 1)}
    outputs["seg"], _ = network.segment(drawn_input("frame0", (1, 3, *_FRAME_HW), seed))
    return outputs


def _case(layout: Layout) -> Case:
    def shapes() -> dict[str, tuple[int, ...]]:
        with torch.device("meta"):
            return expected_shapes(build(tier("rvm", layout.tier)))

    return Case(
        name=f"rvm_{layout.name}",
        network="rvm",
        layout=layout.name,
        shapes=shapes,
        outputs=_outputs,
    )


CASES = tuple(_case(layout) for layout in LAYOUTS["rvm"])
