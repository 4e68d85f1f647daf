"""``pocketmatte pack``: the Core ML files of a tier in one package that holds weights once."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pocketmatte.commands.signing import note_stale
from pocketmatte.console import Done, JsonFlag, chosen, finish, note, progress, relative, table

if TYPE_CHECKING:
    from rich.table import Table

    from pocketmatte.pack import Packed

_OUTCOMES = ("packed", "kept", "skipped", "failed")


def pack_(
    bundle: Annotated[Path, typer.Argument(help="Folder that pocketmatte build wrote.")],
    network: Annotated[str, typer.Option(help="Networks, comma-separated, or all.")] = "all",
    tier_names: Annotated[
        str, typer.Option("--tier", help="Tiers, comma-separated, or all.")
    ] = "all",
    recipe: Annotated[str, typer.Option(help="Recipes, comma-separated, or all.")] = "all",
    as_json: JsonFlag = False,
) -> None:
    """Merge the Core ML files of each tier into one package for iOS 18 and newer.

    The package lies beside them as all-RECIPE.mlpackage. Each file becomes a function: read, and
    read_portrait where the bundle holds both orientations; an app names one when it loads the model
    (MLModelConfiguration.functionName). Weights that functions share are stored once. The files
    themselves stay: they run from iOS 16 on, and those of other formats are not packed. What is up
    to date is kept; pocketmatte build drops a package when a file in it changes. pocketmatte verify
    holds every function, to the bit, to the file it came from. A tier of a single file is skipped.
    Exits with 1 if a package cannot be made.

    Examples:
        pocketmatte pack build/bundle

        pocketmatte pack build/bundle --network propagation --tier t04 --recipe fp16 --json
    """
    finish(packed(bundle, network, tier_names, recipe), as_json=as_json)


def packed(bundle: Path, network: str, tier_names: str, recipe: str) -> Done:
    """Pack with a bar, and say what came of it."""
    from pocketmatte.bundle import read_bundle
    from pocketmatte.pack import Part, pack, packable

    started = time.monotonic()
    artifacts = read_bundle(bundle).artifacts
    part = Part(
        networks=chosen(network, sorted({a.network for a in artifacts}), "network of this bundle"),
        tiers=chosen(tier_names, sorted({a.tier for a in artifacts}), "tier of this bundle"),
        recipes=chosen(recipe, sorted({a.recipe for a in artifacts}), "recipe of this bundle"),
    )
    events = []
    with progress(len(packable(artifacts, part)), "packing") as advance:
        for event in pack(bundle, part):
            events.append(event)
            advance(event.path)
    for event in events:
        if event.reason:
            note(f"{event.outcome}: {event.path}: {event.reason}")
    counts = {name: sum(event.outcome == name for event in events) for name in _OUTCOMES}
    counted = ", ".join(f"{count} {name}" for name, count in counts.items())
    seconds = time.monotonic() - started
    note(f"{relative(bundle)}: {counted} in {seconds:.1f} s")
    result = {"bundle": bundle, "seconds": seconds, **counts, "packages": events}
    note_stale(bundle)
    return Done(result=result, table=_table(events), passed=not counts["failed"])


def _table(events: "Sequence[Packed]") -> "Table | None":
    cells = [
        (
            event.path,
            ", ".join(event.functions),
            _megabytes(event.size_bytes),
            _megabytes(event.apart_bytes),
        )
        for event in sorted(events, key=lambda event: event.path)
        if event.functions
    ]
    return table("", ("package", "functions", "MB", "MB as files"), cells) if cells else None


def _megabytes(size_bytes: int | None) -> str | None:
    return None if size_bytes is None else f"{size_bytes / 1e6:.2f}"
