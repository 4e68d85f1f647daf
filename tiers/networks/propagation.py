"""Mask propagation: carry the masks of memorised frames to every other frame of a clip.

The topology of Cheng, Tai, Tang, "Rethinking Space-Time Networks with Improved Memory Coverage for
Efficient Video Object Segmentation", NeurIPS 2021: one key encoder for the frames that are queried
and those that are memorised, shared by all objects, and a value encoder that sees the masks. Here
with MobileNetV3 encoders and a decoder of plain convolutions. ``t12`` is the official MiVOS
network, in ``propagation_official``.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tiers.blocks.aggregate import aggregate_pair
from tiers.blocks.conv_norm import conv_norm
from tiers.blocks.elastic import ElasticConv2d, Segments
from tiers.blocks.memory_attention import MemoryAttention
from tiers.blocks.memory_ring import mark, write
from tiers.blocks.mobilenet_v3 import MobileNetV3Large
from tiers.blocks.normalise import ImageNetNormalise
from tiers.blocks.repeat import Repeat
from tiers.blocks.skip_decoder import Residual, SkipDecoder
from tiers.networks.propagation_official import (
    StmEncodeKey,
    StmEncodeValue,
    StmPropagation,
    StmRead,
)
from tiers.rows.propagation import OBJECTS, PropagationShape
from tiers.spec import TierSpec


class Propagation(nn.Module):
    """Encode frames and masks, and decode what a memory of them gives.

    N is the number of objects, or of objects times clips in training; ``h, w`` are at stride 16.
    """

    def __init__(self, shape: PropagationShape) -> None:
        super().__init__()
        self.normalise = ImageNetNormalise()
        self.encoder = MobileNetV3Large(shape.width, shape.depth, last=False)
        self.value_encoder = MobileNetV3Large(
            shape.value_width, shape.value_depth, planes=(3, 1, 1), last=False
        )
        c2, c4, c8, c16 = self.encoder.channels
        self.key = ElasticConv2d((c16,), (shape.key,), 3)  # distances would not see a bias
        self.skips = nn.ModuleList(
            conv_norm((channels,), (out,), 1, activation=nn.ReLU())
            for channels, out in zip((c16, c8, c4, c2), shape.skips, strict=True)
        )
        self.value = nn.Sequential(
            conv_norm(
                (self.value_encoder.channels[3], shape.skips[0]),
                (shape.value,),
                3,
                activation=nn.ReLU(),
            ),
            ElasticConv2d((shape.value,), (shape.value,), 3, bias=True),
        )
        self.attention = MemoryAttention(
            shape.key, objects=OBJECTS, groups=1, similarity="distance", top_k=shape.top_k
        )
        self.join = _joined((shape.value, shape.skips[0]), shape.decoder[0], shape.residuals[0])
        self.decoder = SkipDecoder(
            (shape.decoder[0],), shape.skips[1:], shape.decoder[1:], shape.residuals[1:]
        )
        self.mask = ElasticConv2d((shape.decoder[3],), (1,), 3, bias=True)
        self.auxiliary = _AuxiliaryDecoder(shape.value, shape.skips[0])  # training only

    def encode_key(self, frame: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Return the key and the image features of a frame.

        Args:
            frame: ``(N, 3, H, W)`` RGB in 0..1.

        Returns:
            ``key, f16, f8, f4, f2``, ``(N, C, H/s, W/s)`` at strides 16, 16, 8, 4, 2.
        """
        taps = self.encoder(self.normalise(frame))
        f16, f8, f4, f2 = (skip(tap) for skip, tap in zip(self.skips, taps[::-1], strict=True))
        return self.key(taps[3]), f16, f8, f4, f2

    def encode_value(self, frame: Tensor, masks: Tensor, others: Tensor, f16: Tensor) -> Tensor:
        """Return what the memory keeps of each object.

        Args:
            frame: ``(N, 3, H, W)`` RGB in 0..1.
            masks: ``(N, 1, H, W)`` in 0..1, of the object.
            others: ``(N, 1, H, W)``, the sum of the other objects' masks in the frame.
            f16: ``(N, C, h, w)`` of the frame.

        Returns:
            ``(N, V, h, w)``.
        """
        planes = torch.cat([self.normalise(frame), masks, others], dim=1)
        coarse = self.value_encoder(planes)[3]
        value: Tensor = self.value(torch.cat([coarse, f16], dim=1))
        return value

    def decode(self, readout: Tensor, f16: Tensor, f8: Tensor, f4: Tensor, f2: Tensor) -> Tensor:
        """Return logits ``(N, 1, H, W)`` of every object on its own.

        Args:
            readout: ``(N, V, h, w)`` of the memory.
            f16: image features of the frame, ``(N, C, h, w)``.
            f8: ``(N, C, 2h, 2w)``.
            f4: ``(N, C, 4h, 4w)``.
            f2: ``(N, C, 8h, 8w)``.
        """
        x = self.join(torch.cat([readout, f16], dim=1))
        x = self.mask(self.decoder(x, (f8, f4, f2)))
        return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


