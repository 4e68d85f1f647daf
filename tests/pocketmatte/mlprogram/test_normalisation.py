import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from pocketmatte.mlprogram.operations.normalisation import (
    batch_norm,
    instance_norm,
    l2_norm,
    layer_norm,
    local_response_norm,
)


def drawn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(len(shape)))


def test_given_moments_are_by_channel() -> None:
    x = torch.tensor([[[1.0, 2.0], [10.0, 20.0]]])
    mean, variance = torch.tensor([1.0, 10.0]), torch.tensor([4.0, 100.0])
    found = batch_norm(x, mean, variance, torch.tensor([2.0, 3.0]), torch.tensor([0.5, 0.0]), 0.0)
    assert torch.allclose(found, torch.tensor([[[0.5, 1.5], [0, 3.0]]]))
    assert torch.allclose(
        batch_norm(x, mean, variance, epsilon=12.0)[0, 0], torch.tensor([0, 0.25])
    )


@pytest.mark.parametrize("shape", [(2, 3, 7), (2, 3, 5, 4), (2, 3, 5, 4, 3)])
def test_norms_by_channel_are_pytorchs(shape: tuple[int, ...]) -> None:
    x = drawn(*shape)
    mean, variance, gamma, beta = drawn(3), drawn(1, 3)[0].square(), drawn(2, 3)[1], drawn(3)
    expected = functional.batch_norm(x, mean, variance, gamma, beta)
    assert torch.allclose(batch_norm(x, mean, variance, gamma, beta), expected, atol=1e-5)
    expected = functional.instance_norm(x, weight=gamma, bias=beta)
    assert torch.allclose(instance_norm(x, gamma, beta), expected, atol=1e-5)


@pytest.mark.parametrize("axes", [(0,), (1, 3), (-1, -3), (0, 1, 2, 3)])
def test_a_layer_is_normalised_over_any_dimensions(axes: tuple[int, ...]) -> None:
    x = drawn(3, 4, 5, 6)
    order = sorted(axis % 4 for axis in axes)
    gamma, beta = (2 * drawn(*(x.shape[axis] for axis in order)) + each for each in (1, 2))
    inner = [x.shape[axis] if axis in order else 1 for axis in range(4)]
    array = x.numpy().astype(np.float64)
    expected = (array - array.mean(axis=axes, keepdims=True)) / np.sqrt(
        array.var(axis=axes, keepdims=True) + 0.01
    )
    expected = expected * gamma.numpy().reshape(inner) + beta.numpy().reshape(inner)
    assert np.allclose(layer_norm(x, axes, gamma, beta, 0.01).numpy(), expected, atol=1e-5)


def test_a_layer_is_all_dimensions_unless_told() -> None:
    x = drawn(3, 4)
    assert torch.allclose(layer_norm(x), functional.layer_norm(x, (3, 4)), atol=1e-6)


def test_parameters_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(4,\) is no parameter of \(3,\)"):
        instance_norm(drawn(1, 3, 4), gamma=drawn(4))


@pytest.mark.parametrize("shape", [(2, 3, 4), (5, 2, 3, 4), (2, 5, 2, 3, 4)])
def test_the_last_three_dimensions_together_have_length_1(shape: tuple[int, ...]) -> None:
    x = drawn(*shape)
    found = l2_norm(x, 0.0)
    for place in np.ndindex(*shape[:-3]):
        assert torch.allclose(found[place], x[place] / float(x[place].norm()), atol=1e-6)
    assert torch.allclose(l2_norm(torch.ones(1, 1, 1), 3.0), torch.full((1, 1, 1), 0.5))
    with pytest.raises(ValueError, match="an l2_norm of 2 dimensions is not known here"):
        l2_norm(drawn(2, 3))


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_a_local_response_is_pytorchs_over_channels(size: int) -> None:
    x = 3 * drawn(2, 6, 4, 5)
    expected = functional.local_response_norm(x, size, alpha=0.1, beta=0.6, k=2.0)
    assert torch.allclose(local_response_norm(x, size, 0.1, 0.6, 2.0), expected, atol=1e-5)


def test_of_three_dimensions_the_first_are_the_channels_of_a_local_response() -> None:
    # figures of Core ML itself for one channel of 3 x 2
    x = torch.tensor([[[1.0, -7.0], [5.0, -6.0], [-3.0, -5.0]]])
    expected = [[[0.99997497, -6.99143696], [4.99687672, -5.99460602], [-2.99932504, -4.99687672]]]
    assert np.allclose(local_response_norm(x, 3).numpy(), expected, atol=1e-6)
    with pytest.raises(ValueError, match="of 5 dimensions is not known here"):
        local_response_norm(x[None, None], 3)
