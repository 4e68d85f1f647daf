import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from pocketmatte.mlprogram.operations import activation

X = torch.linspace(-6, 8, 57)


def logistic(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def normal_share(value: float) -> float:
    return (1 + math.erf(value / math.sqrt(2))) / 2


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (activation.relu(X), lambda x: x if x > 0 else 0),
        (activation.relu6(X), lambda x: min(max(x, 0), 6)),
        (activation.clamped_relu(X, 0.25, 3.0), lambda x: min(x if x >= 0 else 0.25 * x, 3)),
        (activation.clamped_relu(X, 0.5, -1.0), lambda x: min(x if x >= 0 else 0.5 * x, -1)),
        (activation.leaky_relu(X, -0.5), lambda x: x if x >= 0 else -0.5 * x),
        (activation.thresholded_relu(X, 2.0), lambda x: x if x >= 2 else 0),
        (activation.thresholded_relu(X, -2.0), lambda x: x if x >= -2 else 0),
        (activation.elu(X, 1.5), lambda x: x if x > 0 else 1.5 * (math.exp(x) - 1)),
        (activation.gelu(X), lambda x: x * normal_share(x)),
        (
            activation.gelu(X, "TANH_APPROXIMATION"),
            lambda x: x / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
        ),
        (activation.gelu(X, "SIGMOID_APPROXIMATION"), lambda x: x * logistic(1.702 * x)),
        (activation.sigmoid(X), logistic),
        (activation.sigmoid_hard(X, 0.2, 0.4), lambda x: min(max(0.2 * x + 0.4, 0), 1)),
        (activation.silu(X), lambda x: x * logistic(x)),
        (activation.softplus(X), lambda x: math.log(1 + math.exp(x))),
        (activation.softsign(X), lambda x: x / (1 + abs(x))),
        (activation.tanh(X), math.tanh),
        (activation.scaled_tanh(X, 1.7, 0.6), lambda x: 1.7 * math.tanh(0.6 * x)),
        (activation.linear_activation(X, -2.0, 0.5), lambda x: -2 * x + 0.5),
    ],
)
def test_every_element_is_what_the_formula_says(
    found: Tensor, expected: Callable[[float], float]
) -> None:
    assert found.dtype == torch.float32
    assert np.allclose(found.numpy(), [expected(x) for x in X.tolist()], atol=2e-6, rtol=1e-6)


def test_a_softplus_is_its_argument_far_to_the_right_and_no_more_than_0_to_the_left() -> None:
    found = activation.softplus(torch.tensor([-200.0, 0.0, 200.0]))
    assert torch.allclose(found, torch.tensor([0.0, math.log(2), 200.0]))


def test_slopes_are_by_channel() -> None:
    x = torch.tensor([[[-1.0, 2.0], [-3.0, 4.0]]])
    assert activation.prelu(x, torch.tensor([0.5, 10.0])).tolist() == [[[-0.5, 2], [-30, 4]]]
    alpha, beta = torch.tensor([2.0, 3.0]), torch.tensor([1.0, -1.0])
    expected = [
        [[a * math.log(1 + math.exp(b * value)) for value in row] for a, b, row in zip(
            alpha.tolist(), beta.tolist(), x[0].tolist(), strict=True
        )]
    ]  # fmt: skip
    assert np.allclose(activation.softplus_parametric(x, alpha, beta).numpy(), expected, rtol=1e-6)


def test_as_many_slopes_as_columns_instead_of_channels_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(3,\) is not one value for every channel of \(1, 2, "):
        activation.prelu(torch.ones(1, 2, 3), torch.ones(3))


@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_shares_sum_to_1_along_the_axis_however_large_the_values(axis: int) -> None:
    x = torch.tensor([[1.0, 2.0, 4.0], [500.0, -500.0, 500.0]])
    power = np.exp(x.numpy().astype(np.float64) - x.numpy().max(axis=axis, keepdims=True))
    found = activation.softmax(x, axis).numpy()
    assert np.allclose(found, power / power.sum(axis=axis, keepdims=True), atol=1e-7)


def test_a_gelu_of_no_known_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="mode 'FAST' is not known here"):
        activation.gelu(X, "FAST")
