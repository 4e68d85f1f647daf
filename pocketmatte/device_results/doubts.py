"""What in a result does not follow as docs/harness-protocol.md says it does.

Beside ``harness.reading.contradiction``, which every reader of results asks first: these are the
rules that all harnesses keep, and that a file changed by hand or by a fault breaks.
"""

import datetime as dt
import re
from collections.abc import Callable, Sequence

from pocketmatte.harness.result import OutputFigures, Result, Statistics

FRAME = "frame"
_PROGRAM = "program:"
_NAME = re.compile(r"[0-9a-z][0-9a-z_.-]{0,39}")  # of networks, tiers, formats, recipes
_FAILED = ("load_failed", "run_failed")
_HAND_HELD = ("android", "ios", "ipados")
_WARMEST_STATUS = 1
_NOT_FINITE = ["not_finite"]
_FLAGS = ("min_runs_met", "min_seconds_met", "thermal_ok", "not_debuggable")
_ROUNDING = 1e-9  # relative, of sums made in another order


def doubt(result: Result) -> str | None:
    """Return the first thing that breaks a rule of the protocol, or ``None``."""
    rules: Sequence[Callable[[Result], str | None]] = (
        _named, _dated, _filed, _timed, _held, _valid, _stated, _outlasted, _counted,
    )  # fmt: skip
    return next(filter(None, (rule(result) for rule in rules)), None)


def frame_samples(result: Result) -> list[int]:
    """Return the samples of whole frames, in nanoseconds; empty where none was timed."""
    return next((each.samples_ns for each in result.latency if each.what == FRAME), [])


def _named(result: Result) -> str | None:
    subject = result.subject
    for name in (subject.network, subject.tier, subject.format, subject.recipe):
        if not _NAME.fullmatch(name):
            return f"{name!r} names no network, tier, format or recipe"
    return None


def _dated(result: Result) -> str | None:
    try:
        dt.datetime.fromisoformat(result.started_at)
    except ValueError:
        return f"started_at is {result.started_at}, which no calendar has"
    return None


def _filed(result: Result) -> str | None:
    files = result.subject.files
    for what in ("path", "program"):
        if len({getattr(each, what) for each in files}) != len(files):
            return f"two files of one {what}"
    if not files and result.status != "load_failed":
        return "it ran without a file"
    return None


def _timed(result: Result) -> str | None:
    names = [each.what for each in result.latency]
    known = {FRAME, *(f"{_PROGRAM}{each.program}" for each in result.subject.files)}
    if len(set(names)) != len(names):
        return "a latency that is told twice"
    if names and FRAME not in names:
        return "latencies of programs, but none of frames"
    if strange := [name for name in names if name not in known]:
        return f"a latency of {strange[0]}, which is none of its files"
    return None


def _held(result: Result) -> str | None:
    outputs = result.parity.outputs if result.parity else []
    if result.parity is not None and not outputs:
        return "a parity of no output"
    if len({(each.program, each.name) for each in outputs}) != len(outputs):
        return "an output that is told twice"
    return next(filter(None, map(_output, outputs)), None)


def _output(output: OutputFigures) -> str | None:
    name = f"{output.program} {output.name}"
    figures = (output.psnr_db, output.free_max_abs, output.max_abs, output.mad, output.flipped)
    if not output.finite:
        if output.faults != _NOT_FINITE or any(each is not None for each in figures):
            return f"{name} is not finite, yet it has figures or another fault"
        return None
    if "not_finite" in output.faults:
        return f"{name} is finite, yet its fault is that it is not"
    if any(each is not None and each < 0 for each in figures[1:]):
        return f"a difference of {name} is below 0"
    if output.flipped is not None and output.flipped > 1:
        return f"{output.flipped} of {name} flipped; 1 is all of it"
    mean, most = output.mad, output.free_max_abs
    if mean is not None and most is not None and mean > most * (1 + _ROUNDING):
        return f"the mean difference of {name} is {mean}, its largest {most}"
    return None


def _valid(result: Result) -> str | None:
    validity = result.validity
    known = [heat.status for heat in result.thermal if heat.status is not None]
    cool = all(status <= _WARMEST_STATUS for status in known) if known else None
    if validity.thermal_ok != cool:
        return f"thermal_ok is {validity.thermal_ok}, of its readings {cool}"
    if validity.physical_device and result.device.platform not in _HAND_HELD:
        return f"a phone or tablet, but its platform is {result.device.platform}"
    false = any(getattr(validity, name) is False for name in _FLAGS)
    if validity.latency_valid != (validity.physical_device and not false):
        return f"latency_valid is {validity.latency_valid}, which its flags deny"
    # where a run ended in the middle, the harnesses tell these flags each in its way
    samples, least = len(frame_samples(result)), result.plan.runs
    if result.status not in _FAILED and validity.min_runs_met not in (None, samples >= least):
        return f"min_runs_met is {validity.min_runs_met}, with {samples} samples of {least}"
    return None


def _stated(result: Result) -> str | None:
    """Return how the status is not the first that is so."""
    if result.status in _FAILED:
        return None
    if result.parity is None:
        return f"status is {result.status}, but nothing was compared"
    execution, validity = result.execution, result.validity
    status = "ok"
    if not result.parity.passed:
        status = "parity_failed"
    elif validity.physical_device and not validity.latency_valid:
        status = "invalid"
    elif execution.delegate_actual != execution.delegate_requested:
        status = "fallback"
    return None if result.status == status else f"status is {result.status}, it follows {status}"


def _outlasted(result: Result) -> str | None:
    """Return what is wrong with the sustained run."""
    run = result.sustained
    if run is None:
        return None
    if run.frames_per_second != result.plan.frames_per_second:
        return f"{run.frames_per_second} frames a second, of which its plan knows nothing"
    if run.late > run.frames:
        return f"{run.late} late of {run.frames} frames"
    if not run.ms.min <= run.last_quarter_p95_ms <= run.ms.max:
        return f"last_quarter_p95_ms is {run.last_quarter_p95_ms}, out of what it took"
    return None if _ordered(run.ms) else "statistics of the sustained run are out of order"


def _ordered(ms: Statistics) -> bool:
    rising = [ms.min, ms.p50, ms.p90, ms.p95, ms.p99, ms.max]
    slack = 1 + _ROUNDING
    return rising == sorted(rising) and ms.min <= ms.mean * slack and ms.mean <= ms.max * slack


def _counted(result: Result) -> str | None:
    if result.instructions_per_frame is None:
        return None
    if result.execution.process != "emulated" or result.execution.threads != 1:
        return "instructions are counted with one thread on an emulated processor alone"
    return None
