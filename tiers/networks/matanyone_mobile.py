"""MatAnyone's mobile form: its memory bank, change prediction and recurrence at any width.

Yang et al., "MatAnyone: Stable Video Matting with Consistent Memory Propagation", CVPR 2025. What a
phone pays for is reduced: a MobileNetV3 encodes the frame, the value encoder joins the mask to
features that are there already, and no object transformer refines the readout.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tiers.blocks.anisotropic_attention import AnisotropicAttention
from tiers.blocks.conv_gru import ConvGru
from tiers.blocks.conv_norm import conv_norm
from tiers.blocks.elastic import ElasticConv2d
from tiers.blocks.mobilenet_v3 import MobileNetV3Large
from tiers.blocks.normalise import ImageNetNormalise
from tiers.blocks.object_decoder import Joined, ObjectDecoder
from tiers.blocks.objects import others_sum
from tiers.blocks.skip_decoder import Residual
from tiers.rows.matanyone import OBJECTS, MatAnyoneShape

_RGB = 3


class MobileMatAnyone(nn.Module):
    """The parts of the network; ``tiers.networks.matanyone`` says how programs use them.

    In the methods' shapes ``K``, ``V`` and ``S`` are the channels of keys, values and sensory
    memory, ``h, w`` the frame's size over 16, and ``N`` the number of objects.
    """

    def __init__(self, shape: MatAnyoneShape) -> None:
        super().__init__()
        value, sensory = shape.value, shape.sensory
        self.normalise = ImageNetNormalise()
        self.encoder = MobileNetV3Large(shape.width, shape.depth, last=False)
        *fine, f16 = self.encoder.channels
        self.skips = nn.ModuleList(
            conv_norm((channels,), (out,), 1, activation=nn.ReLU())
            for channels, out in zip(fine, shape.skips[::-1], strict=True)
        )
        self.feature = conv_norm((f16,), (value,), 1, activation=nn.ReLU())
        self.key = ElasticConv2d((value,), (shape.key,), 3, bias=True)
        self.shrinkage = ElasticConv2d((value,), (1,), 3, bias=True)
        self.selection = ElasticConv2d((value,), (shape.key,), 3, bias=True)
        self.attention = AnisotropicAttention(shape.key, OBJECTS, best=0)
        self.value_encoder = _ValueEncoder(shape)
        self.change = _ChangePredictor(value, shape.change)
        self.fusion = Joined((value, sensory, 1, 1), value, value)
        self.refinement = nn.ModuleList(Residual(value) for _ in range(shape.fusion))
        self.decoder = ObjectDecoder(value, (*shape.skips, _RGB), shape.decoder, shape.residuals)
        self.alpha = ElasticConv2d((shape.decoder[3],), (1,), 3, bias=True)
        nn.init.constant_(self.alpha.bias, 0.5)  # type: ignore[arg-type]  # amid the clamp's range
        self.from_value = ElasticConv2d((value,), (sensory,), 1, bias=True)
        self.deep_update = ConvGru(sensory)
        self.from_decoder = ElasticConv2d((value, shape.decoder[0], 1), (sensory,), 1, bias=True)
        self.update = ConvGru(sensory)

    def encode(self, frame: Tensor) -> tuple[Tensor, ...]:
        """Return what a frame ``(1, 3, H, W)`` shows, before any object is looked at.

        Returns:
            Key ``(1, K, h, w)``, shrinkage ``(1, 1, h, w)``, at least 1, selection
            ``(1, K, h, w)`` in 0..1, feature ``(1, V, h, w)``, and the maps at strides 8, 4, 2.
        """
        *fine, f16 = self.encoder(self.normalise(frame))
        f2, f4, f8 = (skip(tap) for skip, tap in zip(self.skips, fine, strict=True))
        feature = self.feature(f16)
        depth = self.shrinkage(feature)
        shrinkage = depth * depth + 1
        return self.key(feature), shrinkage, self.selection(feature).sigmoid(), feature, f8, f4, f2

    def value(self, feature: Tensor, f8: Tensor, f4: Tensor, masks: Tensor) -> Tensor:
        """Return the value ``(N, V, h, w)`` of a frame with ``masks`` ``(N, 1, H, W)``."""
        value: Tensor = self.value_encoder(feature, f8, f4, masks)
        return value

    def deepened(self, value: Tensor, sensory: Tensor) -> Tensor:
        """Return the sensory memory ``(N, S, h, w)`` updated by a value ``(N, V, h, w)``."""
        updated: Tensor = self.deep_update(self.from_value(value), sensory)
        return updated

    def decode(
        self,
        frame: Tensor,
        features: tuple[Tensor, Tensor, Tensor, Tensor],
        readout: Tensor,
        sensory: Tensor,
        mask: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Turn the readout into alphas.

        Args:
            frame: ``(1, 3, H, W)`` RGB in 0..1.
            features: Of the frame: feature and the maps at strides 8, 4 and 2.
            readout: ``(N, V, h, w)``.
            sensory: ``(N, S, h, w)``.
            mask: ``(N, 1, h, w)``, the last frame's.

        Returns:
            Alphas ``(N, 1, H, W)``, not yet clamped, and the next sensory memory.
        """
        feature, f8, f4, f2 = features
        known = torch.cat([readout, sensory, mask, others_sum(mask)], dim=1)
        x = self.fusion(known, feature)
        for block in self.refinement:
            x = block(x)
        p8, _, _, p1 = self.decoder(x, (f8, f4, f2, self.normalise(frame)))
        alpha = self.alpha(p1)
        seen = torch.cat([x, functional.avg_pool2d(p8, 2), functional.avg_pool2d(alpha, 16)], dim=1)
        return alpha, self.update(self.from_decoder(seen), sensory)


