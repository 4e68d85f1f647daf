"""``pocketmatte verify``: is every file right."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from pocketmatte.commands.signing import signature_checked
from pocketmatte.console import (
    Done,
    JsonFlag,
    emit,
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

    from pocketmatte.parity_figures import Verdict

BundleArgument = Annotated[Path, typer.Argument(help="Folder that pocketmatte build wrote.")]
ThreadsOption = Annotated[int, typer.Option(help="Threads of every runtime.")]


def verify_(
    bundle: BundleArgument,
    frames: Annotated[
        int, typer.Option(help="Recurrent frames to compare; drift is judged from 50 on.")
    ] = 52,
    threads: ThreadsOption = 1,
    jobs: Annotated[int, typer.Option(help="Tiers judged at the same time.")] = 1,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="List what XNNPACK runs of each file, and what it leaves."),
    ] = False,
    runtime: Annotated[
        str | None,
        typer.Option(help="native, arm64 or arm64:PROCESSOR; what this machine has, if not given."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with one that was stopped, if there is one.")
    ] = False,
    key: Annotated[
        Path | None, typer.Option(help="Public key that must have signed the bundle.")
    ] = None,
    signature_only: Annotated[
        bool,
        typer.Option("--signature-only", help="With --key: check the signature, prove nothing."),
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Prove every file of a bundle against PyTorch, frame after frame.

    Each file must have the hash of the manifest. ONNX and ExecuTorch files run here on a moving
    photograph with their own states fed back; all outputs and states are held to the limits of
    docs/tolerances.md. A network that carries no state is compared on 8 frames at most. Core ML
    files run on macOS; elsewhere their programs are evaluated operation by operation, rounded as
    they declare, and 8-bit images compared with PyTorch's, rounded likewise. Every function of a
    package that pocketmatte pack wrote must give the same bits as its file. Exits with 1 if
    anything fails. Figures are kept in results/parity.json of the bundle.

    What a stopped run has judged is kept, tier by tier. With --resume it is not judged again where
    files, options, code, tools and machine are still the same; failures always are.

    Those of --runtime are kept apart: parity-native.json and the like.

    --runtime native takes ExecuTorch files through the native runner; arm64, ExecuTorch and ONNX
    files through the runtimes' own builds for 64-bit Arm, on an emulated cortex-a76, or on the
    processor named after a colon. pocketmatte runner builds what native needs, with --target
    linux-aarch64,linux-aarch64-python what arm64 does. An emulator takes seconds a frame: give few
    --frames.

    --key PUBLIC.pem refuses a bundle that is not, file by file, what that key signed, before
    anything of it is opened: docs/signing.md. --signature-only ends there; it takes seconds.

    Examples:
        pocketmatte verify build/bundle

        pocketmatte verify build/bundle --key release.pub.pem --signature-only

        pocketmatte verify build/bundle --frames 8 --json

        pocketmatte verify build/bundle --jobs 2 --resume

        pocketmatte verify build/bundle --explain

        pocketmatte verify build/bundle --runtime arm64:cortex-a72 --frames 3
    """
    if signature_only and (key is None or explain or resume or runtime is not None):
        msg = "--signature-only takes --key and goes with neither --explain, --resume nor --runtime"
        raise UsageError(msg)
    checked = signature_checked(bundle, key) if key is not None else None
    if checked is not None and (signature_only or not checked.passed):
        finish(checked, as_json=as_json)
        return
    done = verified(bundle, frames, threads, jobs, runtime, resume=resume)
    if checked is not None:
        done.result["signature"] = checked.result["signature"]
    if explain:
        lowered = _lowered(bundle)
        done.result["lowered"] = lowered
        if not as_json:
            emit(None, _lowering_table(lowered), as_json=False)
    finish(done, as_json=as_json)


