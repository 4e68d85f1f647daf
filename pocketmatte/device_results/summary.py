"""A result in a few figures: a row of the index and of the list."""

import dataclasses

from pocketmatte.device_results.doubts import FRAME
from pocketmatte.device_results.reading import Kept
from pocketmatte.harness.result import Result

GOOD = ("ok", "fallback")
EMULATED = "emulated"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """What is told of a result.

    Attributes:
        sha256: Of the file in a store.
        run_id, started_at, status: Of the result.
        platform, manufacturer, model, os_version: Of the device.
        process, runtime, delegate_actual, threads: How it ran.
        network, tier, orientation, format, recipe, weights_digest: What ran.
        latency: ``valid``, or the first reason why it is not.
        p50_ms, p95_ms: Of whole frames; ``None`` of an emulated processor, whose times are none.
        peak_bytes: Of the memory pass.
        parity: Whether it passed; ``None`` where nothing was compared.
        worst_db: Smallest PSNR of an output; ``None`` where all are equal or nothing was compared.
        instructions_per_frame: Of an emulated processor.
    """

    sha256: str
    run_id: str
    started_at: str
    status: str
    platform: str
    manufacturer: str | None
    model: str | None
    os_version: str | None
    process: str
    runtime: str
    delegate_actual: str | None
    threads: int
    network: str
    tier: str
    orientation: str
    format: str
    recipe: str
    weights_digest: str
    latency: str
    p50_ms: float | None
    p95_ms: float | None
    peak_bytes: int | None
    parity: bool | None
    worst_db: float | None
    instructions_per_frame: int | None


def summary(kept: Kept) -> Summary:
    """Return the few figures of a result."""
    result = kept.result
    device, subject, execution = result.device, result.subject, result.execution
    frames = next((each.ms for each in result.latency if each.what == FRAME), None)
    if execution.process == EMULATED:
        frames = None
    return Summary(
        sha256=kept.sha256,
        run_id=result.run_id,
        started_at=result.started_at,
        status=result.status,
        platform=device.platform,
        manufacturer=device.manufacturer,
        model=device.model,
        os_version=device.os_version,
        process=execution.process,
        runtime=execution.runtime,
        delegate_actual=execution.delegate_actual,
        threads=execution.threads,
        network=subject.network,
        tier=subject.tier,
        orientation=subject.orientation,
        format=subject.format,
        recipe=subject.recipe,
        weights_digest=subject.weights_digest,
        latency=latency_fault(result) or "valid",
        p50_ms=frames.p50 if frames else None,
        p95_ms=frames.p95 if frames else None,
        peak_bytes=result.memory.peak_bytes if result.memory else None,
        parity=result.parity.passed if result.parity else None,
        worst_db=worst_db(result),
        instructions_per_frame=result.instructions_per_frame,
    )


def latency_fault(result: Result) -> str | None:
    """Return the first reason why a result's latencies are none to rely on, or ``None``."""
    validity = result.validity
    if result.execution.process == EMULATED:
        return "emulated"
    if validity.thermal_ok is False:
        return "throttled"
    if not validity.physical_device:
        return "no phone or tablet"
    reasons = {
        "min_runs_met": "too few runs",
        "min_seconds_met": "too few seconds",
        "not_debuggable": "a debug build",
    }
    for flag, words in reasons.items():
        if getattr(validity, flag) is False:
            return words
    if not any(each.what == FRAME for each in result.latency):
        return "nothing timed"
    return None if result.status in GOOD else result.status


def worst_db(result: Result) -> float | None:
    """Return the smallest PSNR of an output; ``None`` where all are equal or none is known."""
    outputs = result.parity.outputs if result.parity else []
    return min((each.psnr_db for each in outputs if each.psnr_db is not None), default=None)
