"""Why an alternative is out, and why a result does not count: every code, in words."""

from collections.abc import Mapping
from types import MappingProxyType

from pocketmatte.selection.candidates import Number

# The numbers in braces are those that the ruling holds.
RULED_OUT: Mapping[str, str] = MappingProxyType(
    {
        "not_built": "the bundle holds no file of it",
        "format_not_allowed": "the policy does not give this format to the platform",
        "recipe_not_allowed": "the policy does not take this recipe",
        "incomplete": "the bundle lacks {missing}",
        "below_floor": "the policy asks for {minimum_tier} or higher",
        "verify_failed": "verify failed one of its files",
        "not_verified": "verify says {status} of it: run pocketmatte verify",
        "quality_not_measured": "verify has no PSNR of it; {least_psnr_db} dB are asked for",
        "quality_too_low": "{psnr_db} dB; {least_psnr_db} dB are asked for",
        "download_too_large": "{download_mb} MB to download; the limit is {limit_mb} MB",
        "parity_failed_elsewhere": "a {process} run, {run_id}, computed something else",
        "parity_failed_on_device": "{device} computed something else in run {run_id}",
        "load_failed_on_device": "{device} could not load it in run {run_id}",
        "run_failed_on_device": "{device} could not run it in run {run_id}",
        "eight_bits_do_not_pay": "{faster} times as fast by {faster_by}, {smaller} times smaller "
        "than fp32; {least_faster} or {least_smaller} are asked for",
        "too_slow": "p95 is {p95_ms} ms on {device}; the limit is {limit_ms} ms",
        "too_large": "{peak_bytes} bytes of memory, {device} among those measured; the limit is "
        "{limit_mb} MB",
        "memory_not_measured": "its memory was not measured, and a measurement is required",
        "not_measured": "nobody measured it on such a device, only up to {measured_up_to}",
        "above_class": "it is meant for stronger devices; this class is {device_class}",
        "tier_too_slow": "{tier} was too slow in all that was measured: p95 is {p95_ms} ms on "
        "{device}; the limit is {limit_ms} ms",
        "estimated_too_slow": "up to {high_ms} ms, an estimated {estimated_ms}; the limit of "
        "{limit_ms} ms holds for the upper end: measure it, or ask without a prior",
        "above_higher_class": "a higher class gets {higher_class_tier}, a lower one gets no more",
        "lower_tier": "{tier} will do",
        "not_preferred": "another file of its tier is preferred",
    }
)

# Those of docs/harness-protocol.md, and what a bundle and a request add to them.
RESULTS: Mapping[str, str] = MappingProxyType(
    {
        "status": "it did not end well",
        "process": "another process was asked for, or counts beside it",
        "not_physical": "it is of no physical device",
        "latency_invalid": "it calls its latencies invalid",
        "min_runs_met": "too few samples",
        "min_seconds_met": "too short",
        "thermal_ok": "the device was hot",
        "not_debuggable": "the app was a debug build",
        "not_measured": "it has no latency of whole frames",
        "other_files": "it ran files that the bundle does not hold now",
        "not_asked_for": "of a network or orientation that was not asked for",
    }
)


def words(reason: str, numbers: Mapping[str, Number]) -> str:
    """Return a ruling in words."""
    text = RULED_OUT[reason]
    for name, value in numbers.items():
        text = text.replace(f"{{{name}}}", said(value))
    return text.replace(", only up to {measured_up_to}", "")


def said(value: Number) -> str:
    """Return a number as people read it."""
    if value is None:
        return "nothing"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