class _ValueEncoder(nn.Module):
    def __init__(self, shape: MatAnyoneShape) -> None:
        super().__init__()
        at4, at8 = shape.mask
        self.at4 = Joined((1, 1), shape.skips[1], at4)
        self.at8 = Joined((at4,), shape.skips[0], at8, stride=2)
        self.at16 = Joined((at8,), shape.value, shape.value, stride=2)
        self.residual = Residual(shape.value)
        self.value = ElasticConv2d((shape.value,), (shape.value,), 1, bias=True)

    def forward(self, feature: Tensor, f8: Tensor, f4: Tensor, masks: Tensor) -> Tensor:
        planes = functional.avg_pool2d(torch.cat([masks, others_sum(masks)], dim=1), 4)
        x = self.at16(self.at8(self.at4(planes, f4), f8), feature)
        value: Tensor = self.value(self.residual(x))
        return value


class _ChangePredictor(nn.Module):
    """Predict where a value changed since the last frame, MatAnyone section 3.2.

    What it takes of the last frame is projected when that frame is the current one.
    """

    def __init__(self, value: int, hidden: int) -> None:
        super().__init__()
        self.before = ElasticConv2d((value,), (hidden,), 1)
        self.mask = ElasticConv2d((1,), (hidden,), 3)
        self.now = ElasticConv2d((value,), (hidden,), 1)
        self.difference = conv_norm((value,), (hidden,), 1)
        self.inner = conv_norm((hidden,), (hidden,), 3, activation=nn.ReLU())
        self.out = ElasticConv2d((hidden,), (1,), 3, bias=True)

    def trace(self, feature: Tensor, mask: Tensor) -> Tensor:
        """Return what is kept of a frame ``(N, C, h, w)``, given its mask ``(N, 1, h, w)``."""
        kept: Tensor = self.mask(mask) + self.before(feature)
        return kept

    def forward(self, trace: Tensor, feature: Tensor, difference: Tensor) -> Tensor:
        """Return the probability of change ``(N, 1, h, w)``."""
        x = functional.relu(trace + self.difference(difference) + self.now(feature))
        change: Tensor = self.out(self.inner(x)).sigmoid()
        return change
