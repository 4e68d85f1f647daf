"""Sensory memory: a recurrent state at stride 16 that follows every frame.

Cheng and Schwing, "XMem: Long-Term Video Object Segmentation with an Atkinson-Shiffrin Memory
Model", ECCV 2022, section 3.3, as Cheng et al., "Putting the Object Back into Video Object
Segmentation" (Cutie), CVPR 2024, use it. One convolution gives all three gates::

    f, u, n = V * [g, h];  h' = sigmoid(f) h (1 - sigmoid(u)) + sigmoid(u) tanh(n)

Parameter names are those of the official MatAnyone checkpoints.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tiers.blocks.elastic import ElasticConv2d


class DeepSensoryUpdate(nn.Module):
    """Update the sensory memory by the value that goes into the memory bank.

    Input:
        value: ``(objects, C, H, W)``.
        sensory: ``(objects, C, H, W)`` in -1..1; zeros before the first frame.

    Output:
        sensory: ``(objects, C, H, W)`` in -1..1.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.transform = _gates(channels)

    def forward(self, value: Tensor, sensory: Tensor) -> Tensor:
        """Blend."""
        return _blended(self.transform(torch.cat([value, sensory], dim=1)), sensory)


class DecoderSensoryUpdate(nn.Module):
    """Update the sensory memory by the decoder's features at all of its strides.

    Input:
        p16, p8, p4, p2: ``(objects, C_s, H/s, W/s)``.
        p1: ``(objects, C_1 + 1, H, W)``; the last channel is the alpha before it is clamped.
        sensory: ``(objects, C, H/16, W/16)`` in -1..1.

    Output:
        sensory: ``(objects, C, H/16, W/16)`` in -1..1.

    Args:
        channels: ``C``.
        inputs: Channels of p16, p8, p4, p2 and p1.
    """

    def __init__(self, channels: int, inputs: tuple[int, int, int, int, int]) -> None:
        super().__init__()
        at16, at8, at4, at2, at1 = inputs
        self.g16_conv = ElasticConv2d((at16,), (channels,), 1, bias=True)
        self.g8_conv = ElasticConv2d((at8,), (channels,), 1, bias=True)
        self.g4_conv = ElasticConv2d((at4,), (channels,), 1, bias=True)
        self.g2_conv = ElasticConv2d((at2,), (channels,), 1, bias=True)
        self.g1_conv = ElasticConv2d((at1,), (channels,), 1, bias=True)
        self.transform = _gates(channels)

    def forward(
        self, p16: Tensor, p8: Tensor, p4: Tensor, p2: Tensor, p1: Tensor, sensory: Tensor
    ) -> Tensor:
        """Average every map down to stride 16, project, add, and blend."""
        g = (
            self.g16_conv(p16)
            + self.g8_conv(functional.avg_pool2d(p8, 2))
            + self.g4_conv(functional.avg_pool2d(p4, 4))
            + self.g2_conv(functional.avg_pool2d(p2, 8))
            + self.g1_conv(functional.avg_pool2d(p1, 16))
        )
        return _blended(self.transform(torch.cat([g, sensory], dim=1)), sensory)


def _gates(channels: int) -> ElasticConv2d:
    return ElasticConv2d((channels, channels), (channels,) * 3, 3, bias=True)


def _blended(gates: Tensor, sensory: Tensor) -> Tensor:
    channels = sensory.shape[1]
    # slices, not chunk, and h + u (n - h): the forms that XNNPACK keeps inside its delegate
    forget = gates[:, :channels].sigmoid()
    update = gates[:, channels : 2 * channels].sigmoid()
    new = gates[:, 2 * channels :].tanh()
    kept = forget * sensory
    return kept + update * (new - kept)