class EncodeKey(nn.Module):
    """Encode a frame.

    Input:
        frame: as in ``tiers.rows.propagation``.

    Output:
        key, f16, f8, f4, f2.
    """

    def __init__(self, network: Propagation) -> None:
        super().__init__()
        self.network = network

    def forward(self, frame: Tensor) -> tuple[Tensor, ...]:
        """Encode."""
        return self.network.encode_key(frame)


class EncodeValue(nn.Module):
    """Memorise a frame with its masks.

    Input:
        frame, masks, key, f16, slot, memory_key, memory_value, memory_valid.

    Output:
        memory_key_next, memory_value_next, memory_valid_next.
    """

    def __init__(self, network: Propagation) -> None:
        super().__init__()
        self.network = network
        self.repeat = Repeat(OBJECTS)

    def forward(
        self,
        frame: Tensor,
        masks: Tensor,
        key: Tensor,
        f16: Tensor,
        slot: Tensor,
        memory_key: Tensor,
        memory_value: Tensor,
        memory_valid: Tensor,
    ) -> tuple[Tensor, ...]:
        """Write one slot."""
        others = torch.cat([masks[1:], masks[:1]])  # of two objects, each is all that the other has
        value = self.network.encode_value(self.repeat(frame), masks, others, self.repeat(f16))
        count, channels, height, width = value.shape
        return (
            write(memory_key, slot, key),
            write(memory_value, slot, value.reshape(1, count * channels, height, width)),
            mark(memory_valid, slot),
        )


class Read(nn.Module):
    """Segment a frame from the memory.

    Input:
        key, f16, f8, f4, f2, present, memory_key, memory_value, memory_valid.

    Output:
        masks.
    """

    def __init__(self, network: Propagation) -> None:
        super().__init__()
        self.network = network
        self.repeat = Repeat(OBJECTS)

    def forward(
        self,
        key: Tensor,
        f16: Tensor,
        f8: Tensor,
        f4: Tensor,
        f2: Tensor,
        present: Tensor,
        memory_key: Tensor,
        memory_value: Tensor,
        memory_valid: Tensor,
    ) -> tuple[Tensor, ...]:
        """Attend, decode, aggregate."""
        readout = self.network.attention(key, memory_key, memory_value, memory_valid)
        features = (self.repeat(feature) for feature in (f16, f8, f4, f2))
        return (aggregate_pair(self.network.decode(readout, *features), present),)


def build(spec: TierSpec) -> nn.Module:
    """Return the network of a row."""
    shape = spec.shaped(PropagationShape)
    return StmPropagation(shape) if shape.topology == "stm" else Propagation(shape)


def programs(network: nn.Module, spec: TierSpec) -> dict[str, nn.Module]:
    """Return the exportable programs of a row by name.

    Raises:
        TypeError: If the network is not the row's.
    """
    if isinstance(network, StmPropagation):
        return {
            "encode_key": StmEncodeKey(network),
            "encode_value": StmEncodeValue(network),
            "read": StmRead(network),
        }
    if isinstance(network, Propagation):
        return {
            "encode_key": EncodeKey(network),
            "encode_value": EncodeValue(network),
            "read": Read(network),
        }
    msg = f"programs of propagation {spec.name} need its network, not a {type(network).__name__}"
    raise TypeError(msg)


class _AuxiliaryDecoder(nn.Module):
    """A coarse mask from one value alone, for a loss that no exported program needs.

    A value is otherwise judged only by what is read of it at another frame, through an attention
    that knows nothing at first. Asked for the mask it was made of, the value encoder learns from
    the first step. Kuaishou's propagation network is trained with such a decoder too.

    Input:
        value: ``(N, V, h, w)``.

    Output:
        logits: ``(N, 1, h, w)`` of the object's mask at stride 16.
    """

    def __init__(self, value: int, channels: int) -> None:
        super().__init__()
        self.conv = conv_norm((value,), (channels,), 3, activation=nn.ReLU())
        self.mask = ElasticConv2d((channels,), (1,), 1, bias=True)

    def forward(self, value: Tensor) -> Tensor:
        logits: Tensor = self.mask(self.conv(value))
        return logits


def _joined(segments: Segments, out: int, residuals: int) -> nn.Sequential:
    first = conv_norm(segments, (out,), 3, activation=nn.ReLU())
    return nn.Sequential(first, *(Residual(out) for _ in range(residuals)))
