"""Folded, a rounded graph gives the same values."""

import copy

import numpy as np
import pytest
import torch

from export.quantise import quantise
from pocketmatte.quantisation.calibration_set import calibration_scenes
from pocketmatte.quantisation.folding import folded, rounded
from pocketmatte.quantisation.simulation import Simulation
from tiers.example_inputs import example_inputs
from tiers.ladder import tier
from tiers.weights import default, network_of


@pytest.mark.parametrize(("step", "zero"), [(0.1, 0), (0.03, -128), (1.7, 127), (3e-4, 5)])
def test_rounding_is_that_of_the_operators_that_files_are_made_of(step: float, zero: int) -> None:
    operators = torch.ops.quantized_decomposed
    values = torch.randn(10_000, generator=torch.Generator().manual_seed(0)) * 40 * step
    values[:256] = (torch.arange(256) - 127.5) * step  # half-way between two levels
    levels = (step, zero, -128, 127)
    whole = operators.quantize_per_tensor.default(values, *levels, torch.int8)
    expected = operators.dequantize_per_tensor.default(whole, *levels, torch.int8)
    assert torch.equal(rounded(values, *levels), expected)


@pytest.mark.parametrize("recipe", ["w8", "w8a8"])
@pytest.mark.parametrize("network_name", ["rvm", "scribble"])
def test_a_program_gives_the_same_bits_with_fewer_operators(network_name: str, recipe: str) -> None:
    spec = tier(network_name, "t01")
    simulation = Simulation(spec, network_of(spec, default(spec)), 1)
    scene = next(iter(calibration_scenes(spec, 1).values()))
    made = simulation.observed([scene]).quantisations(recipe == "w8a8")
    for name, program in simulation.programs.items():
        plain = quantise(copy.deepcopy(program.graph), made[name])
        few = folded(copy.deepcopy(plain))
        inputs = [value * 0.7 for value in example_inputs(program.contract)]
        for expected, found in zip(plain(*inputs), few(*inputs), strict=True):
            np.testing.assert_array_equal(found.numpy(), expected.numpy())
        assert len(few.graph.nodes) < len(plain.graph.nodes)
