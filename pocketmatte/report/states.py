"""The states of a cell of the matrix: how each is told apart without colour."""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """One state.

    Attributes:
        name: As people read it.
        short: Its name where there is little room.
        glyph: One character, of another shape in every state.
        style: Class in the page's style sheet.
        meaning: One sentence.
        rank: More is better; ``None`` where nothing is known.
    """

    name: str
    short: str
    glyph: str
    style: str
    meaning: str
    rank: int | None


STATES: Mapping[str, State] = MappingProxyType(
    {
        row.name: row
        for row in (
            State(
                name="proven", short="proven", glyph="✓", style="proven", rank=3,
                meaning="computes what PyTorch computes, in the file's own runtime",
            ),
            State(
                name="mixed", short="mixed", glyph="◐", style="mixed", rank=3,
                meaning="holds its limits, with some layers kept in floating point",
            ),
            State(
                name="evaluated", short="eval.", glyph="≈", style="evaluated", rank=2,
                meaning="computes what PyTorch computes, operation by operation; the file's own "
                "runtime is not on the machine that verified it",
            ),
            State(
                name="failed", short="failed", glyph="✕", style="failed", rank=0,
                meaning="a limit was passed, or the file does not run",
            ),
            State(
                name="not run", short="not run", glyph="?", style="not-run", rank=None,
                meaning="built, and nothing has run the file as it is now",
            ),
            State(
                name="not built", short="not built", glyph="\N{EN DASH}", style="not-built",
                rank=None,
                meaning="the bundle holds no such file",
            ),
        )
    }
)  # fmt: skip

_RANKS: Mapping[str, int] = MappingProxyType(
    {"proven": 3, "evaluated": 2, "checked": 1, "failed": 0}
)


def rank(status: str | None) -> int | None:
    """Return how good a status of ``verify`` is; ``None`` where there is none."""
    return None if status is None else _RANKS[status]


def worst(statuses: list[str | None]) -> str | None:
    """Return the status of files that are used together; ``None`` where one was not judged."""
    if "failed" in statuses:
        return "failed"
    known = [each for each in statuses if each is not None]
    return min(known, key=_RANKS.__getitem__) if len(known) == len(statuses) and known else None


def state_of(status: str | None, kept: int) -> str:
    """Return the state of files from their status and the layers kept in floating point."""
    if status in {None, "checked"}:
        return "not run"
    if status != "failed" and kept:
        return "mixed"
    return str(status)
