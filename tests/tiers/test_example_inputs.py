import torch

from tiers.contract import TensorSpec
from tiers.contract_table import contracts
from tiers.example_inputs import drawn, example_inputs
from tiers.ladder import tier


def test_pictures_to_measure_with_have_more_contrast_than_a_photograph() -> None:
    frame = contracts(tier("rvm", "t08"))[0].inputs[0]
    field = drawn(frame, torch.Generator().manual_seed(0))
    assert field.shape == frame.shape
    assert 0 <= field.min() < field.max() <= 1
    assert field.std() > 0.35  # an even spread over 0..1 has 0.29
    neighbours = (field[..., 1:] - field[..., :-1]).abs().mean()
    assert neighbours < 0.1  # coarse shapes, no noise


def test_a_single_element_is_finite_and_inside_its_range() -> None:
    flag = TensorSpec(name="flag", shape=(1, 1, 1, 1), low=0.0, high=1.0, meaning="test")
    assert 0 <= drawn(flag, torch.Generator().manual_seed(0)).item() <= 1


def test_example_inputs_are_repeatable_contiguous_and_inside_the_contract() -> None:
    (contract,) = contracts(tier("rvm", "t01"))
    inputs = example_inputs(contract)
    for value, again, tensor in zip(inputs, example_inputs(contract), contract.inputs, strict=True):
        assert torch.equal(value, again)
        assert value.is_contiguous()
        assert value.shape == tensor.shape
        assert tensor.low is not None
        assert tensor.high is not None
        assert tensor.low <= value.min() < value.max() <= tensor.high


def test_a_number_without_an_upper_limit_keeps_to_the_lower_one() -> None:
    count = TensorSpec(name="count", shape=(1, 1, 1, 1), low=0.0, high=None, meaning="test")
    drawings = [drawn(count, torch.Generator().manual_seed(seed)).item() for seed in range(8)]
    assert 0 <= min(drawings) < max(drawings)
