"""MatAnyone in its official dimensions, for one object or several.

Yang et al., "MatAnyone: Stable Video Matting with Consistent Memory Propagation", CVPR 2025, upon
Cheng et al., "Putting the Object Back into Video Object Segmentation" (Cutie), CVPR 2024. Written
from the papers; parameter names are those of the official checkpoints.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tiers.blocks.anisotropic_attention import AnisotropicAttention
from tiers.blocks.channel_attention import ObjectFusion
from tiers.blocks.elastic import ElasticConv2d
from tiers.blocks.normalise import ImageNetNormalise
from tiers.blocks.object_summary import ObjectSummarizer
from tiers.blocks.object_transformer import ObjectTransformer
from tiers.blocks.objects import others_sum
from tiers.blocks.repeat import Repeat
from tiers.blocks.resnet import basic_stage, bottleneck_stage
from tiers.blocks.sensory import DecoderSensoryUpdate, DeepSensoryUpdate
from tiers.rows.matanyone import OBJECTS, QUERIES

KEY = 64
VALUE = 256  # also of the sensory memory and of everything else at stride 16
TOP_K = 30

_NO_AREA = 1e-4  # added to the summed weights of a summary, which an absent object has none of


class OfficialMatAnyone(nn.Module):
    """The parts of the network; ``tiers.networks.matanyone`` says how programs use them."""

    def __init__(self) -> None:
        super().__init__()
        self.normalise = ImageNetNormalise()
        self.pixel_encoder = _PixelEncoder()
        self.pix_feat_proj = ElasticConv2d((1024,), (VALUE,), 1, bias=True)
        self.key_proj = _KeyProjection()
        self.mask_encoder = _MaskEncoder()
        self.mask_decoder = _MaskDecoder()
        self.pixel_fuser = _PixelFuser()
        self.object_transformer = ObjectTransformer(
            VALUE, queries=QUERIES, blocks=3, heads=8, inner=2048
        )
        self.object_summarizer = ObjectSummarizer(VALUE, QUERIES)
        self.aux_computer = _AuxiliaryHead()  # training only
        self.temp_sparity = _ChangeHead()
        self.attention = AnisotropicAttention(KEY, OBJECTS, best=TOP_K)

    def encode(self, frame: Tensor) -> tuple[Tensor, ...]:
        """Return key, shrinkage, selection, feature, and the maps at strides 8, 4 and 2."""
        f16, f8, f4, f2 = self.pixel_encoder(self.normalise(frame))
        return *self.key_proj(f16), self.pix_feat_proj(f16), f8, f4, f2

    def value(self, frame: Tensor, feature: Tensor, masks: Tensor) -> Tensor:
        """Return the value ``(objects, 256, H/16, W/16)`` of a frame with ``masks``."""
        value: Tensor = self.mask_encoder(self.normalise(frame), feature, masks)
        return value

    def deepened(self, value: Tensor, sensory: Tensor) -> Tensor:
        """Return the sensory memory updated by a value."""
        updated: Tensor = self.mask_encoder.sensory_update(value, sensory)
        return updated

    def refine(self, fused: Tensor, summaries: Tensor, present: Tensor, *, exact: bool) -> Tensor:
        """Let the object transformer refine fused features ``(objects, 256, H/16, W/16)``."""
        sums, area = summaries[:, :, :VALUE], summaries[:, :, VALUE:]
        values = sums / (area + _NO_AREA)
        refined: Tensor = self.object_transformer(fused, values, present, exact=exact)
        return refined

    def decode(
        self, frame: Tensor, skips: tuple[Tensor, Tensor, Tensor], refined: Tensor, sensory: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return alphas ``(objects, 1, H, W)``, not yet clamped, and the next sensory memory."""
        alphas: Tensor
        alphas, sensory = self.mask_decoder(refined, (*skips, self.normalise(frame)), sensory)
        return alphas, sensory


class _PixelEncoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = ElasticConv2d((3,), (64,), 7, stride=2)
        self.bn1 = nn.BatchNorm2d(64)
        self.res2 = bottleneck_stage(64, 64, blocks=3)
        self.layer2 = bottleneck_stage(256, 128, blocks=4, stride=2)
        self.layer3 = bottleneck_stage(512, 256, blocks=6, stride=2)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the features at strides 16, 8, 4 and 2."""
        f2 = functional.relu(self.bn1(self.conv1(image)))
        f4 = self.res2(functional.max_pool2d(f2, 3, stride=2, padding=1))
        f8 = self.layer2(f4)
        return self.layer3(f8), f8, f4, f2


class _KeyProjection(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.pix_feat_proj = ElasticConv2d((1024,), (VALUE,), 1, bias=True)
        self.key_proj = ElasticConv2d((VALUE,), (KEY,), 3, bias=True)
        self.d_proj = ElasticConv2d((VALUE,), (1,), 3, bias=True)
        self.e_proj = ElasticConv2d((VALUE,), (KEY,), 3, bias=True)

    def forward(self, f16: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return key, shrinkage and selection."""
        x = self.pix_feat_proj(f16)
        depth = self.d_proj(x)
        return self.key_proj(x), depth * depth + 1, self.e_proj(x).sigmoid()


