import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from pocketmatte.mlprogram.context import Context
from pocketmatte.mlprogram.operations.convolution import (
    avg_pool,
    conv,
    l2_pool,
    linear,
    matmul,
    max_pool,
    padding,
)
from pocketmatte.mlprogram.program import Named, Operation
from pocketmatte.mlprogram.types import FP32, INT32, Element, TensorType


def drawn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(len(shape)))


def windows(
    x: Tensor, taps: int, stride: int, fill: float, borders: tuple[int, int]
) -> list[Tensor]:
    """Return every window of one dimension, written out."""
    before, after = (torch.full((*x.shape[:-1], size), fill) for size in borders)
    wide = torch.cat([before, x, after], dim=-1)
    starts = range(0, wide.shape[-1] - taps + 1, stride)
    return [wide[..., start : start + taps] for start in starts]


def test_a_convolution_is_a_sum_over_its_windows() -> None:
    x, weight, bias = drawn(2, 3, 9), drawn(4, 3, 3), drawn(4)
    parts = windows(x, 3, 2, 0.0, (2, 1))
    expected = torch.stack(
        [(part[:, None] * weight).sum(dim=(2, 3)) + bias for part in parts], dim=-1
    )
    found = conv(x, weight, bias, strides=(2,), pad_type="custom", pad=(2, 1))
    assert torch.allclose(found, expected, atol=1e-5)


def test_groups_and_dilation_are_pytorchs() -> None:
    x, weight = drawn(1, 4, 8, 9), drawn(6, 2, 3, 3)
    expected = functional.conv2d(x, weight, padding=2, dilation=2, groups=2)
    given = conv(x, weight, pad_type="custom", pad=(2,) * 4, dilations=(2, 2), groups=2)
    assert torch.equal(given, expected)


@pytest.mark.parametrize(
    ("size", "taps", "stride", "dilation", "same"),
    [(8, 3, 1, 1, (1, 1)), (8, 3, 2, 1, (0, 1)), (9, 3, 2, 1, (1, 1)), (7, 2, 1, 1, (0, 1)),
     (8, 3, 1, 3, (3, 3)), (5, 1, 3, 1, (0, 0))],
)  # fmt: skip
def test_same_keeps_as_many_positions_as_the_stride_leaves(
    size: int, taps: int, stride: int, dilation: int, same: tuple[int, int]
) -> None:
    assert padding((size,), (taps,), (stride,), (dilation,), "same", ()) == same
    assert padding((size,), (taps,), (stride,), (dilation,), "same_lower", ()) == same[::-1]
    reach = (taps - 1) * dilation + 1
    assert (size + sum(same) - reach) // stride + 1 == -(-size // stride)


def test_a_padding_of_no_known_type_is_refused() -> None:
    with pytest.raises(ValueError, match="pad_type 'mirror' is not known here"):
        padding((8,), (3,), (1,), (1,), "mirror", ())


def test_the_largest_of_a_window_is_never_the_border() -> None:
    x = -drawn(1, 2, 9).abs() - 1
    parts = windows(x, 3, 2, -torch.inf, (1, 1))
    expected = torch.stack([part.max(dim=-1).values for part in parts], dim=-1)
    assert torch.equal(max_pool(x, (3,), "custom", strides=(2,), pad=(1, 1)), expected)


@pytest.mark.parametrize("exclude", [True, False])
@pytest.mark.parametrize("ceil_mode", [True, False])
def test_a_mean_counts_the_border_unless_it_is_excluded(exclude: bool, ceil_mode: bool) -> None:
    x = drawn(1, 2, 8, 10)
    expected = functional.avg_pool2d(
        x, 3, 2, padding=1, ceil_mode=ceil_mode, count_include_pad=not exclude
    )
    found = avg_pool(
        x, (3, 3), "custom", strides=(2, 2), pad=(1,) * 4,
        exclude_padding_from_average=exclude, ceil_mode=ceil_mode,
    )  # fmt: skip
    assert found.shape == expected.shape
    assert torch.allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("size", [7, 8, 9, 10, 11])
@pytest.mark.parametrize("border", [0, 1])
def test_ceil_mode_gives_as_many_windows_as_pytorch(size: int, border: int) -> None:
    x = drawn(1, 1, size)
    expected = functional.max_pool1d(x, 3, 3, padding=border, ceil_mode=True)
    found = max_pool(x, (3,), "custom", strides=(3,), pad=(border,) * 2, ceil_mode=True)
    assert torch.equal(found, expected)


def test_an_l2_pool_is_the_length_of_its_window() -> None:
    x = drawn(1, 2, 6)
    expected = torch.stack([part.norm(dim=-1) for part in windows(x, 2, 2, 0.0, (0, 0))], dim=-1)
    assert torch.allclose(l2_pool(x, (2,), "valid", strides=(2,)), expected, atol=1e-6)


def declaring(element: Element) -> Context:
    """Return the context of an operation that declares one result of a type."""
    named = Named(name="y", type=TensorType(element=element, shape=(), variadic=True))
    operation = Operation(kind="matmul", inputs={}, attributes={}, outputs=(named,), blocks=())
    return Context(opset=7, operation=operation, run=lambda _, values: values)


def test_matrices_are_turned_before_they_are_multiplied() -> None:
    context = declaring(FP32)
    x, y = drawn(2, 3, 4), drawn(2, 5, 4)
    expected = np.einsum("bij,bkj->bik", x.numpy(), y.numpy())
    assert np.allclose(matmul(x, y, context, transpose_y=True).numpy(), expected, atol=1e-5)
    turned = x.transpose(-1, -2).contiguous()
    found = matmul(turned, y, context, transpose_x=True, transpose_y=True)
    assert np.allclose(found.numpy(), expected, atol=1e-5)
    weight, bias = drawn(5, 4), drawn(5)
    expected = np.einsum("bij,kj->bik", x.numpy(), weight.numpy()) + bias.numpy()
    assert np.allclose(linear(x, weight, context, bias).numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("element", [FP32, INT32])
def test_a_whole_matrix_times_a_broken_one_is_of_the_kind_that_is_declared(
    element: Element,
) -> None:
    whole, broken = torch.tensor([[1, 2], [3, 4]], dtype=torch.int32), torch.full((2, 1), 1.5)
    found = matmul(whole, broken, declaring(element))
    assert found.dtype == element.held
    assert found.tolist() == ([[4.5], [10.5]] if element == FP32 else [[4], [10]])
