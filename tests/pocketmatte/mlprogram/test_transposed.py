import itertools

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from pocketmatte.mlprogram.operations.convolution import conv
from pocketmatte.mlprogram.operations.transposed import conv_transpose


def drawn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(len(shape)))


def pulled_back(x: Tensor, weight: Tensor, shape: tuple[int, ...], stride: int) -> Tensor:
    """Return the gradient of a convolution with ``same``: what its transpose is."""
    point = torch.zeros(shape, requires_grad=True)
    forward = conv(point, weight, strides=(stride,) * (x.ndim - 2), pad_type="same")
    (gradient,) = torch.autograd.grad(forward, point, x)
    return gradient


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("groups", [1, 2])
def test_valid_and_custom_are_pytorchs(rank: int, groups: int) -> None:
    x, weight = drawn(2, 4, *range(4, 4 + rank)), drawn(4, 3, *(3,) * rank)
    bias = drawn(3 * groups)
    function = getattr(functional, f"conv_transpose{rank}d")
    strides, dilations = (2,) * rank, (1, 2, 1)[:rank]
    whole = function(x, weight, bias, strides, 0, 0, groups, dilations)
    valid = conv_transpose(x, weight, bias, strides=strides, dilations=dilations, groups=groups)
    assert torch.allclose(valid, whole, atol=1e-5)
    cut = function(x, weight, bias, strides, 1, 0, groups, dilations)
    custom = conv_transpose(
        x, weight, bias, (1,) * 2 * rank, None, "custom", strides, dilations, groups
    )
    assert torch.allclose(custom, cut, atol=1e-5)
    told = conv_transpose(
        x, weight, bias, (1,) * 2 * rank, tuple(cut.shape), "custom", strides, dilations, groups
    )
    assert torch.equal(told, custom)


def test_each_side_is_cut_by_its_own_amount() -> None:
    x, weight = drawn(1, 1, 5, 5), drawn(1, 1, 4, 4)
    whole = functional.conv_transpose2d(x, weight)
    found = conv_transpose(x, weight, pad=(0, 1, 2, 3), pad_type="custom")
    assert torch.equal(found, whole[:, :, :-1, 2:-3])


@pytest.mark.parametrize(
    ("taps", "stride", "size"), [*itertools.product([1, 2, 3, 4, 5], [1, 2, 3], [4, 5])]
)
def test_same_is_the_gradient_of_a_convolution_with_same(taps: int, stride: int, size: int) -> None:
    x, weight = drawn(1, 2, size), drawn(2, 3, taps)
    found = conv_transpose(x, weight, pad_type="same", strides=(stride,))
    assert found.shape == (1, 3, size * stride)
    assert torch.allclose(found, pulled_back(x, weight, (1, 3, size * stride), stride), atol=1e-5)


def test_an_output_shape_decides_between_the_sizes_that_come_to_the_same() -> None:
    x, weight, bias = drawn(1, 2, 4, 5), drawn(2, 3, 3, 3), drawn(3)
    for shape in itertools.product((7, 8), (9, 10)):
        found = conv_transpose(
            x, weight, bias, output_shape=(1, 3, *shape), pad_type="same", strides=(2, 2)
        )
        expected = pulled_back(x, weight, (1, 3, *shape), 2) + bias[:, None, None]
        assert torch.allclose(found, expected, atol=1e-5)


def test_what_reaches_beyond_the_last_kernel_is_the_bias() -> None:
    x, weight, bias = drawn(1, 1, 3), drawn(1, 2, 2), torch.tensor([5.0, 7.0])
    found = conv_transpose(x, weight, bias, output_shape=(1, 2, 8), strides=(3,))
    natural = conv_transpose(x, weight, bias, output_shape=(1, 2, 10), strides=(3,))
    assert torch.equal(found, conv_transpose(x, weight, bias, strides=(3,)))
    assert torch.equal(natural[..., :8], found)
    assert natural[0, :, 8:].tolist() == [[5, 5], [7, 7]]


@pytest.mark.parametrize("shape", [(1, 2, 7), (1, 2, 11), (1, 1, 8), (2, 2, 8)])
def test_an_output_shape_that_does_not_come_of_the_input_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"does not come of \(1, 1, 3\)"):
        conv_transpose(drawn(1, 1, 3), drawn(1, 2, 2), output_shape=shape, strides=(3,))


@pytest.mark.parametrize("pad_type", ["same_lower", "mirror"])
def test_a_padding_of_no_known_type_is_refused(pad_type: str) -> None:
    with pytest.raises(ValueError, match=f"pad_type '{pad_type}' is not known here"):
        conv_transpose(drawn(1, 1, 3), drawn(1, 2, 2), pad_type=pad_type)
