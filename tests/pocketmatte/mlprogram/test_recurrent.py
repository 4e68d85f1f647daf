import itertools
import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pocketmatte.mlprogram.operations.recurrent import gru, lstm, rnn

STEPS, BATCH, INPUTS, HIDDEN = 4, 3, 5, 2


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


X, H, C = drawn(STEPS, BATCH, INPUTS), drawn(BATCH, HIDDEN, seed=1), drawn(BATCH, HIDDEN, seed=2)


def logistic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-x))


def double(x: Tensor) -> NDArray[np.float64]:
    return x.detach().numpy().astype(np.float64)


def reordered(x: Tensor, *order: int) -> Tensor:
    """Return PyTorch's gates in Core ML's order."""
    parts = x.detach().chunk(len(order))
    return torch.cat([parts[index] for index in order])


def memory_weights(layer: nn.LSTM, end: str = "") -> tuple[Tensor, Tensor, Tensor]:
    held = layer.state_dict()
    none = torch.zeros(4 * HIDDEN)
    bias = sum((held.get(f"bias_{kind}_l0{end}", none) for kind in ("ih", "hh")), none)
    both = held[f"weight_ih_l0{end}"], held[f"weight_hh_l0{end}"], bias
    given, own, offset = (reordered(each, 0, 1, 3, 2) for each in both)
    return given, own, offset


@pytest.mark.parametrize("direction", ["forward", "reverse"])
@pytest.mark.parametrize("whole", [True, False])
def test_a_gated_unit_resets_its_state_before_the_product(whole: bool, direction: str) -> None:
    given, own, bias = drawn(3 * HIDDEN, INPUTS), drawn(3 * HIDDEN, HIDDEN), drawn(3 * HIDDEN)
    found, last = gru(X, H, given, own, bias, direction, whole)
    h, states = double(H), []
    for step in double(X)[:: 1 if direction == "forward" else -1]:
        to_r, to_o, to_z = np.split(step @ double(given).T + double(bias), 3, axis=-1)
        w_r, w_o, w_z = np.split(double(own), 3)
        reset, update = logistic(to_r + h @ w_r.T), logistic(to_z + h @ w_z.T)
        h = (1 - update) * np.tanh(to_o + (reset * h) @ w_o.T) + update * h
        states.append(h)
    assert np.allclose(found.numpy(), states if whole else states[-1:], atol=1e-6)
    assert np.allclose(last.numpy(), h, atol=1e-6)


def test_a_gated_unit_that_resets_after_the_product_is_pytorchs() -> None:
    layer = nn.GRU(INPUTS, HIDDEN)
    expected, expected_last = layer(X, H[None])
    given, own, bias, input_bias = (
        reordered(getattr(layer, f"{name}_l0"), 0, 2, 1)
        for name in ("weight_ih", "weight_hh", "bias_hh", "bias_ih")
    )
    found, last = gru(
        X, H, given, own, bias, output_sequence=True, reset_after=True, input_bias=input_bias
    )
    assert torch.allclose(found, expected, atol=1e-6)
    assert torch.allclose(last, expected_last[0], atol=1e-6)
    before, _ = gru(X, H, given, own, bias, output_sequence=True, input_bias=input_bias)
    assert not torch.allclose(before, expected, atol=1e-3)


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("relu", lambda x: max(x, 0.0)),
        ("tanh", math.tanh),
        ("scaled_tanh", math.tanh),
        ("sigmoid", lambda x: 1 / (1 + math.exp(-x))),
        ("hard_sigmoid", lambda x: min(max(0.2 * x + 0.5, 0), 1)),
        ("sigmoid_hard", lambda x: min(max(0.2 * x + 0.5, 0), 1)),
        ("linear", lambda x: x),
    ],
)
def test_a_plain_layer_takes_every_activation(name: str, function: object) -> None:
    assert callable(function)
    given, own, bias = drawn(HIDDEN, INPUTS), drawn(HIDDEN, HIDDEN), drawn(HIDDEN)
    found, last = rnn(X, H, given, own, bias, "reverse", output_sequence=True, activation=name)
    h, states = double(H), []
    for step in double(X)[::-1]:
        h = np.vectorize(function, otypes=[float])(
            step @ double(given).T + h @ double(own).T + double(bias)
        )
        states.append(h)
    assert np.allclose(found.numpy(), states, atol=1e-5)
    assert np.allclose(last.numpy(), h, atol=1e-5)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("direction", ["forward", "reverse"])
