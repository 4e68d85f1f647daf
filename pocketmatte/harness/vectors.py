"""Shared test vectors: what the same rules must give in Python, C++, Kotlin and Swift.

``python -m pocketmatte.harness.vectors`` writes them and the schemas anew into ``docs/protocol``.
"""

import dataclasses
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import export.trace
import pocketmatte.harness.result
import pocketmatte.selection.lock
import pocketmatte.selection.on_device.device_file
from export.manifest import State
from export.trace import TRACE_NAME, Limits, Output, Program, Shape, Step, Trace, trace_text
from export.trace_data import DataWriter
from pocketmatte.harness.choice import Budget, Measured, choose
from pocketmatte.harness.device_vectors import write_device_vectors
from pocketmatte.harness.statistics import statistics
from pocketmatte.harness.verdict import Comparison, faults
from pocketmatte.runtimes.protocol import FloatArray
from pocketmatte.tolerances import FEATURE_RANGE

FOLDER = Path("docs", "protocol")

_SHAPE = (1, 1, 2, 2)
_LIMITS = Limits(psnr_db=50.0, others_psnr_db=40.0, max_abs=5e-3, matte_mad=4e-3, mask_flipped=0.2)


def write_all(folder: Path = FOLDER) -> None:
    """Write every vector and schema below ``folder``."""
    texts = {
        "trace.schema.json": export.trace.schema_text(),
        "result.schema.json": pocketmatte.harness.result.schema_text(),
        "lock.schema.json": pocketmatte.selection.lock.schema_text(),
        "device.schema.json": pocketmatte.selection.on_device.device_file.schema_text(),
        "vectors/statistics.json": _text({"cases": list(_statistics())}),
        "vectors/verdicts.json": _text({"cases": list(_verdicts())}),
        "vectors/choices.json": _text({"cases": list(_choices())}),
    }
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    write_device_vectors(folder / "vectors" / "on_device")
    trace = folder / "vectors" / "trace"
    trace.mkdir(parents=True, exist_ok=True)
    toy_trace(trace)


def _text(content: object) -> str:
    return json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n"


def _statistics() -> Iterator[dict[str, Any]]:
    drawn = random.Random(7)
    cases = (
        [5.0],
        [3.0, 1.0],
        [1.0, 2.0, 3.0, 4.0],
        [2.0] * 9,
        [float(n) for n in range(100, 0, -1)],
        [round(drawn.lognormvariate(3, 0.2), 6) for _ in range(137)],
    )
    for samples in cases:
        yield {"samples": samples, "expected": dataclasses.asdict(statistics(samples))}


def _verdicts() -> Iterator[dict[str, Any]]:
    reference = np.array([0.0, 0.25, 0.75, 1.0], dtype=np.float32).reshape(_SHAPE)
    far = reference * 40
    near = reference + np.float32(1e-3)
    flipped = np.where(reference == np.float32(0.25), np.float32(0.6), reference)
    broken = reference.copy()
    broken.flat[2] = np.nan
    matte, mask = _output("alpha", judged="matte"), _output("mask", judged="mask")
    picture = _output("foreground", shown_by="alpha")
    memory = _output("memory", relative=True, seen=False)
    yield _verdict("equal", matte, [(reference, reference)])
    yield _verdict("near, of two calls", matte, [(near, reference), (reference, reference)])
    yield _verdict("a matte that is off everywhere", matte, [(reference + 0.01, reference)])
    yield _verdict("one step off", matte, [(near, reference)], [(reference + 0.01, reference)])
    yield _verdict("one step as near as may be", matte, [(near, reference)], [(near, reference)])
    yield _verdict("a mask that changes sides", mask, [(flipped, reference)])
    yield _verdict("a picture wrong where nothing shows", picture,
                   [(_wrong_at(reference, 0), reference)], matte=reference)  # fmt: skip
    yield _verdict("a picture wrong where it shows", picture,
                   [(_wrong_at(reference, 3), reference)], matte=reference)  # fmt: skip
    uneven = np.array([0.0, 0.5, 1.0, 0.25], dtype=np.float32).reshape(_SHAPE)
    colours = np.concatenate([reference, far / 50, near], axis=1)
    off = colours + np.arange(12, dtype=np.float32).reshape(1, 3, 2, 2) / 1000
    coloured = picture.model_copy(update={"shape": [1, 3, 2, 2]})
    yield _verdict("a picture of three channels, by its matte", coloured, [(off, colours)],
                   matte=uneven)  # fmt: skip
    yield _verdict("a mask of two calls, one of which changes sides", mask,
                   [(reference, reference), (flipped, reference)])  # fmt: skip
    yield _verdict("a memory by its magnitude", memory, [(far + 0.1, far)])
    yield _verdict("a memory that holds next to nothing", memory, [(near * 1e-5, reference * 1e-5)])
    yield _verdict("not a number", matte, [(reference, reference), (broken, reference)])
    yield _verdict("not a number in one step", matte, [(near, reference)], [(broken, reference)])


