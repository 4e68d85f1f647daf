"""``pocketmatte import`` and ``export``: from weights to one file."""

from pathlib import Path
from typing import Annotated

import typer

from export.recipe import RECIPES
from export.targets import TARGETS, target
from pocketmatte.commands.building import (
    OrientationOption,
    WeightsOption,
    built,
    formats_of,
    nothing,
)
from pocketmatte.console import (
    JsonFlag,
    chosen,
    emit,
    finish,
    note,
    relative,
    table,
)
from pocketmatte.request import Request
from tiers.errors import UsageError
from tiers.ladder import ladder, tier


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
        formats=formats_of(form),
        recipes=chosen(recipe, list(RECIPES), "recipe"),
        orientation=orientation,
        weights=weights,
        programs=None if program is None else (program,),
    )
    if not request.paths():
        raise UsageError(nothing([request]))
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
    finish(built(out, [request]), as_json=as_json)


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
