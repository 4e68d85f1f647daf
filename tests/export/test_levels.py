"""Spans, the levels in them, and the steps between these."""

import math

import pytest
import torch
from torch import Tensor, fx, nn

from export.levels import (
    rounded_weight,
    step_and_zero,
    useful_span,
    weight_levels,
    with_headroom,
)
from export.quantise import layers


@pytest.mark.parametrize("span", [(-1.0, 3.0), (0.5, 2.0), (-4.0, -1.0), (0.0, 0.0)])
def test_zero_is_a_level_and_no_value_of_a_span_is_further_than_half_a_step(
    span: tuple[float, float],
) -> None:
    step, zero = step_and_zero(span)

    def rounded(tensor: Tensor) -> Tensor:
        return torch.fake_quantize_per_tensor_affine(tensor, step, zero, -128, 127)

    assert -128 <= zero <= 127
    values = torch.linspace(*span, 1001)
    off = (rounded(values) - values).abs()
    assert float(off.max()) <= 0.5001 * step + 1e-6 + step * (span[0] < 0 < span[1])
    assert float(rounded(torch.zeros(1))) == 0
    assert float(rounded(torch.full((1,), 100.0))) <= max(span[1], 0) + max(step, 1e-5)


def test_weights_are_whole_levels_by_channel_and_symmetric() -> None:
    weight = (
        torch.randn(5, 4, 3, 3) * torch.tensor([1e-3, 1.0, 50.0, 0.0, 2.0])[:, None, None, None]
    )
    whole, steps = weight_levels(weight)
    assert whole.dtype == torch.int8
    assert whole.abs().amax((1, 2, 3)).tolist() == [127, 127, 127, 0, 127]
    assert ((rounded_weight(weight) - weight).abs() <= 0.5001 * steps[:, None, None, None]).all()


class Gates(nn.Module):
    """A convolution whose result several things take."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = (nn.Conv2d(8, 8, 1) for _ in "abc")

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Run."""
        a, b = self.a(x), self.b(x)
        return a.sigmoid() + a.tanh(), b.clamp(0.0, 1.0), self.c(x) + 1


def test_spans_end_where_nothing_changes_any_more() -> None:
    exported = torch.export.export(Gates(), (torch.zeros(1, 8, 2, 2),)).module()
    spans = [useful_span(layer.node) for layer in layers(fx.GraphModule(exported, exported.graph))]
    assert spans == [(-8.0, 8.0), (0.0, 1.0), (-math.inf, math.inf)]


def test_headroom_ends_where_no_value_can_be_or_matters() -> None:
    exported = torch.export.export(Gates(), (torch.zeros(1, 8, 2, 2),)).module()
    nodes = {node.name: node for node in fx.GraphModule(exported, exported.graph).graph.nodes}
    assert with_headroom(nodes["conv2d"], (-2.0, 7.0), 0.25) == (-2.5, 8.0)
    assert with_headroom(nodes["conv2d_2"], (0.5, 4.0), 0.25) == (0.375, 5.0)
    assert with_headroom(nodes["tanh"], (-0.9, 0.4), 0.25) == (-1.0, 0.5)
    assert with_headroom(nodes["sigmoid"], (0.1, 0.9), 0.0) == (0.1, 0.9)
