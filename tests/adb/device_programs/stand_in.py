#!/usr/bin/env python3
"""A stand-in of the native runner and of an app under ``am instrument``.

It takes their options, checks the files, and computes nothing: its figures are made up. What it
prints as ``am instrument`` is from documentation, not recorded. ``RUNNER_FAULT=<recipe>:<fault>``
and ``APP_FAULT=<fault>`` make it fail in one way. It is pushed, so the standard library is all.
"""

import hashlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

FLAGS = {"min_runs_met": True, "min_seconds_met": True, "thermal_ok": None, "not_debuggable": None}
SAMPLES_NS = [2_000_000, 3_000_000, 4_000_000]
STATISTICS = {
    "count": 3, "mean": 3.0, "min": 2.0, "max": 4.0, "stddev": 0.816496580927726,
    "p50": 3.0, "p90": 3.8, "p95": 3.9, "p99": 3.98,
}  # fmt: skip
UNKNOWN = (
    "manufacturer", "soc", "os_version", "api_level", "abi", "cpu", "cores", "ram_bytes",
    "media_performance_class",
)  # fmt: skip

TEST_BEGAN = """\
INSTRUMENTATION_STATUS: class=com.example.app.BenchmarkTest
INSTRUMENTATION_STATUS: current=1
INSTRUMENTATION_STATUS: id=AndroidJUnitRunner
INSTRUMENTATION_STATUS: numtests=1
INSTRUMENTATION_STATUS: test=run
INSTRUMENTATION_STATUS_CODE: 1
"""
TEST_PASSED = TEST_BEGAN.replace("CODE: 1", "CODE: 0")
TEST_FAILED = """\
INSTRUMENTATION_STATUS: stack=java.lang.AssertionError: no file of that recipe
	at com.example.app.BenchmarkTest.run(BenchmarkTest.kt:10)
INSTRUMENTATION_STATUS_CODE: -2
"""
CRASHED = """\
INSTRUMENTATION_RESULT: shortMsg=Process crashed.
INSTRUMENTATION_CODE: 0
"""
ENDED = """\
INSTRUMENTATION_RESULT: stream=

Time: 1.234

OK (1 test)


INSTRUMENTATION_CODE: -1
"""


def options(words: list[str]) -> dict[str, str]:
    given = {}
    while words:
        name, *words = words
        given[name.removeprefix("--")] = "yes" if name == "--memory" else words.pop(0)
    return given


def entries_of(bundle: Path, given: dict[str, str]) -> list[dict[str, Any]]:
    manifest = json.loads((bundle / "manifest.json").read_text())
    wanted = {name: given[name] for name in ("network", "tier", "recipe")}
    wanted["format"] = given.get("format", "executorch")
    return [
        entry for entry in manifest["artifacts"] if all(entry[k] == v for k, v in wanted.items())
    ]


def result_of(
    bundle: Path, given: dict[str, str], device: dict[str, Any], process: str
) -> dict[str, Any]:
    trace = bundle / "traces" / given["network"] / given["tier"] / "trace.json"
    entries = entries_of(bundle, given)
    for entry in entries:
        if hashlib.sha256((bundle / entry["path"]).read_bytes()).hexdigest() != entry["sha256"]:
            sys.exit(f"{entry['path']} is damaged")
    kinds = ("path", "program", "sha256", "size_bytes")
    latency = {
        "what": "frame", "load_ms": 1.5, "first_ms": 5.0, "samples_ns": SAMPLES_NS,
        "ms": STATISTICS,
    }  # fmt: skip
    output = {
        "program": "matte", "name": "alpha", "calls": 8, "finite": True, "psnr_db": 81.5,
        "free_max_abs": 1e-6, "max_abs": None, "mad": 1e-7, "flipped": 0.0, "faults": [],
    }  # fmt: skip
    physical = not device["emulator"]
    return {
        "schema_version": 1,
        "run_id": given["run-id"],
        "started_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "tool": {"name": "runner stand-in", "version": "0"},
        "device": device,
        "subject": {
            "network": given["network"], "tier": given["tier"], "recipe": given["recipe"],
            "orientation": "landscape", "format": entries[0]["format"],
            "weights_digest": entries[0]["weights_digest"],
            "files": [{kind: entry[kind] for kind in kinds} for entry in entries],
            "trace_sha256": hashlib.sha256(trace.read_bytes()).hexdigest(),
        },
        "execution": {
            "process": process, "runtime": "none", "runtime_version": None,
            "delegate_requested": "XnnpackBackend", "delegate_actual": "XnnpackBackend",
            "threads": int(given["threads"]),
        },
        "plan": {
            "warmups": int(given["warmups"]), "runs": int(given["runs"]),
            "seconds": float(given["seconds"]), "limit_seconds": float(given["limit-seconds"]),
            "frames_per_second": float(given["fps"]) if "fps" in given else None,
            "sustained_seconds": float(given.get("sustained-seconds", 0)),
        },
        "latency": [latency],
        "sustained": None,
        "memory": None,
        "thermal": [],
        "battery": [],
        "parity": {"frames": 8, "outputs": [output], "sha256": "0" * 64, "passed": True},
        "instructions_per_frame": None,
        "validity": {"physical_device": physical, "latency_valid": physical, **FLAGS},
        "status": "ok",
        "errors": [],
    }  # fmt: skip


