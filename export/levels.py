"""Numbers as eight bits hold them: spans, the levels in them, and the steps between these.

Weights are symmetric and per output channel, activations affine and per tensor, as in Jacob et al.,
"Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", CVPR
2018.
"""

import math
from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor, fx

from export.quantisation import Span

_LEVELS = 255  # steps of an eight-bit integer
LOW, HIGH = -128, 127  # of an activation
WEIGHT_HIGH = 127  # -128 is left out, so that the levels are symmetric
_LEAST_STEP = 1e-8  # of a tensor that is zero everywhere
_BIAS_HIGH = 2**30  # runtimes hold biases in 32 bits, in steps of input times weight

_USEFUL: Mapping[object, Span] = MappingProxyType(
    {
        torch.ops.aten.hardswish.default: (-3.0, math.inf),
        torch.ops.aten.relu.default: (0.0, math.inf),
        torch.ops.aten.relu6.default: (0.0, 6.0),
        torch.ops.aten.sigmoid.default: (-8.0, 8.0),
        torch.ops.aten.tanh.default: (-4.0, 4.0),
    }
)

# What an operator can give at all.
_POSSIBLE: Mapping[object, Span] = MappingProxyType(
    {
        torch.ops.aten.hardsigmoid.default: (0.0, 1.0),
        torch.ops.aten.hardswish.default: (-0.375, math.inf),
        torch.ops.aten.relu6.default: (0.0, 6.0),
        torch.ops.aten.sigmoid.default: (0.0, 1.0),
        torch.ops.aten.tanh.default: (-1.0, 1.0),
    }
)


def useful_span(node: fx.Node) -> Span:
    """Return the values of a tensor that make a difference to what takes it.

    What lies beyond gives what the end of the span gives: exactly so for hard swishes and clamps,
    to within 4e-4 for sigmoids and 7e-4 for hyperbolic tangents.
    """
    spans = [_useful_to(user) for user in node.users]
    return min(low for low, _ in spans), max(high for _, high in spans)


def with_headroom(node: fx.Node, span: Span, share: float) -> Span:
    """Return a span that is wider by a share at either end, but not than can be or makes sense."""
    least, most = useful_span(node)
    low, high = _POSSIBLE.get(node.target, (-math.inf, math.inf))
    return (
        max(least, low, span[0] - share * abs(span[0])),
        min(most, high, span[1] + share * abs(span[1])),
    )


def _useful_to(user: fx.Node) -> Span:
    if user.target is torch.ops.aten.clamp.default:
        low, high, *_ = (*user.args[1:], None, None)
        return (
            float(low) if isinstance(low, int | float) else -math.inf,
            float(high) if isinstance(high, int | float) else math.inf,
        )
    return _USEFUL.get(user.target, (-math.inf, math.inf))


def step_and_zero(span: Span) -> tuple[float, int]:
    """Return the step between two levels of a tensor and the level that stands for 0.

    A span is widened to hold 0, which padding is made of.
    """
    low, high = min(span[0], 0.0), max(span[1], 0.0)
    step = max((high - low) / _LEVELS, _LEAST_STEP)
    return step, max(LOW, min(HIGH, round(LOW - low / step)))


def weight_levels(weight: Tensor, least: Tensor | float = 0.0) -> tuple[Tensor, Tensor]:
    """Return a convolution's weight in whole levels and the steps between them.

    Args:
        weight: ``(O, I, H, W)``.
        least: ``(O,)`` or a number, what steps are at least.

    Returns:
        Integers ``(O, I, H, W)`` in -127..127 and steps ``(O,)``: the weight is about their
        product.
    """
    steps = weight.detach().abs().amax((1, 2, 3)).clamp(min=_LEAST_STEP) / WEIGHT_HIGH
    steps = torch.maximum(steps, torch.as_tensor(least, dtype=steps.dtype))
    whole = (weight.detach() / steps[:, None, None, None]).round()
    return whole.clamp_(-WEIGHT_HIGH, WEIGHT_HIGH).to(torch.int8), steps


def rounded_weight(weight: Tensor, least: Tensor | float = 0.0) -> Tensor:
    """Return a convolution's weight as eight bits hold it; arguments as of ``weight_levels``."""
    whole, steps = weight_levels(weight, least)
    return whole * steps[:, None, None, None]


def least_steps(bias: Tensor | None, span: Span | None) -> Tensor | float:
    """Return what the steps of a convolution's weight are at least, so that its bias can be held.

    Runtimes hold a bias in 32 bits, in steps of input times weight. A channel of next to no weight
    is its bias, which would not fit with steps as tiny as that weight.

    Args:
        bias: ``(O,)``, if it has one.
        span: Of the tensor that the convolution takes, if that is rounded.

    Returns:
        ``(O,)``, or 0 where nothing has to fit.
    """
    if bias is None or span is None:
        return 0.0
    return bias.detach().abs() / (step_and_zero(span)[0] * _BIAS_HIGH)
