"""``pocketmatte verify`` and ``bench``: is every file right, and how fast is it here."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

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
    from collections.abc import Sequence

    from pocketmatte.verify import Verdict

BundleArgument = Annotated[Path, typer.Argument(help="Folder that pocketmatte build wrote.")]
ThreadsOption = Annotated[int, typer.Option(help="Threads of every runtime.")]


def verify_(
    bundle: BundleArgument,
    frames: Annotated[
        int, typer.Option(help="Recurrent frames to compare; drift is judged from 50 on.")
    ] = 52,
    threads: ThreadsOption = 1,
    as_json: JsonFlag = False,
) -> None:
    """Prove every file of a bundle against PyTorch, frame after frame.

    Each file must have the hash of the manifest. ONNX and ExecuTorch files run here on a moving
    photograph with their own states fed back; all outputs and states are held to the limits of
    docs/tolerances.md. Core ML files run on macOS and are checked in structure elsewhere. Exits
    with 1 if anything fails. Figures are kept in results/parity.json of the bundle.

    Examples:
        pocketmatte verify build/bundle

        pocketmatte verify build/bundle --frames 8 --json
    """
    finish(verified(bundle, frames, threads), as_json=as_json)


def bench_(
    bundle: BundleArgument,
    tier_names: Annotated[
        str, typer.Option("--tier", help="Tiers to time, comma-separated, or all.")
    ] = "all",
    threads: ThreadsOption = 1,
    warmups: Annotated[int, typer.Option(help="Uncounted steps of each file.")] = 10,
    runs: Annotated[int, typer.Option(help="Counted steps of each file, at most.")] = 100,
    seconds: Annotated[float, typer.Option(help="Time for each file, at most.")] = 10.0,
    as_json: JsonFlag = False,
) -> None:
    """Time every file of a bundle on this machine, beside PyTorch eager.

    Files of a tier take turns, so that a noisy moment hits all alike; x torch is the median ratio
    to PyTorch within a turn, below 1 is faster. Raw samples are kept in results/latency.json.

    Examples:
        pocketmatte bench build/bundle

        pocketmatte bench build/bundle --tier t08 --threads 2 --seconds 30
    """
    finish(benched(bundle, tier_names, threads, warmups, runs, seconds), as_json=as_json)


def verified(bundle: Path, frames: int, threads: int) -> Done:
    """Verify with a bar, keep the figures, and say what was found."""
    require_at_least("--frames", frames)
    require_at_least("--threads", threads)
    from pocketmatte.bundle import read_bundle
    from pocketmatte.results import write_results
    from pocketmatte.tolerances import DRIFT_FRAMES
    from pocketmatte.verify import verify

    programs = {(a.network, a.tier, a.program) for a in read_bundle(bundle).artifacts}
    with progress(frames * len(programs), "verifying") as advance:
        verdicts = list(verify(bundle, frames=frames, threads=threads, on_frame=advance))
    passed = all(verdict.status != "failed" for verdict in verdicts)
    drift_judged = frames >= DRIFT_FRAMES
    result = {
        "frames": frames,
        "drift_judged": drift_judged,
        "passed": passed,
        "artifacts": verdicts,
    }
    path = write_results(bundle, "parity", result)
    for verdict in verdicts:
        if verdict.status == "failed":
            for reason in verdict.reasons:
                note(f"failed: {verdict.path}: {reason}")
    if not drift_judged:
        note(f"drift was not judged: --frames is {frames}, it takes {DRIFT_FRAMES} or more")
    states = [verdict.status for verdict in verdicts]
    counted = ", ".join(f"{states.count(s)} {s}" for s in ("proven", "checked", "failed"))
    note(f"{counted}; figures in {relative(path)}")
    return Done(result=result, table=_verdict_table(verdicts), passed=passed)


def benched(
    bundle: Path, tier_names: str, threads: int, warmups: int, runs: int, seconds: float
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
    from pocketmatte.timing import Plan, time_bundle

    manifest = read_bundle(bundle)
    present = sorted({entry.tier for entry in manifest.artifacts})
    asked = chosen(tier_names, present, "tier of this bundle")
    plan = Plan(threads=threads, warmups=warmups, runs=runs, seconds=seconds)
    with progress(len(asked), "timing") as advance:
        rows = time_bundle(bundle, manifest, asked, plan, advance)
    path = write_results(bundle, "latency", {"latencies": rows})
    cells = [
        (r["tier"], r["path"] or "PyTorch eager fp32", f"{r['p50_ms']:.2f}", f"{r['p90_ms']:.2f}",
         f"{r['p99_ms']:.2f}", len(r["samples_ms"]), f"{r['ratio_to_torch']:.2f}x")
        for r in rows
    ]  # fmt: skip
    columns = ("tier", "file", "p50 ms", "p90 ms", "p99 ms", "samples", "x torch")
    note(f"this machine, {threads} thread(s); raw samples in {relative(path)}")
    return Done(result={"latencies": rows}, table=table("", columns, cells))


def _verdict_table(verdicts: "Sequence[Verdict]") -> Table:
    cells = []
    for verdict in verdicts:
        parity = verdict.parity
        decibels = parity.psnr_db.get("alpha") if parity else None
        largest = max(parity.max_abs.values(), default=None) if parity else None
        cells.append(
            (
                verdict.path,
                verdict.status,
                f"{verdict.size_bytes / 1e6:.2f}",
                None if largest is None else f"{largest:.1e}",
                f"{decibels:.1f}" if decibels is not None else ("equal" if parity else None),
                None if parity is None or parity.drift is None else f"{parity.drift:.2f}",
            )
        )
    return table("", ("file", "verdict", "MB", "max abs", "alpha dB", "drift"), cells)
