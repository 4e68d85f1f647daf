"""What eight bits cost and buy, tier by tier: size, time, accuracy, and what had to be kept."""

import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from export.manifest import Artifact, Manifest
from export.recipe import RECIPES
from pocketmatte.evaluate import evaluate
from pocketmatte.groups import runnable, same_tier
from pocketmatte.metrics import MAD_SCALE
from pocketmatte.protocols.opening import bundle_tier
from pocketmatte.protocols.protocol import Measure
from pocketmatte.quantisation.damage import excess
from pocketmatte.quantisation.record import read_record
from pocketmatte.report.results import Parity, Verdict, read_latencies, read_verdicts
from pocketmatte.report.states import worst
from pocketmatte.tolerances import is_matte, limits
from tiers.contract_table import judged_of
from tiers.errors import BundleError
from tiers.ladder import tier as tier_of
from tiers.spec import TierSpec

FASTER, SMALLER = 1.1, 1.8  # than single precision: eight bits are offered from either on
REFERENCE = "fp32"

# What of a network's protocol tells damage; the others are computed from the same mattes or masks.
METRICS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "rvm": ("mad", "dtssd"),
        "stfam": ("mad", "dtssd"),
        "matanyone": ("mad", "dtssd"),
        "trimap": ("mad", "miou"),
        "foreground": ("miou", "mad"),
        "scribble": ("iou_3",),
        "propagation": ("jf",),
        "fusion": ("fused_miou",),
    }
)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One tier in one format and recipe, all its programs together; plain values, ready for JSON.

    Attributes:
        network, tier, orientation, format, recipe: What it is.
        bytes: Of its files.
        smaller: Bytes in single precision over these; ``None`` where that was not built.
        faster: Time of one step of every program in single precision over these, the fastest
            samples of one run of ``bench``; ``None`` where not timed.
        mad: Of the judged output to PyTorch's on the standard scene, from ``verify``.
        rise: Of a matte: by how much its MAD to the scene's mask is above PyTorch's there.
        flipped: Share of its values that change sides of one half there.
        drift: Error in the second lap over that in the first; ``None`` where not judged.
        status: Of ``verify``: the worst of its files; ``None`` where one of them was not judged.
        mixed: Whether blocks are kept in floating point.
        kept, layers: Convolutions kept, and all there are.
        stable: Whether what either half of the calibration set gives differs by no more than
            files may differ from PyTorch; ``None`` in floating point.
        metrics: Of the network's protocol on the given folders, by name: what the format's files in
            single precision reach and what these reach.
        faults: What of the metrics is worse than a recipe may be; see ``clip_faults``.
        offered: Whether it pays and holds: ``FASTER`` or ``SMALLER``, not failed and no fault.
    """

    network: str
    tier: str
    orientation: str
    format: str
    recipe: str
    bytes: int
    smaller: float | None
    faster: float | None
    mad: float | None
    rise: float | None
    flipped: float | None
    drift: float | None
    status: str | None
    mixed: bool
    kept: int
    layers: int
    stable: bool | None
    metrics: Mapping[str, tuple[float, float]]
    faults: tuple[str, ...]
    offered: bool


def report(
    root: Path,
    manifest: Manifest,
    folders: Mapping[str, Sequence[Measure]],
    threads: int,
    on_row: Callable[[str], None] = lambda _: None,
) -> list[Row]:
    """Return a row for each tier, format and recipe of a bundle but single precision.

    Args:
        root: The bundle; what ``verify`` and ``bench`` measured of its present files is used.
        manifest: Its manifest.
        folders: What to measure each network on, by its name; may lack any.
        threads: Of the runtimes.
        on_row: Called with each row's name.

    Raises:
        BundleError: If a file, a record or a result is missing or damaged.
        PocketMatteError: If a folder cannot be measured.
    """
    verdicts, times = verdicts_of(root), _times(root)
    rows = []
    for same in same_tier(manifest.artifacts):
        first = same[0]
        measures = folders.get(first.network, ())
        spec = tier_of(first.network, first.tier).oriented(first.frame.orientation)
        together = together_of(same)
        expected: dict[str, dict[str, float]] = {}  # by format
        for (form, recipe), files in together.items():
            if recipe == REFERENCE:
                continue
            on_row(f"{first.network} {first.tier} {form} {recipe}")
            reference = together.get((form, REFERENCE), [])
            metrics: dict[str, tuple[float, float]] = {}
            if measures and reference and not any(runnable(entry) for entry in files):
                measured = functools.partial(_measured, root, spec, measures, form, threads)
                if form not in expected:
                    expected[form] = measured(REFERENCE)
                found = measured(recipe)
                names = METRICS[spec.network]
                metrics = {name: (expected[form][name], found[name]) for name in names}
            rows.append(_row(root, files, reference, verdicts, times, metrics))
    return rows


def _row(
    root: Path,
    files: Sequence[Artifact],
    reference: Sequence[Artifact],
    verdicts: Mapping[str, Verdict],
    times: Mapping[str, float],
    metrics: Mapping[str, tuple[float, float]],
) -> Row:
    first = files[0]
    spec = tier_of(first.network, first.tier).oriented(first.frame.orientation)
    size = sum(entry.size_bytes for entry in files)
    before = sum(entry.size_bytes for entry in reference)
    whole = len(files) == len(reference)
    smaller = before / size if whole else None
    faster = None
    if whole and all(entry.sha256 in times for entry in (*files, *reference)):
        faster = sum(times[e.sha256] for e in reference) / sum(times[e.sha256] for e in files)
    judged = [verdicts.get(entry.sha256) for entry in files]
    status = worst([None if each is None else each.status for each in judged])
    figures = _figures(each.parity for each in judged if each is not None)
    kept, layers, stable = 0, 0, None
    if not RECIPES[first.recipe].floating:
        record = read_record(root, spec, first.recipe)
        stable = excess(record.stability, spec, first.recipe, spare=False) <= 1
        for program in record.programs.values():
            layers += len(program.shifts)
        kept = sum(_kept(entry) for entry in files)
    faults = tuple(clip_faults(spec, first.recipe, metrics))
    pays = (faster or 0) >= FASTER or (smaller or 0) >= SMALLER
    return Row(
        network=first.network, tier=first.tier, orientation=first.frame.orientation,
        format=first.format, recipe=first.recipe, bytes=size, smaller=smaller, faster=faster,
        **figures, status=status,
        mixed=bool(kept), kept=kept, layers=layers, stable=stable, metrics=metrics, faults=faults,
        offered=pays and status not in (None, "failed") and not faults,
    )  # fmt: skip


def _figures(parities: Iterable[Parity | None]) -> dict[str, float | None]:
    """Return what was measured of the judged output, by the names that a row has for it."""
    names = ("mad", "rise", "flipped", "drift")
    judged = next((each for each in parities if each is not None and each.judged), None)
    return {name: None if judged is None else getattr(judged, name) for name in names}


def clip_faults(
    spec: TierSpec, recipe: str, metrics: Mapping[str, tuple[float, float]]
) -> Iterator[str]:
    """Yield what a recipe's mattes lose on clips beyond its ``matte_rise`` and ``matte_flicker``.

    Args:
        spec: The tier; of one that gives masks no limit is set on clips.
        recipe: Name of the recipe.
        metrics: By name, in single precision and in the recipe, in published scale.
    """
    if not (is_matte(judged_of(spec)) and {"mad", "dtssd"} <= metrics.keys()):
        return
    (mad, mad_here), (dtssd, dtssd_here) = metrics["mad"], metrics["dtssd"]
    rise = (mad_here - mad) / MAD_SCALE
    flicker = dtssd_here / dtssd - 1 if dtssd else 0.0
    for what, value, most in limits(recipe).worse(judged_of(spec), rise, flicker):
        if value > most:
            yield f"{what} {judged_of(spec)} on the clips is {value:.1e}; the limit is {most:.1e}"


def _kept(entry: Artifact) -> int:
    kept = entry.notes.get("kept")
    if not isinstance(kept, Mapping):
        msg = f"the manifest does not say what {entry.path} keeps; build it again"
        raise BundleError(msg)
    return len(kept)


def together_of(artifacts: Sequence[Artifact]) -> dict[tuple[str, str], list[Artifact]]:
    """Return the artifacts of one tier by format and recipe."""
    found: dict[tuple[str, str], list[Artifact]] = {}
    for entry in artifacts:
        found.setdefault((entry.format, entry.recipe), []).append(entry)
    return found


def _measured(
    root: Path, spec: TierSpec, measures: Sequence[Measure], form: str, threads: int, recipe: str
) -> dict[str, float]:
    opened = functools.partial(bundle_tier, bundle=root, form=form, recipe=recipe, threads=threads)
    return evaluate(spec.network, spec.name, measures, opened).mean


def verdicts_of(root: Path) -> dict[str, Verdict]:
    """Return what ``verify`` found of each file, by its SHA-256.

    Raises:
        BundleError: If the results are damaged.
    """
    held = read_verdicts(root)
    return {} if held is None else {each.sha256: each for each in held.artifacts}


def _times(root: Path) -> dict[str, float]:
    held = read_latencies(root)
    rows = () if held is None else held.latencies
    return {each.sha256: each.min_ms for each in rows if each.sha256 is not None}