def write(out: Path, content: bytes, run_id: str) -> None:
    partial = out.with_suffix(".partial")
    partial.write_bytes(content)
    partial.rename(out)
    with Path(os.environ["DEVICE_SETTINGS"], "written").open("a") as log:
        log.write(f"{run_id}\n")


def end_badly(fault: str) -> None:
    if fault == "code":
        sys.stderr.write("first\nno kernel of that name\n")
        sys.exit(3)
    if fault == "signal":
        os.kill(os.getpid(), signal.SIGSEGV)
    if fault == "job_killed":
        os.killpg(0, signal.SIGKILL)
    if fault == "not_utf8":
        sys.stderr.buffer.write(b"no file \xff\xfe\x80 here\n")
        sys.exit(3)
    time.sleep({"forever": 600.0, "slow": 1.0}.get(fault, 0.0))


def runner() -> None:
    given = options(sys.argv[2:])
    if "memory" in given:
        sys.stdout.write(json.dumps({"peak_bytes": 12_000_000, "method": "VmHWM"}) + "\n")
        return
    Path(os.environ["DEVICE_SETTINGS"], f"pid-{given['recipe']}").write_text(str(os.getpid()))
    of, _, fault = os.environ.get("RUNNER_FAULT", "").partition(":")
    fault = fault if of == given["recipe"] else ""
    end_badly(fault)
    device = json.loads(Path(given["device"]).read_text())
    result = result_of(Path(given["bundle"]), given, device, given["process"])
    if fault == "other_run":
        result["run_id"] = "another"
    content = json.dumps(result).encode()
    content = {
        "garbage": b"<html>no\x00</html>",
        "truncated": content[: len(content) // 2],
        "not_utf8_result": content.replace(b"runner stand-in", b"runner \xff\xfe"),
    }.get(fault, content)
    write(Path(given["out"]), content, given["run-id"])
    if fault == "after":
        os.kill(os.getpid(), signal.SIGABRT)
    if fault == "forever_after":
        time.sleep(600.0)


def app() -> None:
    words = sys.argv[2:]
    extras = {words[i + 1]: words[i + 2] for i, word in enumerate(words) if word == "-e"}
    given = {name.replace("_", "-"): value for name, value in extras.items()}
    fault = os.environ.get("APP_FAULT", "")
    sys.stdout.write(TEST_BEGAN)
    if fault in ("crash", "failure"):
        sys.stdout.write(CRASHED if fault == "crash" else TEST_FAILED + ENDED)
        return
    package = words[-1].split("/")[0].removesuffix(".test")
    shared = Path(os.environ["EXTERNAL_STORAGE"], "Android", "data", package, "files")
    own = Path(os.environ["DEVICE_APPS"], package, "files")
    files = shared if shared.is_dir() else own
    device = dict.fromkeys(UNKNOWN) | {
        "platform": "android", "model": "Stand-in 1", "emulator": False
    }  # fmt: skip
    result = result_of(files / "bundle", given, device, "app_foreground")
    if fault != "no_result":
        out = files / "results" / f"{given['run-id']}.json"
        write(out, json.dumps(result).encode(), given["run-id"])
    sys.stdout.write(TEST_PASSED + (CRASHED if fault == "crash_after" else ENDED))


if __name__ == "__main__":
    if sys.argv[1] == "instrument":
        app()
    else:
        runner()
