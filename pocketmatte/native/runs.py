"""Runs of the native runner on this machine, by itself or on an emulated processor."""

import dataclasses
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from export.manifest import Artifact, Manifest
from export.trace import read_trace
from pocketmatte.harness.reading import read_result
from pocketmatte.harness.result import Plan, Result
from pocketmatte.harness.traces import tier_key, trace_key
from pocketmatte.native.building import read_runner
from pocketmatte.native.emulation import Cpu, emulated, read_counts
from tiers.errors import BundleError, RuntimeUnavailableError

FORMAT = "executorch"

# For parity and counts: nothing is timed.
SHORT = Plan(
    warmups=1,
    runs=1,
    seconds=0.0,
    limit_seconds=60.0,
    frames_per_second=None,
    sustained_seconds=0.0,
)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """What is run.

    Attributes:
        bundle: Its folder.
        network, tier, orientation, recipe: Of its ExecuTorch files.
        trace: Folder of the reference trace.
    """

    bundle: Path
    network: str
    tier: str
    orientation: str
    recipe: str
    trace: Path


def traced(root: Path, manifest: Manifest) -> list[Subject]:
    """Return what there is to run of a bundle: each tier and recipe that has a trace."""
    traces = {trace_key(trace): trace for trace in manifest.traces}
    found: dict[tuple[str, ...], Subject] = {}
    for entry in manifest.artifacts:
        if entry.format == FORMAT and tier_key(entry) in traces:
            found.setdefault(
                _files(entry),
                Subject(
                    bundle=root, network=entry.network, tier=entry.tier,
                    orientation=entry.frame.orientation, recipe=entry.recipe,
                    trace=root / traces[tier_key(entry)].path,
                ),
            )  # fmt: skip
    return list(found.values())


def instructions_by_path(
    folder: Path,
    model: Cpu,
    root: Path,
    manifest: Manifest,
    on_run: Callable[[str], None] = lambda _: None,
) -> dict[str, int]:
    """Return the instructions of a frame on an emulated processor by each ExecuTorch file's path.

    A frame runs all programs of a network, so that the files of one tier and recipe share a count.

    Raises:
        RuntimeUnavailableError: If there is no runner, emulator or counter, or a run is not
            counted.
        BundleError: If a tier has no reference trace.
    """
    entries = [entry for entry in manifest.artifacts if entry.format == FORMAT]
    there = {(s.network, s.tier, s.orientation, s.recipe): s for s in traced(root, manifest)}
    counts: dict[tuple[str, ...], int] = {}
    for entry in entries:
        if _files(entry) not in there:
            msg = f"{entry.path} has no trace to replay; record one: pocketmatte trace {root}"
            raise BundleError(msg)
    for key, subject in there.items():
        result = emulated_run(folder, model, subject)
        name = f"{subject.network} {subject.tier} {subject.recipe}"
        if result.instructions_per_frame is None:
            msg = f"{name} was not counted: {result.status} {' '.join(result.errors)}"
            raise RuntimeUnavailableError(msg)
        counts[key] = result.instructions_per_frame
        on_run(name)
    return {entry.path: counts[_files(entry)] for entry in entries}


def _files(entry: Artifact) -> tuple[str, ...]:
    """Return what the files of one run share."""
    return entry.network, entry.tier, entry.frame.orientation, entry.recipe


def host_run(folder: Path, subject: Subject, plan: Plan = SHORT, threads: int = 1) -> Result:
    """Run on this machine's own processor.

    Args:
        folder: Of ``building.build_runner``, for this machine.
        subject: What is run.
        plan: How long.
        threads: Of the runtime.

    Raises:
        RuntimeUnavailableError: If there is no runner, or it ends without a result.
        BundleError: If its result is none.
    """
    start = read_runner(folder).command
    return _result(folder, start, subject, plan, process="host", threads=threads)


def emulated_run(folder: Path, model: Cpu, subject: Subject, plan: Plan = SHORT) -> Result:
    """Run on an emulated processor with one thread and count the instructions of a frame.

    They are those of all inferences of the last frame of the plan's samples: one thread repeats
    them exactly.

    Raises:
        RuntimeUnavailableError: If there is no runner, emulator or counter, or it ends without a
            result.
        BundleError: If its result is none.
    """
    with tempfile.TemporaryDirectory() as scratch:
        counts = Path(scratch, "counts")
        start = emulated(folder, model, counts)
        result = _result(folder, start, subject, plan, process="emulated", threads=1)
        if not result.latency:
            return result
        calls = sum(len(each.samples_ns) for each in result.latency if each.what != "frame")
        frames = len(next(each for each in result.latency if each.what == "frame").samples_ns)
        if plan.runs != frames or frames != 1:
            msg = f"{frames} frames were sampled; instructions are counted of one"
            raise RuntimeUnavailableError(msg)
        total = sum(read_counts(counts)[-calls:])
        return result.model_copy(update={"instructions_per_frame": total})


def _result(
    folder: Path, start: Sequence[str], subject: Subject, plan: Plan, *, process: str, threads: int
) -> Result:
    read_trace(subject.trace)  # of this version, before another program is started
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch, "result.json")
        named = {
            "--bundle": subject.bundle.absolute(), "--trace": subject.trace.absolute(),
            "--network": subject.network, "--tier": subject.tier, "--recipe": subject.recipe,
            "--orientation": subject.orientation, "--out": out, "--threads": threads,
            "--process": process,
            "--warmups": plan.warmups, "--runs": plan.runs, "--seconds": plan.seconds,
            "--limit-seconds": plan.limit_seconds,
        }  # fmt: skip
        words = [str(word) for pair in named.items() for word in pair]
        if plan.frames_per_second is not None:
            words += ["--fps", str(plan.frames_per_second)]
            words += ["--sustained-seconds", str(plan.sustained_seconds)]
        try:
            done = subprocess.run(
                [*start, "run", *words], cwd=folder, capture_output=True, check=False
            )
        except OSError as error:
            msg = f"{start[0]} cannot be started ({error.strerror}); build the runner again"
            raise RuntimeUnavailableError(msg) from error
        if not out.is_file():
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            last = said[-1] if said else "it said nothing"
            msg = f"the runner ended with {done.returncode} and no result: {last}"
            raise RuntimeUnavailableError(msg)
        return read_result(out)
