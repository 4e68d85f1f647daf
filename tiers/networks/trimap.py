"""Trimap propagation: carry the trimap of an annotated frame to every other frame of a clip.

A reconstruction of the first stage of Sun, Wang, Gu, Tang, Tai, "Deep Video Matting via
Spatio-Temporal Alignment and Aggregation", CVPR 2021, from its description: two encoders of the
same weights see the reference frame and the target frame, cross-attention aligns the features of
the reference with the target, and a decoder tells three classes apart. The original was never
released and no weights of another project fit; ``docs/networks/trimap.md`` says what is described
and what was chosen here.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tiers.blocks.class_shares import ClassShares
from tiers.blocks.conv_norm import conv_norm
from tiers.blocks.cross_attention import CrossAttention, UnitLength, pixels_of
from tiers.blocks.elastic import ElasticConv2d, Segments
from tiers.blocks.memory_ring import mark, write
from tiers.blocks.mobilenet_v3 import MobileNetV3Large
from tiers.blocks.normalise import ImageNetNormalise
from tiers.blocks.skip_decoder import Residual, SkipDecoder
from tiers.blocks.trimap_branch import TrimapBranch
from tiers.rows.trimap import CLASSES, TrimapShape
from tiers.spec import TierSpec


class TrimapPropagation(nn.Module):
    """Give the trimap of a target frame from that of a reference frame.

    Input:
        reference_frame: ``(N, 3, H, W)`` RGB in 0..1.
        reference_trimap: ``(N, 1, H, W)``: 0 background, 0.5 unknown, 1 foreground.
        frame: ``(N, 3, H, W)`` RGB in 0..1, the target.

    Output:
        logits: ``(N, 3, H, W)`` of background, unknown, foreground.

    Below, ``h, w`` are at stride 16.
    """

    def __init__(self, shape: TrimapShape) -> None:
        super().__init__()
        self.normalise = ImageNetNormalise()
        self.encoder = MobileNetV3Large(shape.width, shape.depth, last=False)
        *finer, coarsest = self.encoder.channels
        self.skips = nn.ModuleList(
            conv_norm((channels,), (out,), 1, activation=nn.ReLU())
            for channels, out in zip((coarsest, *finer[::-1]), shape.skips, strict=True)
        )
        self.query = _unit_projection(coarsest, shape.key)
        self.key = _unit_projection(coarsest, shape.key)
        s16, s8, s4, s2 = shape.skips
        b16, b8, b4, b2 = shape.branch
        self.branch = TrimapBranch((s2, s4, s8), (b2, b4, b8, b16))
        self.value = nn.Sequential(
            conv_norm((b16, s16), (shape.value,), 3, activation=nn.ReLU()),
            ElasticConv2d((shape.value,), (shape.value,), 1, bias=True),
        )
        self.attention = CrossAttention()
        self.join = _joined((shape.value, s16), shape.decoder[0], shape.residuals[0])
        self.decoder = SkipDecoder(
            (shape.decoder[0],), (s8, s4, s2), shape.decoder[1:], shape.residuals[1:]
        )
        self.head = ElasticConv2d((shape.decoder[3],), (CLASSES,), 3, bias=True)
        self.shares = ClassShares(CLASSES)  # of the logits; a loss takes these themselves

    def forward(self, reference_frame: Tensor, reference_trimap: Tensor, frame: Tensor) -> Tensor:
        """Propagate over pairs of frames, as in training."""
        key, value = self.encode_reference(reference_frame, reference_trimap)
        valid = torch.ones_like(key[:, :1, :1, :1])
        return self.propagate(frame, key.flatten(2), value.flatten(2), valid)

    def encode_reference(self, frame: Tensor, trimap: Tensor) -> tuple[Tensor, Tensor]:
        """Return what cross-attention finds of an annotated frame.

        Args:
            frame: ``(N, 3, H, W)`` RGB in 0..1.
            trimap: ``(N, 1, H, W)``: 0 background, 0.5 unknown, 1 foreground.

        Returns:
            Key ``(N, K, h, w)`` and value ``(N, V, h, w)``.
        """
        coarse, (f16, f8, f4, f2) = self._encode(frame)
        x = self.branch(trimap, (f2, f4, f8))
        return self.key(coarse), self.value(torch.cat([x, f16], dim=1))

    def propagate(self, frame: Tensor, keys: Tensor, values: Tensor, valid: Tensor) -> Tensor:
        """Return the logits of a target frame.

        Args:
            frame: ``(N, 3, H, W)`` RGB in 0..1.
            keys: ``(N, K, R * h * w)`` of R references, one's pixels after the other's.
            values: ``(N, V, R * h * w)``, likewise.
            valid: ``(N, 1, R, 1)``, 1 for a reference that was set.

        Returns:
            ``(N, 3, H, W)``.
        """
        aligned, features = self.align(frame, keys, values, valid)
        return self.decode(aligned, features)

    def align(
        self, frame: Tensor, keys: Tensor, values: Tensor, valid: Tensor
    ) -> tuple[Tensor, list[Tensor]]:
        """Return the references' values where the frame's pixels find them, and its features.

        Args:
            frame: As of ``propagate``.
            keys: Likewise.
            values: ``(N, V, R * h * w)``, of any number of channels.
            valid: As of ``propagate``.

        Returns:
            ``(N, V, h, w)``, and features ``(N, C, H/s, W/s)`` at strides 16, 8, 4, 2.
        """
        coarse, features = self._encode(frame)
        return self.attention(self.query(coarse), keys, values, valid), features

    def decode(self, aligned: Tensor, features: list[Tensor]) -> Tensor:
        """Return the logits ``(N, 3, H, W)`` of what ``align`` gives."""
        f16, f8, f4, f2 = features
        x = self.join(torch.cat([aligned, f16], dim=1))
        x = self.head(self.decoder(x, (f8, f4, f2)))
        return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)

    def _encode(self, frame: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the features at stride 16, and those for the skips at strides 16, 8, 4, 2."""
        taps = self.encoder(self.normalise(frame))
        return taps[3], [skip(tap) for skip, tap in zip(self.skips, taps[::-1], strict=True)]