def _output(
    name: str, *, relative: bool = False, seen: bool = True, shown_by: str | None = None,
    judged: Any = None,
) -> Output:  # fmt: skip
    return Output(
        name=name, shape=list(_SHAPE), relative=relative, seen=seen, shown_by=shown_by,
        judged=judged,
    )  # fmt: skip


def _verdict(
    name: str,
    output: Output,
    free: list[tuple[Any, FloatArray]],
    forced: list[tuple[Any, FloatArray]] | None = None,
    matte: FloatArray | None = None,
) -> dict[str, Any]:
    comparison = Comparison(output, FEATURE_RANGE)
    for given, reference in free:
        comparison.free(np.asarray(given, dtype=np.float32), reference, matte)
    for given, reference in forced or ():
        comparison.forced(np.asarray(given, dtype=np.float32), reference)
    found = comparison.figures()
    return {
        "name": name,
        "output": output.model_dump(),
        "feature_range": FEATURE_RANGE,
        "limits": _LIMITS.model_dump(),
        "matte": None if matte is None else _listed(matte),
        "free": [{"given": _listed(a), "reference": _listed(b)} for a, b in free],
        "forced": [{"given": _listed(a), "reference": _listed(b)} for a, b in forced or ()],
        "expected": dataclasses.asdict(found) | {"faults": faults(output, found, _LIMITS)},
    }


def _wrong_at(reference: FloatArray, place: int) -> FloatArray:
    wrong = reference.copy()
    wrong.flat[place] += np.float32(0.5)
    return wrong


def _listed(array: Any) -> list[float | str]:
    """Return values as JSON has them: what single precision holds, and ``nan`` as a word."""
    values = np.asarray(array, dtype=np.float32).ravel()
    return [float(value) if np.isfinite(value) else "nan" for value in values]


def _choices() -> Iterator[dict[str, Any]]:
    low, high = _measured("a", "t04", 12.0), _measured("b", "t08", 30.0)
    budget = Budget(frame_ms=33.3, peak_bytes=None, process="app_foreground")
    yield _choice("the highest that is fast enough", [low, high], budget)
    yield _choice("a tighter budget", [low, high], dataclasses.replace(budget, frame_ms=16.6))
    yield _choice("a fallback will do", [_measured("e", "t05", 3.0, status="fallback")], budget)
    yield _choice("none will do", [low, high], dataclasses.replace(budget, frame_ms=8.0))
    yield _choice("nothing measured", [], budget)
    yield _choice(
        "the faster of two files", [_measured("c", "t08", 25.0, recipe="w8a8"), high], budget
    )
    yield _choice(
        "the first of equals", [_measured("d", "t08", 30.0, format="coreml"), high], budget
    )
    yield _choice(
        "everything that rules out",
        [
            low,
            _measured("status", "t08", 1.0, status="parity_failed"),
            _measured("process", "t08", 1.0, process="adb_shell"),
            _measured("virtual", "t08", 1.0, physical_device=False),
            _measured("invalid", "t08", 1.0, latency_valid=False),
            _measured("hot", "t08", 1.0, flags={"thermal_ok": False, "min_runs_met": True}),
            _measured("few", "t08", 1.0, flags={"min_runs_met": False, "thermal_ok": False}),
            _measured("short", "t08", 1.0, flags={"min_seconds_met": False}),
            _measured("debug", "t08", 1.0, flags={"not_debuggable": False}),
            _measured("untold", "t06", 1.0, flags={"thermal_ok": None}),
            _measured("unmeasured", "t08", None),
            _measured("slow", "t08", 33.4),
        ],
        budget,
    )
    yield _choice(
        "memory",
        [
            low,
            dataclasses.replace(high, peak_bytes=None),
            _measured("c", "t07", 20.0, peak_bytes=9),
        ],
        dataclasses.replace(budget, peak_bytes=8),
    )