class _MaskEncoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = ElasticConv2d((3, 1, 1), (64,), 7, stride=2)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = basic_stage(64, 64, blocks=2)
        self.layer2 = basic_stage(64, 128, blocks=2, stride=2)
        self.layer3 = basic_stage(128, 256, blocks=2, stride=2)
        self.fuser = ObjectFusion(VALUE)
        self.sensory_update = DeepSensoryUpdate(VALUE)
        self.repeat = Repeat(OBJECTS)

    def forward(self, image: Tensor, pix_feat: Tensor, mask: Tensor) -> Tensor:
        """Return the value ``(objects, 256, H/16, W/16)``."""
        x = torch.cat([self.repeat(image), mask, others_sum(mask)], dim=1)
        x = functional.relu(self.bn1(self.conv1(x)))
        x = self.layer1(functional.max_pool2d(x, 3, stride=2, padding=1))
        value: Tensor = self.fuser(pix_feat, self.layer3(self.layer2(x)))
        return value


class _PixelFuser(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fuser = ObjectFusion(VALUE)
        self.sensory_compress = ElasticConv2d((VALUE, 1, 1), (VALUE,), 1, bias=True)

    def forward(self, pix_feat: Tensor, readout: Tensor, sensory: Tensor, mask: Tensor) -> Tensor:
        """Join the readout with the sensory memory and the last mask, all at stride 16."""
        known = torch.cat([sensory, mask, others_sum(mask)], dim=1)
        fused: Tensor = self.fuser(pix_feat, readout + self.sensory_compress(known))
        return fused


class _ChangeHead(nn.Module):
    """Predict where a value changed since the last frame, MatAnyone section 3.2."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1x1_v2 = ElasticConv2d((VALUE, VALUE, 1, VALUE), (64,), 1)
        self.bn1 = nn.BatchNorm2d(64)
        self.conv3x3 = ElasticConv2d((64,), (32,), 3)
        self.bn2 = nn.BatchNorm2d(32)
        self.conv3x3_out = ElasticConv2d((32,), (1,), 3)
        self.repeat = Repeat(OBJECTS)

    def trace(self, feature: Tensor, mask: Tensor) -> Tensor:
        """Return what is kept of a frame ``(objects, 257, H/16, W/16)``."""
        return torch.cat([self.repeat(feature), mask], dim=1)

    def forward(self, trace: Tensor, feature: Tensor, difference: Tensor) -> Tensor:
        """Return the probability of change ``(objects, 1, H/16, W/16)``."""
        before, mask = trace[:, :VALUE], trace[:, VALUE:]
        x = self.conv1x1_v2(torch.cat([before, self.repeat(feature), mask, difference], dim=1))
        x = functional.relu(self.bn2(self.conv3x3(functional.relu(self.bn1(x)))))
        change: Tensor = self.conv3x3_out(x).sigmoid()
        return change


class _MaskDecoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.sensory_update = DecoderSensoryUpdate(VALUE, (VALUE, 128, 128, 64, 17))
        self.decoder_feat_proc = _SkipProjections()
        self.up_16_8 = _UpsamplingBlock(VALUE, 128)
        self.up_8_4 = _UpsamplingBlock(128, 128)
        self.up_4_2 = _UpsamplingBlock(128, 64)
        self.up_2_1 = _UpsamplingBlock(64, 16)
        self.pred_seg = ElasticConv2d((16,), (1,), 3, bias=True)  # training only
        self.pred_mat = ElasticConv2d((16,), (1,), 3, bias=True)

    def forward(
        self, p16: Tensor, skips: tuple[Tensor, Tensor, Tensor, Tensor], sensory: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return alpha before it is clamped, at full size, and the next sensory memory."""
        f8, f4, f2, f1 = self.decoder_feat_proc(skips)
        p8 = self.up_16_8(p16, f8)
        p4 = self.up_8_4(p8, f4)
        p2 = self.up_4_2(p4, f2)
        p1 = self.up_2_1(p2, f1)
        alpha = self.pred_mat(functional.relu(p1))
        p1 = torch.cat([p1, alpha], dim=1)
        return alpha, self.sensory_update(p16, p8, p4, p2, p1, sensory)


class _SkipProjections(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        pairs = ((512, 256), (256, 128), (64, 128), (3, 64))
        self.transforms = nn.ModuleList(
            ElasticConv2d((channels,), (out,), 1, bias=True) for channels, out in pairs
        )

    def forward(self, skips: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return tuple(
            transform(skip) for transform, skip in zip(self.transforms, skips, strict=True)
        )


class _UpsamplingBlock(nn.Module):
    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.out_conv = _ResidualBlock(channels, out)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        y: Tensor = self.out_conv(x + skip)
        return y


class _ResidualBlock(nn.Module):
    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        changes = channels != out
        self.downsample = ElasticConv2d((channels,), (out,), 1, bias=True) if changes else None
        self.conv1 = ElasticConv2d((channels,), (out,), 3, bias=True)
        self.conv2 = ElasticConv2d((out,), (out,), 3, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv2(functional.relu(self.conv1(functional.relu(x))))
        return y + (x if self.downsample is None else self.downsample(x))


class _AuxiliaryHead(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.sensory_aux = _AuxiliaryProjection()


class _AuxiliaryProjection(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.projection = ElasticConv2d((VALUE,), (VALUE + 1,), 1, bias=True)
