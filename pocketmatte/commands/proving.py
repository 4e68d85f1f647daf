"""``pocketmatte verify`` and ``bench``: is every file right, and how fast is it here."""

import contextlib
import dataclasses
from pathlib import Path
from typing import Annotated, Any

import typer

from pocketmatte.console import (
    CHECK_FAILED,
    JsonFlag,
    chosen,
    emit,
    note,
    progress,
    relative,
    table,
)
from tiers.errors import UsageError

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
    _positive("--frames", frames)
    _positive("--threads", threads)
    from export.manifest import read_manifest
    from pocketmatte.results import write_results
    from pocketmatte.verify import verify

    programs = {(a.network, a.tier, a.program) for a in read_manifest(bundle).artifacts}
    with progress(frames * len(programs), "verifying", quiet=as_json) as advance:
        verdicts = list(verify(bundle, frames=frames, threads=threads, on_frame=advance))
    failed = [verdict for verdict in verdicts if verdict.status == "failed"]
    result = {"frames": frames, "passed": not failed, "artifacts": verdicts}
    path = write_results(bundle, "parity", result)
    emit(result, _verdict_table(verdicts), as_json=as_json)
    if not as_json:
        for verdict in failed:
            for reason in verdict.reasons:
                note(f"failed: {reason}")
        states = [verdict.status for verdict in verdicts]
        counted = ", ".join(f"{states.count(s)} {s}" for s in ("proven", "checked", "failed"))
        note(f"{counted}; figures in {relative(path)}")
    if failed:
        raise typer.Exit(CHECK_FAILED)


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
    for name, value in (("--threads", threads), ("--warmups", warmups), ("--runs", runs)):
        _positive(name, value)
    from export.artifact import inside
    from export.manifest import read_manifest
    from pocketmatte.bench import Latency, interleaved, ratios, timed_load
    from pocketmatte.parity import standard_frames
    from pocketmatte.results import write_results
    from pocketmatte.runtimes.protocol import Session
    from pocketmatte.verify import groups, runnable, runtime_of

    manifest = read_manifest(bundle)
    present = sorted({entry.tier for entry in manifest.artifacts})
    asked = chosen(tier_names, present, "tier of this bundle")
    manifest = manifest.model_copy(
        update={"artifacts": [a for a in manifest.artifacts if a.tier in asked]}
    )
    rows: list[dict[str, Any]] = []
    with progress(len(asked), "timing", quiet=as_json) as advance:
        for group in groups(bundle, manifest, threads):
            sessions: dict[str, Session] = {"torch": group.reference}
            loads: dict[str, float] = {}
            with contextlib.ExitStack() as stack:
                for entry in group.artifacts:
                    if runnable(entry):
                        continue
                    session, loads[entry.path] = timed_load(
                        runtime_of(entry), inside(bundle, entry.path), group.contract,
                        threads=threads,
                    )  # fmt: skip
                    stack.callback(session.close)
                    sessions[entry.path] = session
                (frame,) = standard_frames(group.spec, 1)
                timed = interleaved(
                    sessions, group.contract, frame, warmups=warmups, runs=runs,
                    seconds=seconds, load_ms=loads,
                )  # fmt: skip
            against = ratios(timed, "torch")
            hashes = {entry.path: entry.sha256 for entry in group.artifacts}
            rows += [
                {
                    "network": group.spec.network,
                    "tier": group.spec.name,
                    "path": None if name == "torch" else name,
                    "sha256": hashes.get(name),
                    "ratio_to_torch": against[name],
                    **{f.name: getattr(latency, f.name) for f in dataclasses.fields(Latency)},
                }
                for name, latency in timed.items()
            ]
            advance(group.spec.name)
    path = write_results(bundle, "latency", {"latencies": rows})
    cells = [
        (r["tier"], r["path"] or "PyTorch eager fp32", f"{r['p50_ms']:.2f}", f"{r['p90_ms']:.2f}",
         f"{r['p99_ms']:.2f}", len(r["samples_ms"]), f"{r['ratio_to_torch']:.2f}x")
        for r in rows
    ]  # fmt: skip
    columns = ("tier", "file", "p50 ms", "p90 ms", "p99 ms", "samples", "x torch")
    emit({"latencies": rows}, table("", columns, cells), as_json=as_json)
    if not as_json:
        note(f"this machine, {threads} thread(s); raw samples in {relative(path)}")


def _verdict_table(verdicts: list[Any]) -> Any:
    cells = []
    for verdict in verdicts:
        parity = verdict.parity
        decibels = parity.psnr_db.get("alpha") if parity else None
        largest = max(parity.max_abs.values()) if parity else None
        cells.append(
            (
                verdict.path,
                verdict.status,
                None if largest is None else f"{largest:.1e}",
                f"{decibels:.1f}" if decibels is not None else ("equal" if parity else None),
                None if parity is None or parity.drift is None else f"{parity.drift:.2f}",
            )
        )
    return table("", ("file", "verdict", "max abs", "alpha dB", "drift"), cells)


def _positive(name: str, value: int) -> None:
    if value < 1:
        msg = f"{name} is {value}; it must be 1 or more"
        raise UsageError(msg)
