"""What one tier is: the frozen row that says everything that differs between tiers."""

import dataclasses
from typing import Literal, Self, TypeAlias

Backbone: TypeAlias = Literal["mobilenet_v3_large", "resnet50"]
Orientation: TypeAlias = Literal["landscape", "portrait"]

STRIDE = 16  # the encoders reduce a frame sixteenfold; working sizes are multiples of it

# Blocks of each MobileNetV3-Large stage, first block (which changes width or stride) included:
# Howard et al., "Searching for MobileNetV3", 2019, table 1.
FULL_DEPTH = (1, 2, 3, 4, 2, 3)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class RvmShape:
    """The channels and depth of a robust video matting network.

    Attributes:
        backbone: Encoder family.
        width: Multiplier of every MobileNetV3 channel count, in (0, 1]; 1 is the official encoder.
        depth: Blocks kept of each MobileNetV3 stage, from its start; ``FULL_DEPTH`` is official.
        aspp: Channels after LR-ASPP; half of them pass the bottleneck GRU.
        decoder: Channels of the decoder blocks at strides 8, 4, 2 and 1.
    """

    backbone: Backbone = "mobilenet_v3_large"
    width: float = 1.0
    depth: tuple[int, ...] = FULL_DEPTH
    aspp: int = 128
    decoder: tuple[int, int, int, int] = (80, 40, 32, 16)

    def __post_init__(self) -> None:
        """Refuse a shape that no encoder has.

        Raises:
            ValueError: If a width, depth or channel count is out of range.
        """
        if not 0 < self.width <= 1:
            msg = f"width is {self.width}; it must lie in (0, 1]"
            raise ValueError(msg)
        if len(self.depth) != len(FULL_DEPTH) or any(
            not 1 <= kept <= full for kept, full in zip(self.depth, FULL_DEPTH, strict=True)
        ):
            msg = f"depth is {self.depth}; each entry must lie between 1 and that of {FULL_DEPTH}"
            raise ValueError(msg)
        if self.aspp % 2 or any(channels % 2 for channels in self.decoder[:3]):
            msg = f"aspp {self.aspp} and decoder {self.decoder}: the ConvGRU needs even channels"
            raise ValueError(msg)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class TierSpec:
    """The knobs of one tier; everything else is shared by all twelve.

    Attributes:
        network: Name of the network, a key of ``tiers.ladder.LADDERS``.
        name: ``t01`` (entry-level phone) to ``t12`` (flagship).
        device_class: The phones the row is meant for, in words.
        working_hw: Height and width the network itself works at, in pixels, multiples of 16.
        output_hw: Height and width of the frame taken and the alpha given, in pixels;
            ``working_hw`` times 1, 2 or 4, so that every runtime samples the same grid exactly.
        recipe: Default precision of the row.
        shape: Channels and depth of the network.
        weights_of: The tier whose slice of the elastic checkpoint this row runs; ``None`` where
            the elastic checkpoint does not reach.
    """

    network: str
    name: str
    device_class: str
    working_hw: tuple[int, int]
    output_hw: tuple[int, int]
    recipe: str
    shape: RvmShape
    weights_of: str | None

    def __post_init__(self) -> None:
        """Refuse sizes that the network or an exporter cannot hold.

        Raises:
            ValueError: If a size is no multiple of 16 or the two sizes do not fit together.
        """
        if any(side <= 0 or side % STRIDE for side in self.working_hw):
            msg = f"working_hw is {self.working_hw}; both sides must be multiples of {STRIDE}"
            raise ValueError(msg)
        scale = self.output_hw[0] // self.working_hw[0]
        if scale not in (1, 2, 4) or self.output_hw != tuple(scale * n for n in self.working_hw):
            msg = f"output_hw is {self.output_hw}; it must be {self.working_hw} times 1, 2 or 4"
            raise ValueError(msg)

    @property
    def ratio(self) -> float:
        """Working size over output size: 1, 0.5 or 0.25."""
        return self.working_hw[0] / self.output_hw[0]

    @property
    def orientation(self) -> Orientation:
        """``portrait`` where the frame is higher than wide."""
        return "portrait" if self.working_hw[0] > self.working_hw[1] else "landscape"

    def oriented(self, orientation: Orientation) -> Self:
        """Return the row for frames held ``orientation``: the two sides swap, nothing else."""
        if self.orientation == orientation:
            return self
        return dataclasses.replace(
            self, working_hw=self.working_hw[::-1], output_hw=self.output_hw[::-1]
        )
