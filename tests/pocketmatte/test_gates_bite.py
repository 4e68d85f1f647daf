"""Gates that can fail: a file that ignores any one of its inputs does not pass for the program."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pytest

from pocketmatte.matting import ROLLOUTS
from pocketmatte.parity import Candidate, compare_all
from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.runtimes.torch_eager import TorchSession
from pocketmatte.scene import standard_scene
from tiers.contract_table import contracts
from tiers.ladder import LADDERS, tier
from tiers.networks import programs
from tiers.weights import network_of, untrained

FRAMES = {"trimap": 25}  # whose reference is read back when it is renewed; of the others 7
# Of seeded networks these change what is judged by less than half precision may; fp32 tells.
TOO_FAINT = {
    "scribble": {"correct positive fp16"},
    "propagation": {
        "read key fp16",
        "read f16 fp16",
        "read memory_key fp16",
        "read memory_value fp16",
        "read memory_valid fp16",
    },
    "trimap": {"propagate reference_valid fp16"},
    "matanyone": {
        "read key fp16",
        "read selection fp16",
        "read memory_key fp16",
        "read memory_shrinkage fp16",
        "read last_trace fp16",
    },
}


class Ignoring:
    """A session that takes one of its inputs for zeros."""

    facts: ClassVar[Mapping[str, str | int]] = {}

    def __init__(self, session: TorchSession, ignored: str) -> None:
        self.session, self.ignored = session, ignored

    def run(self, inputs: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        nothing = np.zeros_like(inputs[self.ignored])
        return self.session.run({**inputs, self.ignored: nothing})

    def close(self) -> None:
        """Nothing is held."""


@pytest.mark.parametrize("network", LADDERS)
def test_a_file_that_ignores_an_input_fails(network: str) -> None:
    spec = tier(network, "t01")
    own = programs(network_of(spec, untrained(spec)), spec)
    described = contracts(spec)
    reference = {c.name: TorchSession(own[c.name], c, 1) for c in described}
    candidates = {
        f"{contract.name} {tensor.name} {recipe}": Candidate(
            recipe=recipe,
            sessions={contract.name: Ignoring(reference[contract.name], tensor.name)},
        )
        for contract in described
        for tensor in contract.inputs
        for recipe in ("fp32", "fp16")
    }
    for recipe in ("fp32", "fp16"):
        candidates[f"exact {recipe}"] = Candidate(recipe=recipe, sessions=reference)
    found = compare_all(
        reference,
        candidates,
        described,
        lambda run, scene: ROLLOUTS[network](spec, run, scene),
        standard_scene(spec, FRAMES.get(network, 7)),
    )
    passed = {name for name, each in found.items() if all(file.passed for file in each.values())}
    assert passed == {"exact fp32", "exact fp16", *TOO_FAINT.get(network, set())}
