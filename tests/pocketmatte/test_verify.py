import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from skimage import data as samples

from export.artifact import sha256_of
from export.manifest import FILE_NAME
from pocketmatte.pictures import write_image
from pocketmatte.runtimes.coreml_macos import CoreMlMacOs

FP32, FP16 = "rvm/t01/matte-fp32.onnx", "rvm/t01/matte-fp16.onnx"
PTE = "rvm/t01/matte-fp32.pte"
FEW = ("--frames", 2)


def edit(bundle: Path, change: Callable[[dict[str, Any]], object], of: str = FP32) -> None:
    """Change the manifest's entry of one file."""
    path = bundle / FILE_NAME
    content = json.loads(path.read_text())
    change(next(entry for entry in content["artifacts"] if entry["path"] == of))
    path.write_text(json.dumps(content))


def verdicts(said: Any) -> dict[str, tuple[str, str]]:
    found = said.json()["artifacts"]
    return {each["path"]: (each["status"], " ".join(each["reasons"])) for each in found}


def test_a_whole_bundle_is_proven_and_its_figures_are_kept(
    cli: Callable[..., Any], bundle: Path
) -> None:
    said = cli("verify", bundle, "--json")
    assert said.code == 0
    assert said.json()["passed"] is True
    assert verdicts(said) == {FP32: ("proven", ""), FP16: ("proven", "")}
    assert all(each["parity"]["drift"] is not None for each in said.json()["artifacts"])
    assert json.loads((bundle / "results" / "parity.json").read_text()) == said.json()


