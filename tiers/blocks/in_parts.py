"""A convolution of many channels, added up part by part.

XNNPACK adds up a half-precision convolution in half precision: its rounding error grows with the
root of the number of products. Where parts of the input channels are added up on their own, it
grows with the root of a part only. Weights and mathematics stay as they are.
"""

from torch import Tensor, nn
from torch.nn import functional


def convolved_in_parts(convolution: nn.Conv2d, x: Tensor, width: int) -> Tensor:
    """Return ``convolution(x)``, its input channels in parts.

    Args:
        convolution: Of stride, dilation and groups 1, with a bias.
        x: ``(N, C, H, W)``.
        width: Channels of a part; C is this times a power of two.

    Returns:
        ``(N, C', H, W)``.
    """
    sums = []
    for start in range(0, convolution.in_channels, width):
        part = slice(start, start + width)
        bias = convolution.bias if start == 0 else None
        weight = convolution.weight[:, part]
        sums.append(functional.conv2d(x[:, part], weight, bias, padding=convolution.padding))
    while len(sums) > 1:
        sums = [a + b for a, b in zip(sums[::2], sums[1::2], strict=True)]
    return sums[0]
