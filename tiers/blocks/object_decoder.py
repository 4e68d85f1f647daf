"""Light decoder for several objects of one frame: what the frame shows is projected only once."""

from torch import Tensor, nn
from torch.nn import functional

from tiers.blocks.conv_norm import conv_norm
from tiers.blocks.elastic import ElasticConv2d, Segments
from tiers.blocks.skip_decoder import Residual


class Joined(nn.Module):
    """Add what belongs to every object to what the frame shows.

    Input:
        g: ``(objects, sum(own), H * stride, W * stride)``, of the objects.
        x: ``(1, shared, H, W)``, of the frame.

    Output:
        y: ``(objects, out, H, W)``, not negative.

    Args:
        own: Parts of the channels of ``g``.
        shared: Channels of ``x``.
        out: Channels of ``y``.
        stride: Of the convolution on ``g``.
    """

    def __init__(self, own: Segments, shared: int, out: int, *, stride: int = 1) -> None:
        super().__init__()
        self.own = conv_norm(own, (out,), 3, stride=stride)
        self.shared = ElasticConv2d((shared,), (out,), 1, bias=True)

    def forward(self, g: Tensor, x: Tensor) -> Tensor:
        """Project both and add; one map of the frame serves all objects."""
        return functional.relu(self.own(g) + self.shared(x))


class ObjectDecoder(nn.Module):
    """Decode the maps of all objects upwards, a map of the frame joining at every step.

    Input:
        x: ``(objects, below, H, W)``.
        skips: from coarse to fine, ``(1, C, 2H, 2W)``, ``(1, C', 4H, 4W)`` ...

    Output:
        from coarse to fine, ``(objects, channels[0], 2H, 2W)`` ...

    Args:
        below: Channels of the input.
        skips: Channels of every skip.
        channels: Channels after every step.
        residuals: Residual blocks after every step.
    """

    def __init__(
        self,
        below: int,
        skips: tuple[int, ...],
        channels: tuple[int, ...],
        residuals: tuple[int, ...],
    ) -> None:
        super().__init__()
        steps = []
        for skip, out, count in zip(skips, channels, residuals, strict=True):
            steps.append(_Step(below, skip, out, count))
            below = out
        self.steps = nn.ModuleList(steps)

    def forward(self, x: Tensor, skips: tuple[Tensor, ...]) -> list[Tensor]:
        """Run every step."""
        maps = []
        for step, skip in zip(self.steps, skips, strict=True):
            x = step(x, skip)
            maps.append(x)
        return maps


class _Step(nn.Module):
    def __init__(self, below: int, skip: int, out: int, residuals: int) -> None:
        super().__init__()
        self.joined = Joined((below,), skip, out)
        self.residuals = nn.ModuleList(Residual(out) for _ in range(residuals))

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        x = self.joined(x, skip)
        for residual in self.residuals:
            x = residual(x)
        return x
