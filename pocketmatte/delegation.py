"""How many parts XNNPACK may run of each program, and which operators may stay outside."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from tiers.rows.matanyone import MatAnyoneShape
from tiers.rows.propagation import PropagationShape
from tiers.rows.stfam import StfamShape
from tiers.spec import TierSpec


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Lowering:
    """What an ExecuTorch program may consist of.

    Attributes:
        delegates: Parts run by XNNPACK, at most.
        outside: Operators that XNNPACK has not, by name, and how often each may occur.
    """

    delegates: int = 1
    outside: Mapping[str, int] = dataclasses.field(default_factory=dict)


_WHOLE = Lowering()
_TOP_K = Lowering(delegates=2, outside={"aten::topk": 1})


def _propagation_read(spec: TierSpec) -> Lowering:
    return _TOP_K if spec.shaped(PropagationShape).top_k else _WHOLE


def _matanyone_read(spec: TierSpec) -> Lowering:
    return _TOP_K if spec.shaped(MatAnyoneShape).official else _WHOLE


def _stfam_matte(spec: TierSpec) -> Lowering:
    samplings = spec.shaped(StfamShape).aligned  # one a level that looks back
    return Lowering(delegates=2, outside={"aten::grid_sampler_2d": samplings})


# As few as the mathematics of the row allows. A program that is not named here must be one delegate
# with nothing outside.
_LOWERINGS: Mapping[tuple[str, str], Callable[[TierSpec], Lowering]] = MappingProxyType(
    {
        ("propagation", "read"): _propagation_read,
        ("matanyone", "read"): _matanyone_read,
        ("stfam", "matte"): _stfam_matte,
    }
)


def lowering(spec: TierSpec, program: str) -> Lowering:
    """Return what a program of a row may be broken up into."""
    allowed = _LOWERINGS.get((spec.network, program))
    return _WHOLE if allowed is None else allowed(spec)


def broken_up(spec: TierSpec, program: str, notes: Mapping[str, object]) -> Iterator[str]:
    """Say in what an ExecuTorch file consists of more parts than its program may.

    Args:
        spec: The row.
        program: Name of the program.
        notes: The manifest's, of the file: ``delegates`` and ``outside``.

    Yields:
        One line for each limit passed.
    """
    allowed = lowering(spec, program)
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
