"""Recurrent layers: sequences ``(S, B, I)``, their states ``(B, H)``.

What goes in reverse is given in the order in which it was computed, the last step first; of both
directions together the backward half is put in the order of the sequence.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor

from pocketmatte.mlprogram.binding import Compute
from pocketmatte.mlprogram.operations.activation import sigmoid_hard

_Activation: TypeAlias = Callable[[Tensor], Tensor]


def gru(
    x: Tensor,
    initial_h: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias: Tensor | None = None,
    direction: str = "forward",
    output_sequence: bool = False,
    recurrent_activation: str = "sigmoid",
    activation: str = "tanh",
    reset_after: bool = False,
    input_bias: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Return a gated recurrent unit's states and its last one.

    Args:
        x: The sequence.
        initial_h: The state before it.
        weight_ih: ``(3 H, I)``: of the reset gate, the candidate and the update gate.
        weight_hh: ``(3 H, H)``: the same of the state.
        bias: ``(3 H,)``: added to what the state gives.
        direction: ``forward`` or ``reverse``.
        output_sequence: Whether all steps' states are given, ``(S, B, H)``, not ``(1, B, H)``.
        recurrent_activation: Of the gates.
        activation: Of the candidate.
        reset_after: Whether the reset gate multiplies what the state gives to the candidate, bias
            included, and not the state.
        input_bias: ``(3 H,)``: added to what the sequence gives.

    Raises:
        ValueError: If a direction or an activation is not known.
    """
    gate, shape = _activation(recurrent_activation), _activation(activation)
    given = x @ weight_ih.T if input_bias is None else x @ weight_ih.T + input_bias
    offset = torch.zeros(len(weight_hh)) if bias is None else bias
    h, states = initial_h, []
    of_reset, of_candidate, of_update = weight_hh.chunk(3)
    reset_offset, candidate_offset, update_offset = offset.chunk(3)
    for step in _ordered(given, direction):
        to_reset, to_candidate, to_update = step.chunk(3, dim=-1)
        reset = gate(to_reset + h @ of_reset.T + reset_offset)
        update = gate(to_update + h @ of_update.T + update_offset)
        if reset_after:
            kept = reset * (h @ of_candidate.T + candidate_offset)
        else:
            kept = (reset * h) @ of_candidate.T + candidate_offset
        h = (1 - update) * shape(to_candidate + kept) + update * h
        states.append(h)
    return _given(states, whole=output_sequence), h


def rnn(
    x: Tensor,
    initial_h: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias: Tensor | None = None,
    direction: str = "forward",
    output_sequence: bool = False,
    activation: str = "tanh",
) -> tuple[Tensor, Tensor]:
    """Return a plain recurrent layer's states and its last one; see ``gru``."""
    shape = _activation(activation)
    given = x @ weight_ih.T if bias is None else x @ weight_ih.T + bias
    h, states = initial_h, []
    for step in _ordered(given, direction):
        h = shape(step + h @ weight_hh.T)
        states.append(h)
    return _given(states, whole=output_sequence), h