def test_a_changed_byte_fails_and_the_rest_is_still_judged(
    cli: Callable[..., Any], bundle: Path
) -> None:
    data = bytearray((bundle / FP32).read_bytes())
    data[len(data) // 2] ^= 1
    (bundle / FP32).write_bytes(data)
    said = cli("verify", bundle, *FEW, "--json")
    assert said.code == 1
    status, reason = verdicts(said)[FP32]
    assert status == "failed"
    assert reason.startswith(f"its sha256 is {sha256_of(bundle / FP32)[:12]}..., the manifest says")
    assert reason.endswith("it changed since it was built; build it again")
    assert verdicts(said)[FP16][0] == "proven"
    assert f"failed: {FP32}: {reason}" in said.err.splitlines()


def test_a_missing_file_fails(cli: Callable[..., Any], bundle: Path) -> None:
    (bundle / FP32).unlink()
    said = cli("verify", bundle, *FEW, "--json")
    assert said.code == 1
    assert verdicts(said)[FP32] == ("failed", f"missing from {bundle}; build it again")


def test_a_corrupted_weight_that_the_manifest_vouches_for_fails(
    cli: Callable[..., Any], bundle: Path
) -> None:
    model = onnx.load(bundle / FP32)
    weight = next(t for t in model.graph.initializer if "decode1.conv" in t.name)
    weight.raw_data = (numpy_helper.to_array(weight) * np.float32(1.05)).tobytes()
    onnx.save(model, bundle / FP32)
    changed = {
        "sha256": sha256_of(bundle / FP32),
        "size_bytes": (bundle / FP32).stat().st_size,
    }
    edit(bundle, lambda entry: entry.update(changed))
    said = cli("verify", bundle, *FEW, "--json")
    assert said.code == 1
    status, reason = verdicts(said)[FP32]
    assert status == "failed"
    assert "; the limit is " in reason
    assert verdicts(said)[FP16][0] == "proven"


def test_a_single_precision_program_in_the_place_of_a_half_precision_one_fails(
    cli: Callable[..., Any], bundle: Path
) -> None:
    shutil.copyfile(bundle / FP32, bundle / FP16)
    changed = {
        "sha256": sha256_of(bundle / FP16),
        "size_bytes": (bundle / FP16).stat().st_size,
    }
    edit(bundle, lambda entry: entry.update(changed), FP16)
    said = cli("verify", bundle, *FEW, "--json")
    assert said.code == 1
    reason = "it takes and gives float32; fp16 is float16: delete it and build again"
    assert verdicts(said) == {FP32: ("proven", ""), FP16: ("failed", reason)}


@pytest.fixture
def executorch_bundle(cli: Callable[..., Any], t01_weights: Path, tmp_path: Path) -> Path:
    out = tmp_path / "pte"
    words = ("--tier", "t01", "--format", "executorch", "--recipe", "fp32")
    assert (
        cli("build", "--network", "rvm", *words, "--weights", t01_weights, "--out", out).code == 0
    )
    return out


def test_an_executorch_file_must_be_one_delegate_and_say_so(
    cli: Callable[..., Any], executorch_bundle: Path
) -> None:
    def reason() -> str:
        said = cli("verify", executorch_bundle, *FEW, "--json")
        assert said.code == 1
        ((status, reason),) = verdicts(said).values()
        assert status == "failed"
        return reason

    assert verdicts(cli("verify", executorch_bundle, *FEW, "--json")) == {PTE: ("proven", "")}
    edit(executorch_bundle, lambda entry: entry["notes"].update(delegates=2), PTE)
    assert reason() == "XNNPACK runs it in 2 delegates; the limit is 1"
    edit(executorch_bundle, lambda entry: entry["notes"].pop("delegates"), PTE)
    assert reason() == "the manifest notes None delegates, outside them {}; build it again"
    edit(executorch_bundle, lambda entry: entry["notes"].update(delegates=1), PTE)
    edit(executorch_bundle, lambda entry: entry["notes"].update(outside={"aten::topk": 1}), PTE)
    assert reason() == "aten::topk stays outside XNNPACK 1 times; the limit is 0"
    edit(executorch_bundle, lambda entry: entry["notes"].pop("outside"), PTE)
    assert reason() == "the manifest notes 1 delegates, outside them None; build it again"


def test_what_xnnpack_runs_is_listed_when_asked_for(
    cli: Callable[..., Any], executorch_bundle: Path
) -> None:
    edit(executorch_bundle, lambda entry: entry["notes"].update(outside={"aten::topk": 2}), PTE)
    said = cli("verify", executorch_bundle, *FEW, "--explain")
    assert "2 x aten::topk" in said.out
    listed = cli("verify", executorch_bundle, *FEW, "--explain", "--json").json()["lowered"]
    assert listed == [{"path": PTE, "delegates": 1, "outside": {"aten::topk": 2}}]


def test_a_package_of_images_is_not_run_where_core_ml_is(
    cli: Callable[..., Any], t01_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "images"
    words = ("--tier", "t01", "--format", "coreml-image", "--recipe", "fp32")
    assert (
        cli("build", "--network", "rvm", *words, "--weights", t01_weights, "--out", out).code == 0
    )
    monkeypatch.setattr(CoreMlMacOs, "unavailable", lambda _: None)
    said = cli("verify", out, *FEW, "--json")
    assert said.code == 0
    ((status, reason),) = verdicts(said).values()
    assert status == "checked"
    assert reason == (
        "how Core ML itself rounds to 8-bit images is not documented, so that these are held to no "
        "limit; they are evaluated where there is no Core ML"
    )


def test_a_short_proof_says_that_drift_was_not_judged(
    cli: Callable[..., Any], bundle: Path
) -> None:
    note = "drift was not judged: --frames is 2, it takes 50 or more"
    said = cli("verify", bundle, *FEW, "--json")
    assert said.json()["drift_judged"] is False
    assert note in said.err.splitlines()
    said = cli("verify", bundle, "--frames", 50, "--json")
    assert said.json()["drift_judged"] is True
    assert "drift was not judged" not in said.err


def test_the_table_shows_the_size_of_every_file(cli: Callable[..., Any], bundle: Path) -> None:
    lines = [line.split() for line in cli("verify", bundle, *FEW).out.splitlines()]
    assert lines[0][:3] == ["file", "verdict", "MB"]
    sizes = {words[0]: words[2] for words in lines[1:] if words}
    assert sizes == {name: f"{(bundle / name).stat().st_size / 1e6:.2f}" for name in (FP32, FP16)}


@pytest.mark.parametrize("path", ["../outside.onnx", "/etc/hostname", "rvm/../../outside.onnx"])
def test_a_path_that_leads_outside_is_refused(
    cli: Callable[..., Any], bundle: Path, path: str
) -> None:
    edit(bundle, lambda entry: entry.update(path=path))
    message = f"path {path!r} leads outside the bundle {bundle}; build it again"
    assert cli("verify", bundle).refusal(1) == message


def test_a_link_that_leads_outside_is_refused(cli: Callable[..., Any], bundle: Path) -> None:
    (bundle / FP32).rename(bundle.parent / "outside.onnx")
    (bundle / FP32).symlink_to(bundle.parent / "outside.onnx")
    message = f"path {FP32!r} leads outside the bundle {bundle}; build it again"
    assert cli("verify", bundle).refusal(1) == message


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the whole file: Invalid JSON"),
        ("hello", "the whole file: Invalid JSON"),
        ("[]", "the whole file: Input should be an object"),
        ('{"schema_version": 2}', "schema_version: Input should be 1"),
    ],
)
def test_a_manifest_that_is_none_is_refused(
    cli: Callable[..., Any], bundle: Path, text: str, reason: str
) -> None:
    (bundle / FILE_NAME).write_text(text)
    line = cli("verify", bundle, "--json").refusal(1)
    assert line.startswith(f"{bundle / FILE_NAME} is no manifest: {reason}")
    assert line.endswith("build it again")