def _measured(run_id: str, tier: str, p95_ms: float | None, **changed: Any) -> Measured:
    usual: dict[str, Any] = {
        "format": "executorch", "recipe": "fp32", "status": "ok", "process": "app_foreground",
        "physical_device": True, "latency_valid": True, "flags": {}, "peak_bytes": 8,
    }  # fmt: skip
    return Measured(run_id=run_id, tier=tier, p95_ms=p95_ms, **(usual | changed))


def _choice(name: str, results: list[Measured], budget: Budget) -> dict[str, Any]:
    return {
        "name": name,
        "results": [dataclasses.asdict(result) for result in results],
        "budget": dataclasses.asdict(budget),
        "expected": dataclasses.asdict(choose(results, budget)),
    }


def toy_trace(folder: Path) -> Trace:
    """Write a trace of a network that any language computes in a line, for tests of replays.

    ``mix`` gives ``alpha = frame / 2 + state / 4`` and ``state_next = alpha``; ``tone``, run on
    every other frame, gives ``feature = 8 * alpha + bias``.
    """
    frames = [np.array([0, 51, 102, 255]), np.array([255, 0, 51, 204]), np.array([102, 102, 0, 51])]
    state = np.zeros(_SHAPE, dtype=np.float32)
    bias = np.array([0.5, 1.5, -2.0, 100.25], dtype=np.float32).reshape(_SHAPE)
    steps = []
    with DataWriter(folder) as data:
        for number, levels in enumerate(frames):
            frame = (levels.astype(np.float32) / np.float32(255)).reshape(_SHAPE)
            alpha = frame / np.float32(2) + state / np.float32(4)
            state = alpha
            steps.append(
                Step(frame=number, program="mix", given=[data.add("frame", frame)],
                     expected=[data.add("alpha", alpha), data.add("state_next", state)])
            )  # fmt: skip
            if number % 2 == 0:
                feature = np.float32(8) * alpha + bias
                given = [data.add("bias", bias)] if number == 0 else []
                expected = [data.add("feature", feature)]
                steps.append(Step(frame=number, program="tone", given=given, expected=expected))
        written = data.close()
    shape = list(_SHAPE)
    trace = Trace(
        schema_version=1, network="toy", tier="t01", orientation="landscape",
        weights_digest="0" * 64, frames=len(frames), feature_range=FEATURE_RANGE,
        programs=[
            Program(
                name="mix",
                inputs=[Shape(name="frame", shape=shape), Shape(name="state", shape=shape)],
                outputs=[
                    _output("alpha", judged="matte"), _output("state_next", seen=False),
                ],
                states=[State(input="state", output="state_next", reset=0.0)],
            ),
            Program(
                name="tone",
                inputs=[Shape(name="alpha", shape=shape), Shape(name="bias", shape=shape)],
                outputs=[_output("feature", relative=True, seen=False)],
                states=[],
            ),
        ],
        limits={"fp32": _LIMITS},
        steps=steps,
        data=written,
    )  # fmt: skip
    (folder / TRACE_NAME).write_text(trace_text(trace), encoding="utf-8", newline="\n")
    return trace


if __name__ == "__main__":
    write_all()
