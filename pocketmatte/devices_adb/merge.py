"""What the host adds to a runner's result, and what follows from it: see docs/harness-protocol.md.

Pure functions: the same rules, whoever took the readings.
"""

import dataclasses
from collections.abc import Sequence

from pocketmatte.devices_adb.cargo import Run
from pocketmatte.harness.result import Battery, Heat, Memory, Result, Status, Validity

_WARMEST_STATUS = 1  # light; above it Android slows a device down
_ENDED_EARLY = ("load_failed", "run_failed")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Observed:
    """What the host saw around a run.

    Attributes:
        thermal: Readings, in seconds from the first of them.
        battery: Readings, likewise.
        memory: Of the pass of its own; ``None`` if it was not measured.
        errors: What went wrong around it.
    """

    thermal: Sequence[Heat]
    battery: Sequence[Battery]
    memory: Memory | None
    errors: Sequence[str]


def merged(result: Result, observed: Observed) -> Result:
    """Return a result with what the host saw; validity and status are judged anew."""
    thermal = sorted([*result.thermal, *observed.thermal], key=lambda heat: heat.seconds)
    battery = sorted([*result.battery, *observed.battery], key=lambda each: each.seconds)
    validity = judged(result.validity, thermal)
    return result.model_copy(
        update={
            "thermal": thermal,
            "battery": battery,
            "memory": observed.memory or result.memory,
            "errors": [*result.errors, *observed.errors],
            "validity": validity,
            "status": status_of(result, validity),
        }
    )


def judged(validity: Validity, thermal: Sequence[Heat]) -> Validity:
    """Return a validity with ``thermal_ok`` and ``latency_valid`` as the readings have it."""
    known = [heat.status for heat in thermal if heat.status is not None]
    thermal_ok = all(status <= _WARMEST_STATUS for status in known) if known else None
    flags = (
        validity.min_runs_met, validity.min_seconds_met, thermal_ok, validity.not_debuggable
    )  # fmt: skip
    return validity.model_copy(
        update={
            "thermal_ok": thermal_ok,
            "latency_valid": validity.physical_device and False not in flags,
        }
    )


def status_of(result: Result, validity: Validity) -> Status:
    """Return the first status that is so, of a result with this validity."""
    if result.status in _ENDED_EARLY or result.parity is None:
        return result.status
    if not result.parity.passed:
        return "parity_failed"
    if validity.physical_device and not validity.latency_valid:
        return "invalid"
    if result.execution.delegate_actual != result.execution.delegate_requested:
        return "fallback"
    return "ok"


def stranger(result: Result, run: Run) -> str | None:
    """Return how a result shows that it is of another run than the one that was asked for."""
    subject = result.subject
    files = {each.path: each.sha256 for each in subject.files}
    pairs = (
        ("run", result.run_id, run.run_id),
        ("network", subject.network, run.network),
        ("tier", subject.tier, run.tier),
        ("recipe", subject.recipe, run.recipe),
        ("orientation", subject.orientation, run.orientation),
        ("trace", subject.trace_sha256, run.trace_sha256),
    )
    unread = result.status == "load_failed"  # the trace may be what could not be loaded
    for what, found, asked in pairs:
        if found != asked and not (unread and what == "trace"):
            return f"it is of {what} {found}, not {asked}"
    expected = {entry.path: entry.sha256 for entry in run.artifacts}
    if any(expected.get(path) != digest for path, digest in files.items()):
        return "it is of other files than the bundle holds"
    return None
