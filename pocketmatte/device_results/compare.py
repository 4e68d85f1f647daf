"""Two sets of results, before and after: what became worse, better, or cannot be told."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from pocketmatte.device_results.adding import files_of
from pocketmatte.device_results.figures import Figure, figures
from pocketmatte.device_results.pairs import Paired, device_name, pair, subject_name
from pocketmatte.device_results.reading import Kept, read_kept
from pocketmatte.device_results.store import chosen_runs, is_store, read_store
from pocketmatte.device_results.words import shown
from pocketmatte.harness.result import Result
from tiers.errors import BundleError, UsageError

SMALLEST_PERCENT = 3.0
_MOST_PERCENT = 100.0


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Results of one side.

    Attributes:
        kept: Those that can be read.
        refused: One line for each file that cannot.
    """

    kept: tuple[Kept, ...]
    refused: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """Two runs and what became of their figures.

    Attributes:
        device, process: Where both ran.
        subject: Network, tier, format and recipe.
        before, after: Names of the runs.
        figures: Of them; regressions first.
        notes: What else is otherwise, and may be the reason.
    """

    device: str
    process: str
    subject: str
    before: str
    after: str
    figures: tuple[Figure, ...]
    notes: tuple[str, ...]

    @property
    def regressions(self) -> int:
        """Number of figures that became worse."""
        return sum(figure.regression for figure in self.figures)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Apart:
    """Runs that are not compared: ``before`` or ``after`` is ``None`` where there is none."""

    device: str
    subject: str
    before: str | None
    after: str | None
    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Both sides.

    Attributes:
        smallest_percent: Change of a median latency that counts.
        compared: Pairs, those with regressions first.
        apart: Runs that are not compared, and why.
        older: Number of runs left out, since a newer one of the same is there.
    """

    smallest_percent: float
    compared: tuple[Compared, ...]
    apart: tuple[Apart, ...]
    older: int

    @property
    def regressions(self) -> int:
        """Number of figures that became worse."""
        return sum(each.regressions for each in self.compared)


def read_source(path: Path, run: str | None, option: str) -> Source:
    """Return the results of a file, a folder or a store.

    Args:
        path: The file or folder.
        run: Of a run alone, by its name or what begins it; ``None`` for all.
        option: That gave the run, for messages.

    Raises:
        UsageError: If there is nothing, or no such run.
        BundleError: If a file that was given itself cannot be read.
    """
    refused: list[str] = []
    if path.is_dir() and is_store(path):
        shelf = read_store(path)
        kept = list(shelf.kept.values())
        refused += shelf.faults.values()
    elif path.is_dir():
        kept = []
        for file in files_of([path]):
            try:
                kept.append(read_kept(file))
            except BundleError as error:
                refused.append(str(error))
    else:
        kept = [read_kept(file) for file in files_of([path])]
    if run is not None:
        kept = chosen_runs(kept, run, option)
    return Source(kept=tuple(kept), refused=tuple(refused))


def compare(
    before: Sequence[Kept], after: Sequence[Kept], smallest_percent: float = SMALLEST_PERCENT
) -> Comparison:
    """Compare what two sides have in common.

    Raises:
        UsageError: If the percentage cannot be one.
    """
    if not 0 < smallest_percent <= _MOST_PERCENT:
        msg = f"--smallest is {smallest_percent}; it must be above 0 and at most {_MOST_PERCENT:g}"
        raise UsageError(msg)
    paired = pair(before, after)
    compared = [
        _compared(old.result, new.result, smallest_percent / 100) for old, new in paired.pairs
    ]
    compared.sort(key=lambda each: (-each.regressions, each.device, each.process, each.subject))
    return Comparison(
        smallest_percent=smallest_percent,
        compared=tuple(compared),
        apart=tuple(_apart(paired)),
        older=paired.older,
    )


def _compared(before: Result, after: Result, smallest: float) -> Compared:
    found = figures(before, after, smallest)
    return Compared(
        device=device_name(after),
        process=after.execution.process,
        subject=subject_name(after),
        before=before.run_id,
        after=after.run_id,
        figures=tuple(sorted(found, key=lambda figure: not figure.regression)),
        notes=tuple(_notes(before, after)),
    )


def _notes(before: Result, after: Result) -> list[str]:
    versions = {
        "runtime": (before.execution.runtime_version, after.execution.runtime_version),
        before.tool.name: (before.tool.version, after.tool.version),
    }
    notes = [
        shown(f"{what} {old or 'unknown'}, then {new or 'unknown'}")
        for what, (old, new) in versions.items()
        if old != new
    ]
    if before.subject.weights_digest != after.subject.weights_digest:
        notes.append("other weights")
    return notes


def _apart(paired: Paired) -> list[Apart]:
    found = [
        Apart(
            device=device_name(each.before.result), subject=subject_name(each.before.result),
            before=each.before.result.run_id, after=each.after.result.run_id, reason=each.reason,
        )
        for each in paired.refusals
    ]  # fmt: skip
    for side, alone in (("before", paired.only_before), ("after", paired.only_after)):
        for each in alone:
            runs = {"before": None, "after": None, side: each.result.run_id}
            found.append(
                Apart(
                    device=device_name(each.result), subject=subject_name(each.result),
                    before=runs["before"], after=runs["after"], reason=f"{side} alone",
                )
            )  # fmt: skip
    return found
