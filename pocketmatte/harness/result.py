"""What a device gives back of one run, as a file: see docs/harness-protocol.md.

``None`` means not measured, never zero.
"""

import json
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from export.manifest import Sha256

Status: TypeAlias = Literal[
    "ok", "fallback", "load_failed", "run_failed", "parity_failed", "invalid"
]
Process: TypeAlias = Literal["adb_shell", "app_foreground", "host", "emulated"]

Count = Annotated[int, Field(ge=0, lt=1 << 63)]
NotNegative = Annotated[float, Field(ge=0)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Tool(_Model):
    """The runner that wrote the result."""

    name: str
    version: str


class Device(_Model):
    """What it ran on, as the operating system says it."""

    platform: Literal["android", "ios", "ipados", "macos", "linux"]
    manufacturer: str | None
    model: str | None
    soc: str | None
    os_version: str | None
    api_level: int | None
    abi: str | None
    cpu: str | None
    cores: int | None
    ram_bytes: int | None
    media_performance_class: int | None
    emulator: bool


class File(_Model):
    """One program's file, as the device had it."""

    path: str
    program: str
    sha256: Sha256
    size_bytes: Count


class Subject(_Model):
    """What was run."""

    network: str
    tier: str
    orientation: Literal["landscape", "portrait"]
    format: str
    recipe: str
    weights_digest: Sha256
    files: list[File]
    trace_sha256: Sha256  # of trace.json


class Execution(_Model):
    """How it was run."""

    process: Process
    runtime: str
    runtime_version: str | None
    delegate_requested: str
    delegate_actual: str | None
    threads: Annotated[int, Field(ge=1)]


class Plan(_Model):
    """What was asked for; frames are replayed from the trace, over and over.

    Attributes:
        warmups: Frames before the first sample.
        runs, seconds: Both are reached before timing ends,
        limit_seconds: unless it takes longer than this.
        frames_per_second: Of the sustained run; ``None`` for none.
        sustained_seconds: It lasts.
    """

    warmups: Annotated[int, Field(ge=1)]
    runs: Annotated[int, Field(ge=1)]
    seconds: NotNegative
    limit_seconds: NotNegative
    frames_per_second: Annotated[float, Field(gt=0)] | None
    sustained_seconds: NotNegative


class Statistics(_Model):
    """Of samples, in milliseconds; see ``statistics.Statistics``."""

    count: Annotated[int, Field(ge=1)]
    mean: NotNegative
    min: NotNegative
    max: NotNegative
    stddev: NotNegative
    p50: NotNegative
    p90: NotNegative
    p95: NotNegative
    p99: NotNegative


class Latency(_Model):
    """Of one program, or of whole frames: all the calls that one frame takes.

    Attributes:
        what: ``frame`` or ``program:`` and its name.
        load_ms: To load the file; of frames, all files.
        first_ms: The first call after loading.
        samples_ns: Every measured one, in order.
        ms: Their statistics.
    """

    what: str
    load_ms: NotNegative
    first_ms: NotNegative
    samples_ns: list[Count]
    ms: Statistics


class Sustained(_Model):
    """A run at the camera's rate.

    Attributes:
        frames_per_second: Asked for.
        seconds: It lasted.
        frames: Finished.
        late: Finished after the next one was due.
        ms: Latencies of all frames.
        last_quarter_p95_ms: Of the last quarter of them: what heat has come to.
    """

    frames_per_second: float
    seconds: NotNegative
    frames: Count
    late: Count
    ms: Statistics
    last_quarter_p95_ms: NotNegative


class Memory(_Model):
    """The most memory that a run of its own, apart from the timed one, came to."""

    peak_bytes: Count
    method: str


class Heat(_Model):
    """One reading of the thermal state.

    ``status`` is Android's: 0 none to 6 shutdown; Apple's nominal, fair, serious and critical are
    0, 1, 3 and 4.
    """

    seconds: NotNegative
    status: Annotated[int, Field(ge=0, le=6)] | None
    celsius: float | None


class Battery(_Model):
    """One reading of the battery."""

    seconds: NotNegative
    percent: Annotated[float, Field(ge=0, le=100)] | None
    charging: bool | None
    low_power_mode: bool | None


class OutputFigures(_Model):
    """How far an output lies from the trace; see ``verdict.Figures``."""

    program: str
    name: str
    calls: Annotated[int, Field(ge=1)]
    finite: bool
    psnr_db: float | None
    free_max_abs: float | None
    max_abs: float | None
    mad: float | None
    flipped: float | None
    faults: list[str]


class Parity(_Model):
    """The numeric verdict."""

    frames: Count
    outputs: list[OutputFigures]
    sha256: Sha256  # of all outputs of free replay, in order
    passed: bool


class Validity(_Model):
    """What the latencies are worth; ``None`` where nobody could tell."""

    physical_device: bool
    latency_valid: bool
    min_runs_met: bool | None
    min_seconds_met: bool | None
    thermal_ok: bool | None
    not_debuggable: bool | None


class Result(_Model):
    """One run of one tier in one format and recipe on one device."""

    schema_version: Literal[1]
    run_id: Annotated[str, Field(pattern=r"^[0-9A-Za-z._-]{1,80}$")]
    started_at: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]
    tool: Tool
    device: Device
    subject: Subject
    execution: Execution
    plan: Plan
    latency: list[Latency]
    sustained: Sustained | None
    memory: Memory | None
    thermal: list[Heat]
    battery: list[Battery]
    parity: Parity | None
    instructions_per_frame: Count | None  # emulated, one thread: a cost, never a latency
    validity: Validity
    status: Status
    errors: list[str]


def schema_text() -> str:
    """Return the JSON Schema that ``docs/protocol/result.schema.json`` holds."""
    return json.dumps(Result.model_json_schema(), indent=1, sort_keys=True) + "\n"
