"""Foreground segmentation: the mask of whatever stands out in one picture.

A MobileNetV3-Large encoder with LR-ASPP, a light decoder and a boundary refinement; its smaller
rows are slices of one set of weights. The last row is the official U2NETP.
"""

from torch import Tensor, nn
from torch.nn import functional

from tiers.blocks.boundary_refinement import BoundaryRefinement
from tiers.blocks.elastic import ElasticConv2d
from tiers.blocks.lraspp import LrAspp
from tiers.blocks.mobilenet_v3 import MobileNetV3Large
from tiers.blocks.normalise import ImageNetNormalise
from tiers.blocks.skip_decoder import SkipDecoder
from tiers.networks.foreground_official import NESTED_STRIDE, NestedU, NestedUProgram
from tiers.rows.foreground import ForegroundShape, NestedUShape
from tiers.spec import TierSpec


class Foreground(nn.Module):
    """Predict the mask of one picture.

    Input:
        frame: ``(N, 3, H, W)`` RGB, sRGB-encoded, in 0..1; ``H`` and ``W`` multiples of
            ``16 * scale``.
        scale: Frame size over working size: 1, 2 or 4.

    Output:
        mask: ``(N, 1, H, W)`` in 0..1; 1 is foreground.
    """

    def __init__(self, shape: ForegroundShape) -> None:
        super().__init__()
        self.normalise = ImageNetNormalise()
        self.encoder = MobileNetV3Large(shape.width, shape.depth, last=False)
        *taps, last = self.encoder.channels
        self.context = LrAspp(last, (shape.context,))
        skips = (taps[2], taps[1], taps[0])
        self.decoder = SkipDecoder((shape.context,), skips, shape.decoder, shape.residuals)
        hidden = shape.decoder[2]
        self.coarse = ElasticConv2d((hidden,), (1,), 3, bias=True)
        self.refinement = BoundaryRefinement(hidden, shape.refiner, shape.refiner_residuals)

    def forward(self, frame: Tensor, scale: int = 1) -> Tensor:
        """Segment a picture."""
        refined, _ = self.logits(frame, scale)
        return refined.sigmoid()

    def logits(self, frame: Tensor, scale: int = 1) -> tuple[Tensor, Tensor]:
        """Return what the losses need.

        Returns:
            Refined logits ``(N, 1, H, W)`` and the coarse ones they come from, at stride 2 of the
            working size, ``(N, 1, H / (2 * scale), W / (2 * scale))``.
        """
        picture = self.normalise(frame)
        working = picture if scale == 1 else functional.avg_pool2d(picture, scale, scale)
        f2, f4, f8, f16 = self.encoder(working)
        hidden = self.decoder(self.context(f16), (f8, f4, f2))
        coarse = self.coarse(hidden)
        return self.refinement(picture, coarse, hidden), coarse


class SegmentProgram(nn.Module):
    """The exported form of ``Foreground``, at one fixed scale.

    Input:
        frame: as in the contract.

    Output:
        mask.
    """

    def __init__(self, network: Foreground, scale: int) -> None:
        super().__init__()
        self.network = network
        self.scale = scale

    def forward(self, frame: Tensor) -> tuple[Tensor]:
        """Segment a picture."""
        return (self.network(frame, self.scale),)


def build(spec: TierSpec) -> Foreground | NestedU:
    """Return the network of a row.

    Raises:
        TypeError: If the row is of another network.
        ValueError: If the row's size is none that a U2-Net halves evenly.
    """
    if not isinstance(spec.shape, NestedUShape):
        return Foreground(spec.shaped(ForegroundShape))
    if spec.working_hw != spec.output_hw or any(side % NESTED_STRIDE for side in spec.output_hw):
        msg = (
            f"{spec.network} {spec.name} works at {spec.working_hw} for {spec.output_hw}; a U2-Net "
            f"has one size, both sides multiples of {NESTED_STRIDE}"
        )
        raise ValueError(msg)
    return NestedU(spec.shape)


def programs(network: nn.Module, spec: TierSpec) -> dict[str, nn.Module]:
    """Return the exportable programs of a row by name.

    Raises:
        TypeError: If the network is not of the row's kind.
    """
    kind = NestedU if isinstance(spec.shape, NestedUShape) else Foreground
    if not isinstance(network, kind):
        msg = (
            f"programs of foreground {spec.name} need a {kind.__name__}, "
            f"not a {type(network).__name__}"
        )
        raise TypeError(msg)
    if isinstance(network, NestedU):
        return {"segment": NestedUProgram(network)}
    return {"segment": SegmentProgram(network, spec.output_hw[0] // spec.working_hw[0])}
