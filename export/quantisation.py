"""What a quantised program is made with: data that every format shares."""

import dataclasses
from collections.abc import Mapping

Span = tuple[float, float]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Quantisation:
    """How the convolutions of one program are held in eight bits.

    Tensors and layers are named as in the capture of the program in single precision, which is the
    same for every format; see ``quantise``.

    Attributes:
        spans: Smallest and largest value of the tensors that are rounded, by name; of w8 none.
        shifts: What rounding takes from the mean of each channel of a layer's output, by layer;
            it is added to the layer's bias.
        kept: Layers that stay in floating point, by name of their weight, and why.
    """

    spans: Mapping[str, Span]
    shifts: Mapping[str, tuple[float, ...]]
    kept: Mapping[str, str] = dataclasses.field(default_factory=dict)
