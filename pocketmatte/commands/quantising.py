"""``pocketmatte quantize-report``: what eight bits cost and buy."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from pocketmatte.commands.proving import BundleArgument, ThreadsOption
from pocketmatte.console import (
    Done,
    JsonFlag,
    finish,
    note,
    progress,
    relative,
    require_at_least,
    table,
)
from tiers.errors import UsageError

if TYPE_CHECKING:
    from pocketmatte.quantise_report import Row


def quantize_report(
    bundle: BundleArgument,
    clips: Annotated[
        list[Path] | None,
        typer.Option(help="Folders with truth, as evaluate takes them; one network's at a time."),
    ] = None,
    network: Annotated[
        str | None, typer.Option(help="The network that --clips are for, and the only one told of.")
    ] = None,
    frames: Annotated[int | None, typer.Option(help="Only so many frames of each folder.")] = None,
    picture: Annotated[
        Path | None, typer.Option(help="SVG file to draw the table to; default: none.")
    ] = None,
    threads: ThreadsOption = 1,
    as_json: JsonFlag = False,
) -> None:
    """Tell what every recipe of a bundle costs and buys beside single precision.

    Sizes are of the files. Differences to PyTorch, drift and verdicts are what verify found last,
    times what bench found, of the files as they are now; run both first. "kept" counts the
    convolutions that stay in floating point because the tier would lose too much without; "stable"
    is whether both halves of the calibration set give nearly the same tier. With --clips the files
    matte or segment these, beside the format's own in single precision. A recipe is offered where
    it is at least 1.1 times faster or 1.8 times smaller and verify did not fail it.

    Exits with 1 if a file of eight bits has failed.

    Examples:
        pocketmatte quantize-report build/eight --picture build/eight/report.svg

        pocketmatte quantize-report build/eight --network rvm --clips clips/dancer --frames 40

        pocketmatte build --network rvm --tier t04 --recipe fp32,fp16,w8,w8a8 --out build/eight

        pocketmatte verify build/eight

        pocketmatte bench build/eight
    """
    require_at_least("--threads", threads)
    if frames is not None:
        require_at_least("--frames", frames)
    if clips and network is None:
        msg = "--clips are one network's: add --network, one that the bundle holds"
        raise UsageError(msg)
    if picture is not None and picture.suffix != ".svg":
        msg = f"--picture is {picture}; it is written as SVG: give such a name"
        raise UsageError(msg)
    finish(reported(bundle, clips or [], network, frames, picture, threads), as_json=as_json)


def reported(
    bundle: Path,
    clips: Sequence[Path],
    network: str | None,
    frames: int | None,
    picture: Path | None,
    threads: int,
) -> Done:
    """Gather the report with a bar, draw it, and say what is missing."""
    from export.artifact import write_text
    from pocketmatte.bundle import read_bundle
    from pocketmatte.evaluate import prepare
    from pocketmatte.quantise_report import REFERENCE, report
    from pocketmatte.report_picture import picture as drawn

    manifest = read_bundle(bundle)
    if network is not None:
        artifacts = [entry for entry in manifest.artifacts if entry.network == network]
        if not artifacts:
            names = ", ".join(sorted({entry.network for entry in manifest.artifacts}))
            msg = f"{bundle} holds nothing of {network}; it holds {names}"
            raise UsageError(msg)
        manifest = manifest.model_copy(update={"artifacts": artifacts})
    wanted = {
        (a.network, a.tier, a.frame.orientation, a.format, a.recipe) for a in manifest.artifacts
    }
    total = sum(recipe != REFERENCE for *_, recipe in wanted)
    if not total:
        msg = f"{bundle} holds single precision alone; build it with --recipe fp32,w8,w8a8"
        raise UsageError(msg)
    folders = {network: prepare(network, clips, frames)} if network and clips else {}
    with progress(total, "reporting") as advance:
        rows = report(bundle, manifest, folders, threads, advance)
    if picture is not None:
        write_text(picture, drawn(rows))
        note(f"drew {relative(picture)}")
    for what, missing in (
        ("verify", any(row.status is None for row in rows)),
        ("bench", any(row.faster is None and row.format != "coreml" for row in rows)),
    ):
        if missing:
            note(f"not all files were measured: run pocketmatte {what} {relative(bundle)}")
    for row in rows:
        for fault in row.faults:
            note(f"{row.network} {row.tier} {row.format} {row.recipe}: {fault}")
    failed = [row for row in rows if row.status == "failed" or row.faults]
    return Done(result={"rows": rows}, table=_table(rows), passed=not failed)


def _table(rows: "Sequence[Row]") -> Table:
    names = list(dict.fromkeys(name for row in rows for name in row.metrics))
    columns = (
        "tier", "file", "MB", "smaller", "faster", "MAD", "rise", "flipped", "drift", "kept",
        "stable", *names, "verdict", "offered",
    )  # fmt: skip
    cells = [
        (
            f"{row.network} {row.tier}",
            f"{row.format} {row.recipe}" + (" mixed" if row.mixed else ""),
            f"{row.bytes / 1e6:.2f}",
            _shown(row.smaller, "{:.2f}x"),
            _shown(row.faster, "{:.2f}x"),
            _shown(row.mad, "{:.1e}"),
            _shown(row.rise, "{:+.1e}"),
            _shown(row.flipped, "{:.1e}"),
            _shown(row.drift, "{:.2f}"),
            f"{row.kept}/{row.layers}" if row.layers else None,
            None if row.stable is None else ("yes" if row.stable else "no"),
            *(_pair(row.metrics, name) for name in names),
            row.status,
            "yes" if row.offered else "no",
        )
        for row in rows
    ]
    return table("", columns, cells)


def _shown(value: float | None, form: str) -> str | None:
    return None if value is None else form.format(value)


def _pair(metrics: Mapping[str, tuple[float, float]], name: str) -> str | None:
    pair = metrics.get(name)
    return None if pair is None else f"{pair[0]:.3f} -> {pair[1]:.3f}"
