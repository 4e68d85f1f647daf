"""``pocketmatte bench``: how fast every file is here, and how many instructions it takes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from pocketmatte.commands.proving import BundleArgument, ThreadsOption
from pocketmatte.console import (
    Done,
    JsonFlag,
    chosen,
    finish,
    note,
    progress,
    relative,
    require_at_least,
    table,
)
from tiers.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from export.manifest import Manifest


def bench_(
    bundle: BundleArgument,
    tier_names: Annotated[
        str, typer.Option("--tier", help="Tiers to time, comma-separated, or all.")
    ] = "all",
    threads: ThreadsOption = 1,
    warmups: Annotated[int, typer.Option(help="Uncounted steps of each file.")] = 10,
    runs: Annotated[int, typer.Option(help="Counted steps of each file, at most.")] = 100,
    seconds: Annotated[float, typer.Option(help="Time for each file, at most.")] = 10.0,
    instructions: Annotated[
        str | None,
        typer.Option(help="Count instructions, too, on cortex-a72, cortex-a76 or i8mm, emulated."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Time every file of a bundle on this machine, beside PyTorch eager.

    Files of a tier take turns, so that a noisy moment hits all alike; x torch is the median ratio
    to PyTorch within a turn, below 1 is faster. Raw samples are kept in results/latency.json. Files
    of coreml-stateful are left out: each step here would copy their states in and out.

    --instructions counts, for ExecuTorch files, what a frame of all programs takes on an emulated
    processor with one thread: a cost that repeats exactly, and no latency. It takes what
    pocketmatte runner --target linux-aarch64 builds, and the traces of pocketmatte trace.

    Examples:
        pocketmatte bench build/bundle

        pocketmatte bench build/bundle --tier t08 --threads 2 --seconds 30

        pocketmatte bench build/bundle --instructions cortex-a76
    """
    done = benched(bundle, tier_names, threads, warmups, runs, seconds, instructions)
    finish(done, as_json=as_json)


def benched(
    bundle: Path,
    tier_names: str,
    threads: int,
    warmups: int,
    runs: int,
    seconds: float,
    processor: str | None = None,
) -> Done:
    """Time with a bar and keep the raw samples."""
    from pocketmatte.bench import MIN_SAMPLES

    require_at_least("--threads", threads)
    require_at_least("--warmups", warmups)
    require_at_least("--runs", runs, MIN_SAMPLES)
    if not seconds > 0:
        msg = f"--seconds is {seconds}; it must be above 0"
        raise UsageError(msg)
    from pocketmatte.bundle import read_bundle
    from pocketmatte.results import write_results
    from pocketmatte.timing import UNTIMED, Plan, time_bundle, untimed

    manifest = read_bundle(bundle)
    present = sorted({entry.tier for entry in manifest.artifacts})
    asked = chosen(tier_names, present, "tier of this bundle")
    plan = Plan(threads=threads, warmups=warmups, runs=runs, seconds=seconds)
    kept = [a for a in manifest.artifacts if a.tier in asked]
    counts = {}
    if processor is not None:
        counts = _instructions(bundle, manifest.model_copy(update={"artifacts": kept}), processor)
    with progress(len({(a.network, a.tier) for a in kept}), "timing") as advance:
        rows = time_bundle(bundle, manifest, asked, plan, advance)
    for row in rows:
        row["instructions_per_frame"] = counts.get(row["path"])
    path = write_results(bundle, "latency", {"latencies": rows, "processor": processor})
    if left_out := untimed(manifest, asked):
        note(f"not timed: {len(left_out)} file(s) of {UNTIMED}")
    note(f"this machine, {threads} thread(s); raw samples in {relative(path)}")
    result = {"latencies": rows, "processor": processor}
    return Done(result=result, table=_latency_table(rows, processor))


def _instructions(bundle: Path, manifest: "Manifest", processor: str) -> dict[str, int]:
    """Count with a bar; see ``runs.instructions_by_path``."""
    from pocketmatte.native.emulation import cpu
    from pocketmatte.native.runs import FORMAT, instructions_by_path
    from pocketmatte.runtimes.arm64 import ARM_RUNNER

    files = [entry for entry in manifest.artifacts if entry.format == FORMAT]
    model = cpu(processor)
    if not files:
        msg = f"--instructions counts {FORMAT} files and the bundle holds none; build some"
        raise UsageError(msg)
    runs = len({(a.network, a.tier, a.frame.orientation, a.recipe) for a in files})
    with progress(runs, "counting") as advance:
        return instructions_by_path(ARM_RUNNER, model, bundle, manifest, advance)


def _latency_table(rows: "Sequence[Mapping[str, Any]]", processor: str | None) -> Table:
    cells = [
        (f"{r['network']} {r['tier']}", r["path"] or f"PyTorch eager {r['program']}",
         f"{r['p50_ms']:.2f}", f"{r['p90_ms']:.2f}", f"{r['p99_ms']:.2f}",
         len(r["samples_ms"]), f"{r['ratio_to_torch']:.2f}x")
        for r in rows
    ]  # fmt: skip
    columns = ("tier", "file", "p50 ms", "p90 ms", "p99 ms", "samples", "x torch")
    if processor is None:
        return table("", columns, cells)
    counted = [r["instructions_per_frame"] for r in rows]
    more = [None if count is None else f"{count / 1e6:.1f}" for count in counted]
    wider = [(*row, count) for row, count in zip(cells, more, strict=True)]
    return table("", (*columns, f"{processor}, M instructions a frame"), wider)
