"""A bundle in eight bits: built, proven, timed, told of; and gates that fail."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from PIL import Image
from skimage import data

from export.artifact import sha256_of, size_bytes_of
from export.manifest import read_manifest, write_manifest
from pocketmatte import quantise_report
from pocketmatte.cli import run
from pocketmatte.matting.board import Moment
from pocketmatte.quantisation import record as module
from pocketmatte.quantisation.calibration_set import calibration_scenes
from runtime_tests.matrix_counts import counted, main
from tiers.spec import TierSpec

CLI = Callable[..., Any]
NAMES = ("picture:camera", "picture:chelsea", "composed:0")
ONNX = "scribble/t01/correct-w8a8.onnx"


def small(spec: TierSpec) -> dict[str, Sequence[Moment]]:
    """Three scenes of one frame."""
    return {name: calibration_scenes(spec, 1)[name] for name in NAMES}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("eight") / "bundle"
    words = ["build", "--network", "scribble", "--tier", "t01", "--format", "onnx,coreml"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "calibration_scenes", small)
        assert run([*words, "--recipe", "fp32,w8,w8a8", "--out", str(out)]) == 0
    torch.set_num_threads(1)
    return out


@pytest.fixture
def bundle(built: Path, tmp_path: Path) -> Path:
    return shutil.copytree(built, tmp_path / "bundle")


def test_files_say_how_they_were_made(built: Path) -> None:
    entries = {entry.path: entry for entry in read_manifest(built).artifacts}
    names = {Path(path).name for path in entries}
    recipes = ("fp32", "w8", "w8a8")
    assert names == {
        f"correct-{recipe}.{end}" for recipe in recipes for end in ("onnx", "mlpackage")
    }
    notes = entries[ONNX].notes
    record = json.loads((built / str(notes["quantisation"])).read_text())
    assert notes["calibration"] == record["calibration"]["sha256"]
    assert notes["kept"] == record["programs"]["correct"]["kept"]
    assert notes["mixed"] == bool(notes["kept"])
    assert entries["scribble/t01/correct-w8a8.mlpackage"].notes["kept"] == notes["kept"]
    assert entries["scribble/t01/correct-w8.mlpackage"].notes["minimum_runtime"] == "iOS 17"
    assert entries[ONNX].inputs[0].dtype == "float32"


def test_they_are_proven_timed_and_offered(cli: CLI, bundle: Path) -> None:
    done = cli("verify", bundle, "--json")
    assert done.code == 0, done.err
    cli("bench", bundle, "--runs", "5", "--warmups", "1")
    picture = bundle / "report.svg"
    told = cli("quantize-report", bundle, "--picture", picture, "--json")
    assert told.code == 0
    rows = {(row["format"], row["recipe"]): row for row in json.loads(told.out)["rows"]}
    timed = json.loads((bundle / "results/latency.json").read_text())["latencies"]
    fastest = {each["path"]: each["min_ms"] for each in timed}
    assert set(rows) == {(form, name) for form in ("onnx", "coreml") for name in ("w8", "w8a8")}
    for (form, recipe), row in rows.items():
        assert row["status"] == ("proven" if form == "onnx" else "evaluated")
        assert row["smaller"] > 1.9
        if form == "coreml":  # nothing times it here
            assert row["faster"] is None
        else:
            own, single = (fastest[f"scribble/t01/correct-{r}.onnx"] for r in (recipe, "fp32"))
            assert row["faster"] == pytest.approx(single / own)
        assert row["stable"] is not None
        assert 0 < row["flipped"] < 1e-2
        assert row["offered"]
        assert row["layers"] > 20
    assert "scribble t01 onnx w8a8" in picture.read_text()


def test_a_report_before_anything_was_measured_says_what_to_run(cli: CLI, bundle: Path) -> None:
    done = cli("quantize-report", bundle)
    assert done.code == 0
    assert "run pocketmatte verify" in done.err
    assert "run pocketmatte bench" in done.err
    lines = [line.rstrip() for line in done.out.splitlines() if "scribble t01" in line]
    assert len(lines) == 4
    assert all(line.endswith(" no") for line in lines)  # offered


def test_programs_of_which_one_was_not_verified_are_not_offered(cli: CLI, bundle: Path) -> None:
    cli("verify", bundle)
    entries = {entry.path: entry for entry in read_manifest(bundle).artifacts}
    rounded, single = entries[ONNX], entries["scribble/t01/correct-fp32.onnx"]
    verdicts = quantise_report.verdicts_of(bundle)

    def row(*rebuilt: str) -> quantise_report.Row:
        files, reference = (
            [each, *(each.model_copy(update={"sha256": sha256}) for sha256 in rebuilt)]
            for each in (rounded, single)
        )
        return quantise_report._row(bundle, files, reference, verdicts, {}, {})

    assert (row(rounded.sha256).status, row(rounded.sha256).offered) == ("proven", True)
    assert (row("0" * 64).status, row("0" * 64).offered) == (None, False)


@pytest.mark.parametrize("name", ["parity", "latency"])
@pytest.mark.parametrize("content", ["{", "[]", '{"artifacts": [1]}', '{"latencies": [{}]}', "{}"])
def test_damaged_results_are_refused(cli: CLI, bundle: Path, name: str, content: str) -> None:
    (bundle / "results" / f"{name}.json").write_text(content)
    done = cli("quantize-report", bundle)
    assert done.code == 1
    assert f"results/{name}.json is no result of" in done.err
    assert "Traceback" not in done.err


def test_clips_stand_beside_those_of_single_precision(
    cli: CLI, bundle: Path, tmp_path: Path
) -> None:
    for name in ("image", "mask"):
        (tmp_path / "data" / name).mkdir(parents=True)
    picture = data.astronaut()[:256, 100:356]  # type: ignore[no-untyped-call]
    mask = np.zeros((256, 256), dtype=np.uint8)
    mask[40:200, 60:190] = 255
    Image.fromarray(picture).save(tmp_path / "data/image/one.png")
    Image.fromarray(mask).save(tmp_path / "data/mask/one.png")
    words = ("--network", "scribble", "--clips", tmp_path / "data", "--json")
    done = cli("quantize-report", bundle, *words)
    assert done.code == 0, done.err
    metrics = {
        (row["format"], row["recipe"]): row["metrics"] for row in json.loads(done.out)["rows"]
    }
    assert metrics["coreml", "w8"] == {}  # nothing runs it here
    before, after = metrics["onnx", "w8a8"]["iou_3"]
    assert before == metrics["onnx", "w8"]["iou_3"][0]
    assert 0 < before <= 1
    assert after == pytest.approx(before, abs=0.1)


def test_a_wrong_step_fails(cli: CLI, bundle: Path) -> None:
    """The steps of one layer's weights, twice as large, in a file that is vouched for."""
    path = bundle / ONNX
    model = onnx.load(path)
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    layers = [
        constants[node.input[1]]
        for node in model.graph.node
        if node.op_type == "DequantizeLinear" and constants[node.input[1]].dims
    ]
    steps = layers[0]
    held = numpy_helper.to_array(steps)
    steps.CopyFrom(numpy_helper.from_array(np.asarray(held * 2, dtype=held.dtype), steps.name))
    onnx.save(model, path)
    manifest = read_manifest(bundle)
    new = [
        entry.model_copy(update={"sha256": sha256_of(path), "size_bytes": size_bytes_of(path)})
        if entry.path == ONNX
        else entry
        for entry in manifest.artifacts
    ]
    write_manifest(bundle, manifest.model_copy(update={"artifacts": new}))
    done = cli("verify", bundle, "--json")
    assert done.code == 1
    failed = [v for v in json.loads(done.out)["artifacts"] if v["status"] == "failed"]
    assert [verdict["path"] for verdict in failed] == [ONNX]
    assert any("changes sides" in r or "PSNR" in r for r in failed[0]["reasons"])
    told = cli("quantize-report", bundle, "--json")
    assert told.code == 1
    rows = {(r["format"], r["recipe"]): r for r in json.loads(told.out)["rows"]}
    assert not rows["onnx", "w8a8"]["offered"]
    counts = counted([bundle])
    wrong, right = counts["scribble", "onnx", "w8a8"], counts["scribble", "coreml", "w8a8"]
    assert (wrong.tiers, wrong.passed, wrong.failed, wrong.not_offered) == (1, 0, 1, 1)
    assert (right.tiers, right.passed, right.failed, right.not_offered) == (1, 1, 0, 0)
    missing = counts["scribble", "onnx", "fp16"]
    assert (missing.tiers, missing.passed, missing.failed, missing.not_offered) == (1, 0, 0, 1)
    assert main([str(bundle)]) == 1


