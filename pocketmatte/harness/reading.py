"""Read a result, and refuse one that denies itself."""

import math
from pathlib import Path

from export.model_file import read_model
from pocketmatte.harness.result import Latency, Result, Statistics
from pocketmatte.harness.statistics import statistics
from tiers.errors import BundleError


def read_result(path: Path) -> Result:
    """Read a result and check that it follows from itself.

    Raises:
        BundleError: If it is missing, no result, or says two things at once.
    """
    result = read_model(path, Result, "result", "run it again")
    if wrong := contradiction(result):
        msg = f"{path} contradicts itself: {wrong}; run it again"
        raise BundleError(msg)
    return result


def contradiction(result: Result) -> str | None:
    """Return the first thing a result says that another part of it denies, or ``None``."""
    parity, execution, validity = result.parity, result.execution, result.validity
    if result.status in ("ok", "fallback") and (parity is None or not parity.passed):
        return f"status is {result.status}, but its parity did not pass"
    if result.status == "parity_failed" and (parity is None or parity.passed):
        return "status is parity_failed, but its parity passed"
    if parity is not None and parity.passed != (not any(o.faults for o in parity.outputs)):
        return "the parity as a whole is not what its outputs say"
    if result.status == "ok" and execution.delegate_actual != execution.delegate_requested:
        return (
            f"status is ok, but {execution.delegate_actual} ran where "
            f"{execution.delegate_requested} was asked for: that is a fallback"
        )
    apart = execution.process in ("emulated", "host") or result.device.emulator
    if validity.physical_device and apart:
        return f"a physical device, but the process is {execution.process}"
    if validity.latency_valid and not validity.physical_device:
        return "valid latencies of no physical device"
    flags = ("min_runs_met", "min_seconds_met", "thermal_ok", "not_debuggable")
    false = [name for name in flags if getattr(validity, name) is False]
    if false and validity.latency_valid:
        return f"valid latencies, but {false[0]} is false"
    if false and validity.physical_device and result.status in ("ok", "fallback"):
        return f"status is {result.status}, but {false[0]} is false: that is invalid"
    if result.status == "load_failed" and (result.latency or parity is not None):
        return "nothing was loaded, but something was run"
    sustained = result.sustained
    if sustained is not None and sustained.frames != sustained.ms.count:
        return f"{sustained.frames} sustained frames, but statistics of {sustained.ms.count}"
    return next(filter(None, map(_miscounted, result.latency)), None)


def _miscounted(latency: Latency) -> str | None:
    """Return what is wrong with the statistics of some samples, or ``None``."""
    if latency.ms.count != len(latency.samples_ns):
        return f"{latency.what} has {len(latency.samples_ns)} samples, not {latency.ms.count}"
    found = statistics([sample / 1e6 for sample in latency.samples_ns])
    for name in Statistics.model_fields:
        said, true = getattr(latency.ms, name), getattr(found, name)
        if not math.isclose(said, true, rel_tol=1e-9, abs_tol=1e-9):
            return f"{name} of {latency.what} is {said}, of its samples {true}"
    return None