def test_a_memory_is_pytorchs(direction: str, whole: bool, bias: bool) -> None:
    layer = nn.LSTM(INPUTS, HIDDEN, bias=bias)
    steps = X if direction == "forward" else X.flip(0)
    expected, (expected_h, expected_c) = layer(steps, (H[None], C[None]))
    given, own, offset = memory_weights(layer)
    found, h, c = lstm(
        X, H, C, given, own, offset if bias else None, direction=direction, output_sequence=whole
    )
    assert torch.allclose(found, expected if whole else expected[-1:], atol=1e-6)
    assert torch.allclose(h, expected_h[0], atol=1e-6)
    assert torch.allclose(c, expected_c[0], atol=1e-6)


@pytest.mark.parametrize("whole", [True, False])
def test_both_directions_stand_side_by_side_in_the_order_of_the_sequence(whole: bool) -> None:
    layer = nn.LSTM(INPUTS, HIDDEN, bidirectional=True)
    h, c = drawn(2, BATCH, HIDDEN, seed=3), drawn(2, BATCH, HIDDEN, seed=4)
    expected, (expected_h, expected_c) = layer(X, (h, c))
    given, own, offset = memory_weights(layer)
    given_back, own_back, offset_back = memory_weights(layer, "_reverse")
    found, last, memory = lstm(
        X, torch.cat([*h], dim=-1), torch.cat([*c], dim=-1), given, own, offset, None,
        given_back, own_back, offset_back, direction="bidirectional", output_sequence=whole,
    )  # fmt: skip
    if not whole:
        expected = torch.cat([expected[-1:, :, :HIDDEN], expected[:1, :, HIDDEN:]], dim=-1)
    assert torch.allclose(found, expected, atol=1e-6)
    assert torch.allclose(last, torch.cat([*expected_h], dim=-1), atol=1e-6)
    assert torch.allclose(memory, torch.cat([*expected_c], dim=-1), atol=1e-6)


@pytest.mark.parametrize("clip", [None, 0.3])
def test_a_memory_is_clipped_before_the_output_gate_looks_at_it(clip: float | None) -> None:
    given, own, peephole = drawn(4 * HIDDEN, INPUTS), drawn(4 * HIDDEN, HIDDEN), drawn(3 * HIDDEN)
    found, last, memory = lstm(
        X, H, C, given, own, peephole=peephole, output_sequence=True,
        recurrent_activation="hard_sigmoid", activation="linear", clip=clip,
    )  # fmt: skip
    h, c, states = double(H), double(C), []
    p_i, p_f, p_o = np.split(double(peephole), 3)
    for step in double(X):
        i, f, o, z = np.split(step @ double(given).T + h @ double(own).T, 4, axis=-1)
        i, f = (np.clip(0.2 * (gate + p * c) + 0.5, 0, 1) for gate, p in ((i, p_i), (f, p_f)))
        c = f * c + i * np.tanh(z)
        c = c if clip is None else np.clip(c, -clip, clip)
        h = np.clip(0.2 * (o + p_o * c) + 0.5, 0, 1) * c
        states.append(h)
    assert np.allclose(found.numpy(), states, atol=1e-5)
    assert np.allclose(last.numpy(), h, atol=1e-5)
    assert np.allclose(memory.numpy(), c, atol=1e-5)


def test_what_is_not_known_or_missing_is_refused() -> None:
    own = drawn(HIDDEN, HIDDEN)
    with pytest.raises(ValueError, match="activation 'dummy' is not known here"):
        rnn(X, H, drawn(HIDDEN, INPUTS), own, activation="dummy")
    with pytest.raises(ValueError, match="direction 'bidirectional' is not known here"):
        rnn(X, H, drawn(HIDDEN, INPUTS), own, direction="bidirectional")
    weights = drawn(4 * HIDDEN, INPUTS), drawn(4 * HIDDEN, HIDDEN)
    with pytest.raises(ValueError, match="bidirectional needs weight_ih_back and weight_hh_back"):
        lstm(X, H, C, *weights, direction="bidirectional")


def test_gates_have_activations_of_their_own() -> None:
    given, own = drawn(3 * HIDDEN, INPUTS), drawn(3 * HIDDEN, HIDDEN)
    pairs = itertools.product(["sigmoid", "hard_sigmoid"], ["tanh", "relu"])
    results = [gru(X, H, given, own, None, "forward", False, *pair)[1] for pair in pairs]
    for first, second in itertools.combinations(results, 2):
        assert not torch.allclose(first, second, atol=1e-3)
