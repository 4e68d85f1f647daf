"""LR-ASPP: a 1x1 convolution gated by the global mean.

Howard et al., "Searching for MobileNetV3", ICCV 2019, section 6.4 (here without the low-level
branch, as in Lin et al., WACV 2022).
"""

from torch import Tensor, nn

from tiers.blocks.elastic import ElasticConv2d, Segments
from tiers.blocks.global_mean import GlobalMean


class LrAspp(nn.Module):
    """Reduce the encoder's last feature map.

    Input:
        x: ``(N, C, H, W)``.

    Output:
        y: ``(N, sum(out_segments), H, W)``.
    """

    def __init__(self, channels: int, out_segments: Segments) -> None:
        super().__init__()
        self.aspp1 = nn.Sequential(
            ElasticConv2d((channels,), out_segments, 1),
            nn.BatchNorm2d(sum(out_segments)),
            nn.ReLU(),
        )
        self.aspp2 = nn.Sequential(
            GlobalMean(), ElasticConv2d((channels,), out_segments, 1), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        """Gate the projected features by the projected mean."""
        y: Tensor = self.aspp1(x) * self.aspp2(x)
        return y