class EncodeReference(nn.Module):
    """Set a reference.

    Input:
        frame, reference_trimap, slot, reference_key, reference_value, reference_valid: as in
            ``tiers.rows.trimap``.

    Output:
        reference_key_next, reference_value_next, reference_valid_next.
    """

    def __init__(self, network: TrimapPropagation) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        frame: Tensor,
        reference_trimap: Tensor,
        slot: Tensor,
        reference_key: Tensor,
        reference_value: Tensor,
        reference_valid: Tensor,
    ) -> tuple[Tensor, ...]:
        """Encode and write."""
        key, value = self.network.encode_reference(frame, reference_trimap)
        return (
            write(reference_key, slot, key),
            write(reference_value, slot, value),
            mark(reference_valid, slot),
        )


class Propagate(nn.Module):
    """Give the trimap of a frame.

    Input:
        frame, reference_key, reference_value, reference_valid: as in ``tiers.rows.trimap``.

    Output:
        trimap.
    """

    def __init__(self, network: TrimapPropagation) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        frame: Tensor,
        reference_key: Tensor,
        reference_value: Tensor,
        reference_valid: Tensor,
    ) -> tuple[Tensor, ...]:
        """Attend, decode, share out among the classes."""
        valid = reference_valid.reshape(1, 1, -1, 1)
        keys, values = pixels_of(reference_key), pixels_of(reference_value)
        logits = self.network.propagate(frame, keys, values, valid)
        return (self.network.shares(logits),)


def build(spec: TierSpec) -> TrimapPropagation:
    """Return the network of a row."""
    return TrimapPropagation(spec.shaped(TrimapShape))


def programs(network: nn.Module, spec: TierSpec) -> dict[str, nn.Module]:
    """Return the exportable programs of a row by name.

    Raises:
        TypeError: If the network is not the row's.
    """
    if not isinstance(network, TrimapPropagation):
        kind = type(network).__name__
        msg = f"programs of trimap {spec.name} need a TrimapPropagation, not a {kind}"
        raise TypeError(msg)
    return {"encode_reference": EncodeReference(network), "propagate": Propagate(network)}


def _unit_projection(channels: int, key: int) -> nn.Sequential:
    return nn.Sequential(ElasticConv2d((channels,), (key,), 1, bias=True), UnitLength(key))


def _joined(segments: Segments, out: int, residuals: int) -> nn.Sequential:
    first = conv_norm(segments, (out,), 3, activation=nn.ReLU())
    return nn.Sequential(first, *(Residual(out) for _ in range(residuals)))
