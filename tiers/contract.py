"""What each network's exported programs take and give: names, shapes, ranges and state."""

import dataclasses
from types import MappingProxyType

from tiers.spec import TierSpec


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class TensorSpec:
    """One input or output of a program.

    Attributes:
        name: The tensor's one name in code, graph, manifest, Swift and Kotlin.
        shape: Fixed shape, ``(N, C, H, W)``.
        low: Smallest value, ``None`` where the mathematics sets no bound.
        high: Largest value, likewise.
        meaning: One phrase for people: colour order, encoding, what it is.
    """

    name: str
    shape: tuple[int, ...]
    low: float | None
    high: float | None
    meaning: str


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class StatePair:
    """An input that carries a state and the output that holds it for the next frame.

    Attributes:
        input: Name of the input tensor.
        output: Name of the output tensor, of the same shape.
        reset: The value that every element of the input has before the first frame.
    """

    input: str
    output: str
    reset: float


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ProgramContract:
    """A pure function of tensors with fixed shapes.

    Attributes:
        name: Name of the program inside its network.
        inputs: In the order of the exported function.
        outputs: In the order of the exported function.
        states: The pairs among them that carry state.
    """

    name: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    states: tuple[StatePair, ...]

    @property
    def state_inputs(self) -> dict[str, TensorSpec]:
        """The inputs that carry state, by name."""
        carried = {pair.input for pair in self.states}
        return {tensor.name: tensor for tensor in self.inputs if tensor.name in carried}


PROGRAMS = MappingProxyType({"rvm": ("matte",)})


def contracts(spec: TierSpec) -> tuple[ProgramContract, ...]:
    """Return the contracts of every program of ``spec``'s network, in build order."""
    return _CONTRACTS[spec.network](spec)


def _rvm(spec: TierSpec) -> tuple[ProgramContract, ...]:
    height, width = spec.working_hw
    at_strides = (spec.shape.decoder[2], spec.shape.decoder[1], spec.shape.decoder[0])
    channels = (*at_strides, spec.shape.aspp)  # of the recurrent blocks at strides 2, 4, 8, 16
    state_shapes = {
        f"r{index}": (1, count // 2, height >> index, width >> index)
        for index, count in enumerate(channels, start=1)
    }

    def state(name: str, shape: tuple[int, ...]) -> TensorSpec:
        return TensorSpec(
            name=name, shape=shape, low=-1.0, high=1.0, meaning="ConvGRU state, a tanh's range"
        )

    def picture(name: str, channels: int, meaning: str) -> TensorSpec:
        shape = (1, channels, *spec.output_hw)
        return TensorSpec(name=name, shape=shape, low=0.0, high=1.0, meaning=meaning)

    matte = ProgramContract(
        name="matte",
        inputs=(
            picture("frame", 3, "RGB, sRGB-encoded"),
            *(state(name, shape) for name, shape in state_shapes.items()),
        ),
        outputs=(
            picture("foreground", 3, "RGB, sRGB-encoded, straight (not premultiplied)"),
            picture("alpha", 1, "1 is foreground"),
            *(state(f"{name}_next", shape) for name, shape in state_shapes.items()),
        ),
        states=tuple(
            StatePair(input=name, output=f"{name}_next", reset=0.0) for name in state_shapes
        ),
    )
    return (matte,)


_CONTRACTS = MappingProxyType({"rvm": _rvm})
