"""Convolution, BatchNorm, activation: the order that export folds into one convolution."""

from torch import nn

from tiers.blocks.elastic import ElasticConv2d, Segments


def conv_norm(
    in_segments: Segments,
    out_segments: Segments,
    kernel: int,
    *,
    stride: int = 1,
    dilation: int = 1,
    groups: int = 1,
    bias: bool = False,
    epsilon: float = 1e-5,
    momentum: float = 0.1,
    activation: nn.Module | None = None,
) -> nn.Sequential:
    """Return an elastic convolution with BatchNorm, then ``activation`` where one is given.

    Args:
        in_segments: Parts of the input channels.
        out_segments: Parts of the output channels.
        kernel: Side of the kernel, in pixels; odd.
        stride: As of ``nn.Conv2d``.
        dilation: Likewise.
        groups: 1, or the number of channels for a depthwise convolution.
        bias: Whether the convolution has a bias beside BatchNorm's.
        epsilon: Added to BatchNorm's variance.
        momentum: Of BatchNorm's running statistics.
        activation: The module behind BatchNorm.
    """
    convolution = ElasticConv2d(
        in_segments,
        out_segments,
        kernel,
        stride=stride,
        dilation=dilation,
        groups=groups,
        bias=bias,
    )
    norm = nn.BatchNorm2d(sum(out_segments), eps=epsilon, momentum=momentum)
    return nn.Sequential(convolution, norm, *([] if activation is None else [activation]))
