"""``rvm`` in the forms in which its description is put down at first, for benchmarks alone.

The same weights and the same function as ``tiers.networks.rvm``: gates that are split, the blend
``(1 - z) h + z c``, hard sigmoids, means over channels, pooling that rounds up, every upsampling
cut to size, and a guided filter that is applied to four planes and parted afterwards. What a
straightforward export of these costs is what the forms of our own network are measured by.
"""

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional

from tiers.blocks.conv_gru import ConvGru
from tiers.blocks.global_mean import GlobalMean
from tiers.blocks.guided_filter import DeepGuidedFilter
from tiers.blocks.recurrent_decoder import RecurrentDecoder
from tiers.networks.rvm import Rvm


class PublishedMatte(nn.Module):
    """As ``tiers.networks.rvm.MatteProgram``, of a network that is not touched."""

    def __init__(self, network: Rvm, ratio: float) -> None:
        super().__init__()
        own = copy.deepcopy(network)
        self.backbone, self.aspp = _rewritten(own.backbone), _rewritten(own.aspp)
        self.decoder = _Decoder(own.decoder)
        self.project_mat = own.project_mat
        self.refiner = _GuidedFilter(own.refiner)
        self.register_buffer("mean", own.mean)
        self.register_buffer("std", own.std)
        self.ratio = ratio

    def forward(
        self, frame: Tensor, r1: Tensor, r2: Tensor, r3: Tensor, r4: Tensor
    ) -> tuple[Tensor, ...]:
        """Matte one frame."""
        small = frame
        if self.ratio != 1:
            small = functional.interpolate(
                frame, scale_factor=self.ratio, mode="bilinear", align_corners=False,
                recompute_scale_factor=False,
            )  # fmt: skip
        *fine, last = self.backbone((small - self.mean) / self.std)
        features = (*fine, self.aspp(last))
        hidden, states = self.decoder(small, features, (r1, r2, r3, r4))
        residual, alpha = self.project_mat(hidden).split([3, 1], dim=1)
        if self.ratio != 1:
            residual, alpha = self.refiner(frame, small, residual, alpha, hidden)
        return ((frame + residual).clamp(0, 1), alpha.clamp(0, 1), *states)


class _SqueezeExcitation(nn.Module):
    def __init__(self, own: nn.Module) -> None:
        super().__init__()
        self.fc1, self.fc2 = own.get_submodule("fc1"), own.get_submodule("fc2")

    def forward(self, x: Tensor) -> Tensor:
        scale = functional.adaptive_avg_pool2d(x, 1)
        return x * functional.hardsigmoid(self.fc2(functional.relu(self.fc1(scale))))


class _Gru(nn.Module):
    def __init__(self, own: ConvGru) -> None:
        super().__init__()
        self.ih, self.hh, self.channels = own.ih, own.hh, own.channels

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        reset, update = self.ih(torch.cat([x, h], dim=1)).split(self.channels, dim=1)
        candidate = self.hh(torch.cat([x, reset * h], dim=1))
        blended: Tensor = (1 - update) * h + update * candidate
        return blended


class _Decoder(nn.Module):
    def __init__(self, own: RecurrentDecoder) -> None:
        super().__init__()
        blocks = (own.decode4, own.decode3, own.decode2, own.decode1)
        self.grus = nn.ModuleList(_Gru(block.gru) for block in blocks)
        self.convs = nn.ModuleList(block.conv for block in blocks[1:])
        self.out = own.decode0.conv

    def forward(
        self, frame: Tensor, features: tuple[Tensor, ...], states: tuple[Tensor, ...]
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        frames = [frame]
        for _ in range(3):
            smaller = functional.avg_pool2d(
                frames[-1], 2, 2, ceil_mode=True, count_include_pad=False
            )
            frames.append(smaller)
        x, after = self._remembered(0, features[3], states[3])
        found = [after]
        for place, conv in enumerate(self.convs, start=1):
            like = frames[4 - place]
            x = torch.cat([_upsampled(x, like), features[3 - place], like], dim=1)
            x, after = self._remembered(place, conv(x), states[3 - place])
            found.append(after)
        x = self.out(torch.cat([_upsampled(x, frame), frame], dim=1))
        return x, tuple(reversed(found))

    def _remembered(self, place: int, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        passed, taken = x.split(x.shape[1] // 2, dim=1)
        after = self.grus[place](taken, state)
        return torch.cat([passed, after], dim=1), after


class _GuidedFilter(nn.Module):
    def __init__(self, own: DeepGuidedFilter) -> None:
        super().__init__()
        self.box_filter, self.conv = own.box_filter, own.conv

    def forward(
        self, fine: Tensor, coarse: Tensor, residual: Tensor, alpha: Tensor, hidden: Tensor
    ) -> tuple[Tensor, ...]:
        fine_x = torch.cat([fine, fine.mean(1, keepdim=True)], dim=1)
        x = torch.cat([coarse, coarse.mean(1, keepdim=True)], dim=1)
        y = torch.cat([residual, alpha], dim=1)
        mean_x, mean_y = self.box_filter(x), self.box_filter(y)
        covariance = self.box_filter(x * y) - mean_x * mean_y
        variance = self.box_filter(x * x) - mean_x * mean_x
        slope = self.conv(torch.cat([covariance, variance, hidden], dim=1))
        offset = mean_y - slope * mean_x
        size = fine.shape[2:]
        slope = functional.interpolate(slope, size, mode="bilinear", align_corners=False)
        offset = functional.interpolate(offset, size, mode="bilinear", align_corners=False)
        return (slope * fine_x + offset).split([3, 1], dim=1)


def _upsampled(x: Tensor, like: Tensor) -> Tensor:
    x = functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    return x[:, :, : like.shape[2], : like.shape[3]]


def _rewritten(module: nn.Module) -> nn.Module:
    """Put the forms of the description in the place of ours, in a module of our own copy."""
    for name, child in module.named_children():
        if isinstance(child, GlobalMean):
            setattr(module, name, nn.AdaptiveAvgPool2d(1))
        elif hasattr(child, "fc1"):
            setattr(module, name, _SqueezeExcitation(child))
        else:
            _rewritten(child)
    return module