def lstm(
    x: Tensor,
    initial_h: Tensor,
    initial_c: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias: Tensor | None = None,
    peephole: Tensor | None = None,
    weight_ih_back: Tensor | None = None,
    weight_hh_back: Tensor | None = None,
    bias_back: Tensor | None = None,
    peephole_back: Tensor | None = None,
    direction: str = "forward",
    output_sequence: bool = False,
    recurrent_activation: str = "sigmoid",
    cell_activation: str = "tanh",
    activation: str = "tanh",
    clip: float | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return a long short-term memory's states, its last state and its last memory.

    Args:
        x: The sequence.
        initial_h: The state before it; of both directions ``(B, 2 H)``, forward first.
        initial_c: The memory before it, likewise.
        weight_ih: ``(4 H, I)``: of the input, forget and output gates and of the candidate.
        weight_hh: ``(4 H, H)``: the same of the state.
        bias: ``(4 H,)``.
        peephole: ``(3 H,)``: what the memory gives to the three gates, to the output's the new one.
        weight_ih_back: Of the backward direction.
        weight_hh_back: Of the backward direction.
        bias_back: Of the backward direction.
        peephole_back: Of the backward direction.
        direction: ``forward``, ``reverse`` or ``bidirectional``.
        output_sequence: Whether the states of all steps are given, not those of the last ones.
        recurrent_activation: Of the gates.
        cell_activation: Of the candidate.
        activation: Of the memory on its way to the state.
        clip: What the memory is held to, on either side of 0.

    Raises:
        ValueError: If a direction or an activation is not known, or weights are missing.
    """
    shapes = _Shapes(
        gate=_activation(recurrent_activation),
        candidate=_activation(cell_activation),
        state=_activation(activation),
        clip=clip,
    )
    ahead = _Weights(weight_ih, weight_hh, bias, peephole)
    if direction != "bidirectional":
        states, h, c = _remembered(_ordered(x, direction), initial_h, initial_c, ahead, shapes)
        return _given(states, whole=output_sequence), h, c
    if weight_ih_back is None or weight_hh_back is None:
        msg = "bidirectional needs weight_ih_back and weight_hh_back"
        raise ValueError(msg)
    back = _Weights(weight_ih_back, weight_hh_back, bias_back, peephole_back)
    (h, h_back), (c, c_back) = initial_h.chunk(2, dim=-1), initial_c.chunk(2, dim=-1)
    states, h, c = _remembered(x, h, c, ahead, shapes)
    states_back, h_back, c_back = _remembered(x.flip(0), h_back, c_back, back, shapes)
    sequence = _given(states, whole=output_sequence)
    sequence_back = _given(states_back, whole=output_sequence).flip(0)
    return (
        torch.cat([sequence, sequence_back], dim=-1),
        torch.cat([h, h_back], dim=-1),
        torch.cat([c, c_back], dim=-1),
    )


class _Weights(NamedTuple):
    given: Tensor
    own: Tensor
    bias: Tensor | None
    peephole: Tensor | None


class _Shapes(NamedTuple):
    gate: _Activation
    candidate: _Activation
    state: _Activation
    clip: float | None


def _remembered(
    x: Tensor, h: Tensor, c: Tensor, weights: _Weights, shapes: _Shapes
) -> tuple[list[Tensor], Tensor, Tensor]:
    """Return the states of every step of one direction, the last state and the last memory."""
    given = x @ weights.given.T if weights.bias is None else x @ weights.given.T + weights.bias
    peephole = torch.zeros(3 * h.shape[-1]) if weights.peephole is None else weights.peephole
    to_enter, to_keep, to_leave = peephole.chunk(3)
    states = []
    for step in given:
        enter, keep, leave, candidate = (step + h @ weights.own.T).chunk(4, dim=-1)
        entering = shapes.gate(enter + to_enter * c) * shapes.candidate(candidate)
        c = shapes.gate(keep + to_keep * c) * c + entering
        if shapes.clip is not None:
            c = c.clamp(-shapes.clip, shapes.clip)
        h = shapes.gate(leave + to_leave * c) * shapes.state(c)
        states.append(h)
    return states, h, c


def _ordered(x: Tensor, direction: str) -> Tensor:
    if direction == "forward":
        return x
    if direction == "reverse":
        return x.flip(0)
    msg = f"direction {direction!r} is not known here"
    raise ValueError(msg)


def _given(states: list[Tensor], *, whole: bool) -> Tensor:
    return torch.stack(states if whole else states[-1:])


def _hard(x: Tensor) -> Tensor:
    return sigmoid_hard(x, 0.2, 0.5)


def _same(x: Tensor) -> Tensor:
    return x


_ACTIVATIONS: Mapping[str, _Activation] = MappingProxyType(
    {
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "scaled_tanh": torch.tanh,  # scaled by 1: a layer gives it no parameters
        "relu": torch.relu,
        "linear": _same,
        "hard_sigmoid": _hard,
        "sigmoid_hard": _hard,
    }
)


def _activation(name: str) -> _Activation:
    if name not in _ACTIVATIONS:
        msg = f"activation {name!r} is not known here"
        raise ValueError(msg)
    return _ACTIVATIONS[name]


OPERATIONS: Mapping[str, Compute] = MappingProxyType({"gru": gru, "rnn": rnn, "lstm": lstm})
