"""Which tier a device runs, of those that it was measured with: see docs/harness-protocol.md.

The standard library alone, as it is in Kotlin and Swift.
"""

import dataclasses
from collections.abc import Iterable, Mapping

_FLAGS = ("min_runs_met", "min_seconds_met", "thermal_ok", "not_debuggable")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """What a choice looks at in a result.

    Attributes:
        run_id, tier, format, recipe, status, process: Of the result.
        physical_device, latency_valid: Of its validity.
        flags: Its other validity flags by name; ``None`` where nobody could tell.
        p95_ms: Of whole frames, in the sustained run where there was one; ``None`` without any.
        peak_bytes: ``None`` where it was not measured.
    """

    run_id: str
    tier: str
    format: str
    recipe: str
    status: str
    process: str
    physical_device: bool
    latency_valid: bool
    flags: Mapping[str, bool | None]
    p95_ms: float | None
    peak_bytes: int | None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """What a frame may cost.

    Attributes:
        frame_ms: Largest 95th percentile.
        peak_bytes: Most memory; ``None`` for any.
        process: Whose results count: those of a shell and those of an app in the foreground are
            not compared with each other.
    """

    frame_ms: float
    peak_bytes: int | None
    process: str


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What was chosen.

    Attributes:
        run_id: Of the result whose tier, format and recipe to take; ``None`` where none will do.
        ruled_out: Why every other that could not be chosen was not, by its run: ``status``,
            ``process``, ``not_physical``, ``latency_invalid``, the name of a validity flag that is
            false, ``not_measured``, ``too_slow``, ``memory_not_measured`` or ``too_large``.
    """

    run_id: str | None
    ruled_out: Mapping[str, str]


def choose(results: Iterable[Measured], budget: Budget) -> Choice:
    """Take the highest tier that keeps the budget.

    Of several results of that tier the fastest is taken; of equally fast ones the first by format,
    recipe and run.
    """
    fitting, ruled_out = [], {}
    for result in results:
        if reason := _reason(result, budget):
            ruled_out[result.run_id] = reason
        else:
            fitting.append(result)
    if not fitting:
        return Choice(run_id=None, ruled_out=ruled_out)
    highest = max(result.tier for result in fitting)
    best = min(
        (result for result in fitting if result.tier == highest),
        key=lambda result: (result.p95_ms, result.format, result.recipe, result.run_id),
    )
    return Choice(run_id=best.run_id, ruled_out=ruled_out)


def _reason(result: Measured, budget: Budget) -> str | None:
    """Return the first reason why a result cannot be chosen."""
    if result.status not in ("ok", "fallback"):
        return "status"
    if result.process != budget.process:
        return "process"
    if not result.physical_device:
        return "not_physical"
    if not result.latency_valid:
        return "latency_invalid"
    for flag in _FLAGS:
        if result.flags.get(flag) is False:
            return flag
    if result.p95_ms is None:
        return "not_measured"
    if result.p95_ms > budget.frame_ms:
        return "too_slow"
    if budget.peak_bytes is not None:
        if result.peak_bytes is None:
            return "memory_not_measured"
        if result.peak_bytes > budget.peak_bytes:
            return "too_large"
    return None
