"""What one tier is: the frozen row that says everything that differs between tiers."""

import dataclasses
from typing import Literal, Self, TypeAlias, TypeVar

Orientation: TypeAlias = Literal["landscape", "portrait"]
Shape = TypeVar("Shape")

STRIDE = 16  # the encoders reduce a frame sixteenfold; working sizes are multiples of it

# Blocks of each MobileNetV3-Large stage, first block (which changes width or stride) included:
# Howard et al., "Searching for MobileNetV3", 2019, table 1.
FULL_DEPTH = (1, 2, 3, 4, 2, 3)


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
        shape: Channels and depth of the network: the dataclass of ``tiers.rows.<network>``.
        weights_of: The tier whose slice of the elastic checkpoint this row runs; ``None`` where
            the elastic checkpoint does not reach.
    """

    network: str
    name: str
    device_class: str
    working_hw: tuple[int, int]
    output_hw: tuple[int, int]
    recipe: str
    shape: object
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

    def shaped(self, kind: type[Shape]) -> Shape:
        """Return the row's shape as the dataclass of its own network.

        Raises:
            TypeError: If the row is of another network.
        """
        if not isinstance(self.shape, kind):
            msg = (
                f"{self.network} {self.name} has a {type(self.shape).__name__}, no {kind.__name__}"
            )
            raise TypeError(msg)
        return self.shape


def require_mobilenet(width: float, depth: tuple[int, ...], widest: float = 1.0) -> None:
    """Refuse a MobileNetV3-Large that there is not.

    Args:
        width: Multiplier of every channel count, in (0, ``widest``].
        depth: Blocks kept of every stage, from its start; at most ``FULL_DEPTH``.
        widest: Largest multiplier the network allows.

    Raises:
        ValueError: If width or depth is out of range.
    """
    if not 0 < width <= widest:
        msg = f"width is {width}; it must lie in (0, {widest:g}]"
        raise ValueError(msg)
    if len(depth) != len(FULL_DEPTH) or any(
        not 1 <= kept <= full for kept, full in zip(depth, FULL_DEPTH, strict=True)
    ):
        msg = f"depth is {depth}; each entry must lie between 1 and that of {FULL_DEPTH}"
        raise ValueError(msg)
