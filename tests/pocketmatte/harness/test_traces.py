"""The way of reference traces through trace, verify and build."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from export.manifest import read_manifest
from export.trace import DATA_NAME, TRACE_NAME
from export.trace_data import TraceReader
from pocketmatte import build_key

TRACE = "traces/rvm/t01"
FEW = ("--frames", 2)


@pytest.fixture
def traced(cli: Callable[..., Any], bundle: Path) -> Path:
    """Return a bundle with its trace."""
    assert cli("trace", bundle).code == 0
    return bundle


def verdict(said: Any) -> tuple[str, str]:
    found = {each["path"]: each for each in said.json()["artifacts"]}[TRACE]
    return found["status"], found["reasons"][0]


def test_a_trace_is_recorded_once_and_stands_in_the_manifest(
    cli: Callable[..., Any], bundle: Path
) -> None:
    first, second = cli("trace", bundle, "--json"), cli("trace", bundle, "--json")
    assert [first.json()["traces"][0]["outcome"], second.json()["traces"][0]["outcome"]] == [
        "recorded", "kept",
    ]  # fmt: skip
    (entry,) = read_manifest(bundle).traces
    assert (entry.path, entry.frames) == (TRACE, 8)
    trace = TraceReader(bundle / TRACE).trace
    assert [program.name for program in trace.programs] == ["matte"]
    assert set(trace.limits) == {"fp32", "fp16", "w8", "w8a8"}
    assert [(o.name, o.judged, o.shown_by) for o in trace.programs[0].outputs][:2] == [
        ("foreground", None, "alpha"), ("alpha", "matte", None),
    ]  # fmt: skip


def test_more_frames_are_recorded_anew(cli: Callable[..., Any], traced: Path) -> None:
    assert cli("trace", traced, "--frames", 9).code == 0
    assert TraceReader(traced / TRACE).trace.frames == 9


def test_too_few_frames_are_refused(cli: Callable[..., Any], bundle: Path) -> None:
    said = cli("trace", bundle, "--frames", 7)
    assert said.refusal(2) == "--frames is 7; it must be 8 or more"
    assert not (bundle / "traces").exists()


def test_a_part_that_the_bundle_does_not_hold_is_refused(
    cli: Callable[..., Any], bundle: Path
) -> None:
    said = cli("trace", bundle, "--tier", "t02")
    assert said.refusal(2) == "no tier of this bundle 't02'; there are t01, or all"


def test_verify_checks_a_trace_and_fails_a_changed_one(
    cli: Callable[..., Any], traced: Path
) -> None:
    said = cli("verify", traced, *FEW, "--json")
    assert (said.code, verdict(said)[0]) == (0, "checked")
    data = bytearray((traced / TRACE / DATA_NAME).read_bytes())
    data[100] ^= 1
    (traced / TRACE / DATA_NAME).write_bytes(data)
    said = cli("verify", traced, *FEW, "--json")
    assert said.code == 1
    assert verdict(said) == (
        "failed", "it changed since it was recorded; run pocketmatte trace again",
    )  # fmt: skip


def test_verify_fails_a_trace_that_is_gone(cli: Callable[..., Any], traced: Path) -> None:
    (traced / TRACE / TRACE_NAME).unlink()
    (traced / TRACE / DATA_NAME).unlink()
    (traced / TRACE).rmdir()
    assert verdict(cli("verify", traced, *FEW, "--json"))[0] == "failed"


def test_a_damaged_trace_is_recorded_again(cli: Callable[..., Any], traced: Path) -> None:
    (traced / TRACE / DATA_NAME).write_bytes(b"")
    said = cli("trace", traced, "--json")
    assert said.json()["traces"][0]["outcome"] == "recorded"
    assert TraceReader(traced / TRACE).trace.frames == 8


def test_a_build_of_other_weights_drops_the_trace(
    cli: Callable[..., Any], traced: Path, zero_weights: Path
) -> None:
    words = ("build", "--network", "rvm", "--tier", "t01", "--format", "onnx")
    said = cli(*words, "--recipe", "fp32,fp16", "--weights", zero_weights, "--out", traced)
    assert said.code == 0
    assert f"dropped: {TRACE}: it is of other weights, code or limits" in said.err
    assert read_manifest(traced).traces == []
    assert not (traced / TRACE).exists()


def test_a_build_of_the_same_weights_keeps_the_trace(
    cli: Callable[..., Any], traced: Path, t01_weights: Path
) -> None:
    words = ("build", "--network", "rvm", "--tier", "t01", "--format", "onnx")
    assert cli(*words, "--weights", t01_weights, "--out", traced).code == 0
    assert len(read_manifest(traced).traces) == 1
    assert (traced / TRACE / TRACE_NAME).is_file()


@pytest.mark.parametrize("changed", ["limits", "_source_digest"])
def test_a_trace_of_other_code_or_limits_is_dropped_or_recorded_again(
    cli: Callable[..., Any],
    traced: Path,
    t01_weights: Path,
    monkeypatch: pytest.MonkeyPatch,
    changed: str,
) -> None:
    held = getattr(build_key, changed)
    other = {
        "limits": lambda name: dataclasses.replace(held(name), matte_mad=0.5),
        "_source_digest": lambda network: held(network)[::-1],
    }
    monkeypatch.setattr(build_key, changed, other[changed])
    assert cli("trace", traced, "--json").json()["traces"][0]["outcome"] == "recorded"
    assert cli("trace", traced, "--json").json()["traces"][0]["outcome"] == "kept"
    monkeypatch.undo()
    words = ("build", "--network", "rvm", "--tier", "t01", "--format", "onnx")
    said = cli(*words, "--weights", t01_weights, "--out", traced)
    assert f"dropped: {TRACE}: it is of other weights, code or limits" in said.err
    assert read_manifest(traced).traces == []
    assert not (traced / TRACE).exists()


def test_a_trace_that_leads_out_of_the_bundle_is_refused(
    cli: Callable[..., Any], traced: Path
) -> None:
    path = traced / "manifest.json"
    content = json.loads(path.read_text())
    content["traces"][0]["path"] = "../traces"
    path.write_text(json.dumps(content))
    assert "leads outside the bundle" in cli("verify", traced, *FEW).refusal(1)


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (
            ("--runtime", "toaster"),
            2,
            "no runtime 'toaster' to verify in; there are native, arm64:",
        ),
        (
            ("--runtime", "native"),
            1,
            "the bundle holds no file of executorch; build one for native",
        ),
    ],
)
def test_a_runtime_that_does_not_fit_is_refused(
    cli: Callable[..., Any], bundle: Path, words: tuple[str, ...], code: int, reason: str
) -> None:
    assert cli("verify", bundle, *FEW, *words).refusal(code).startswith(reason)
