"""What is damaged, hostile or not there: it is not run, and the result says why."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from export.trace import DATA_NAME, TRACE_NAME
from pocketmatte.harness.reading import read_result
from tests.native.running import FILE, TRACE, Runner, manifest


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda b: truncate(b / FILE), "bytes, not"),
        (lambda b: flip(b / FILE), "is not the file of the manifest"),
        (lambda b: (b / FILE).unlink(), "is missing"),
        (lambda b: manifest(b, lambda e: e.update(path="../out.pte")), "leads out of the bundle"),
        (lambda b: manifest(b, lambda e: e.update(weights_digest="2" * 64)), "other weights"),
        (lambda b: (b / "manifest.json").write_text("{"), "is no manifest"),
        (lambda b: truncate(b / TRACE / DATA_NAME), "bytes, not"),
        (lambda b: flip(b / TRACE / DATA_NAME), "is not the file of the trace"),
        (lambda b: (b / TRACE / DATA_NAME).unlink(), "cannot be read"),
        (lambda b: (b / TRACE / TRACE_NAME).write_text("[]"), "is no trace"),
    ],
    ids=["truncated", "changed", "missing", "escape", "weights", "manifest", "tensors-truncated",
         "tensors-changed", "tensors-missing", "trace"],
)  # fmt: skip
def test_what_is_damaged_is_not_run_and_the_result_says_why(
    runner: Runner, damage: Callable[[Path], object], reason: str
) -> None:
    damage(runner.bundle)
    done = runner()
    result = read_result(runner.out)
    assert (done.returncode, result.status) == (1, "load_failed")
    (error,) = result.errors
    assert reason in error
    assert done.stderr.strip() == error
    assert (result.parity, result.latency) == (None, [])


def test_a_file_that_the_runtime_refuses_is_said_with_its_reason(runner: Runner) -> None:
    path = runner.bundle / FILE
    path.write_bytes(b"\0" * 4096)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    manifest(runner.bundle, lambda e: e.update(sha256=digest, size_bytes=4096))
    assert runner().returncode == 1
    (error,) = read_result(runner.out).errors
    assert error.startswith(f"ExecuTorch refuses {path}: error ")


def test_a_trace_of_another_tier_is_not_replayed(runner: Runner) -> None:
    done = runner(tier="t02")
    (error,) = read_result(runner.out).errors
    assert (done.returncode, "the trace is of rvm t01 landscape" in error) == (1, True)


def test_a_recipe_that_the_bundle_does_not_hold_is_wrong_use(runner: Runner) -> None:
    trace_change(runner.bundle, lambda t: t["limits"].update(fp16=t["limits"]["fp32"]))
    done = runner(recipe="fp16")
    assert done.returncode == 2
    assert "the bundle has no executorch file of rvm t01 matte in fp16" in done.stderr
    assert not runner.out.exists()


def trace_change(bundle: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = bundle / TRACE / TRACE_NAME
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda t: t["steps"][0]["given"][0].update(offset=1 << 64), "where a whole number"),
        (lambda t: t["steps"][0]["given"][0].update(offset=0.5), "where a whole number"),
        (lambda t: t["steps"][0]["given"][0].update(offset=1 << 39), "beyond the end"),
        (lambda t: t.update(frames=8.7), "where a whole number"),
        (lambda t: t["programs"][0]["inputs"][0].update(shape=[1, 1, 4, -8]), "whole number"),
        (lambda t: t["programs"][0]["inputs"][0].update(shape=[1 << 30] * 3), "is too large"),
        (lambda t: t["programs"][0]["outputs"][0].update(name="frame", shape=[1]), "two shapes"),
        (lambda t: t["programs"][0]["outputs"][0].update(shown_by="none"), "is shown by none"),
        (lambda t: t["programs"][0]["states"].append({"input": "a", "output": "b", "reset": 0.0}),
         "is of no input or output"),
        (lambda t: t["programs"].append(t["programs"][0]), "describes matte twice"),
        (lambda t: t.update(schema_version=2), "schema_version 2; this runner reads 1"),
    ],
)  # fmt: skip
def test_a_hostile_trace_is_refused(
    runner: Runner, change: Callable[[dict[str, Any]], object], reason: str
) -> None:
    trace_change(runner.bundle, change)
    done = runner()
    result = read_result(runner.out)
    assert (done.returncode, result.status) == (1, "load_failed")
    assert reason in result.errors[0]
