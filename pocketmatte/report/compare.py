"""What became worse, better, or came and went since an earlier build."""

import dataclasses
import functools
from collections.abc import Iterator, Sequence

from pocketmatte.report.cells import Cell, Column, Place, Row
from pocketmatte.report.results import Latencies
from pocketmatte.report.states import rank
from pocketmatte.report.words import decibels, milliseconds, plural, size

# What is less than this is told of neither way: the last digits of a PSNR differ by the processor,
# sizes by a name inside a file, and a median by a tenth from run to run on a shared machine.
FIDELITY_DB = 0.5
SIZE_SHARE = 0.005
LATENCY_SHARE = 0.1
_EQUAL_DB = 200.0  # above what single precision reaches, for files that do not differ at all


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One figure of one cell that changed.

    Attributes:
        place: Network, tier and orientation.
        column: Format and recipe.
        what: ``verdict``, ``programs``, ``fidelity``, ``size``, ``latency`` or ``kept layers``.
        before, after: As people read them.
        worse: Whether it is a regression.
        weight: How much it matters beside others of its kind; more is told first.
        gain: By how much the figure grew, in its unit; ``None`` of a verdict.
        told: The gain as people read it.
        reason: Of a verdict, why.
    """

    place: Place
    column: Column
    what: str
    before: str
    after: str
    worse: bool
    weight: float
    gain: float | None = None
    told: str = ""
    reason: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """A build beside an earlier one.

    Attributes:
        name: Of the earlier one.
        regressions, improvements: Verdicts first, the largest of a kind first.
        added, removed: Cells that only one of them has.
        lost: Of those removed, what held before: a file that fails to build is in no manifest.
        alike: Cells of both of which nothing is told.
        notes: What was not compared, and why.
    """

    name: str
    regressions: tuple[Change, ...]
    improvements: tuple[Change, ...]
    added: tuple[tuple[Place, Column], ...]
    removed: tuple[tuple[Place, Column], ...]
    lost: tuple[tuple[Place, Column], ...]
    alike: int
    notes: tuple[str, ...]


_KINDS = ("verdict", "programs", "fidelity", "size", "latency", "kept layers")


def compare(
    name: str,
    before: Sequence[Row],
    after: Sequence[Row],
    latencies: tuple[Latencies | None, Latencies | None],
) -> Comparison:
    """Compare what two builds have in common.

    Args:
        name: Of the earlier build.
        before: Its rows.
        after: Those of the present one.
        latencies: Of both builds, in that order; times are compared where one machine, with the
            same libraries and threads, measured both.
    """
    old, new = _cells(before), _cells(after)
    common = [key for key in new if key in old]
    untimed = _incomparable(*latencies)
    changes: list[Change] = []
    alike = unjudged = 0
    for key in common:
        found = list(_changes(key, old[key], new[key], timed=untimed is None))
        alike += not found
        unjudged += None in (old[key].status, new[key].status)
        changes += found
    notes = [untimed] if untimed else []
    if unjudged:
        notes.append(
            f"verdicts of {plural(unjudged, 'cell')} were not compared: not verified in both"
        )
    if reweighted := _reweighted(before, after):
        notes.append(f"made from other weights: {', '.join(reweighted)}")
    removed = tuple(key for key in old if key not in new)
    changes.sort(key=lambda change: (_KINDS.index(change.what), -change.weight))
    return Comparison(
        name=name,
        regressions=tuple(change for change in changes if change.worse),
        improvements=tuple(change for change in changes if not change.worse),
        added=tuple(key for key in new if key not in old),
        removed=removed,
        lost=tuple(key for key in removed if rank(old[key].status)),
        alike=alike,
        notes=tuple(notes),
    )


def _cells(rows: Sequence[Row]) -> dict[tuple[Place, Column], Cell]:
    return {(row.place, column): cell for row in rows for column, cell in row.cells.items()}


def _changes(key: tuple[Place, Column], old: Cell, new: Cell, *, timed: bool) -> Iterator[Change]:
    change = functools.partial(Change, place=key[0], column=key[1])
    was, now = rank(old.status), rank(new.status)
    if was is not None and now is not None and was != now:
        yield change(
            what="verdict",
            before=str(old.status),
            after=str(new.status),
            worse=now < was,
            weight=abs(now - was),
            reason=next(iter(new.reasons), "") if now < was else "",
        )
    programs, held = _programs(old), _programs(new)
    if programs != held:  # sums over other programs are no comparison
        yield change(
            what="programs", before=", ".join(programs), after=", ".join(held),
            worse=not set(programs) <= set(held), weight=len(programs),
        )  # fmt: skip
        return
    if old.parity and new.parity and old.parity.psnr_db and new.parity.psnr_db:
        gained = _decibels(new) - _decibels(old)
        if abs(gained) >= FIDELITY_DB:
            told = "" if old.equal or new.equal else f"{gained:+.1f} dB"
            yield change(
                what="fidelity", before=_shown(old), after=_shown(new), worse=gained < 0,
                weight=abs(gained), gain=gained, told=told,
            )  # fmt: skip
    grown = _grown(old.size_bytes, new.size_bytes)
    if abs(grown) >= SIZE_SHARE:
        yield change(
            what="size", before=size(old.size_bytes), after=size(new.size_bytes),
            worse=grown > 0, weight=abs(grown), gain=grown, told=f"{100 * grown:+.1f} %",
        )  # fmt: skip
    if timed and old.p50_ms is not None and new.p50_ms is not None:
        slower = _grown(old.p50_ms, new.p50_ms)
        if abs(slower) >= LATENCY_SHARE:
            yield change(
                what="latency", before=milliseconds(old.p50_ms), after=milliseconds(new.p50_ms),
                worse=slower > 0, weight=abs(slower), gain=slower, told=f"{100 * slower:+.0f} %",
            )  # fmt: skip
    if more := new.kept - old.kept:
        yield change(
            what="kept layers", before=str(old.kept), after=str(new.kept), worse=more > 0,
            weight=abs(more), gain=more, told=f"{more:+d}",
        )  # fmt: skip


def _programs(cell: Cell) -> list[str]:
    return sorted(entry.program for entry in cell.files)


def _decibels(cell: Cell) -> float:
    return _EQUAL_DB if cell.psnr_db is None else cell.psnr_db


def _shown(cell: Cell) -> str:
    return "equal" if cell.psnr_db is None else decibels(cell.psnr_db)


def _grown(before: float, after: float) -> float:
    """Return by what share a figure grew."""
    if before <= 0:
        return 0.0 if after <= 0 else 1.0
    return after / before - 1


def _incomparable(before: Latencies | None, after: Latencies | None) -> str | None:
    """Return why latencies are not compared, or ``None``."""
    if before is None or after is None or not (before.latencies and after.latencies):
        return "latencies were not compared: not measured in both builds"
    held = [_facts(each) for each in (before, after)]
    if held[0] == held[1] and all(len(values) == 1 for values in held[0].values()):
        return None
    facts = {name: [each.get(name, set()) for each in held] for name in held[0] | held[1]}
    apart = [
        f"{name} {', '.join(sorted(old)) or 'unknown'}, now {', '.join(sorted(new)) or 'unknown'}"
        for name, (old, new) in facts.items()
        if old != new or len(old) > 1
    ]
    return f"latencies were not compared, measured otherwise: {'; '.join(apart)}"


def _facts(latencies: Latencies) -> dict[str, set[str]]:
    """Return what the times of a build depend on beside its files."""
    facts: dict[str, set[str]] = {}
    for each in latencies.latencies:
        for name, value in (*each.host.items(), ("threads", each.threads_requested)):
            facts.setdefault(name, set()).add(str(value))
    return facts


def _reweighted(before: Sequence[Row], after: Sequence[Row]) -> list[str]:
    old = {row.place: row.weights for row in before}
    changed = {row.network for row in after if old.get(row.place, row.weights) != row.weights}
    return sorted(changed)
