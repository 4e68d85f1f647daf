"""The Kotlin harness compiled here, its own tests run, and what they wrote read by Python.

All that needs the compiled core is in this file, so that it is compiled once.
"""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from export.artifact import sha256_of
from pocketmatte.harness.reading import read_result
from pocketmatte.harness.result import Result
from tests.harness_kotlin.kotlin_build import (
    JUnitReport,
    compile_kotlin,
    run_junit,
    skip_without_kotlin,
    write_declarations,
)

PACKAGE = "org.pocketmatte.harness.core"
MODULES = ("engine-ort", "engine-executorch", "probes", "app")
# What the core's own tests leave in the folder that they are given.
STATUSES = {
    "broken": "run_failed",
    "emulator": "ok",
    "fallback": "fallback",
    "fits": "ok",
    "host": "ok",
    "hot": "invalid",
    "sustained": "ok",
    "wrong": "parity_failed",
}


@pytest.fixture(scope="module")
def harness(root: Path) -> Path:
    return root / "android_harness"


@pytest.fixture(scope="module")
def vectors(root: Path) -> Path:
    return root / "docs" / "protocol" / "vectors"


@pytest.fixture(scope="module")
def core(harness: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    skip_without_kotlin()
    classes = tmp_path_factory.mktemp("core")
    assert compile_kotlin([harness / "core" / "src"], classes) == ""
    return classes


@pytest.fixture(scope="module")
def declarations(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("declarations")
    write_declarations((root / "tests/harness_kotlin/declarations.txt").read_text(), folder)
    return folder


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("results")


@pytest.fixture(scope="module")
def tested(core: Path, harness: Path, vectors: Path, results: Path) -> JUnitReport:
    files = (harness / "core" / "src" / "test").rglob("*Test.kt")
    names = [f"{PACKAGE}.{file.stem}" for file in sorted(files)]
    return run_junit(core, names, vectors=vectors, results=results)


def test_every_test_of_the_core_runs_and_passes(harness: Path, tested: JUnitReport) -> None:
    sources = (harness / "core" / "src" / "test").rglob("*.kt")
    written = sum(len(re.findall(r"^ +@Test$", file.read_text(), re.M)) for file in sources)
    assert tested.failed == []
    assert tested.run == written >= 50


def _tampered_number(path: Path, *keys: str | int) -> None:
    content = json.loads(path.read_text())
    place = content
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = place[keys[-1]] + 1e-6 if keys[-1] != "run_id" else "none"
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("file", "keys", "noticed"),
    [
        ("statistics.json", ("cases", 5, "expected", "p95"), "statistics are those of the vectors"),
        ("verdicts.json", ("cases", 1, "expected", "mad"), "figures and faults are those of the v"),
        ("choices.json", ("cases", 0, "expected", "run_id"), "choices are those of the vectors"),
    ],
)
def test_a_vector_that_says_otherwise_is_noticed(
    core: Path, vectors: Path, tmp_path: Path, file: str, keys: tuple[str | int, ...], noticed: str
) -> None:
    copy = tmp_path / "vectors"
    shutil.copytree(vectors, copy)
    _tampered_number(copy / file, *keys)
    found = run_junit(core, [f"{PACKAGE}.VectorsTest"], vectors=copy)
    assert found.run == 4
    assert len(found.failed) == 1
    assert found.failed[0].startswith(noticed)


@pytest.mark.parametrize(
    ("file", "keys", "wrong", "noticed"),
    [
        ("places", (40, "expected", "device_class"), "t00", "a device is in the class that Python"),
        ("decisions", (0, "expected", "refused"), "other", "what is run, what is held and what is"),
        ("hostile", (0, "expected"), False, "a hostile file is refused where Python refuses it"),
        (
            "calibrations",
            (0, "expected", "why"),
            "other",
            "a calibration comes to what Python says",
        ),
        ("memories", (0, "expected", "is_due"), None, "what is remembered is what Python remember"),
        ("thermals", (0, "changes", 3, "at_ms"), 1, "a warm phone goes down and up when Python sa"),
    ],
)
def test_a_choice_on_the_device_that_departs_from_python_is_noticed(
    core: Path, vectors: Path, tmp_path: Path, file: str, keys: tuple[str | int, ...], wrong: Any,
    noticed: str,
) -> None:  # fmt: skip
    copy = tmp_path / "vectors"
    shutil.copytree(vectors, copy)
    path = copy / "on_device" / f"{file}.json"
    content = json.loads(path.read_text())
    place = content["cases"]
    for key in keys[:-1]:
        place = place[key]
    assert place[keys[-1]] != wrong
    place[keys[-1]] = not place[keys[-1]] if wrong is None else wrong
    path.write_text(json.dumps(content))
    found = run_junit(core, [f"{PACKAGE}.OnDeviceVectorsTest"], vectors=copy)
    assert found.run == 6
    assert len(found.failed) == 1
    assert found.failed[0].startswith(noticed)


def test_a_trace_whose_numbers_changed_is_noticed(
    core: Path, vectors: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "vectors"
    shutil.copytree(vectors, copy)
    data = copy / "trace" / "tensors.bin"
    content = bytearray(data.read_bytes())
    content[70] ^= 1
    data.write_bytes(content)
    found = run_junit(core, [f"{PACKAGE}.VectorsTest"], vectors=copy)
    assert found.failed == ["the numbers of the trace are those that the protocol computes"]


@pytest.fixture(scope="module")
def written(tested: JUnitReport, results: Path) -> dict[str, Result]:
    assert tested.failed == []
    return {path.stem: read_result(path) for path in sorted(results.glob("*.json"))}


def test_what_the_core_writes_is_a_result_to_python(written: dict[str, Result]) -> None:
    assert {name: result.status for name, result in written.items()} == STATUSES
    assert [name for name, r in written.items() if r.validity.latency_valid] == [
        "fallback", "fits", "sustained", "wrong",
    ]  # fmt: skip


def test_a_result_says_what_was_run_and_when(written: dict[str, Result], vectors: Path) -> None:
    fits = written["fits"]
    assert fits.subject.trace_sha256 == sha256_of(vectors / "trace" / "trace.json")
    assert [file.program for file in fits.subject.files] == ["mix", "tone"]
    assert fits.execution.delegate_actual == "xnnpack"
    assert [latency.what for latency in fits.latency] == ["frame", "program:mix", "program:tone"]
    assert written["broken"].parity is None
    assert "mix gives [] values" in written["broken"].errors[0]
    sustained = written["sustained"].sustained
    assert sustained is not None
    assert (sustained.frames, sustained.late) == (10, 0)


def test_the_bits_of_a_faithful_replay_have_the_hash_of_every_language(
    written: dict[str, Result], vectors: Path
) -> None:
    import hashlib

    from export.trace_data import TraceReader

    reader = TraceReader(vectors / "trace")
    digest = hashlib.sha256()
    for step in reader.trace.steps:
        for array in reader.expected(step).values():
            digest.update(array.astype("<f4").tobytes())
    parity = written["fits"].parity
    assert parity is not None
    assert parity.sha256 == digest.hexdigest()


def test_engines_probes_and_app_hold_together_with_what_they_are_declared_to_call(
    harness: Path, core: Path, declarations: Path, tmp_path: Path
) -> None:
    sources = [harness / module / "src" for module in MODULES]
    assert compile_kotlin([declarations, *sources], tmp_path, core) == ""


def test_a_call_of_what_is_not_declared_is_noticed(
    harness: Path, core: Path, declarations: Path, tmp_path: Path
) -> None:
    (source,) = (harness / "engine-ort").rglob("OrtEngine.kt")
    wrong = tmp_path / "OrtEngine.kt"
    wrong.write_text(source.read_text().replace("setIntraOpNumThreads", "setThreads"))
    said = compile_kotlin([declarations, wrong], tmp_path / "classes", core)
    assert "unresolved reference: setThreads" in said
