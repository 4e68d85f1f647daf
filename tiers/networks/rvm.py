"""Robust video matting: alpha and foreground of every frame, without any auxiliary input.

Lin, Yang, Saleemi, Sengupta: "Robust High-Resolution Video Matting with Temporal Guidance",
WACV 2022. Written from the paper; parameter names are those of the official checkpoints.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from tiers.blocks.elastic import ElasticConv2d
from tiers.blocks.guided_filter import DeepGuidedFilter
from tiers.blocks.lraspp import LrAspp
from tiers.blocks.mobilenet_v3 import MobileNetV3Large
from tiers.blocks.recurrent_decoder import RecurrentDecoder
from tiers.blocks.resnet import ResNet50
from tiers.rows.rvm import RvmShape
from tiers.spec import TierSpec

# Channel statistics of ImageNet, which the MobileNetV3 encoder was trained on. The official
# ResNet-50 variant takes RGB in 0..1 as it is.
_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)


class Rvm(nn.Module):
    """Predict foreground and alpha of one frame from it and the recurrent states.

    Input:
        frame: ``(N, 3, H, W)`` RGB, sRGB-encoded, in 0..1.
        states: ``r1..r4`` in -1..1 (see ``initial_states``), or ``None`` before the first frame.
        ratio: Working size over frame size, in (0, 1]; below 1 the deep guided filter upsamples.

    Output:
        foreground: ``(N, 3, H, W)`` RGB in 0..1, straight.
        alpha: ``(N, 1, H, W)`` in 0..1; 1 is foreground.
        states: ``r1_next..r4_next``, to be fed with the next frame.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, shape: RvmShape) -> None:
        super().__init__()
        mobile = shape.backbone == "mobilenet_v3_large"
        self.backbone = MobileNetV3Large(shape.width, shape.depth) if mobile else ResNet50()
        *taps, last = self.backbone.channels
        half = shape.aspp // 2
        self.aspp = LrAspp(last, (half, half))
        self.decoder = RecurrentDecoder((taps[0], taps[1], taps[2]), shape.aspp, shape.decoder)
        hidden = shape.decoder[3]
        self.project_mat = _Projection(hidden, 4)
        self.project_seg = _Projection(hidden, 1)  # training only
        self.refiner = DeepGuidedFilter(hidden)
        mean, std = (_IMAGENET_MEAN, _IMAGENET_STD) if mobile else ((0.0,) * 3, (1.0,) * 3)
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)
        self.normalised = mobile
        at_strides = (shape.decoder[2], shape.decoder[1], shape.decoder[0], shape.aspp)
        self.state_channels = tuple(channels // 2 for channels in at_strides)

    def forward(
        self, frame: Tensor, states: Sequence[Tensor] | None = None, ratio: float = 1.0
    ) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        """Matte one frame."""
        small = _downsampled(frame, ratio)
        residual, alpha, hidden, states_next = self._small_matte(small, states)
        if ratio == 1:
            foreground = frame + residual
        else:
            foreground, alpha = self.refiner.matted(frame, small, residual, alpha, hidden)
        return foreground.clamp(0, 1), alpha.clamp(0, 1), states_next

    def matte(
        self, frame: Tensor, states: Sequence[Tensor] | None = None, ratio: float = 1.0
    ) -> tuple[Tensor, Tensor, Tensor, tuple[Tensor, ...]]:
        """Return what the losses need: nothing is clamped yet.

        Returns:
            Foreground minus frame ``(N, 3, H, W)``, alpha ``(N, 1, H, W)``, the decoder's hidden
            features at working size, and the next states.
        """
        small = _downsampled(frame, ratio)
        residual, alpha, hidden, states_next = self._small_matte(small, states)
        if ratio != 1:
            residual, alpha = self.refiner(frame, small, residual, alpha, hidden)
        return residual, alpha, hidden, states_next

    def segment(
        self, frame: Tensor, states: Sequence[Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return segmentation logits ``(N, 1, H, W)`` and the next states; training only."""
        hidden, states_next = self._hidden(frame, states)
        return self.project_seg(hidden), states_next

    def initial_states(self, frame: Tensor) -> tuple[Tensor, ...]:
        """Return the zero states for working-size ``frame``: ``(N, C, ceil(H/s), ceil(W/s))``."""
        batch, _, height, width = frame.shape
        states = []
        for channels in self.state_channels:
            height, width = -(-height // 2), -(-width // 2)
            states.append(frame.new_zeros(batch, channels, height, width))
        return tuple(states)

    def _small_matte(
        self, small: Tensor, states: Sequence[Tensor] | None
    ) -> tuple[Tensor, Tensor, Tensor, tuple[Tensor, ...]]:
        """Return what ``matte`` does, at working size."""
        hidden, states_next = self._hidden(small, states)
        matte = self.project_mat(hidden)
        return matte[:, :3], matte[:, 3:], hidden, states_next

    def _hidden(
        self, small: Tensor, states: Sequence[Tensor] | None
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        x = (small - self.mean) / self.std if self.normalised else small
        *fine, last = self.backbone(x)
        features = (*fine, self.aspp(last))
        before = self.initial_states(small) if states is None else tuple(states)
        hidden, after = self.decoder(small, features, before)
        return hidden, after


class MatteProgram(nn.Module):
    """The exported form of ``Rvm``: a flat function of tensors at one fixed ratio.

    Input:
        frame, r1, r2, r3, r4: as in ``tiers.contract``.

    Output:
        foreground, alpha, r1_next, r2_next, r3_next, r4_next.
    """

    def __init__(self, network: Rvm, ratio: float) -> None:
        super().__init__()
        self.network = network
        self.ratio = ratio

    def forward(
        self, frame: Tensor, r1: Tensor, r2: Tensor, r3: Tensor, r4: Tensor
    ) -> tuple[Tensor, ...]:
        """Matte one frame."""
        foreground, alpha, states = self.network(frame, (r1, r2, r3, r4), self.ratio)
        return (foreground, alpha, *states)


def build(spec: TierSpec) -> Rvm:
    """Return the network of a row."""
    return Rvm(spec.shaped(RvmShape))


def programs(network: nn.Module, spec: TierSpec) -> dict[str, nn.Module]:
    """Return the exportable programs of a row by name.

    Raises:
        TypeError: If the network is none of these.
    """
    if not isinstance(network, Rvm):
        msg = f"programs of rvm need an Rvm, not a {type(network).__name__}"
        raise TypeError(msg)
    return {"matte": MatteProgram(network, spec.ratio)}


class _Projection(nn.Module):
    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.conv = ElasticConv2d((channels,), (out,), 1, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        return y


def _downsampled(frame: Tensor, ratio: float) -> Tensor:
    if ratio == 1:
        return frame
    return functional.interpolate(
        frame,
        scale_factor=ratio,
        mode="bilinear",
        align_corners=False,
        recompute_scale_factor=False,
    )