def test_a_folder_without_a_bundle_and_an_empty_bundle_are_refused(
    cli: Callable[..., Any], bundle: Path, tmp_path: Path
) -> None:
    line = cli("verify", tmp_path / "none").refusal(2)
    message = f"holds no {FILE_NAME}; give the folder that pocketmatte build wrote"
    assert line == f"{tmp_path / 'none'} {message}"
    empty = {"schema_version": 1, "pocketmatte": "0", "weights": [], "artifacts": []}
    (bundle / FILE_NAME).write_text(json.dumps(empty))
    for command in ("verify", "bench"):
        line = cli(command, bundle).refusal(1)
        assert line == f"{bundle} holds no artifact; run pocketmatte build first"


def test_changed_weights_of_the_bundle_fail(cli: Callable[..., Any], bundle: Path) -> None:
    (path,) = (bundle / "weights").iterdir()
    data = bytearray(path.read_bytes())
    data[-1] ^= 0x80
    path.write_bytes(data)
    said = cli("verify", bundle, *FEW, "--json")
    assert said.code == 1
    assert {status for status, _ in verdicts(said).values()} == {"failed"}
    assert f"weights/{path.name}: digest" in verdicts(said)[FP32][1]
    path.unlink()
    said = cli("verify", bundle, *FEW, "--json")
    assert said.code == 1
    assert f"weights/{path.name} is missing from the bundle" in verdicts(said)[FP32][1]


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("tier", "t99", "no tier 't99'; the ladder of rvm has t01, "),
        ("network", "nope", "no network 'nope'; there are rvm"),
        ("format", "tflite", "no format 'tflite'; there are onnx, "),
        ("format", "executorch", "what the manifest says as path is not so"),
        ("recipe", "w2", "no recipe 'w2'; there are fp32, fp16"),
        ("program", "nope", "what the manifest says as program is not so"),
        ("size_bytes", 7, "what the manifest says as size_bytes is not so"),
        ("states", [], "what the manifest says as states is not so"),
        ("inputs", [], "what the manifest says as inputs is not so"),
    ],
)
def test_what_the_manifest_says_must_be_so(
    cli: Callable[..., Any], bundle: Path, field: str, value: object, reason: str
) -> None:
    edit(bundle, lambda entry: entry.update({field: value}))
    said = cli("verify", bundle, *FEW, "--json")
    assert said.code == 1
    assert verdicts(said)[FP32][0] == "failed"
    assert verdicts(said)[FP32][1].startswith(reason)


@pytest.mark.parametrize("option", ["--frames", "--threads"])
def test_counts_below_one_are_refused(cli: Callable[..., Any], bundle: Path, option: str) -> None:
    assert cli("verify", bundle, option, 0).refusal(2) == f"{option} is 0; it must be 1 or more"


@pytest.mark.parametrize("command", ["bench", "matte"])
def test_no_command_runs_a_changed_file(
    cli: Callable[..., Any], bundle: Path, command: str
) -> None:
    (bundle / FP32).write_bytes(b"changed")
    picture = bundle / "frame.png"

    write_image(picture, samples.astronaut())  # type: ignore[no-untyped-call]
    words: dict[str, list[object]] = {
        "bench": [bundle],
        "matte": [picture, "--tier", "t01", "--runtime", "onnxruntime", "--bundle", bundle,
                  "--out", bundle.parent / "out"],
    }  # fmt: skip
    line = cli(command, *words[command]).refusal(1)
    assert line.startswith(f"{FP32}: its sha256 is ")
