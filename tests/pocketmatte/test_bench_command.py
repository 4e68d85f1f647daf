import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from export.manifest import read_manifest, write_manifest

FP32, FP16 = "rvm/t01/matte-fp32.onnx", "rvm/t01/matte-fp16.onnx"


def test_bench_times_every_file_beside_pytorch(cli: Callable[..., Any], bundle: Path) -> None:
    said = cli("bench", bundle, "--runs", 5, "--warmups", 1, "--seconds", 0.01, "--json")
    assert said.code == 0
    rows = said.json()["latencies"]
    assert {row["path"] for row in rows} == {None, FP32, FP16}
    assert [row["ratio_to_torch"] for row in rows if row["path"] is None] == [1.0]
    assert all(len(row["samples_ms"]) == 5 for row in rows)
    assert json.loads((bundle / "results" / "latency.json").read_text())["latencies"] == rows


def test_bench_leaves_out_what_keeps_its_states_itself_and_says_why(
    cli: Callable[..., Any], bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = read_manifest(bundle)
    own = [
        entry.model_copy(update={"format": "coreml-stateful"}) if entry.path == FP16 else entry
        for entry in manifest.artifacts
    ]
    write_manifest(bundle, manifest.model_copy(update={"artifacts": own}))
    monkeypatch.setattr("pocketmatte.timing.fault", lambda *_: None)  # the file is no such package
    said = cli("bench", bundle, "--runs", 5, "--warmups", 1, "--seconds", 0.01, "--json")
    assert said.code == 0
    assert {row["path"] for row in said.json()["latencies"]} == {None, FP32}
    assert "not timed: 1 file(s) of coreml-stateful, whose states every step would" in said.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--runs", 4), "--runs is 4; it must be 5 or more"),
        (("--warmups", 0), "--warmups is 0; it must be 1 or more"),
        (("--threads", 0), "--threads is 0; it must be 1 or more"),
        (("--seconds", "nan"), "--seconds is nan; it must be above 0"),
        (("--instructions", "x"), "no processor 'x'; there are cortex-a72, cortex-a76, i8mm"),
        (("--instructions", "i8mm"), "--instructions counts executorch files"),
        (("--tier", "t02"), "no tier of this bundle 't02'; there are t01, or all"),
    ],
)
def test_bench_refuses_what_it_cannot_do(
    cli: Callable[..., Any], bundle: Path, words: tuple[object, ...], message: str
) -> None:
    assert cli("bench", bundle, *words).refusal(2).startswith(message)
