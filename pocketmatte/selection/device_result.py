"""A result of a device as far as a choice looks at it, read in a bare Python.

``harness.result`` is the whole of it and ``harness.reading`` refuses what contradicts itself; the
same is refused here, and the tests hold the two together.
"""

import dataclasses
import math
from typing import Annotated, Literal, TypeAlias

from pocketmatte.harness.statistics import statistics
from pocketmatte.selection.shapes import Amount, Count, Match, Sha256, Within

Status: TypeAlias = Literal[
    "ok", "fallback", "load_failed", "run_failed", "parity_failed", "invalid"
]
Process: TypeAlias = Literal["adb_shell", "app_foreground", "host", "emulated"]
FLAGS = ("min_runs_met", "min_seconds_met", "thermal_ok", "not_debuggable")

_MOST_NS = 10**18  # thirty years: more would not go into a fraction


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class DeviceFacts:
    """What it ran on; see ``facts.Facts``."""

    platform: Literal["android", "ios", "ipados", "macos", "linux"]
    manufacturer: str | None
    model: str | None
    soc: str | None
    os_version: str | None
    api_level: int | None
    cores: int | None
    ram_bytes: int | None
    media_performance_class: int | None
    emulator: bool


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ResultFile:
    """One program's file, as the device had it."""

    path: str
    program: str
    sha256: Sha256
    size_bytes: Count


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """What was run."""

    network: str
    tier: str
    orientation: Literal["landscape", "portrait"]
    format: str
    recipe: str
    files: tuple[ResultFile, ...]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Execution:
    """How it was run."""

    process: Process
    delegate_requested: str
    delegate_actual: str | None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Statistics:
    """Of samples, in milliseconds."""

    count: Annotated[int, Within(1)]
    mean: Amount
    min: Amount
    max: Amount
    stddev: Amount
    p50: Amount
    p90: Amount
    p95: Amount
    p99: Amount


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Latency:
    """Of whole frames, or of one program."""

    what: str
    samples_ns: tuple[Annotated[int, Within(0, _MOST_NS)], ...]
    ms: Statistics


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Sustained:
    """A run at the camera's rate."""

    frames: Count
    ms: Statistics


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Memory:
    """The most memory that a run came to."""

    peak_bytes: Count


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class OutputFaults:
    """What is wrong with one output."""

    faults: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class DeviceParity:
    """The numeric verdict."""

    outputs: tuple[OutputFaults, ...]
    passed: bool


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Validity:
    """What the latencies are worth; ``None`` where nobody could tell."""

    physical_device: bool
    latency_valid: bool
    min_runs_met: bool | None
    min_seconds_met: bool | None
    thermal_ok: bool | None
    not_debuggable: bool | None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class DeviceResult:
    """One run of one tier in one format and recipe on one device."""

    schema_version: Literal[1]
    run_id: Annotated[str, Match("[0-9A-Za-z._-]{1,80}")]
    started_at: Annotated[str, Match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")]
    device: DeviceFacts
    subject: Subject
    execution: Execution
    latency: tuple[Latency, ...]
    sustained: Sustained | None
    memory: Memory | None
    parity: DeviceParity | None
    validity: Validity
    status: Status


def contradiction(result: DeviceResult) -> str | None:
    """Return the first thing a result says that another part of it denies, or ``None``."""
    parity, validity = result.parity, result.validity
    if result.status in ("ok", "fallback") and (parity is None or not parity.passed):
        return f"status is {result.status}, but its parity did not pass"
    if result.status == "parity_failed" and (parity is None or parity.passed):
        return "status is parity_failed, but its parity passed"
    if parity is not None and parity.passed == any(each.faults for each in parity.outputs):
        return "the parity as a whole is not what its outputs say"
    if result.status == "load_failed" and (result.latency or parity is not None):
        return "nothing was loaded, but something was run"
    actual, requested = result.execution.delegate_actual, result.execution.delegate_requested
    if result.status == "ok" and actual != requested:
        return f"status is ok, but {actual!a:.60} ran where {requested!a:.60} was asked for"
    elsewhere = result.execution.process in ("emulated", "host") or result.device.emulator
    if validity.physical_device and elsewhere:
        return f"a physical device, but the process is {result.execution.process}"
    return _wrong_validity(result) or _wrong_figures(result)


def _wrong_validity(result: DeviceResult) -> str | None:
    validity = result.validity
    if validity.latency_valid and not validity.physical_device:
        return "valid latencies of no physical device"
    false = next((name for name in FLAGS if getattr(validity, name) is False), None)
    if false and validity.latency_valid:
        return f"valid latencies, but {false} is false"
    if false and validity.physical_device and result.status in ("ok", "fallback"):
        return f"status is {result.status}, but {false} is false: that is invalid"
    return None


def _wrong_figures(result: DeviceResult) -> str | None:
    sustained = result.sustained
    if sustained is not None and sustained.frames != sustained.ms.count:
        return f"{sustained.frames} sustained frames, but statistics of {sustained.ms.count}"
    for latency in result.latency:
        if latency.ms.count != len(latency.samples_ns):
            samples = len(latency.samples_ns)
            return f"{latency.what!a:.60} has {samples} samples, not {latency.ms.count}"
        found = statistics([sample / 1e6 for sample in latency.samples_ns])
        for field in dataclasses.fields(Statistics):
            said, true = getattr(latency.ms, field.name), getattr(found, field.name)
            if not math.isclose(said, true, rel_tol=1e-9, abs_tol=1e-9):
                return f"{field.name} of {latency.what!a:.60} is {said}, of its samples {true}"
    return None
