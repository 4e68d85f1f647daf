"""What became of one test, as the plugin writes it and the command reads it: a line of JSON."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, TypeAlias, get_args

Outcome: TypeAlias = Literal["passed", "unevaluated", "refused", "failed", "stopped", "skipped"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One test of coremltools.

    Attributes:
        test: Its name, from its file's path in coremltools on.
        outcome: ``passed``: it ran programs, and what they gave is right. ``unevaluated``: it
            passed and ran none. ``refused``: the evaluator refused an operation or a value.
            ``failed``: otherwise, and it ran a program. ``stopped``: it failed before it ran any.
            ``skipped``: its own marks skip it or expect it to fail.
        reason: The error that ended it, in one line; else empty.
        unexpected: Whether it passed though its marks expect Core ML to fail.
        half: Whether a program declares half precision.
        widened: Whether it passed only within half precision's tolerance.
        departure: The largest departure where half precision is declared; see ``tolerance``.
        kinds: The operations that its programs consist of.
        seconds: What it took of a processor.
    """

    test: str
    outcome: Outcome
    reason: str
    unexpected: bool
    half: bool
    widened: bool
    departure: float
    kinds: tuple[str, ...]
    seconds: float


def line(case: Case) -> str:
    """Return a case as a line of JSON."""
    return json.dumps(dataclasses.asdict(case), allow_nan=False) + "\n"


def read(path: Path) -> Iterator[Case]:
    """Yield the cases of a report; a last line that is being written is left out."""
    for text in path.read_text(encoding="utf-8").splitlines(keepends=True):
        if text.endswith("\n"):
            fields = json.loads(text)
            yield Case(**{**fields, "kinds": tuple(fields["kinds"])})