def verified(
    bundle: Path,
    frames: int,
    threads: int,
    jobs: int = 1,
    runtime: str | None = None,
    *,
    resume: bool = False,
) -> Done:
    """Verify with a bar, keep the figures, and say what was found."""
    require_at_least("--frames", frames)
    require_at_least("--threads", threads)
    require_at_least("--jobs", jobs)
    from pocketmatte.bundle import read_bundle
    from pocketmatte.groups import run_by
    from pocketmatte.host import peak_memory_bytes
    from pocketmatte.proof_memory import ProofMemory
    from pocketmatte.results import write_results
    from pocketmatte.stopped import resumable
    from pocketmatte.tolerances import DRIFT_FRAMES
    from pocketmatte.verify import verify

    started = time.monotonic()
    foreign = _foreign(runtime)
    manifest = read_bundle(bundle)
    if foreign is not None:
        manifest = run_by(manifest, foreign)
    tiers = {(a.network, a.tier, a.frame.orientation, a.weights_digest) for a in manifest.artifacts}
    name = "parity" if foreign is None else f"parity-{foreign.replace(':', '-')}"
    request = {"frames": frames, "threads": threads, "runtime": foreign}
    memory = ProofMemory(bundle, name, request, resume=resume)
    with progress(len(tiers) + len(manifest.packages), "verifying") as advance:
        found = verify(
            bundle, frames=frames, threads=threads, jobs=jobs, foreign=foreign, on_tier=advance,
            memory=memory,
        )  # fmt: skip
        with resumable("judged", memory.is_kept):
            verdicts = sorted(found, key=lambda verdict: verdict.path)
    passed = all(verdict.status != "failed" for verdict in verdicts)
    drift_judged = frames >= DRIFT_FRAMES
    result = {
        "runtime": foreign,
        "frames": frames,
        "drift_judged": drift_judged,
        "passed": passed,
        "artifacts": verdicts,
    }
    path = write_results(bundle, name, result)
    memory.forget()
    _tell(verdicts)
    if not drift_judged:
        note(f"drift was not judged: --frames is {frames}, it takes {DRIFT_FRAMES} or more")
    seconds, peak = time.monotonic() - started, peak_memory_bytes() / 2**30
    note(
        f"{_counted(verdicts)} in {seconds:.1f} s, at most {peak:.1f} GiB a process; "
        f"figures in {relative(path)}"
    )
    return Done(result=result, table=_verdict_table(verdicts), passed=passed)


def _tell(verdicts: "Sequence[Verdict]") -> None:
    """Say why files failed, and what there is to know of those that did not."""
    for verdict in verdicts:
        if verdict.status == "failed":
            for reason in verdict.reasons:
                note(f"failed: {verdict.path}: {reason}")
        for line in verdict.parity.notes if verdict.parity else ():
            note(f"{verdict.path}: {line}")


def _counted(verdicts: "Sequence[Verdict]") -> str:
    from pocketmatte.parity_figures import STATUSES

    states = [verdict.status for verdict in verdicts]
    return ", ".join(f"{states.count(status)} {status}" for status in STATUSES)


def _foreign(runtime: str | None) -> str | None:
    """Return the key of the runtimes that a command line names.

    Raises:
        UsageError: If there are none of that name.
    """
    if runtime is None:
        return None
    from pocketmatte.native.emulation import DEFAULT_CPU
    from pocketmatte.runtimes.arm64 import FOREIGN

    name = f"arm64:{DEFAULT_CPU}" if runtime == "arm64" else runtime
    if name not in FOREIGN:
        msg = f"no runtime {runtime!r} to verify in; there are {', '.join(FOREIGN)}"
        raise UsageError(msg)
    return name


def _lowered(bundle: Path) -> list[dict[str, object]]:
    from pocketmatte.bundle import read_bundle

    return [
        {
            "path": entry.path,
            "delegates": entry.notes.get("delegates"),
            "outside": entry.notes.get("outside"),
        }
        for entry in read_bundle(bundle).artifacts
        if entry.format == "executorch"
    ]


def _lowering_table(lowered: "Sequence[Mapping[str, object]]") -> Table:
    cells = []
    for row in lowered:
        outside = row["outside"]
        names = outside.items() if isinstance(outside, dict) else ()
        listed = ", ".join(f"{count} x {name}" for name, count in names)
        cells.append((row["path"], row["delegates"], listed or "nothing"))
    return table("", ("file", "XNNPACK delegates", "operators outside"), cells)


def _verdict_table(verdicts: "Sequence[Verdict]") -> Table:
    cells = []
    for verdict in verdicts:
        parity = verdict.parity
        decibels = parity.psnr_db.get(parity.judged or "") if parity else None
        shown = f"{decibels:.1f}" if decibels is not None else ("equal" if parity else None)
        if parity and parity.judged is None:
            shown = None
        largest = max(parity.max_abs.values(), default=None) if parity else None
        cells.append(
            (
                verdict.path,
                verdict.status,
                f"{verdict.size_bytes / 1e6:.2f}",
                None if largest is None else f"{largest:.1e}",
                shown,
                None if parity is None or parity.drift is None else f"{parity.drift:.2f}",
            )
        )
    return table("", ("file", "verdict", "MB", "max abs", "judged dB", "drift"), cells)
