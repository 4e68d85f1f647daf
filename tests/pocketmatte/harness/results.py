"""A result as a device writes it, to be changed by tests."""

from typing import Any

DIGEST = "0123456789abcdef" * 4


def statistics(count: int) -> dict[str, Any]:
    """Return those of samples of 5 ms."""
    names = ("mean", "min", "max", "p50", "p90", "p95", "p99")
    return {"count": count, "stddev": 0.0, **dict.fromkeys(names, 5.0)}


def good_result() -> dict[str, Any]:
    """Return a result of a phone that did all it should."""
    return {
        "schema_version": 1,
        "run_id": "rvm-t04-fp32",
        "started_at": "2026-01-02T03:04:05Z",
        "tool": {"name": "a test", "version": "1"},
        "device": {
            "platform": "android", "manufacturer": "A", "model": "B", "soc": "C",
            "os_version": "16", "api_level": 36, "abi": "arm64-v8a", "cpu": None, "cores": 8,
            "ram_bytes": 8 << 30, "media_performance_class": 34, "emulator": False,
        },
        "subject": {
            "network": "rvm", "tier": "t04", "orientation": "landscape", "format": "executorch",
            "recipe": "fp32", "weights_digest": DIGEST,
            "files": [{"path": "rvm/t04/matte-fp32.pte", "program": "matte", "sha256": DIGEST,
                       "size_bytes": 12}],
            "trace_sha256": DIGEST,
        },
        "execution": {
            "process": "adb_shell", "runtime": "executorch", "runtime_version": "1.5.1",
            "delegate_requested": "XnnpackBackend", "delegate_actual": "XnnpackBackend",
            "threads": 1,
        },
        "plan": {
            "warmups": 1, "runs": 2, "seconds": 0.0, "limit_seconds": 9.0,
            "frames_per_second": None, "sustained_seconds": 0.0,
        },
        "latency": [
            {"what": "frame", "load_ms": 3.0, "first_ms": 9.0, "samples_ns": [5_000_000] * 2,
             "ms": statistics(2)},
        ],
        "sustained": None,
        "memory": None,
        "thermal": [{"seconds": 0.0, "status": 0, "celsius": None}],
        "battery": [],
        "parity": {
            "frames": 8,
            "outputs": [
                {"program": "matte", "name": "alpha", "calls": 8, "finite": True, "psnr_db": 99.0,
                 "free_max_abs": 1e-6, "max_abs": 1e-6, "mad": 1e-7, "flipped": 0.0, "faults": []},
            ],
            "sha256": DIGEST,
            "passed": True,
        },
        "instructions_per_frame": None,
        "validity": {
            "physical_device": True, "latency_valid": True, "min_runs_met": True,
            "min_seconds_met": True, "thermal_ok": True, "not_debuggable": None,
        },
        "status": "ok",
        "errors": [],
    }  # fmt: skip
