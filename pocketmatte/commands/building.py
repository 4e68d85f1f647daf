"""``pocketmatte build``: any part of the matrix, into a bundle."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from export.recipe import RECIPES
from export.targets import TARGETS, target
from pocketmatte.commands.signing import note_stale
from pocketmatte.console import (
    Done,
    JsonFlag,
    chosen,
    finish,
    note,
    relative,
    require_at_least,
    weighed_progress,
)
from pocketmatte.request import Request
from tiers.errors import UsageError
from tiers.ladder import LADDERS, ladder
from tiers.spec import Orientation

if TYPE_CHECKING:
    from pocketmatte.build import Means
    from pocketmatte.farm.jobs import Event

_MOST_GIB = 1 << 20
_SHARE_OF_FREE = 0.8  # of the memory, for a build

OrientationOption = Annotated[
    Orientation, typer.Option(help="How the phone is held: landscape frames are wider than high.")
]
WeightsOption = Annotated[
    Path | None,
    typer.Option(help="A .safetensors weight file; the shipped weights when left out."),
]


def build_(
    out: Annotated[Path, typer.Option(help="Folder of the bundle.")] = Path("build/bundle"),
    network: Annotated[str, typer.Option(help="Networks, comma-separated, or all.")] = "all",
    tier_names: Annotated[
        str, typer.Option("--tier", help="Tiers, comma-separated, or all.")
    ] = "all",
    form: Annotated[
        str, typer.Option("--format", help=f"Of {', '.join(TARGETS)}; comma-separated, or all.")
    ] = "onnx,coreml,executorch",
    recipe: Annotated[
        str, typer.Option(help=f"Of {', '.join(RECIPES)}; comma-separated, or all.")
    ] = "fp32,fp16",
    weights: WeightsOption = None,
    orientation: OrientationOption = "landscape",
    jobs: Annotated[int, typer.Option(help="Processes that build at the same time.")] = 1,
    memory_gib: Annotated[
        float | None,
        typer.Option(
            help="GiB for all of them; without it four fifths of what is free here, on a "
            "cluster no limit."
        ),
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="Build on a Dask cluster: its address, tcp://host:port.")
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(help="Folder of what builds made before.", envvar="POCKETMATTE_CACHE"),
    ] = None,
    keep_going: Annotated[
        bool, typer.Option("--keep-going/--fail-fast", help="After a file that fails, or stop.")
    ] = True,
    as_json: JsonFlag = False,
) -> None:
    """Build any part of the matrix: networks x tiers x formats x recipes.

    What is up to date is kept: whatever decides a file's bytes (weights, row, recipe, calibration,
    versions, our own sources) is in its key. A build that is stopped, even by kill -9, goes on
    where it was when it is started again. Exits with 1 if a file failed. What each job took is in
    results/build.json.

    --cache shares files between bundles: one that was built before, for whichever, is copied. The
    folder can be deleted at any time.

    --jobs processes start as many jobs as fit in --memory-gib. With --scheduler the workers of a
    Dask cluster do the jobs; they need the same PocketMatte and libraries, and --nthreads 1.

    Examples:
        pocketmatte build --network rvm --tier t01,t04 --format onnx --recipe fp32 --out build/two

        pocketmatte build --tier all --jobs 2 --out build/matrix

        pocketmatte build --jobs 2 --cache ~/.cache/pocketmatte --out build/again

        pocketmatte build --scheduler tcp://10.0.0.5:8786 --out build/matrix
    """
    require_at_least("--jobs", jobs)
    if memory_gib is not None and not 0 < memory_gib < _MOST_GIB:  # a NaN is not
        msg = f"--memory-gib is {memory_gib}; it must be above 0 and below {_MOST_GIB}"
        raise UsageError(msg)
    formats = formats_of(form)
    requests = [
        Request(
            network=name,
            tiers=chosen(tier_names, list(ladder(name)), "tier"),
            formats=formats,
            recipes=chosen(recipe, list(RECIPES), "recipe"),
            orientation=orientation,
            weights=weights,
        )
        for name in chosen(network, list(LADDERS), "network")
    ]
    from pocketmatte.build import Means
    from pocketmatte.host import available_memory_bytes

    free = None if scheduler is not None else available_memory_bytes()  # workers have their own
    budget = None if free is None else int(free * _SHARE_OF_FREE)
    means = Means(
        jobs=jobs, scheduler=scheduler, cache=cache, keep_going=keep_going,
        memory_bytes=budget if memory_gib is None else int(memory_gib * 2**30),
    )  # fmt: skip
    finish(built(out, requests, means), as_json=as_json)


def formats_of(text: str) -> tuple[str, ...]:
    """Return the formats of an option; ``all`` means those that can be made here, and says so."""
    names = chosen(text, list(TARGETS), "format")
    if text != "all":
        return names
    missing = {name: reason for name in names if (reason := target(name).unavailable())}
    for name, reason in missing.items():
        note(f"{name} is left out: {reason}")
    return tuple(name for name in names if name not in missing)


def _by_stage(jobs: Sequence[Mapping[str, Any]]) -> str:
    """Return the seconds of all jobs of a build by stage, in words."""
    stages: dict[str, float] = {}
    for job in jobs:
        for name, seconds in job["stages"].items():
            stages[name] = stages.get(name, 0.0) + seconds
    return ", ".join(f"{name} {seconds:.0f} s" for name, seconds in sorted(stages.items()))


def nothing(requests: Sequence[Request]) -> str:
    """Return why none of the requests asks for a file."""
    networks = ", ".join(dict.fromkeys(request.network for request in requests))
    formats, recipes = (
        ", ".join(dict.fromkeys(name for names in each for name in names))
        for each in (
            [request.formats for request in requests],
            [request.recipes for request in requests],
        )
    )
    return (
        f"no program of {networks} is written as {formats} in {recipes}; coreml-image needs a "
        "picture, coreml-stateful fp16 and rvm or stfam; executorch has no w8, and images and "
        "states no eight bits: choose another --format or --recipe"
    )


def built(out: Path, requests: Sequence[Request], means: "Means | None" = None) -> Done:
    """Build every request into ``out``, with a bar and a line about what came of it."""
    from pocketmatte.build import RESULTS, Means, build
    from pocketmatte.host import peak_memory_bytes
    from pocketmatte.results import FOLDER

    started = time.monotonic()
    total = sum(len(request.paths()) for request in requests)
    if not total:
        msg = nothing(requests)
        raise UsageError(msg)
    events: list[Event] = []  # of what was asked for, and what was dropped for it
    tried = 0
    with weighed_progress("building") as bar:
        for event in build(out, requests, means or Means(), bar.begin):
            events.append(event)
            tried += event.outcome != "dropped"
            bar.advance(f"{event.path} ({tried} of {total})", event.expected_seconds)
    counts = {
        outcome: sum(event.outcome == outcome for event in events)
        for outcome in ("built", "cached", "kept", "failed")
    }
    seconds = time.monotonic() - started
    for event in events:
        if event.reason:
            note(f"{event.outcome}: {event.path}: {event.reason}")
    counted = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
    memory, jobs = peak_memory_bytes(), []
    if counts["built"]:
        jobs = json.loads((out / FOLDER / f"{RESULTS}.json").read_text(encoding="utf-8"))["jobs"]
        memory = max(memory, *(job["peak_bytes"] for job in jobs))  # each began to count anew
    note(
        f"{relative(out)}: {counted} in {seconds:.1f} s, at most {memory / 2**30:.1f} GiB a process"
    )
    if jobs:
        note(f"in sum over all processes: {_by_stage(jobs)}")
    if tried < total:
        note(f"stopped at the first failure: {total - tried} files were not tried")
    for network, names in _untrained(out).items():
        note(
            f"{network} {', '.join(names)}: untrained weights, whose files prove numbers and "
            "speed but do not matte"
        )
    result = {"out": out, "seconds": seconds, "peak_memory_bytes": memory, **counts}
    result["artifacts"] = events
    note_stale(out)
    return Done(result=result, passed=not counts["failed"])


def _untrained(out: Path) -> dict[str, list[str]]:
    """Return the tiers of a bundle that were built without trained weights, by network."""
    from export.manifest import read_manifest

    manifest = read_manifest(out)
    seeded = {entry.digest for entry in manifest.weights if entry.path is None}
    found: dict[str, set[str]] = {}
    for entry in manifest.artifacts:
        if entry.weights_digest in seeded:
            found.setdefault(entry.network, set()).add(entry.tier)
    return {network: sorted(names) for network, names in sorted(found.items())}
