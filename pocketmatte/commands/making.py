"""``pocketmatte import``, ``export`` and ``build``: from weights to files."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from export.recipe import RECIPES
from export.targets import TARGETS, target
from pocketmatte.commands.signing import note_stale
from pocketmatte.console import (
    Done,
    JsonFlag,
    chosen,
    emit,
    finish,
    note,
    progress,
    relative,
    require_at_least,
    table,
)
from pocketmatte.request import Request
from tiers.errors import UsageError
from tiers.ladder import LADDERS, ladder, tier
from tiers.spec import Orientation

OrientationOption = Annotated[
    Orientation, typer.Option(help="How the phone is held: landscape frames are wider than high.")
]
WeightsOption = Annotated[
    Path | None,
    typer.Option(help="A .safetensors weight file; the shipped weights when left out."),
]


def import_(
    network: Annotated[str, typer.Argument(help="Name of the network.")],
    file: Annotated[Path, typer.Argument(help="The official checkpoint (.pth).")],
    out: Annotated[Path, typer.Option(help="The .safetensors file to write.")],
    as_json: JsonFlag = False,
) -> None:
    """Turn an official checkpoint into a weight file, checked key by key.

    The file is read without running anything it holds; keys, shapes and values must all be right.
    Its licence stays what it was.

    Examples:
        pocketmatte import rvm rvm_mobilenetv3.pth --out rvm_mobilenetv3.safetensors
    """
    ladder(network)
    if out.suffix != ".safetensors":
        msg = f"--out is {out}; weights are written as .safetensors: give such a name"
        raise UsageError(msg)
    from tiers.checkpoint import digest, read_pytorch, write_safetensors
    from tiers.official import recognise
    from tiers.weights import PLAIN_FORMAT

    layout, tensors = recognise(network, read_pytorch(file))
    metadata = {
        "format": PLAIN_FORMAT,
        "network": network,
        "origin": f"imported official checkpoint {layout.name}: {file.name}",
        "licence": layout.licence,
        "source": layout.source,
    }
    write_safetensors(out, tensors, metadata)
    result = {
        "network": network,
        "variant": layout.name,
        "tier": layout.tier,
        "tensors": len(tensors),
        "digest": digest(tensors),
        "out": out,
        "licence": layout.licence,
        "source": layout.source,
    }
    rows = list(result.items())
    emit(result, table("", ("imported", ""), rows), as_json=as_json)


def export_(
    network: Annotated[str, typer.Argument(help="Name of the network.")],
    tier_name: Annotated[str, typer.Option("--tier", help="One tier, t01 to t12.")],
    out: Annotated[Path, typer.Option(help="A file with the format's ending, or a bundle folder.")],
    form: Annotated[str, typer.Option("--format", help=", ".join(TARGETS) + ".")] = "onnx",
    recipe: Annotated[str, typer.Option(help=", ".join(RECIPES) + ".")] = "fp32",
    program: Annotated[
        str | None, typer.Option(help="One program of a network of several; a file holds one.")
    ] = None,
    weights: WeightsOption = None,
    orientation: OrientationOption = "landscape",
    as_json: JsonFlag = False,
) -> None:
    """Export one tier to one format.

    Examples:
        pocketmatte export rvm --tier t04 --format executorch --recipe fp32 --out t04.pte

        pocketmatte export propagation --tier t02 --program read --format onnx --out read.onnx

        pocketmatte export rvm --tier t08 --format coreml --recipe fp16 --out build/one
    """
    tier(network, tier_name)
    request = Request(
        network=network,
        tiers=(tier_name,),
        formats=_formats(form),
        recipes=chosen(recipe, list(RECIPES), "recipe"),
        orientation=orientation,
        weights=weights,
        programs=None if program is None else (program,),
    )
    if len(request.recipes) == 1 and request.formats == (_form_of(out),):
        from pocketmatte.build_job import export_file

        require_one_program(request)
        emit(export_file(out, request), None, as_json=as_json)
        note(f"wrote {relative(out)}")
        return
    if _form_of(out) is not None:
        endings = " and ".join(target(name).suffix for name in request.formats)
        msg = f"--out is {out}; {form} is written to {endings}: end it so, or give a folder"
        raise UsageError(msg)
    finish(built(out, [request], jobs=1), as_json=as_json)


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
    jobs: Annotated[int, typer.Option(help="Captures built at the same time.")] = 1,
    as_json: JsonFlag = False,
) -> None:
    """Build any part of the matrix: networks x tiers x formats x recipes.

    What is up to date is kept. A build that is stopped, even by kill -9, goes on where it was when
    it is started again.

    Examples:
        pocketmatte build --network rvm --tier t01,t04 --format onnx --recipe fp32 --out build/two

        pocketmatte build --tier all --jobs 2 --out build/matrix
    """
    formats = _formats(form)
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
    finish(built(out, requests, jobs=jobs), as_json=as_json)


def _formats(text: str) -> tuple[str, ...]:
    """Return the formats of an option; ``all`` means those that can be made here, and says so."""
    names = chosen(text, list(TARGETS), "format")
    if text != "all":
        return names
    missing = {name: reason for name in names if (reason := target(name).unavailable())}
    for name, reason in missing.items():
        note(f"{name} is left out: {reason}")
    return tuple(name for name in names if name not in missing)


def _form_of(out: Path) -> str | None:
    """Return the format that a file's name ends like, the longest ending first."""
    ends = [each for each in TARGETS.values() if out.name.endswith(each.suffix)]
    return max(ends, key=lambda each: len(each.suffix)).name if ends else None


def require_one_program(request: Request) -> None:
    """Refuse a network of several programs where one file is asked for.

    Raises:
        UsageError: Naming the programs.
    """
    names = [contract.name for _, _, contract in request.captures()]
    if len(names) != 1:
        network = request.network
        msg = f"{network} has {len(names)} programs; add --program, one of {', '.join(names)}"
        raise UsageError(msg)


def _nothing(requests: Sequence[Request]) -> str:
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


def built(out: Path, requests: Sequence[Request], *, jobs: int) -> Done:
    """Build every request into ``out``, with a bar and a line about what came of it."""
    require_at_least("--jobs", jobs)
    from pocketmatte.build import build
    from pocketmatte.host import peak_memory_bytes

    started = time.monotonic()
    total = sum(len(request.paths()) for request in requests)
    if not total:
        msg = _nothing(requests)
        raise UsageError(msg)
    events = []
    with progress(total, "building") as advance:
        for request in requests:
            for event in build(out, request, jobs=jobs):
                events.append(event)
                advance(event.path)
    counts = {
        outcome: sum(event.outcome == outcome for event in events)
        for outcome in ("built", "kept", "failed")
    }
    seconds = time.monotonic() - started
    for event in events:
        if event.reason:
            note(f"{event.outcome}: {event.path}: {event.reason}")
    counted = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
    memory = peak_memory_bytes()
    note(
        f"{relative(out)}: {counted} in {seconds:.1f} s, at most {memory / 2**30:.1f} GiB a process"
    )
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