def test_what_is_lost_on_clips_ends_the_report_with_1(
    cli: CLI, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "pocketmatte.quantise_report.clip_faults",
        lambda _spec, recipe, _metrics: ["it lost too much"] if recipe == "w8a8" else [],
    )
    told = cli("quantize-report", bundle, "--json")
    assert told.code == 1
    assert "scribble t01 onnx w8a8: it lost too much" in told.err
    rows = {(r["format"], r["recipe"]): r for r in json.loads(told.out)["rows"]}
    assert not rows["onnx", "w8a8"]["offered"]
    assert rows["onnx", "w8a8"]["faults"] == ["it lost too much"]
    assert rows["onnx", "w8"]["faults"] == []


def test_a_record_that_is_gone_is_told_and_made_again(
    cli: CLI, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = bundle / "scribble/t01/quantisation-w8.json"
    record.unlink()
    done = cli("quantize-report", bundle)
    assert done.code == 1
    assert "quantisation-w8.json cannot be read" in done.err
    monkeypatch.setattr(module, "calibration_scenes", small)
    words = ("--network", "scribble", "--tier", "t01", "--format", "onnx", "--recipe", "w8,w8a8")
    done = cli("build", *words, "--out", bundle, "--json")
    assert done.code == 0
    outcomes = {each["path"]: each["outcome"] for each in json.loads(done.out)["artifacts"]}
    assert outcomes == {ONNX.replace("w8a8", "w8"): "built", ONNX: "kept"}
    assert record.is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--clips", "x"), "--clips are one network's: add --network"),
        (("--network", "rvm"), "holds nothing of rvm; it holds scribble"),
        (("--picture", "x.png"), "--picture is x.png; it is written as SVG"),
    ],
)
def test_wrong_use_is_told(cli: CLI, bundle: Path, words: tuple[str, ...], said: str) -> None:
    done = cli("quantize-report", bundle, *words)
    assert done.code == 2
    assert said in done.err


def test_one_file_is_written_alone_and_says_what_it_keeps(
    cli: CLI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "calibration_scenes", small)
    path = tmp_path / "w8.onnx"
    done = cli("export", "scribble", "--tier", "t01", "--recipe", "w8", "--out", path, "--json")
    assert done.code == 0, done.err
    assert [each.name for each in tmp_path.iterdir()] == ["w8.onnx"]
    notes = json.loads(done.out)["notes"]
    assert notes["kept"] == {}
    assert "quantisation" not in notes  # the record belongs to a bundle


def test_what_no_format_can_hold_is_refused(cli: CLI, tmp_path: Path) -> None:
    words = ("--network", "rvm", "--tier", "t01", "--format", "executorch", "--recipe", "w8")
    done = cli("build", *words, "--out", tmp_path / "none")
    assert done.code == 2
    assert "executorch has no w8" in done.err
