"""All that the page shows of a bundle, read from its files."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from export.manifest import Manifest
from pocketmatte.bundle import read_bundle
from pocketmatte.report.cells import Column, Place, Row, columns_of, rows_of, state_at
from pocketmatte.report.compare import Comparison, compare
from pocketmatte.report.results import (
    Latencies,
    Verdict,
    Verdicts,
    read_evaluations,
    read_latencies,
    read_other_verdicts,
    read_verdicts,
)
from pocketmatte.report.states import STATES
from pocketmatte.report.thumbnails import Thumbnail
from tiers.cost import Cost, cost
from tiers.errors import BundleError, PocketMatteError
from tiers.ladder import tier as tier_of

_MOST_BYTES = 2**50  # of a file: sums of more are no plain numbers any more


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Extra:
    """A package of several files, or a reference trace.

    Attributes:
        path: Inside the bundle.
        kind: What it is.
        size_bytes: Of all its files.
        status: Of ``verify``; ``None`` where it was not judged.
        reasons: Why it failed.
    """

    path: str
    kind: str
    size_bytes: int
    status: str | None
    reasons: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What the page is made of.

    Attributes:
        name: Of the bundle's folder.
        manifest: Its manifest.
        columns: Formats and recipes.
        rows: Tiers.
        verdicts: What ``verify`` found; ``None`` before it ran.
        others: What it found in other runtimes.
        latencies: What ``bench`` measured; ``None`` before it ran.
        extras: Packages and traces.
        costs: Of each tier, where this version knows it.
        comparison: With an earlier build, where one was given.
        evaluated: Folders of clips that truth was measured on, by network.
        thumbnails: Pictures by tier; empty where none were asked for.
    """

    name: str
    manifest: Manifest
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    verdicts: Verdicts | None
    others: tuple[Verdicts, ...]
    latencies: Latencies | None
    extras: tuple[Extra, ...]
    costs: Mapping[Place, Cost]
    comparison: Comparison | None
    evaluated: Mapping[str, Sequence[str]]
    thumbnails: Mapping[Place, Thumbnail] = dataclasses.field(default_factory=dict)

    @property
    def states(self) -> dict[str, int]:
        """Number of the matrix' cells by state."""
        shown = [state_at(row, column).name for row in self.rows for column in self.columns]
        return {name: shown.count(name) for name in STATES}

    @property
    def files(self) -> dict[str, int]:
        """Number of files by the status of ``verify``, ``not run`` where there is none."""
        judged = _judged(self.verdicts)
        statuses = [
            found.status if (found := judged.get((entry.path, entry.sha256))) else "not run"
            for entry in self.manifest.artifacts
        ]
        return {name: statuses.count(name) for name in sorted(set(statuses))}


def gathered(
    root: Path,
    *,
    against: Path | None = None,
    evaluations: Sequence[Path] = (),
    on_tier: Callable[[str], None] = lambda _: None,
) -> Report:
    """Read a bundle, its results, and those of an earlier build.

    Args:
        root: The bundle.
        against: The earlier build.
        evaluations: Files that hold what ``evaluate --json`` printed.
        on_tier: Called with its name after each tier was counted.

    Raises:
        BundleError: If a manifest or a result is missing, damaged, or empty.
    """
    manifest = _read(root)
    verdicts, latencies = read_verdicts(root), read_latencies(root)
    others = read_other_verdicts(root)
    measured = read_evaluations(evaluations)
    rows = rows_of(manifest, verdicts, latencies, measured)
    comparison = None
    if against is not None:
        earlier, earlier_latencies = _read(against), read_latencies(against)
        earlier_rows = rows_of(earlier, read_verdicts(against), earlier_latencies)
        comparison = compare(_name(against), earlier_rows, rows, (earlier_latencies, latencies))
    costs = {}
    for row in rows:
        if (counted := _cost(row)) is not None:
            costs[row.place] = counted
        on_tier(f"{row.network} {row.name}")
    return Report(
        name=_name(root),
        manifest=manifest,
        columns=tuple(columns_of(manifest.artifacts)),
        rows=tuple(rows),
        verdicts=verdicts,
        others=tuple(others),
        latencies=latencies,
        extras=tuple(_extras(manifest, verdicts)),
        costs=costs,
        comparison=comparison,
        evaluated={
            each.network: sorted({clip.clip for other in measured for clip in other.clips
                                  if other.network == each.network})
            for each in measured
        },
    )  # fmt: skip


def _read(root: Path) -> Manifest:
    manifest = read_bundle(root)
    sizes = {entry.path: entry.size_bytes for entry in manifest.artifacts}
    sizes |= {package.path: package.size_bytes for package in manifest.packages}
    sizes |= {trace.path: trace.size_bytes for trace in manifest.traces}
    for path, size_bytes in sizes.items():
        if not 0 <= size_bytes <= _MOST_BYTES:
            limits = f"it must be 0 to {_MOST_BYTES}"
            msg = (
                f"the manifest of {root} gives {path} {size_bytes} bytes; {limits}: build it again"
            )
            raise BundleError(msg)
    return manifest


def _name(root: Path) -> str:
    return root.resolve().name or "bundle"


def _cost(row: Row) -> Cost | None:
    """Return what a tier costs; ``None`` of one that this version does not have."""
    try:
        spec = tier_of(row.network, row.tier)
        return cost(spec.oriented("portrait" if row.orientation == "portrait" else "landscape"))
    except PocketMatteError:
        return None


def _judged(verdicts: Verdicts | None) -> dict[tuple[str, str], Verdict]:
    return {(each.path, each.sha256): each for each in verdicts.artifacts} if verdicts else {}


def _extras(manifest: Manifest, verdicts: Verdicts | None) -> list[Extra]:
    judged = _judged(verdicts)
    held = [
        (entry, f"package of {len(entry.functions)} functions") for entry in manifest.packages
    ] + [(trace, f"trace of {trace.frames} frames") for trace in manifest.traces]
    extras = []
    for entry, kind in held:
        found = judged.get((entry.path, entry.sha256))
        extras.append(
            Extra(
                path=entry.path,
                kind=kind,
                size_bytes=entry.size_bytes,
                status=found.status if found else None,
                reasons=found.reasons if found else (),
            )
        )
    return extras
