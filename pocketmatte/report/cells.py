"""A bundle as the page shows it: a row for each tier, a cell for each format and recipe."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from export.manifest import Artifact, Manifest
from export.recipe import RECIPES
from export.targets import TARGETS
from pocketmatte.report.results import Evaluation, Latencies, Latency, Parity, Verdict, Verdicts
from pocketmatte.report.states import STATES, State, state_of, worst
from tiers.contract_table import PROGRAMS
from tiers.ladder import LADDERS

Column: TypeAlias = tuple[str, str]  # format, recipe
Place: TypeAlias = tuple[str, str, str]  # network, tier, orientation
_SHIPPED = {target.runtime: name for name, target in reversed(list(TARGETS.items()))}


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """All programs of a tier in one format and recipe.

    Attributes:
        column: Format and recipe.
        files: Entries of the manifest.
        missing: Programs of the network that were not built so.
        status: Of ``verify``, the worst of the files; ``None`` where one was not judged.
        state: What the matrix shows.
        reasons: Why it failed or was not run.
        notes: Of values close to what half precision holds.
        parity: Of the program whose output people see.
        kept: Convolutions kept in floating point.
        p50_ms, p90_ms: Percentiles of one step, added over the programs; ``None`` where not all
            were timed.
        instructions: Of a frame of all programs, on an emulated processor.
        truth: Of the network's protocol, by metric; empty where it was not evaluated.
    """

    column: Column
    files: tuple[Artifact, ...]
    missing: tuple[str, ...]
    status: str | None
    state: State
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    parity: Parity | None
    kept: int
    p50_ms: float | None
    p90_ms: float | None
    instructions: int | None
    truth: Mapping[str, float]

    @property
    def size_bytes(self) -> int:
        """Bytes of all files."""
        return sum(entry.size_bytes for entry in self.files)

    @property
    def psnr_db(self) -> float | None:
        """PSNR of what people see; ``None`` where it was not measured or nothing differs."""
        return self.parity.psnr_db.get(self.parity.judged or "") if self.parity else None

    @property
    def equal(self) -> bool:
        """Whether what people see is PyTorch's bit for bit."""
        return self.parity is not None and self.status != "failed" and self.psnr_db is None

    @property
    def drift(self) -> float | None:
        """Error in the second lap over that in the first."""
        return self.parity.drift if self.parity else None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One tier.

    Attributes:
        network, tier, orientation: Its place.
        working_hw, output_hw: Sizes of frames, in pixels.
        weights: Digests of what its files were made from.
        cells: By format and recipe; what is not there was not built.
        torch_p50_ms, torch_p90_ms: Of PyTorch eager, like a cell's.
        torch_truth: What PyTorch reaches on clips, like a cell's.
    """

    network: str
    tier: str
    orientation: str
    working_hw: tuple[int, ...]
    output_hw: tuple[int, ...]
    weights: frozenset[str]
    cells: Mapping[Column, Cell]
    torch_p50_ms: float | None
    torch_p90_ms: float | None
    torch_truth: Mapping[str, float]

    @property
    def place(self) -> Place:
        """Network, tier and orientation."""
        return self.network, self.tier, self.orientation

    @property
    def name(self) -> str:
        """The tier as people name it beside its network."""
        return self.tier if self.orientation == "landscape" else f"{self.tier} {self.orientation}"


def columns_of(artifacts: Sequence[Artifact]) -> list[Column]:
    """Return the formats and recipes that a bundle has, in the order of their tables."""

    def order(column: Column) -> tuple[object, ...]:
        return *_order(list(TARGETS), column[0]), *_order(list(RECIPES), column[1])

    return sorted({(entry.format, entry.recipe) for entry in artifacts}, key=order)


def rows_of(
    manifest: Manifest,
    verdicts: Verdicts | None,
    latencies: Latencies | None,
    evaluations: Sequence[Evaluation] = (),
) -> list[Row]:
    """Return a row for each tier of a bundle, in the order of networks and tiers.

    Args:
        manifest: Of the bundle.
        verdicts: What ``verify`` found; a verdict of an older file is passed over.
        latencies: What ``bench`` measured; likewise.
        evaluations: What ``evaluate`` measured; of other weights, likewise.
    """
    judged = {(each.path, each.sha256): each for each in verdicts.artifacts} if verdicts else {}
    older = {each.path for each in verdicts.artifacts} if verdicts else set()
    timed = {each.sha256: each for each in latencies.latencies if each.sha256} if latencies else {}
    tiers: dict[Place, list[Artifact]] = {}
    for entry in manifest.artifacts:
        at: Place = (entry.network, entry.tier, entry.frame.orientation)
        tiers.setdefault(at, []).append(entry)
    rows = []
    for place in sorted(tiers, key=_place_order):
        entries = tiers[place]
        weights = frozenset(entry.weights_digest for entry in entries)
        truths = _truths(evaluations, place, weights)
        together: dict[Column, list[Artifact]] = {}
        for entry in entries:
            together.setdefault((entry.format, entry.recipe), []).append(entry)
        alone = sum(each[:2] == place[:2] for each in tiers) == 1
        torch = _torch_latencies(latencies, place) if alone else []
        rows.append(
            Row(
                network=place[0],
                tier=place[1],
                orientation=place[2],
                working_hw=tuple(entries[0].frame.working_hw),
                output_hw=tuple(entries[0].frame.output_hw),
                weights=weights,
                cells={
                    column: _cell(column, files, judged, older, timed, truths.get(column, {}))
                    for column, files in together.items()
                },
                torch_p50_ms=_added([each.p50_ms for each in torch]),
                torch_p90_ms=_added([each.p90_ms for each in torch]),
                torch_truth=truths.get(("torch", ""), {}),
            )
        )
    return rows


def state_at(row: Row, column: Column) -> State:
    """Return what the matrix shows of a tier in a format and recipe."""
    cell = row.cells.get(column)
    return STATES["not built"] if cell is None else cell.state


def _cell(
    column: Column,
    files: Sequence[Artifact],
    judged: Mapping[tuple[str, str], Verdict],
    older: set[str],
    timed: Mapping[str, Latency],
    truth: Mapping[str, float],
) -> Cell:
    found = [judged.get((entry.path, entry.sha256)) for entry in files]
    reasons: list[str] = []
    for entry, verdict in zip(files, found, strict=True):
        if verdict is not None:
            reasons += [f"{entry.program}: {reason}" for reason in verdict.reasons]
        elif entry.path in older:
            reasons.append(f"{entry.program}: changed since it was verified")
    status = worst([None if each is None else each.status for each in found])
    parities = [each.parity for each in found if each is not None and each.parity is not None]
    kept = sum(_kept(entry) for entry in files)
    latencies = [timed[entry.sha256] for entry in files if entry.sha256 in timed]
    whole = len(latencies) == len(files)
    counted = [each.instructions_per_frame for each in latencies if each.instructions_per_frame]
    programs = PROGRAMS.get(files[0].network, ())
    return Cell(
        column=column,
        files=tuple(files),
        missing=tuple(sorted(set(programs) - {entry.program for entry in files})),
        status=status,
        state=STATES[state_of(status, kept)],
        reasons=tuple(dict.fromkeys(reasons)),
        notes=tuple(dict.fromkeys(note for parity in parities for note in parity.notes)),
        parity=next((each for each in parities if each.judged is not None), None),
        kept=kept,
        p50_ms=_added([each.p50_ms for each in latencies]) if whole else None,
        p90_ms=_added([each.p90_ms for each in latencies]) if whole else None,
        # a frame of all programs stands in the row of each
        instructions=max(counted, default=None),
        truth=truth,
    )


def _kept(entry: Artifact) -> int:
    kept = entry.notes.get("kept")
    return len(kept) if isinstance(kept, Mapping | list) else 0


def _torch_latencies(latencies: Latencies | None, place: Place) -> list[Latency]:
    """Return PyTorch's rows of a tier; they do not say of which orientation they are."""
    rows = [
        each
        for each in (latencies.latencies if latencies else ())
        if each.path is None and (each.network, each.tier) == place[:2]
    ]
    return rows if len({each.program for each in rows}) == len(rows) else []


def _added(values: Sequence[float]) -> float | None:
    return sum(values) if values else None


def _truths(
    evaluations: Sequence[Evaluation], place: Place, weights: frozenset[str]
) -> dict[Column, Mapping[str, float]]:
    """Return what was evaluated of a tier, by format and recipe; PyTorch is ``torch``."""
    found: dict[Column, Mapping[str, float]] = {}
    for each in evaluations:
        if (each.network, each.tier) != place[:2] or each.mean is None:
            continue
        if each.weights.digest not in weights:
            continue
        if each.recipe is None:
            found["torch", ""] = each.mean.metrics
        elif each.runtime in _SHIPPED:
            found[_SHIPPED[each.runtime], each.recipe] = each.mean.metrics
    return found


def _place_order(place: Place) -> tuple[object, ...]:
    network, tier, orientation = place
    return *_order(list(LADDERS), network), tier, orientation


def _order(known: Sequence[str], name: str) -> tuple[int, str]:
    return (known.index(name), "") if name in known else (len(known), name)
