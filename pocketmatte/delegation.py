"""How many parts XNNPACK may run of each program, and which operators may stay outside."""

import dataclasses
from collections.abc import Iterator, Mapping
from types import MappingProxyType


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Lowering:
    """What an ExecuTorch program may consist of.

    Attributes:
        delegates: Parts run by XNNPACK, at most.
        outside: Operators that XNNPACK has not, by name, and how often each may occur.
    """

    delegates: int = 1
    outside: Mapping[str, int] = dataclasses.field(default_factory=dict)


# Of every network, by program. As few as its mathematics allows: a program that is not named here
# must be one delegate with nothing outside.
_WHOLE = Lowering()
_LOWERINGS: Mapping[tuple[str, str], Lowering] = MappingProxyType(
    {
        # the official read takes the k best memory positions; XNNPACK has no top-k
        ("matanyone", "read"): Lowering(delegates=2, outside={"aten::topk": 1}),
        ("propagation", "read"): Lowering(delegates=2, outside={"aten::topk": 1}),
        # one sampling a level with alignment, at most three; XNNPACK has no grid sampling
        ("stfam", "matte"): Lowering(delegates=2, outside={"aten::grid_sampler_2d": 3}),
    }
)


def lowering(network: str, program: str) -> Lowering:
    """Return what a program may be broken up into."""
    return _LOWERINGS.get((network, program), _WHOLE)


def broken_up(network: str, program: str, notes: Mapping[str, object]) -> Iterator[str]:
    """Say in what an ExecuTorch file consists of more parts than its program may.

    Args:
        network: Name of the network.
        program: Name of the program.
        notes: The manifest's, of the file: ``delegates`` and ``outside``.

    Yields:
        One line for each limit passed.
    """
    allowed = lowering(network, program)
    delegates, outside = notes.get("delegates"), notes.get("outside")
    if not isinstance(delegates, int) or not isinstance(outside, Mapping):
        yield f"the manifest notes {delegates} delegates, outside them {outside}; build it again"
        return
    if delegates > allowed.delegates:
        yield f"XNNPACK runs it in {delegates} delegates; the limit is {allowed.delegates}"
    for name, count in outside.items():
        limit = allowed.outside.get(name, 0)
        if not isinstance(count, int) or count > limit:
            yield f"{name} stays outside XNNPACK {count} times; the limit is {limit}"
